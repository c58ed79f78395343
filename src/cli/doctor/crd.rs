//! Whose CustomResourceDefinitions the server has: this binary's, older, newer, or such as somebody edited.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use serde_json::{Value, json};

use super::judge::{Check, VERSION, failed, ok, unread, warn};
use super::seen::Read;
use crate::api::GROUP;

const NAME: &str = "crd";
/// The one without which nothing works. Of the others everything is a warning, since Pipelines run without them.
const VITAL: &str = "pipelines";
/// The version of the API that this binary speaks.
const API: &str = "v1alpha1";
/// More fields than this are counted, not listed.
const MOST_FIELDS: usize = 5;
/// How the definitions of this version are installed.
const APPLY: &str =
    "bring this version's, by what installed it: helm upgrade, or lockgate crd | kubectl apply --server-side -f -";

/// The label by which an installer says which version an object is of.
pub(super) const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// How the server's differs from ours.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    kind: Kind,
    /// Fields of ours that the server would drop, as in `spec.transform.stdin`.
    lacking: Vec<String>,
    /// Fields of the server's that we do not know.
    foreign: Vec<String>,
}

/// What can be seen of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of a version before this one.
    Older,
    /// Of a version after this one.
    Newer,
    /// Of this version, and changed since.
    Edited,
    /// It cannot be told.
    Unlike,
}

/// Judges the definition of this plural: `there` is what the server has, `ours` what this binary would install.
pub(super) fn judge(
    plural: &str,
    there: &Read<Option<CustomResourceDefinition>>,
    ours: &CustomResourceDefinition,
) -> Check {
    let name = format!("{plural}.{GROUP}");
    let bad: fn(&'static str, String, String) -> Check = if plural == VITAL { failed } else { warn };
    let there = match there {
        Ok(Some(there)) => there,
        Ok(None) => {
            let lost = if plural == VITAL { "" } else { ": none can be made, and Pipelines run without" };
            return bad(NAME, format!("there is no CustomResourceDefinition {name}{lost}"), APPLY.to_owned());
        }
        Err(why) => return unread(NAME, why, &format!("get on customresourcedefinitions {name}")),
    };
    let conditions = there.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    for condition in conditions.filter(|condition| condition.status == "False") {
        if matches!(condition.type_.as_str(), "NamesAccepted" | "Established") {
            let said = condition.message.as_deref().unwrap_or_default();
            return bad(
                NAME,
                format!("{name} is not served ({}: {said})", condition.type_),
                format!("take away what has the name, or see kubectl describe crd {name}"),
            );
        }
    }
    if !there.spec.versions.iter().any(|version| version.name == API && version.served) {
        let has: Vec<&str> = there.spec.versions.iter().filter(|v| v.served).map(|v| v.name.as_str()).collect();
        let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
        let seen = format!("{name} is not served as {API}, which this lockgate speaks, but as: {has}");
        return bad(NAME, seen, APPLY.to_owned());
    }
    let Some(difference) = compare(there, ours, VERSION) else {
        return ok(NAME, format!("{name} {API} is the one of this lockgate ({VERSION})"));
    };
    let (seen, mend) = told(&name, &difference);
    // What is dropped cannot be asked for, or is lost from status.
    if difference.lacking.is_empty() { warn(NAME, seen, mend) } else { bad(NAME, seen, mend) }
}

/// What was seen of a difference, and how to mend it.
fn told(name: &str, Difference { kind, lacking, foreign }: &Difference) -> (String, String) {
    let mut seen = match kind {
        Kind::Older => format!("{name} is of an older version than this lockgate ({VERSION})"),
        Kind::Newer => format!("{name} is of a newer version than this lockgate ({VERSION})"),
        Kind::Edited => format!("{name} is of this lockgate's version ({VERSION}), but was edited"),
        Kind::Unlike => format!("{name} is not the one of this lockgate ({VERSION}): it is older, newer or edited"),
    };
    for (what, fields) in [("it would drop", lacking), ("it also has", foreign)] {
        if !fields.is_empty() {
            seen = format!("{seen}; {what} {}", listed(fields));
        }
    }
    if lacking.is_empty() && foreign.is_empty() {
        seen += "; its fields are the same, its rules, bounds or columns are not";
    }
    let mend = match kind {
        Kind::Newer => {
            format!("use the lockgate of that version, or upgrade the operator to it; to go back to {VERSION}, {APPLY}")
        }
        Kind::Older | Kind::Edited | Kind::Unlike => APPLY.to_owned(),
    };
    (seen, mend)
}

fn listed(fields: &[String]) -> String {
    let first = fields.iter().take(MOST_FIELDS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match fields.len().saturating_sub(MOST_FIELDS) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Compares what binds: names, scope, fields, rules, columns and subresources, but no descriptions. `None`: they are the same.
fn compare(there: &CustomResourceDefinition, ours: &CustomResourceDefinition, version: &str) -> Option<Difference> {
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
