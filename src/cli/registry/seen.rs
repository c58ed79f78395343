//! Registries and `ClusterRegistries` as commands look at them. Neither holds a login.

use http::StatusCode;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use k8s_openapi::jiff::Timestamp;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use kube::{Client, CustomResourceExt, Resource};
use serde::Deserialize;
use serde_json::Value;

use crate::api::registry::{ClusterRegistry, Registry, Scope};
use crate::cli::ask::{self, Page};
use crate::cli::error::Error;
use crate::model::names::SecretName;
use crate::model::registry::Host;
use crate::model::table::ListMeta;
use crate::model::world::{PROJECTED_SECRET, RegistryFacts, RegistryKind};

/// What was asked for, or why it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Seen<T> {
    /// This and no more.
    Known(T),
    /// The API server refuses; its words.
    Forbidden(String),
    /// The cluster has no such resource; its name.
    NotServed(String),
}

impl<T> Seen<T> {
    /// What is known.
    pub(in crate::cli) fn known(self) -> Option<T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Forbidden(_) | Self::NotServed(_) => None,
        }
    }

    /// Why it is not known, as the end of a sentence.
    pub(in crate::cli) fn why(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Forbidden(words) => Some(format!("you may not read them ({words})")),
            Self::NotServed(name) => {
                Some(format!("this cluster serves no {name}; lockgate doctor says what is missing"))
            }
        }
    }

    /// Why it may not be known; `None`: it is, or there can be none.
    pub(in crate::cli) fn forbidden(&self) -> Option<String> {
        self.why().filter(|_| matches!(self, Self::Forbidden(_)))
    }

    /// What is known, or the end of the command.
    pub(in crate::cli) fn or_fail(self) -> Result<T, Error> {
        match self {
            Self::Known(known) => Ok(known),
            Self::Forbidden(words) => {
                Err(Error::Refused(format!("{words}: ask for this right, or give another --context or --user")))
            }
            Self::NotServed(name) => Err(Error::Cluster(format!(
                "this cluster serves no {name}: install Lockgate (docs/install.md); lockgate doctor says what is missing"
            ))),
        }
    }
}

/// One of the two.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Row {
    /// Which of the two.
    pub kind: RegistryKind,
    /// Of a Registry.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Which object it is.
    pub uid: String,
    /// As it is written.
    pub host: String,
    /// Where its pull secret is.
    pub secret_namespace: String,
    /// Its pull secret.
    pub secret: String,
    /// Of a `ClusterRegistry`: for which namespaces.
    pub scope: Scope,
    /// Of a `ClusterRegistry`: only those with these labels.
    pub selector: Option<LabelSelector>,
    /// What the operator or the projector says of it, if it has said anything of this version.
    pub ready: Option<Condition>,
    /// How many Pipelines have images of the host, or in how many namespaces its login stands.
    pub count: Option<i32>,
    /// Whether it is being deleted.
    pub leaving: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The whole object.
    pub object: Value,
}

/// How both are called in what commands print, as kubectl does.
pub(in crate::cli) const fn kind_name(kind: RegistryKind) -> &'static str {
    match kind {
        RegistryKind::Registry => "registry.lockgate.dev",
        RegistryKind::ClusterRegistry => "clusterregistry.lockgate.dev",
    }
}

/// How both are called in sentences.
pub(in crate::cli) const fn kind_word(kind: RegistryKind) -> &'static str {
    match kind {
        RegistryKind::Registry => "Registry",
        RegistryKind::ClusterRegistry => "ClusterRegistry",
    }
}

impl Row {
    /// Whose images it is for; `None`: the host is none.
    pub(in crate::cli) fn host(&self) -> Option<Host> {
        Host::parse(&self.host).ok()
    }

    /// As `status.references[].via` has it: `registry/NAME`.
    pub(in crate::cli) fn via(&self) -> String {
        self.kind.via(&self.name)
    }

