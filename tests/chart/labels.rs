//! Labels and names: on everything, and such that a selector finds what it should.

use serde_json::{Map, Value, json};

use super::{IMAGE, object, objects, rendered};

const SIX: [&str; 6] = ["name", "instance", "version", "component", "part-of", "managed-by"];
const SELECTING: [&str; 3] = ["component", "instance", "name"];

fn standard(label: &str) -> String {
    format!("app.kubernetes.io/{label}")
}

fn labels(metadata: &Value) -> &Map<String, Value> {
    metadata["labels"].as_object().unwrap_or_else(|| panic!("no labels: {metadata}"))
}

#[test]
fn every_object_has_the_standard_labels_and_those_of_the_user() {
    let text = rendered(&["--values", "ci/everything-values.yaml", "--set", "extraObjects=null"]);
    for object in objects(&text) {
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        let labels = labels(&object["metadata"]);
        for label in SIX.into_iter().filter(|label| *label != "component") {
            assert!(labels.contains_key(&standard(label)), "{name} has no {label}");
        }
        assert!(labels.contains_key("helm.sh/chart") && labels["team"] == "platform", "{name}: {labels:?}");
    }
}

#[test]
fn selectors_are_three_labels_that_no_value_can_take_away() {
    let theirs = "app\\.kubernetes\\.io/name=theirs,LABELS.app\\.kubernetes\\.io/component=theirs";
    let set = |value: &str| format!("{value}.{}", theirs.replace("LABELS", value));
    let flags = [
        "--values",
        "ci/ha-values.yaml",
        "--set",
        &set("podLabels"),
        "--set",
        &set("commonLabels"),
        "--set",
        "networkPolicy.enabled=true",
    ];
    let release = objects(&rendered(&flags));
    let deployment = object(&release, "Deployment", "lockgate");
    let pod = labels(&deployment["spec"]["template"]["metadata"]);
    let selector = deployment["spec"]["selector"]["matchLabels"].clone();
    let keys: Vec<String> = selector.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, SELECTING.map(standard));
    for (label, value) in selector.as_object().unwrap() {
        assert_eq!(pod.get(label), Some(value), "{label}");
    }
    for (kind, name, path) in [
        ("PodDisruptionBudget", "lockgate", "/spec/selector/matchLabels"),
        ("NetworkPolicy", "lockgate", "/spec/podSelector/matchLabels"),
        ("Service", "lockgate-metrics", "/spec/selector"),
    ] {
        assert_eq!(object(&release, kind, name).pointer(path), Some(&selector), "{kind}");
    }
    let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
    assert_eq!(spread[0]["labelSelector"]["matchLabels"], selector);
    // The projector's Pods are other Pods, by name alone.
    let text =
        rendered(&[&flags[..], &["--set", "projector.enabled=true", "--set", &set("projector.podLabels")]].concat());
    let both = objects(&text);
    let projector = object(&both, "Deployment", "lockgate-projector");
    let selected = projector["spec"]["selector"]["matchLabels"].clone();
    let expected = json!({
        "app.kubernetes.io/component": "projector", "app.kubernetes.io/instance": "lockgate",
        "app.kubernetes.io/name": "lockgate-projector",
    });
    assert_eq!(selected, expected);
    let pod = labels(&projector["spec"]["template"]["metadata"]);
    for (label, value) in selected.as_object().unwrap() {
        assert_eq!(pod.get(label), Some(value), "{label}");
    }
    for (kind, name, path) in [
        ("NetworkPolicy", "lockgate-projector", "/spec/podSelector/matchLabels"),
        ("Service", "lockgate-projector-metrics", "/spec/selector"),
    ] {
        assert_eq!(object(&both, kind, name).pointer(path), Some(&selected), "{kind}");
    }
    let tested = object(&release, "Pod", "lockgate-test");
    assert_ne!(labels(&tested["metadata"])["app.kubernetes.io/component"], "operator", "it would be counted as one");
}

#[test]
fn names_fit_however_long_the_release_is_called() {
    let release = "r".repeat(53);
    let output = super::helm(&["template", &release, ".", "--set", IMAGE, "--set", "projector.enabled=true"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for object in objects(&text) {
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(name.len() <= 63 || name.contains('.'), "{name}");
    }
}
