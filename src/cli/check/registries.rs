//! What can be said of a Registry or a ClusterRegistry without a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::rules::Rule;
use crate::model::validate::validate_registry;
use crate::model::world::RegistryKind;
use crate::reach::Selector;

/// Everything that is to be mended in one by itself.
pub(super) fn findings(kind: RegistryKind, object: &Object<'_>) -> Vec<Finding> {
    let broken = validate_registry(kind, object.value);
    let mut findings: Vec<Finding> = broken.into_iter().map(|broken| object.violation(broken)).collect();
    // The API server takes any operator and any label; the projector does not.
    let selector = object.value.pointer("/spec/namespace_selector").cloned();
    let selector = selector.and_then(|selector| serde_json::from_value::<LabelSelector>(selector).ok());
    if let Some(why) = selector.and_then(|selector| Selector::parse(&selector).err()) {
        findings.push(object.finding(Rule::InvalidField, Severity::Error, "spec.namespace_selector", why));
    }
    findings
}
