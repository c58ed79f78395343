//! Objects as they come from the API server, and what is kept of each: no more than a decision needs.
//!
//! Decoding never fails at what stands in an object, so that one of them stops no watch, and no error can quote a value.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::needs::Needs;
use super::plan::{Copy, PullSource, Registry, Source, Wants};
use crate::api::pipeline::Pipeline;
use crate::api::registry::{ClusterRegistry, ClusterRegistrySpec};
use crate::controller::object::resource_like;
use crate::model::registry::Host;
use crate::model::world::PROJECTED_SECRET;
use crate::reach::{Labels, Selector};
use crate::values::{Form, SecretValue};

/// Who owns the fields of copies.
pub(super) const FIELD_MANAGER: &str = "lockgate-projector";
/// The marks of a copy: both labels, with these values.
pub(super) const MARKS: [(&str, &str); 2] =
    [("app.kubernetes.io/managed-by", FIELD_MANAGER), ("lockgate.dev/projected", "true")];
/// The annotation of a copy that says what it was made of.
pub(super) const RECIPE: &str = "lockgate.dev/projected-from";

/// A ClusterRegistry whose spec and status may be of any form.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct WireRegistry {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

resource_like!(WireRegistry, ClusterRegistry, metadata_api = false);

impl WireRegistry {
    /// What is kept of it.
    pub fn kept(self) -> Registry {
        let meta = self.metadata;
        Registry {
            name: meta.name.unwrap_or_default(),
            uid: meta.uid.unwrap_or_default(),
            resource_version: meta.resource_version.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            created: meta.creation_timestamp.map(|time| time.0),
            wants: wants(self.spec),
            status: serde_json::from_value(self.status).unwrap_or_default(),
        }
    }
}

fn wants(spec: Value) -> Result<Wants, String> {
    let spec: ClusterRegistrySpec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
    // It could come to be made of itself.
    if spec.secret.name == PROJECTED_SECRET {
        return Err(format!("secret.name: {PROJECTED_SECRET} is the name of copies: give the source another"));
    }
    Ok(Wants {
        host: Host::parse(&spec.host).map_err(|why| format!("host: {why}"))?,
        secret: spec.secret,
        scope: spec.scope,
        selector: spec
            .namespace_selector
            .map(|selector| Selector::parse(&selector))
            .transpose()
            .map_err(|why| format!("namespace_selector: {why}"))?,
    })
}

/// A Pipeline, as far as its images go.
#[derive(Clone, Debug)]
pub(super) struct WirePipeline {
    metadata: ObjectMeta,
    /// What it needs.
    pub needs: Needs,
}

resource_like!(WirePipeline, Pipeline, metadata_api = false);

impl<'de> Deserialize<'de> for WirePipeline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Whole {
            metadata: Names,
            #[serde(default)]
            spec: Value,
        }
        let Whole { metadata, spec } = Whole::deserialize(deserializer)?;
        Ok(Self { metadata: metadata.into(), needs: Needs::of(&spec) })
    }
}

/// A namespace: its labels, and whether it is being deleted.
#[derive(Clone, Debug)]
pub(super) struct WireNamespace {
    metadata: ObjectMeta,
    /// What is kept of it.
    pub kept: Arc<NamespaceFacts>,
}

/// What is kept of a namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamespaceFacts {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Whether its deletion was asked for.
    pub ending: bool,
}

resource_like!(WireNamespace, Namespace, metadata_api = true);

impl<'de> Deserialize<'de> for WireNamespace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Whole {
            metadata: Names,
        }
        let Whole { mut metadata } = Whole::deserialize(deserializer)?;
        let labels = std::mem::take(&mut metadata.labels).unwrap_or_default();
        let kept = NamespaceFacts { labels: Arc::new(labels), ending: metadata.deletion_timestamp.is_some() };
        Ok(Self { metadata: metadata.into(), kept: Arc::new(kept) })
    }
}

/// A Secret that has the name of copies: its marks, and who wrote it. Other annotations may hold values, and are dropped.
#[derive(Clone, Debug)]
pub(super) struct WireCopy {
    metadata: ObjectMeta,
    /// What is kept of it.
    pub kept: Copy,
}

resource_like!(WireCopy, Secret, metadata_api = true);

