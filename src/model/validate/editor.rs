//! The schema as editors and other validators take it: JSON Schema, draft 7, which all of them know.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::strict;
use crate::api::GROUP;

/// What an object of a CustomResourceDefinition may look like, with descriptions and defaults, and without the rules that only the API server and
/// [`super::validate`] know (between fields, and of what texts may say).
///
/// # Errors
/// None in practice: only if the CRD had no schema.
pub fn json_schema(crd: &CustomResourceDefinition) -> Result<Value, String> {
    let kind = crd.spec.names.kind.as_str();
    let mut schema = strict::manifest_schema(crd)?;
    strict::refuse_unknown(&mut schema);
    let object = schema.as_object_mut().ok_or("the schema is no object")?;
    object.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    object.insert("title".into(), json!(kind));
    object.insert("required".into(), json!(["apiVersion", "kind", "metadata", "spec"]));
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        for (field, word) in [("apiVersion", format!("{GROUP}/v1alpha1")), ("kind", kind.to_owned())] {
            properties.insert(field.into(), json!({"type": "string", "const": word}));
        }
        if let Some(metadata) = properties.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("anyOf".into(), json!([{"required": ["name"]}, {"required": ["generateName"]}]));
        }
    }
    Ok(schema)
}
