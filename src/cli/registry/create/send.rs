//! Makes the Secret, then the Registry. Whether the Registry would be taken is asked first, so that a Secret is seldom left alone.

use std::fmt::Debug;
use std::io::{Write, stdout};

use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::shown::Printer;
use super::{Order, Target};
use crate::api::registry::ClusterRegistrySpec;
use crate::cli::connect::Connection;
use crate::cli::error::Error;
use crate::cli::output::Format;
use crate::cli::output::printable;
use crate::cli::registry::seen::{self, kind_word, resource};
use crate::cli::secret::create::send::{self as secrets, Failures};
use crate::cli::secret::row;
use crate::cli::users::{self, Users};
use crate::cli::values::Draft;
use crate::model::world::RegistryKind;

/// Makes all of it.
pub(super) async fn all(connection: &Connection, order: &Order, format: Option<Format>) -> Result<(), Error> {
    let mut printer = Printer::new(format, order.write.suffix());
    let work = Work { connection, order };
    let result = match &order.target {
        Target::Namespaces(namespaces) => work.registries(namespaces, &mut printer).await,
        Target::Cluster(spec) => work.cluster_registry(spec, &mut printer).await,
    };
    printer.end()?;
    result
}

/// With whom it is made.
struct Work<'a> {
    connection: &'a Connection,
    order: &'a Order,
}

impl Work<'_> {
    async fn registries(&self, namespaces: &[String], printer: &mut Printer) -> Result<(), Error> {
        let own = [self.connection.default_namespace.clone()];
        let mut failures = Failures::default();
        for namespace in if namespaces.is_empty() { &own } else { namespaces } {
            let place = (namespaces.len() > 1).then_some(&**namespace);
            let made = self.registry(namespace, place, printer).await;
            failures.sift(&format!("registry/{}", self.order.name), namespace, made);
        }
        failures.end()
    }

    async fn registry(&self, namespace: &str, place: Option<&str>, printer: &mut Printer) -> Result<(), Error> {
        let api = Api::namespaced(self.connection.client.clone(), namespace);
        let maker = Maker { api, order: self.order, kind: RegistryKind::Registry, place: format!(" in {namespace}") };
        let registry = self.order.registry(Some(namespace));
        let spec = json!({"host": registry.spec.host, "secret": registry.spec.secret});
        maker.ask(&registry).await?;
        self.secret(namespace, place, printer).await?;
        let go_on = format!("-n {namespace}");
        let (verb, made) = maker.make(&registry, &spec).await.inspect_err(|_| self.left_alone(namespace, &go_on))?;
        printer.registry(RegistryKind::Registry, &self.order.name, verb, place, &made)?;
        if printer.is_for_people() { self.tell(namespace).await } else { Ok(()) }
    }

    /// Who gets the login now, and who else is for the host. Where that may not be seen nothing is said: it is made already.
    async fn tell(&self, namespace: &str) -> Result<(), Error> {
        let client = &self.connection.client;
        let (all, users) =
            tokio::join!(seen::registries(client, Some(namespace)), users::list(client, Some(namespace)));
        let host = Some(&self.order.host);
        let rows = all.ok().and_then(seen::Seen::known).unwrap_or_default();
        for other in rows.iter().filter(|row| row.host().as_ref() == host && row.name != self.order.name) {
            eprintln!(
                "lockgate: {} is for images of {}, too: both are offered, the older one first",
                other.via(),
                self.order.host
            );
        }
        let users = users.ok();
        let images = users.as_ref().and_then(Users::images).unwrap_or_default();
        for image in images.iter().filter(|image| image.host().as_ref() == host) {
            let (pipeline, image) = (printable(&image.pipeline), printable(&image.image));
            writeln!(stdout(), "pipeline/{pipeline} gets it for {image}")?;
        }
        Ok(())
    }

    async fn cluster_registry(&self, spec: &ClusterRegistrySpec, printer: &mut Printer) -> Result<(), Error> {
        let api = Api::all(self.connection.client.clone());
        let maker = Maker { api, order: self.order, kind: RegistryKind::ClusterRegistry, place: String::new() };
        let registry = self.order.cluster_registry(spec);
        // A merge keeps what it does not name.
        let whole = json!({
            "host": spec.host, "secret": spec.secret, "scope": spec.scope,
            "namespace_selector": spec.namespace_selector.as_ref().map(selector),
        });
        maker.ask(&registry).await?;
        let namespace = spec.secret.namespace.as_str();
        self.secret(namespace, Some(namespace), printer).await?;
        let scope = serde_json::to_value(spec.scope)?;
        let scope = if scope == "Global" { "global" } else { "global-private" };
        let go_on = format!("--secret-namespace {namespace} --scope {scope}");
        let (verb, made) = maker.make(&registry, &whole).await.inspect_err(|_| self.left_alone(namespace, &go_on))?;
        printer.registry(RegistryKind::ClusterRegistry, &self.order.name, verb, None, &made)
    }

    /// Makes the Secret, or gives the one that was made by this command the new login.
    async fn secret(&self, namespace: &str, place: Option<&str>, printer: &mut Printer) -> Result<(), Error> {
        let Order { draft: Some(draft), target, .. } = self.order else { return Ok(()) };
        if self.order.replace {
            self.refuse_strangers(draft, target.label(), namespace).await?;
        }
        let how = secrets::Order {
            write: self.order.write.clone(),
            replace: self.order.replace,
            max_count: self.order.limits.max_count,
            format: None,
        };
        let made = secrets::one(self.connection, draft, namespace, &how).await;
        let made = made.map_err(|error| self.of_secret(error, draft, namespace))?;
        printer.secret(&draft.name, made.verb, place, made.object)
    }

    /// What the Secret's own command would advise is not what mends it here.
    fn of_secret(&self, error: Error, draft: &Draft, namespace: &str) -> Error {
        match error {
            Error::Conflict(_) if !self.order.replace => Error::Conflict(format!(
                "Secret {name} is there already in {namespace}: if it is the login, name it with --secret {name} and leave --data away; else take another NAME",
                name = draft.name
            )),
            error => error,
        }
    }

    /// What somebody else made is not given another login.
    async fn refuse_strangers(&self, draft: &Draft, label: &str, namespace: &str) -> Result<(), Error> {
        match row::get(&self.connection.client, namespace, &draft.name).await? {
            Some(row) if row.labels.get(label) != Some(&self.order.name) => Err(Error::Conflict(format!(
                "Secret {name} in {namespace} was not made by registry create for {name}, and --replace leaves it alone: name it with --secret {name} (and change it with lockgate secret create --add), or take another NAME",
                name = draft.name
            ))),
            _ => Ok(()),
        }
    }

    /// What stands where the Registry was refused after its Secret was made, and how to go on.
    fn left_alone(&self, namespace: &str, go_on: &str) {
        let Order { draft: Some(draft), name, host, write, .. } = self.order else { return };
        if !write.dry_run {
            eprintln!(
                "lockgate: secret/{} stands in {namespace}, and no Registry names it yet: mend what is said below, then go on with: lockgate registry create {name} --url {host} --secret {} {go_on}",
                draft.name, draft.name
            );
        }
    }
}

