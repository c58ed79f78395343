//! Offline validation of a manifest: the CRD's schema and the rules of [`super::parse`].
//!
//! The answer is the API server's, without one: the same verdict, the field's path as it prints it, its words where
//! the schema speaks and ours where a rule does. `tests/schema` holds both against one corpus.

mod defaults;
mod editor;
mod registries;
mod strict;

pub use defaults::pod_defaults;
pub use editor::json_schema;
pub use registries::validate_registry;
use serde_json::Value;

use super::names::is_dns_subdomain;
use super::parse::{self, Violation};
use crate::api::pipeline::PipelineSpec;
use crate::api::{GROUP, rules};

/// What an object's name must be, as the API server says it.
const NAME: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
/// What a namespace must be, as the API server says it.
const NAMESPACE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";

/// The longest name that becomes a label value together with what Lockgate adds.
const MAX_NAME: usize = 52;

/// Validates a whole Pipeline object as the API server would with `fieldValidation=Strict`. Empty means valid.
#[must_use]
pub fn validate(manifest: &Value) -> Vec<Violation> {
    accepted(manifest).err().unwrap_or_default()
}

/// The same, and the object as the API server would store it, but for defaults: without the nulls that it drops.
///
/// # Errors
/// Every mistake in it.
pub fn accepted(manifest: &Value) -> Result<Value, Vec<Violation>> {
    let mut found = check_kind(manifest, "Pipeline");
    if !found.is_empty() {
        return Err(found);
    }
    let manifest = strict::PIPELINE.check(manifest, &mut found).map_err(|error| vec![unreadable_schema(&error)])?;
    check_metadata(&manifest, &mut found);
    if manifest.pointer("/metadata/name").and_then(Value::as_str).is_some_and(|name| name.chars().count() > MAX_NAME) {
        found.push(violation("metadata.name", rules::NAME));
    }
    let schema_is_met = found.is_empty();
    let spec = manifest.get("spec").cloned().unwrap_or(Value::Null);
    match serde_json::from_value::<PipelineSpec>(spec) {
        Ok(spec) => found.extend(parse::parse(&spec).err().unwrap_or_default()),
        Err(error) if schema_is_met => found.push(violation("spec", format!("cannot be read: {error}"))),
        // The schema has said already, and better, what is wrong.
        Err(_) => {}
    }
    let unique = unique(found);
    if unique.is_empty() { Ok(manifest) } else { Err(unique) }
}

/// Each once: the schema's bounds are among the rules, in the same words.
fn unique(found: Vec<Violation>) -> Vec<Violation> {
    let mut unique: Vec<Violation> = Vec::with_capacity(found.len());
    for violation in found {
        if !unique.contains(&violation) {
            unique.push(violation);
        }
    }
    unique
}

fn unreadable_schema(error: &str) -> Violation {
    violation("", format!("the schema of this version cannot be read: {error}"))
}

fn violation(field: &str, message: impl Into<String>) -> Violation {
    Violation { field: field.to_owned(), message: message.into() }
}

fn check_kind(manifest: &Value, kind: &str) -> Vec<Violation> {
    let api_version = format!("{GROUP}/v1alpha1");
    [("apiVersion", api_version.as_str()), ("kind", kind)]
        .into_iter()
        .filter(|(field, wanted)| manifest.get(field).and_then(Value::as_str) != Some(wanted))
        .map(|(field, wanted)| violation(field, format!("must be {wanted}")))
        .collect()
}

fn check_metadata(manifest: &Value, found: &mut Vec<Violation>) {
    let text = |field: &str| manifest.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
    match (text("name"), text("generateName")) {
        (Some(name), _) if !is_dns_subdomain(name) => found.push(violation("metadata.name", NAME)),
        (Some(_), _) | (None, Some(_)) => {}
        (None, None) => found.push(violation("metadata.name", "Required value: name or generateName is required")),
    }
    if text("namespace").is_some_and(|namespace| !is_dns_label(namespace)) {
        found.push(violation("metadata.namespace", NAMESPACE));
    }
}

fn is_dns_label(text: &str) -> bool {
    !text.contains('.') && text.len() <= 63 && is_dns_subdomain(text)
}

#[cfg(test)]
mod tests;
