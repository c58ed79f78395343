//! Registries and ClusterRegistries: their schema and their rules, as the API server has them.

use serde_json::Value;

use super::{check_kind, check_metadata, is_dns_label, strict, unique, unreadable_schema, violation};
use crate::api::rules;
use crate::model::names::SecretName;
use crate::model::parse::Violation;
use crate::model::registry::Host;
use crate::model::world::RegistryKind;

/// Validates a whole Registry, or ClusterRegistry, as the API server would with `fieldValidation=Strict`. Empty means valid.
#[must_use]
pub fn validate_registry(kind: RegistryKind, manifest: &Value) -> Vec<Violation> {
    let (word, schema) = match kind {
        RegistryKind::Registry => ("Registry", &strict::REGISTRY),
        RegistryKind::ClusterRegistry => ("ClusterRegistry", &strict::CLUSTER_REGISTRY),
    };
    let mut found = check_kind(manifest, word);
    if !found.is_empty() {
        return found;
    }
    let manifest = match schema.check(manifest, &mut found) {
        Ok(manifest) => manifest,
        Err(error) => return vec![unreadable_schema(&error)],
    };
    check_metadata(&manifest, &mut found);
    // What is no text the schema has refused.
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    if text("/spec/host").is_some_and(|host| Host::parse(host).is_err()) {
        found.push(violation("spec.host", rules::REGISTRY_HOST));
    }
    if text("/spec/secret/name").is_some_and(|name| SecretName::parse(name).is_err()) {
        found.push(violation("spec.secret.name", rules::REGISTRY_SECRET));
    }
    if text("/spec/secret/namespace").is_some_and(|namespace| !is_dns_label(namespace)) {
        found.push(violation("spec.secret.namespace", rules::NAMESPACE));
    }
    unique(found)
}