impl<'de> Deserialize<'de> for WireCopy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Whole {
            metadata: Names,
        }
        let Whole { mut metadata } = Whole::deserialize(deserializer)?;
        let labels = std::mem::take(&mut metadata.labels).unwrap_or_default();
        let kept = Copy {
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            marked: MARKS.iter().all(|(label, value)| labels.get(*label).is_some_and(|text| text == value)),
            recipe: metadata.annotations.recipe.take(),
            owners: owners(&metadata.owner_references),
            intact: is_intact(&metadata.managed_fields),
            deleting: metadata.deletion_timestamp.is_some(),
        };
        Ok(Self { metadata: metadata.into(), kept })
    }
}

/// The ClusterRegistries among the owners.
fn owners(all: &[OwnerReference]) -> BTreeSet<String> {
    let ours = all.iter().filter(|owner| {
        owner.kind == ClusterRegistry::kind(&()) && owner.api_version == ClusterRegistry::api_version(&())
    });
    ours.map(|owner| owner.uid.clone()).collect()
}

/// Whether our application alone has written the file.
fn is_intact(managers: &[Manager]) -> bool {
    let mut writers = managers.iter().filter(|manager| manager.fields_v1.data.contains_key("f:.dockerconfigjson"));
    let ours = writers.next().is_some_and(|first| first.name == FIELD_MANAGER && first.operation == "Apply");
    ours && writers.next().is_none()
}

/// Of metadata, what is kept of anything.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Names {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<IgnoredAny>,
    labels: Option<Labels>,
    annotations: Annotations,
    owner_references: Vec<OwnerReference>,
    managed_fields: Vec<Manager>,
}

/// The one annotation that is ours.
#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(default, rename = "lockgate.dev/projected-from")]
    recipe: Option<String>,
}

/// What one manager wrote.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Manager {
    #[serde(rename = "manager")]
    name: String,
    operation: String,
    fields_v1: Fields,
}

/// The names of the keys; `managedFields` hold no values.
#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default, rename = "f:data")]
    data: Map<String, Value>,
}

impl From<Names> for ObjectMeta {
    fn from(names: Names) -> Self {
        Self {
            name: names.name,
            namespace: names.namespace,
            uid: names.uid,
            resource_version: names.resource_version,
            ..Self::default()
        }
    }
}

/// A Secret of a source namespace, with its values. Its `Debug` names it and nothing else.
#[derive(Clone)]
pub(super) struct WireSource {
    metadata: ObjectMeta,
    /// What is kept of it.
    pub kept: Arc<Source>,
}

resource_like!(WireSource, Secret, metadata_api = false);

