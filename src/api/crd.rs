//! The CustomResourceDefinitions as they are installed: what the derive makes, with what it cannot say added.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::amend::amend;
use super::pipeline::Pipeline;
use super::registry::{ClusterRegistry, Registry};

/// Every CustomResourceDefinition, and the name of its file in `crds/`.
///
/// # Errors
/// As [`pipeline`].
pub fn all() -> Result<[(&'static str, CustomResourceDefinition); 3], serde_json::Error> {
    Ok([("pipelines", pipeline()?), ("registries", registry()?), ("clusterregistries", cluster_registry()?)])
}

/// The CustomResourceDefinition of `Pipeline`.
///
/// Four things are added to what the derive makes: first, those of [`super::amend`]. `metadata.name` is declared, because
/// a rule's field path must name a declared property. `nullable` is taken away everywhere, so that the API server drops
/// a `null` (and puts the default there) instead of storing it, and `has()` in CEL means what it says. And status is
/// born with `observedGeneration: -1`, so that nothing reads a Pipeline as done before the operator saw it (kstatus).
///
/// # Errors
/// None in practice: only if the derived object did not survive a round trip through JSON.
pub fn pipeline() -> Result<CustomResourceDefinition, serde_json::Error> {
    finish(&Pipeline::crd(), |schema| {
        if let Some(spec) = schema.pointer_mut("/properties/spec") {
            amend(spec);
        }
        if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
            let name = json!({"type": "string"});
            properties.insert("metadata".into(), json!({"type": "object", "properties": {"name": name}}));
        }
    })
}

/// The CustomResourceDefinition of `Registry`, changed as that of [`pipeline`] is.
///
/// # Errors
/// As [`pipeline`].
pub fn registry() -> Result<CustomResourceDefinition, serde_json::Error> {
    finish(&Registry::crd(), |_| {})
}

/// The CustomResourceDefinition of `ClusterRegistry`, changed as that of [`pipeline`] is.
///
/// # Errors
/// As [`pipeline`].
pub fn cluster_registry() -> Result<CustomResourceDefinition, serde_json::Error> {
    finish(&ClusterRegistry::crd(), |_| {})
}

fn finish(
    crd: &CustomResourceDefinition,
    amend: impl Fn(&mut Value),
) -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut crd = serde_json::to_value(crd)?;
    let versions = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
            drop_nullable(schema);
            amend(schema);
            if let Some(status) = schema.pointer_mut("/properties/status").and_then(Value::as_object_mut) {
                status.insert("default".into(), json!({"observedGeneration": -1}));
            }
        }
    }
    serde_json::from_value(crd)
}

fn drop_nullable(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // A property may itself be called `nullable`; only the keyword has a boolean value.
            if map.get("nullable").is_some_and(Value::is_boolean) {
                map.remove("nullable");
            }
            map.values_mut().for_each(drop_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nullable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        let crd = serde_json::to_value(pipeline().unwrap()).unwrap();
        crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap().clone()
    }

    #[test]
    fn nothing_is_nullable_and_no_format_is_unsigned() {
        let text = schema().to_string();
        assert!(!text.contains("\"nullable\":true"));
        assert!(!text.contains("\"uint"));
    }

    /// The names of all properties below a schema.
    fn properties(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(named)) = map.get("properties") {
                    found.extend(named.keys().cloned());
                }
                map.values().for_each(|inner| properties(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| properties(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn no_field_leads_into_another_namespace_and_no_object_takes_what_it_does_not_know() {
        let schema = schema();
        let spec = schema.pointer("/properties/spec").unwrap();
        let mut names = Vec::new();
        properties(spec, &mut names);
        assert!(names.len() > 100 && names.contains(&"secrets".to_owned()), "{names:?}");
        names.retain(|name| name.to_lowercase().contains("namespace"));
        assert!(names.is_empty(), "{names:?}");
        // An input's template is any JSON, in a transform and in a step.
        assert_eq!(spec.to_string().matches("preserve-unknown-fields").count(), 2);
    }

    #[test]
    fn a_new_pipeline_is_not_yet_observed() {
        assert_eq!(schema()["properties"]["status"]["default"]["observedGeneration"], -1);
    }
}