    /// The word of `--scope`.
    pub(in crate::cli) const fn scope_word(&self) -> &'static str {
        match (self.kind, self.scope) {
            (RegistryKind::Registry, _) => "namespace",
            (RegistryKind::ClusterRegistry, Scope::Global) => "global",
            (RegistryKind::ClusterRegistry, Scope::GlobalPrivate) => "global-private",
        }
    }

    /// What concerns Pods; `None`: nothing, since it goes, or asks for what cannot be.
    pub(in crate::cli) fn facts(&self) -> Option<RegistryFacts> {
        let secret = match self.kind {
            RegistryKind::Registry => self.secret.as_str(),
            RegistryKind::ClusterRegistry => PROJECTED_SECRET,
        };
        let secret = SecretName::parse(secret).ok().filter(|_| !self.leaving)?;
        Some(RegistryFacts { kind: self.kind, name: self.name.clone(), host: self.host()?, secret })
    }

    fn of(kind: RegistryKind, object: Value) -> Option<Self> {
        let Object { metadata, spec, status } = serde_json::from_value(object.clone()).ok()?;
        let is_current = status.observed_generation.is_none() || status.observed_generation == metadata.generation;
        Some(Self {
            kind,
            secret_namespace: spec.secret.namespace.or_else(|| metadata.namespace.clone()).unwrap_or_default(),
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            host: spec.host,
            secret: spec.secret.name,
            scope: spec.scope,
            selector: spec.namespace_selector,
            ready: status.conditions.into_iter().find(|found| found.type_ == "Ready" && is_current),
            count: status.used_by.or(status.copies),
            leaving: metadata.deletion_timestamp.is_some(),
            created: metadata.creation_timestamp,
            object,
        })
    }
}

/// The Registries of a namespace, or of all.
pub(in crate::cli) async fn registries(client: &Client, namespace: Option<&str>) -> Result<Seen<Vec<Row>>, Error> {
    list(client, RegistryKind::Registry, namespace).await
}

/// The `ClusterRegistries`.
pub(in crate::cli) async fn cluster_registries(client: &Client) -> Result<Seen<Vec<Row>>, Error> {
    list(client, RegistryKind::ClusterRegistry, None).await
}

/// One of them by its name; a `ClusterRegistry` whatever the namespace is. `Known(None)`: there is none of that name.
pub(in crate::cli) async fn one(
    client: &Client,
    kind: RegistryKind,
    namespace: &str,
    name: &str,
) -> Result<Seen<Option<Row>>, Error> {
    let request = Request::new(path(kind, Some(namespace))).get(name, &GetParams::default());
    match ask::ask(client, request.map_err(kube::Error::BuildRequest)?, ask::JSON).await {
        Ok(object) => Ok(Seen::Known(Row::of(kind, object))),
        Err(error) => refusal(kind, error),
    }
}

async fn list(client: &Client, kind: RegistryKind, namespace: Option<&str>) -> Result<Seen<Vec<Row>>, Error> {
    match ask::pages::<Objects>(client, &path(kind, namespace), &ListParams::default(), ask::JSON).await {
        Ok(pages) => {
            let objects = pages.into_iter().flat_map(|page| page.items);
            let mut rows: Vec<Row> = objects.filter_map(|object| Row::of(kind, object)).collect();
            rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
            Ok(Seen::Known(rows))
        }
        Err(error) => refusal(kind, error),
    }
}

/// What a refusal comes to. That there is none of a name is an answer, too: nothing of that kind was found.
fn refusal<T: Default>(kind: RegistryKind, error: Error) -> Result<Seen<T>, Error> {
    let Error::Client(kube::Error::Api(status)) = &error else { return Err(error) };
    let names_one = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    match StatusCode::from_u16(status.code) {
        Ok(StatusCode::FORBIDDEN) => Ok(Seen::Forbidden(status.message.clone())),
        Ok(StatusCode::NOT_FOUND) if names_one => Ok(Seen::Known(T::default())),
        Ok(StatusCode::NOT_FOUND) => Ok(Seen::NotServed(resource(kind))),
        _ => Err(error),
    }
}

