//! Names, labels, annotations and the owner of an emitted Pod: the one place.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::helper;
use crate::model::pod;
use crate::model::render::REQUEST_ANNOTATION;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::Step;
use crate::model::world::{WorkState, World};

/// The Pod's metadata. The Pipeline's labels win over the operator's defaults, and our own marks over both.
pub(super) fn meta(world: &World, run: &RunRef, step: &Step, id: &PodIdentity) -> ObjectMeta {
    let subject = &world.subject;
    let mut labels = world.defaults.labels.clone();
    let mut annotations = BTreeMap::new();
    if let WorkState::Valid(work) = &world.work {
        labels.extend(work.labels.clone());
        annotations.extend(work.annotations.clone());
    }
    labels.extend(
        [
            (pod::MANAGED_BY_LABEL, pod::MANAGED_BY.to_owned()),
            (pod::PIPELINE_LABEL, subject.name.clone()),
            (pod::STEP_LABEL, id.step.clone()),
            (pod::RUN_LABEL, id.run.to_string()),
            (pod::INDEX_LABEL, id.index.to_string()),
            (pod::ATTEMPT_LABEL, id.attempt.to_string()),
            (pod::REPLACEMENT_LABEL, id.replacement.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    annotations.insert(pod::RUN_KEY_ANNOTATION.to_owned(), run.key.clone());
    annotations.insert(pod::STARTED_WITH_ANNOTATION.to_owned(), started_with(world, step));
    annotations.extend(step.stdin.clone().map(|text| (pod::STDIN_ANNOTATION.to_owned(), text)));
    annotations.extend(helper::request(world, step, id).map(|text| (REQUEST_ANNOTATION.to_owned(), text)));
    ObjectMeta {
        name: Some(id.pod_name(&subject.name, &subject.uid)),
        namespace: Some(subject.namespace.clone()),
        labels: Some(labels),
        annotations: Some(annotations),
        owner_references: Some(vec![OwnerReference {
            api_version: "lockgate.dev/v1alpha1".into(),
            kind: "Pipeline".into(),
            name: subject.name.clone(),
            uid: subject.uid.clone(),
            controller: Some(true),
            // Unset: blocking the owner's deletion would need a right on its finalizers
            // (admission plugin OwnerReferencesPermissionEnforcement), and nothing here wants to block it.
            block_owner_deletion: None,
        }]),
        ..ObjectMeta::default()
    }
}

/// The version of each Secret that the Pod uses and that is there. Versions, never a digest of values.
fn started_with(world: &World, step: &Step) -> String {
    serde_json::to_string(&world.versions(step)).unwrap_or_default()
}