impl fmt::Debug for WireSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireSource").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for WireSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Whole {
            metadata: Names,
            #[serde(default, rename = "type")]
            type_: String,
            #[serde(default)]
            data: Data,
        }
        #[derive(Default, Deserialize)]
        struct Data {
            #[serde(default, rename = ".dockerconfigjson")]
            config_json: String,
            #[serde(default, rename = ".dockercfg")]
            cfg: String,
        }
        let Whole { metadata, type_, data } = Whole::deserialize(deserializer)?;
        let kept = match Form::of_type(&type_) {
            None => Source::OtherType,
            Some(form) => {
                let encoded = if form == Form::ConfigJson { data.config_json } else { data.cfg };
                // What is no base64 is no JSON either; the API server sends none.
                let file =
                    SecretValue::new(encoded.into_bytes()).decoded().unwrap_or_else(|| SecretValue::new(Vec::new()));
                let uid = metadata.uid.clone().unwrap_or_default();
                let version = metadata.resource_version.clone().unwrap_or_default();
                Source::Pull(PullSource::read(uid, version, form, &file))
            }
        };
        Ok(Self { metadata: metadata.into(), kept: Arc::new(kept) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn copy(metadata: &Value) -> Copy {
        serde_json::from_value::<WireCopy>(json!({"metadata": metadata})).unwrap().kept
    }

    #[test]
    fn of_a_copy_the_marks_and_the_writers_are_kept_and_no_value() {
        let ours = json!({"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:data": {"f:.dockerconfigjson": {}}}});
        let owner =
            json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "name": "hub", "uid": "h"});
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "hub", "uid": "x"});
        let whole = json!({
            "name": "lockgate-registries", "namespace": "team", "uid": "u", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER, "lockgate.dev/projected": "true"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-7c1f", RECIPE: "v1-x"},
            "ownerReferences": [owner, other], "managedFields": [ours],
        });
        let wire: WireCopy = serde_json::from_value(json!({"metadata": whole, "data": {"x": "canary-7c1f"}})).unwrap();
        assert!(!format!("{wire:?}").contains("canary"));
        let expected = Copy {
            uid: "u".into(),
            resource_version: "7".into(),
            marked: true,
            recipe: Some("v1-x".into()),
            owners: ["h".to_owned()].into(),
            intact: true,
            deleting: false,
        };
        assert_eq!(wire.kept, expected);
    }

    #[test]
    fn a_mark_that_is_not_whole_is_none_and_another_writer_is_seen() {
        let [by, projected] = MARKS;
        for (labels, marked) in [
            (json!({by.0: by.1, projected.0: projected.1}), true),
            (json!({by.0: by.1}), false),
            (json!({projected.0: projected.1}), false),
            (json!({by.0: "Helm", projected.0: projected.1}), false),
            (json!({by.0: by.1, projected.0: "yes"}), false),
            (Value::Null, false),
        ] {
            assert_eq!(copy(&json!({"labels": labels})).marked, marked, "{labels}");
        }
        let entry = |manager: &str, operation: &str, key: &str| json!({"manager": manager, "operation": operation, "fieldsV1": {"f:data": {key: {}}}});
        let ours = || entry(FIELD_MANAGER, "Apply", "f:.dockerconfigjson");
        for (managers, intact) in [
            (json!([ours()]), true),
            (json!([entry("kubectl-edit", "Update", "f:more"), ours()]), true),
            (json!([entry("kubectl-edit", "Update", "f:.dockerconfigjson")]), false),
            (json!([ours(), entry("kubectl-edit", "Update", "f:.dockerconfigjson")]), false),
            (json!([entry(FIELD_MANAGER, "Update", "f:.dockerconfigjson")]), false),
            (json!([]), false),
        ] {
            assert_eq!(copy(&json!({"managedFields": managers})).intact, intact, "{managers}");
        }
    }

    #[test]
    fn a_source_is_of_one_of_two_types_and_shows_no_value() {
        for (type_, key, is_pull) in [
            ("kubernetes.io/dockerconfigjson", ".dockerconfigjson", true),
            ("kubernetes.io/dockercfg", ".dockercfg", true),
            ("Opaque", ".dockerconfigjson", false),
        ] {
            let object = json!({
                "metadata": {"name": "reg", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-7c1f"}},
                "type": type_, "data": {key: "Y2FuYXJ5LTdjMWY=", "other": "Y2FuYXJ5LTdjMWY="},
            });
            let wire: WireSource = serde_json::from_value(object).unwrap();
            assert_eq!(matches!(*wire.kept, Source::Pull(_)), is_pull, "{type_}");
            assert_eq!(format!("{wire:?}"), "WireSource { name: Some(\"reg\"), .. }");
        }
    }

    #[test]
    fn a_cluster_registry_that_cannot_be_read_says_why_and_stops_nothing() {
        let wants = |spec: Value| {
            let wire: WireRegistry =
                serde_json::from_value(json!({"metadata": {"name": "hub"}, "spec": spec})).unwrap();
            wire.kept().wants
        };
        let secret = json!({"namespace": "sys", "name": "reg"});
        assert_eq!(wants(json!({"host": "index.docker.io", "secret": secret})).unwrap().host.as_str(), "docker.io");
        for (spec, words) in [
            (json!({"secret": secret}), "missing field `host`"),
            (json!({"host": "A.example", "secret": secret}), "host: "),
            (
                json!({"host": "a.example", "secret": {"namespace": "sys", "name": "lockgate-registries"}}),
                "is the name of copies",
            ),
            (json!({"host": "a.example", "secret": secret, "scope": "Cosmic"}), "unknown variant"),
            (
                json!({"host": "a.example", "secret": secret, "namespace_selector": {"matchExpressions": [{"key": "k", "operator": "Like"}]}}),
                "namespace_selector: the operator Like",
            ),
        ] {
            let why = wants(spec).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
