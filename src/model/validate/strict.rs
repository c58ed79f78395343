//! The CRD's schema, or a type's, as a JSON Schema that refuses what `fieldValidation=Strict` refuses.

use std::sync::OnceLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{ValidationError, Validator};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Violation;
use crate::api::crd;

/// The schema, and its compiled form.
struct Strict {
    schema: Value,
    validator: Validator,
}

impl Strict {
    fn of(mut schema: Value) -> Result<Self, String> {
        refuse_unknown(&mut schema);
        let validator = jsonschema::draft202012::options().build(&schema).map_err(|e| e.to_string())?;
        Ok(Self { schema, validator })
    }

    fn check(&self, document: &Value, found: &mut Vec<Violation>) -> Value {
        let mut document = document.clone();
        drop_nulls(&mut document, &self.schema);
        for error in self.validator.iter_errors(&document) {
            found.extend(violations(&error));
        }
        document
    }
}

/// A kind whose schema is compiled once.
pub(super) struct Kind {
    crd: fn() -> Result<CustomResourceDefinition, serde_json::Error>,
    strict: OnceLock<Result<Strict, String>>,
}

/// Pipelines.
pub(super) static PIPELINE: Kind = Kind::new(crd::pipeline);
/// Registries.
pub(super) static REGISTRY: Kind = Kind::new(crd::registry);
/// ClusterRegistries.
pub(super) static CLUSTER_REGISTRY: Kind = Kind::new(crd::cluster_registry);

impl Kind {
    const fn new(crd: fn() -> Result<CustomResourceDefinition, serde_json::Error>) -> Self {
        Self { crd, strict: OnceLock::new() }
    }

    /// Checks a manifest's structure, and returns it without the nulls that the API server drops.
    ///
    /// # Errors
    /// Only if our own schema cannot be compiled.
    pub(super) fn check(&self, manifest: &Value, found: &mut Vec<Violation>) -> Result<Value, String> {
        let compile = || Strict::of(manifest_schema(&(self.crd)().map_err(|e| e.to_string())?)?);
        let strict = self.strict.get_or_init(compile).as_ref().map_err(Clone::clone)?;
        Ok(strict.check(manifest, found))
    }
}

/// The same for a document that is read once in a process's life.
///
/// # Errors
/// Only if its type has no schema that can be compiled.
pub(super) fn check_as<T: JsonSchema>(document: &Value, found: &mut Vec<Violation>) -> Result<Value, String> {
    Ok(Strict::of(schema_of::<T>())?.check(document, found))
}

/// The CRD's schema with that of the metadata that every object has.
///
/// # Errors
/// Only if the CRD cannot be made.
pub(super) fn manifest_schema(crd: &CustomResourceDefinition) -> Result<Value, String> {
    let crd = serde_json::to_value(crd).map_err(|e| e.to_string())?;
    let mut schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().ok_or("the CRD has no schema")?;
    let text = json!({"type": "string"});
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("apiVersion".into(), text.clone());
        properties.insert("kind".into(), text);
        properties.insert("metadata".into(), schema_of::<ObjectMeta>());
    }
    Ok(schema)
}

fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Where properties are listed, no others are allowed; an int-or-string is either; Kubernetes' own keywords are gone.
pub(super) fn refuse_unknown(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if map.contains_key("properties") && !map.contains_key("additionalProperties") {
        map.insert("additionalProperties".into(), json!(false));
    }
    if map.contains_key("x-kubernetes-int-or-string") {
        map.insert("type".into(), json!(["integer", "string"]));
    }
    map.retain(|keyword, _| !keyword.starts_with("x-kubernetes-"));
    for keyword in ["properties", "items", "additionalProperties"] {
        match map.get_mut(keyword) {
            Some(Value::Object(properties)) if keyword == "properties" => {
                properties.values_mut().for_each(refuse_unknown);
            }
            Some(child) => refuse_unknown(child),
            None => {}
        }
    }
}

/// Drops the nulls of an object's fields, as the API server does where a field is not nullable; none of ours is
/// (`PruneNonNullableNullsWithoutDefaults`, and defaults take the place of the others). A null in a list stays.
fn drop_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            for (name, field) in fields {
                let known = schema.get("properties").and_then(|properties| properties.get(name));
                drop_nulls(field, known.or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null));
            }
        }
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            for item in items {
                drop_nulls(item, schema);
            }
        }
        _ => {}
    }
}

/// One error in the API server's words; an unknown field is one violation each.
fn violations(error: &ValidationError<'_>) -> Vec<Violation> {
    let at = path(error.instance_path());
    let child = |name: &str| {
        if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
    };
    let instance = error.instance().as_ref();
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            return unexpected
                .iter()
                .map(|name| Violation { message: format!("unknown field \"{}\"", child(name)), field: child(name) })
                .collect();
        }
        ValidationErrorKind::Required { property } => {
            let field = child(property.as_str().unwrap_or_default());
            return vec![Violation { field, message: "Required value".into() }];
        }
        ValidationErrorKind::Enum { options } => {
            let supported: Vec<String> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
            format!("Unsupported value: {instance}: supported values: {}", supported.join(", "))
        }
        ValidationErrorKind::MaxItems { limit } | ValidationErrorKind::MaxProperties { limit } => {
            let count = instance.as_array().map_or_else(|| instance.as_object().map_or(0, Map::len), Vec::len);
            format!("Too many: {count}: must have at most {limit} items")
        }
        ValidationErrorKind::MaxLength { limit } => format!("Too long: may not be more than {limit} bytes"),
        ValidationErrorKind::MinLength { limit } => format!("should be at least {limit} chars long"),
        ValidationErrorKind::Minimum { limit } => format!("should be greater than or equal to {}", number(limit)),
        ValidationErrorKind::Maximum { limit } => format!("should be less than or equal to {}", number(limit)),
        ValidationErrorKind::Type { kind } => format!("must be of type {}: \"{}\"", types(kind), type_of(instance)),
        _ => error.to_string(),
    };
    vec![Violation { field: at, message }]
}

/// A bound as the API server writes it: a whole number has no parts.
fn number(limit: &Value) -> String {
    let whole = limit.as_f64().filter(|limit| limit.fract() == 0.0);
    whole.map_or_else(|| limit.to_string(), |limit| format!("{limit:.0}"))
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(_) => "integer or string".into(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `/spec/transform/secrets/0/key` as `spec.transform.secrets[0].key`.
fn path(location: &Location) -> String {
    let mut path = String::new();
    for segment in location {
        match segment {
            LocationSegment::Property(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
            }
            LocationSegment::Index(index) => path = format!("{path}[{index}]"),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bound_is_written_as_the_api_server_writes_it() {
        for (limit, text) in [(json!(255.0), "255"), (json!(-1.0), "-1"), (json!(3), "3"), (json!(0.5), "0.5")] {
            assert_eq!(number(&limit), text);
        }
    }
}
