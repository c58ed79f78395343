//! Whose CustomResourceDefinition the server has: this binary's, an older, a newer, or one that somebody edited.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use serde_json::{Value, json};

/// The label by which an installer says which version an object is of.
pub(super) const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// How the server's differs from ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub kind: Kind,
    /// Fields of ours that the server would drop, as in `spec.transform.stdin`.
    pub lacking: Vec<String>,
    /// Fields of the server's that we do not know.
    pub foreign: Vec<String>,
}

/// What can be seen of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a version before this one.
    Older,
    /// Of a version after this one.
    Newer,
    /// Of this version, and changed since.
    Edited,
    /// It cannot be told.
    Unlike,
}

/// Compares what binds: names, scope, fields, rules, columns and subresources, but no descriptions. `None`: they are the same.
pub(super) fn compare(
    there: &CustomResourceDefinition,
    ours: &CustomResourceDefinition,
    version: &str,
) -> Option<Difference> {
    if binding(there) == binding(ours) {
        return None;
    }
    let (known, had) = (fields(ours), fields(there));
    let lacking: Vec<String> = known.difference(&had).cloned().collect();
    let foreign: Vec<String> = had.difference(&known).cloned().collect();
    let label = there.metadata.labels.as_ref().and_then(|labels| labels.get(VERSION_LABEL));
    let kind = match label.and_then(|label| Some(numbers(label)?.cmp(&numbers(version)?))) {
        Some(std::cmp::Ordering::Less) => Kind::Older,
        Some(std::cmp::Ordering::Greater) => Kind::Newer,
        Some(std::cmp::Ordering::Equal) => Kind::Edited,
        None => match (lacking.is_empty(), foreign.is_empty()) {
            (false, true) => Kind::Older,
            (true, false) => Kind::Newer,
            _ => Kind::Unlike,
        },
    };
    Some(Difference { kind, lacking, foreign })
}

/// `0.1.0` or `v0.1.0-rc.1+build` as numbers; what follows them is left out.
pub(super) fn numbers(version: &str) -> Option<[u64; 3]> {
    let core = version.trim_start_matches('v').split(['-', '+']).next()?;
    let parts: Vec<u64> = core.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    parts.try_into().ok()
}

/// What of the definition says what is valid and how it is served. The API server adds other fields by itself.
fn binding(crd: &CustomResourceDefinition) -> Value {
    let spec = &crd.spec;
    let versions: Vec<Value> = spec.versions.iter().map(of_version).collect();
    let names = &spec.names;
    json!({
        "group": spec.group, "scope": spec.scope, "kind": names.kind, "plural": names.plural,
        "shortNames": names.short_names, "categories": names.categories, "versions": versions,
    })
}

fn of_version(version: &CustomResourceDefinitionVersion) -> Value {
    let mut schema = schema_of(version);
    drop_descriptions(&mut schema);
    let mut columns = json!(version.additional_printer_columns);
    drop_descriptions(&mut columns);
    json!({
        "name": version.name, "served": version.served, "storage": version.storage, "schema": schema, "columns": columns,
        "subresources": version.subresources,
    })
}

fn schema_of(version: &CustomResourceDefinitionVersion) -> Value {
    json!(version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()))
}

/// A property may itself be called `description`; only the keyword's value is a text.
fn drop_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            fields.values_mut().for_each(drop_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_descriptions),
        _ => {}
    }
}

/// The paths of all fields of all versions that are served.
fn fields(crd: &CustomResourceDefinition) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for version in crd.spec.versions.iter().filter(|version| version.served) {
        collect(&schema_of(version), "", &mut found);
    }
    found
}

fn collect(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(property, &path, found);
        found.insert(path);
    }
    if let Some(items) = schema.get("items") {
        collect(items, &format!("{path}[]"), found);
    }
    if let Some(values) = schema.get("additionalProperties") {
        collect(values, &format!("{path}.*"), found);
    }
}
