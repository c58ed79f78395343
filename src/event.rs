//! Events of Kubernetes, as both server processes send them.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::core::ObjectMeta;
use sha2::{Digest, Sha256};

use crate::model::run::short_hash;

/// Who sends an event, and what it did.
pub(crate) struct Reporter {
    /// Its `reportingController`.
    pub controller: &'static str,
    /// Its `reportingInstance`.
    pub instance: &'static str,
    /// Its `action`.
    pub action: &'static str,
}

/// A Warning about this object, which has to have a name and a uid, for this namespace. It has a name of its own each time.
pub(crate) fn warning(by: &Reporter, namespace: &str, about: ObjectReference, reason: &str, note: String) -> Event {
    let now = Timestamp::now();
    let (name, uid) = (about.name.as_deref().unwrap_or_default(), about.uid.as_deref().unwrap_or_default());
    let hash = short_hash(&Sha256::digest(format!("{uid}/{reason}/{now}").as_bytes()));
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{name}.{hash}")),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("Warning".into()),
        reason: Some(reason.into()),
        note: Some(note),
        action: Some(by.action.into()),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(by.controller.into()),
        reporting_instance: Some(by.instance.into()),
        regarding: Some(about),
        ..Event::default()
    }
}