/// The name of the resource.
pub(super) fn resource(kind: RegistryKind) -> String {
    match kind {
        RegistryKind::Registry => Registry::crd_name().to_owned(),
        RegistryKind::ClusterRegistry => ClusterRegistry::crd_name().to_owned(),
    }
}

/// The path of all of a kind. `ClusterRegistries` have no namespace.
pub(super) fn path(kind: RegistryKind, namespace: Option<&str>) -> String {
    let (version, plural, namespace) = match kind {
        RegistryKind::Registry => (Registry::api_version(&()), Registry::plural(&()), namespace),
        RegistryKind::ClusterRegistry => (ClusterRegistry::api_version(&()), ClusterRegistry::plural(&()), None),
    };
    ask::path(&format!("/apis/{version}"), namespace, &plural)
}

#[derive(Deserialize)]
struct Objects {
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<Value>,
}

impl Page for Objects {
    fn list_meta(&self) -> &ListMeta {
        &self.metadata
    }
}

/// Either kind, as far as it is read.
#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    uid: String,
    generation: Option<i64>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    host: String,
    secret: SecretRef,
    scope: Scope,
    namespace_selector: Option<LabelSelector>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SecretRef {
    namespace: Option<String>,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: Option<i64>,
    conditions: Vec<Condition>,
    used_by: Option<i32>,
    copies: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_kinds_are_read_into_one_row() {
        let ready = json!({"type": "Ready", "status": "True", "reason": "SecretFound", "message": "m", "lastTransitionTime": "2026-11-22T16:00:00Z"});
        let registry = json!({
            "metadata": {"name": "hub", "namespace": "team-a", "uid": "u", "generation": 2},
            "spec": {"host": "index.docker.io", "secret": {"name": "hub"}},
            "status": {"observedGeneration": 2, "conditions": [ready], "usedBy": 3},
        });
        let row = Row::of(RegistryKind::Registry, registry.clone()).unwrap();
        assert_eq!((row.secret_namespace.as_str(), row.secret.as_str(), row.count), ("team-a", "hub", Some(3)));
        assert_eq!(row.host().map(|host| host.to_string()).as_deref(), Some("docker.io"));
        assert_eq!((row.via().as_str(), row.scope_word()), ("registry/hub", "namespace"));
        assert!(row.ready.is_some());
        let mut changed = registry;
        changed["metadata"]["generation"] = json!(3);
        assert!(Row::of(RegistryKind::Registry, changed).unwrap().ready.is_none(), "it speaks of another version");

        let cluster = json!({
            "metadata": {"name": "hub"},
            "spec": {"host": "docker.io", "scope": "GlobalPrivate", "secret": {"namespace": "lockgate-system", "name": "hub"}},
            "status": {"copies": 2},
        });
        let row = Row::of(RegistryKind::ClusterRegistry, cluster).unwrap();
        assert_eq!((row.secret_namespace.as_str(), row.count), ("lockgate-system", Some(2)));
        assert_eq!((row.via().as_str(), row.scope_word()), ("clusterregistry/hub", "global-private"));
    }

    #[test]
    fn a_refusal_is_an_answer_and_a_failure_is_none() {
        let error = |code: u16, name: &str| {
            let details = json!({"name": name});
            let status = json!({"status": "Failure", "message": "no", "reason": "", "code": code, "details": details});
            Error::from(kube::Error::Api(Box::new(serde_json::from_value(status).unwrap())))
        };
        let seen = |code, name| refusal::<Option<()>>(RegistryKind::Registry, error(code, name)).ok();
        assert_eq!(seen(403, ""), Some(Seen::Forbidden("no".into())));
        assert_eq!(seen(404, "hub"), Some(Seen::Known(None)));
        assert_eq!(seen(404, ""), Some(Seen::NotServed("registries.lockgate.dev".into())));
        assert_eq!(seen(500, ""), None);
    }
}
