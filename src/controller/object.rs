//! Objects as they come from the API server, and what is kept of them.
//!
//! Types of our own where the usual ones would keep too much (a Secret's annotations may hold its values) or too
//! strict (one Pipeline that cannot be read must not stop the watch of the others).

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::facts::Ring;
use super::key::{ObjectKey, version};
use super::registries::Images;
use crate::api::pipeline::{Pipeline, PipelineSpec};
use crate::api::status::PipelineStatus;
use crate::model::managed_by;
use crate::model::parse::parse;
use crate::model::run::{request_of, run_key};
use crate::model::world::{Subject, WorkState};

/// Annotation by which a person or a tool asks for a run of an unchanged spec.
pub const RUN_REQUESTED_AT: &str = "lockgate.dev/run-requested-at";

/// Delegates [`Resource`] to another type's kind.
macro_rules! resource_like {
    ($name:ident, $kind:ty, metadata_api = $only_metadata:literal) => {
        impl Resource for $name {
            type DynamicType = ();
            type Scope = <$kind as Resource>::Scope;

            fn kind((): &()) -> Cow<'_, str> {
                <$kind as Resource>::kind(&())
            }
            fn group((): &()) -> Cow<'_, str> {
                <$kind as Resource>::group(&())
            }
            fn version((): &()) -> Cow<'_, str> {
                <$kind as Resource>::version(&())
            }
            fn plural((): &()) -> Cow<'_, str> {
                <$kind as Resource>::plural(&())
            }
            fn metadata_api() -> bool {
                $only_metadata
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

pub(crate) use resource_like;

/// A Pipeline whose spec and status may be of any form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WirePipeline {
    /// The metadata.
    pub metadata: ObjectMeta,
    /// The spec, undecoded.
    #[serde(default)]
    pub spec: Value,
    /// The status, undecoded.
    #[serde(default)]
    pub status: Value,
}

resource_like!(WirePipeline, Pipeline, metadata_api = false);

/// A Pipeline as it is kept: parsed once.
#[derive(Clone, Debug)]
pub struct StoredPipeline {
    /// Who it is.
    pub subject: Subject,
    /// Its resource version, which a write of its status must still find.
    pub resource_version: String,
    /// What it asks for.
    pub work: WorkState,
    /// What that version of the work is called.
    pub run_key: String,
    /// What was last written about it.
    pub status: PipelineStatus,
    /// Where its images are pulled from.
    pub images: Images,
    /// Whether only its conditions could be read: then nothing else of it may be written over, since it may hold a
    /// result.
    pub status_unreadable: bool,
}

impl StoredPipeline {
    /// Parses what came from the API server.
    #[must_use]
    pub fn of(wire: WirePipeline) -> Self {
        let meta = wire.metadata;
        let conditions = wire.status.get("conditions").cloned().unwrap_or_default();
        let status: Result<PipelineStatus, _> =
            if wire.status.is_null() { Ok(PipelineStatus::default()) } else { serde_json::from_value(wire.status) };
        let status_unreadable = status.is_err();
        let requested_at = meta.annotations.as_ref().and_then(|all| all.get(RUN_REQUESTED_AT)).map(String::as_str);
        // Whoever takes the annotation away, or empties it, asks for nothing: the request that was handled last stands.
        let requested_at = requested_at.filter(|text| !text.is_empty()).or_else(|| {
            let handled = status.as_ref().ok().and_then(|status| status.run.as_ref());
            handled.and_then(|run| request_of(&run.key))
        });
        let (work, key) = match (serde_json::from_value::<PipelineSpec>(wire.spec), &status) {
            (Ok(_), Err(error)) => (WorkState::Unreadable(format!("status: {error}")), String::new()),
            (Err(error), _) => (WorkState::Unreadable(format!("spec: {error}")), String::new()),
            (Ok(spec), Ok(_)) => {
                let key = run_key(&spec, requested_at);
                match parse(&spec) {
                    Ok(work) => (WorkState::Valid(Box::new(work)), key),
                    Err(violations) => (WorkState::Invalid(violations), key),
                }
            }
        };
        let images = match &work {
            WorkState::Valid(work) => Images::of(work),
            WorkState::Invalid(_) | WorkState::Unreadable(_) => Images::default(),
        };
        let resource_version = meta.resource_version.unwrap_or_default();
        Self {
            images,
            subject: Subject {
                namespace: meta.namespace.unwrap_or_default(),
                name: meta.name.unwrap_or_default(),
                uid: meta.uid.unwrap_or_default(),
                generation: meta.generation.unwrap_or_default(),
                deleting: meta.deletion_timestamp.is_some(),
                managed_by: managed_by::tool(meta.labels.as_ref(), meta.annotations.as_ref()),
                resource_version: resource_version.clone(),
            },
            resource_version,
            work,
            run_key: key,
            status: status.unwrap_or_else(|_| PipelineStatus {
                conditions: serde_json::from_value(conditions).unwrap_or_default(),
                ..PipelineStatus::default()
            }),
            status_unreadable,
        }
    }

