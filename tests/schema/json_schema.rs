//! The published JSON Schema: what editors and other validators see.

use std::process::Command;

use lockgate::api::crd;
use lockgate::model::validate::json_schema;
use serde_json::{Value, json};

use crate::{corpus, output, root};

#[test]
fn the_committed_schema_is_what_the_binary_prints() {
    for kind in ["Pipeline", "Registry", "ClusterRegistry"] {
        let path = root().join(format!("crds/schemas/{}_v1alpha1.json", kind.to_lowercase()));
        let (printed, _) = output(Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["schema", kind]));
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == printed, "{kind}: run: make generate");
    }
}

/// That of Pipelines.
fn schema() -> Value {
    json_schema(&crd::pipeline().unwrap()).unwrap()
}

#[test]
fn registries_have_one_each() {
    let object = |kind: &str, secret: Value| json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": {"host": "a.example.com", "secret": secret}});
    let (own, apart) = (json!({"name": "a"}), json!({"namespace": "b", "name": "a"}));
    for (crd, kind, good, bad) in [
        (crd::registry().unwrap(), "Registry", &own, &apart),
        (crd::cluster_registry().unwrap(), "ClusterRegistry", &apart, &own),
    ] {
        let schema = json_schema(&crd).unwrap();
        jsonschema::draft7::meta::validate(&schema).unwrap();
        let validator = jsonschema::draft7::new(&schema).unwrap();
        assert!(validator.is_valid(&object(kind, good.clone())), "{kind}");
        assert!(
            !validator.is_valid(&object(kind, bad.clone())) && !validator.is_valid(&object("Pipeline", good.clone())),
            "{kind}"
        );
    }
}

#[test]
fn it_is_a_schema_and_has_nothing_that_only_kubernetes_knows() {
    let schema = schema();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    let text = schema.to_string();
    assert!(!text.contains("x-kubernetes") && !text.contains("\"nullable\""));
    assert_eq!(schema["properties"]["kind"]["const"], "Pipeline");
    let described = schema.pointer("/properties/spec/properties/transform/description").and_then(Value::as_str);
    assert!(described.is_some_and(|text| text.len() > 10));
}

#[test]
fn every_good_manifest_validates() {
    let validator = jsonschema::draft7::new(&schema()).unwrap();
    let mut count = 0;
    for manifest in corpus::read(&root().join("tests/corpus")) {
        // The API server drops nulls before it looks.
        if manifest.expect.is_some() || has_null(&manifest.object) {
            continue;
        }
        let errors: Vec<String> = validator.iter_errors(&manifest.object).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", manifest.name);
        count += 1;
    }
    assert!(count > 70, "only {count} manifests");
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

#[test]
fn what_the_server_does_not_know_does_not_validate() {
    let validator = jsonschema::draft7::new(&schema()).unwrap();
    let good = json!({
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "edges"},
        "spec": {"transform": {"image": "busybox:1.37", "secrets": [{"name": "db", "env_var": "X", "key": "x"}]}},
    });
    assert!(validator.is_valid(&good));
    for (at, field) in [
        ("", "sepc"),
        ("/metadata", "nmae"),
        ("/spec", "transfrom"),
        ("/spec/transform", "imagee"),
        ("/spec/transform/secrets/0", "env"),
    ] {
        let mut wrong = good.clone();
        wrong.pointer_mut(at).unwrap()[field] = json!("x");
        assert!(!validator.is_valid(&wrong), "{at}/{field}");
    }
    for (at, value) in [
        ("/apiVersion", json!("v1")),
        ("/kind", json!("Pod")),
        ("/metadata", json!({})),
        ("/spec/transform/image", json!(1)),
        ("/spec/transform/secrets/0", json!({"env_var": "X"})),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(at).unwrap() = value;
        assert!(!validator.is_valid(&wrong), "{at}");
    }
}