fn selector(selector: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector) -> Value {
    json!({"matchLabels": selector.match_labels, "matchExpressions": selector.match_expressions})
}

/// Makes an object of one kind.
struct Maker<'a, K> {
    api: Api<K>,
    order: &'a Order,
    kind: RegistryKind,
    /// ` in NAMESPACE`, or nothing.
    place: String,
}

impl<K> Maker<'_, K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    /// Asks whether it would be taken, before anything is written. An answer that says nothing of that is no refusal.
    async fn ask(&self, object: &K) -> Result<(), Error> {
        let params = PostParams { dry_run: true, field_manager: Some(self.order.write.field_manager.clone()) };
        match self.api.create(&params, object).await {
            Err(kube::Error::Api(status)) => match status.code {
                409 if self.order.replace => Ok(()),
                403 | 404 | 409 | 422 => Err(self.told(kube::Error::Api(status))),
                _ => Ok(()),
            },
            other => other.map(drop).map_err(Error::from),
        }
    }

    /// Makes it, or gives the one that is there this spec.
    async fn make(&self, object: &K, spec: &Value) -> Result<(&'static str, K), Error> {
        let write = &self.order.write;
        let params = PostParams { dry_run: write.dry_run, field_manager: Some(write.field_manager.clone()) };
        match self.api.create(&params, object).await {
            Ok(made) => Ok(("created", made)),
            Err(kube::Error::Api(status)) if status.code == 409 && self.order.replace => {
                let params = PatchParams {
                    dry_run: write.dry_run,
                    field_manager: Some(write.field_manager.clone()),
                    ..PatchParams::default()
                };
                let patch = Patch::Merge(json!({"spec": spec}));
                let made = self.api.patch(&self.order.name, &params, &patch).await;
                made.map(|made| ("replaced", made)).map_err(|error| self.told(error))
            }
            Err(error) => Err(self.told(error)),
        }
    }

    fn told(&self, error: kube::Error) -> Error {
        let kube::Error::Api(status) = &error else { return error.into() };
        let (word, name, place) = (kind_word(self.kind), &self.order.name, &self.place);
        let names_one = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        match status.code {
            409 => Error::Conflict(format!(
                "{word} {name} is there already{place}: --replace gives it this host and login; lockgate registry list shows those that there are"
            )),
            404 if !names_one => Error::Cluster(format!(
                "this cluster serves no {}: install Lockgate (docs/install.md); lockgate doctor says what is missing",
                resource(self.kind)
            )),
            _ => error.into(),
        }
    }
}