    /// Its name.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.subject.namespace.as_str(), self.subject.name.as_str())
    }
}

/// Declares an object in a metadata watch: which object, which version, and whether it is being deleted. Whatever else
/// comes along is dropped while it is decoded.
macro_rules! names_only {
    ($(#[$doc:meta])* $name:ident, $kind:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        pub struct $name {
            metadata: ObjectMeta,
        }

        resource_like!($name, $kind, metadata_api = true);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self { metadata: names_of(deserializer)? })
            }
        }
    };
}

names_only! {
    /// A Secret in a metadata watch.
    WireSecret, Secret
}
names_only! {
    /// A ConfigMap in a metadata watch.
    WireConfigMap, ConfigMap
}
names_only! {
    /// A PersistentVolumeClaim in a metadata watch.
    WireClaim, PersistentVolumeClaim
}

fn names_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    struct Partial {
        metadata: Names,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Names {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        namespace: Option<String>,
        #[serde(default)]
        uid: Option<String>,
        #[serde(default)]
        resource_version: Option<String>,
        #[serde(default)]
        deletion_timestamp: Option<Time>,
    }
    let Partial { metadata } = Partial::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        deletion_timestamp: metadata.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

impl WireSecret {
    /// What the doorbell tells.
    #[must_use]
    pub fn ring(self) -> Ring {
        let meta = self.metadata;
        Ring {
            key: ObjectKey::new(meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default()),
            uid: meta.uid.unwrap_or_default(),
            version: version(meta.resource_version.as_deref().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(spec: &Value, status: &Value) -> StoredPipeline {
        let wire =
            json!({"metadata": {"name": "edges", "namespace": "team-a", "uid": "u"}, "spec": spec, "status": status});
        StoredPipeline::of(serde_json::from_value(wire).unwrap())
    }

    #[test]
    fn a_form_that_cannot_be_read_is_a_state_not_an_error() {
        let from_the_future = stored(&json!({"transform": 7}), &Value::Null);
        assert!(matches!(from_the_future.work, WorkState::Unreadable(why) if why.starts_with("spec")));
        let status = stored(&json!({"transform": {"image": "a"}}), &json!({"phase": "Levitating"}));
        assert!(matches!(status.work, WorkState::Unreadable(why) if why.starts_with("status")));
    }

    #[test]
    fn an_annotation_that_is_taken_away_or_emptied_asks_for_no_run() {
        let asked = |annotations: Value, status: &Value| {
            let wire = json!({"metadata": {"name": "edges", "namespace": "team-a", "annotations": annotations},
                "spec": {"transform": {"image": "a"}}, "status": status});
            StoredPipeline::of(serde_json::from_value(wire).unwrap()).run_key
        };
        let request = |text: &str| json!({RUN_REQUESTED_AT: text});
        let never = asked(json!({}), &Value::Null);
        assert_eq!(asked(request(""), &Value::Null), never);
        let first = asked(request("2026-11-22T05:00:00Z"), &Value::Null);
        assert_ne!(first, never);
        let handled = json!({"run": {"number": 2, "key": first}});
        assert_eq!(asked(json!({}), &handled), first);
        assert_eq!(asked(request(""), &handled), first);
        assert_ne!(asked(request("2026-11-23T05:00:00Z"), &handled), first);
    }

    #[test]
    fn a_config_map_s_annotations_and_data_are_dropped_while_it_is_decoded() {
        let wire: WireConfigMap = serde_json::from_value(json!({
            "metadata": {
                "name": "app", "namespace": "team-a", "resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-7c1f"},
                "managedFields": [{"fieldsV1": {"f:data": {"f:canary-7c1f": {}}}}],
            },
            "data": {"key": "canary-7c1f"},
        }))
        .unwrap();
        assert!(!format!("{wire:?}").contains("canary"));
        assert!(wire.metadata.deletion_timestamp.is_some());
        assert_eq!(wire.metadata.resource_version.as_deref(), Some("7"), "the watch goes on from here");
    }

    #[test]
    fn a_secret_s_annotations_are_dropped_while_it_is_decoded() {
        let wire: WireSecret = serde_json::from_value(json!({"metadata": {
            "name": "db", "namespace": "team-a", "uid": "u", "resourceVersion": "7",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-7c1f"},
        }}))
        .unwrap();
        assert!(!format!("{wire:?}").contains("canary"));
        assert_eq!(wire.ring(), Ring { key: ObjectKey::new("team-a", "db"), uid: "u".into(), version: 7 });
    }
}
