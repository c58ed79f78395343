//! What is special to the manifest as a whole. Verdicts and words are held against the API server in `tests/schema`.

use serde_json::json;

use super::*;

fn fields(manifest: &Value) -> Vec<String> {
    validate(manifest).into_iter().map(|violation| violation.field).collect()
}

#[test]
fn another_kind_is_told_and_nothing_else() {
    assert_eq!(fields(&json!({"apiVersion": "v1", "kind": "Pod"})), ["apiVersion", "kind"]);
    assert_eq!(fields(&json!([])), ["apiVersion", "kind"]);
}

#[test]
fn structure_names_and_rules_are_told_together() {
    let manifest = json!({
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "Edges", "namespace": "a.b"},
        "spec": {"transform": {"image": "busybox", "user": "root", "imagee": 1}, "mode": null},
    });
    assert_eq!(
        fields(&manifest),
        ["spec.transform.imagee", "metadata.name", "metadata.namespace", "spec.transform.user"]
    );
}

#[test]
fn an_object_as_the_api_server_prints_it_is_valid() {
    let manifest = json!({
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {
            "generateName": "edges-", "creationTimestamp": null, "uid": "u", "resourceVersion": "1",
            "managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {"transform": {"image": "busybox", "cmd": null}},
        "status": {"observedGeneration": -1},
    });
    assert_eq!(validate(&manifest), vec![]);
}
