//! What a Pod gets from the operator's defaults, and what of its Pipeline's own words they leave alone.

use serde_json::{Value, json};

use super::tests::built_with;
use crate::model::defaults::Defaults;
use crate::model::validate::pod_defaults;

fn all() -> Defaults {
    pod_defaults(&json!({
        "imagePullSecrets": ["mirror"],
        "nodeSelector": {"disk": "ssd", "zone": "a"},
        "tolerations": [{"key": "batch", "operator": "Exists"}, {"key": "spot", "value": "yes", "effect": "NoSchedule"}],
        "priorityClassName": "batch",
        "podLabels": {"team": "platform", "cost": "shared"},
    }))
    .unwrap()
}

/// Node selector, tolerated keys, PriorityClass, pull secrets.
fn placed(spec: &Value, defaults: Defaults) -> (Value, Vec<String>, Option<String>, Vec<String>) {
    let spec = built_with(spec, defaults).spec.unwrap();
    (
        json!(spec.node_selector),
        spec.tolerations.into_iter().flatten().filter_map(|toleration| toleration.key).collect(),
        spec.priority_class_name,
        spec.image_pull_secrets.into_iter().flatten().map(|secret| secret.name).collect(),
    )
}

#[test]
fn defaults_fill_in_and_a_pipelines_own_words_win() {
    let text = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let plain = json!({"transform": {"image": "a"}});
    for (spec, defaults, expected) in [
        (plain.clone(), Defaults::default(), (Value::Null, text(&[]), None, text(&[]))),
        (
            plain,
            all(),
            (
                json!({"disk": "ssd", "zone": "a"}),
                text(&["batch", "spot"]),
                Some("batch".to_owned()),
                text(&["mirror"]),
            ),
        ),
        (
            json!({
                "transform": {"image": "a", "image_pull_secrets": ["own"]},
                "scheduling_spec": {"node_selector": {"disk": "hdd", "gpu": "yes"}, "priority_class_name": "high"},
                "tolerations": [{"key": "spot", "value": "yes", "effect": "NoSchedule"}, {"key": "own", "operator": "Exists"}],
            }),
            all(),
            (
                json!({"disk": "hdd", "gpu": "yes", "zone": "a"}),
                text(&["spot", "own", "batch"]),
                Some("high".to_owned()),
                text(&["own", "mirror"]),
            ),
        ),
        // As Kubernetes itself writes "none".
        (
            json!({"transform": {"image": "a"}, "scheduling_spec": {"priority_class_name": ""}}),
            all(),
            (
                json!({"disk": "ssd", "zone": "a"}),
                text(&["batch", "spot"]),
                Some("batch".to_owned()),
                text(&["mirror"]),
            ),
        ),
        // Equal in all but one field is not equal.
        (
            json!({"transform": {"image": "a"}, "tolerations": [{"key": "spot", "value": "yes", "effect": "NoExecute"}]}),
            Defaults { node_selector: [].into(), priority_class_name: None, pull_secrets: vec![], ..all() },
            (Value::Null, text(&["spot", "batch", "spot"]), None, text(&[])),
        ),
    ] {
        assert_eq!(placed(&spec, defaults), expected, "{spec}");
    }
}

#[test]
fn labels_are_merged_the_pipelines_win_and_ours_over_both() {
    let labels = |spec: &Value| built_with(spec, all()).metadata.labels.unwrap();
    let plain = labels(&json!({"transform": {"image": "a"}}));
    assert_eq!((plain["team"].as_str(), plain["cost"].as_str()), ("platform", "shared"));
    let own = labels(&json!({"transform": {"image": "a"}, "metadata": {"labels": {"team": "vision", "app": "edges"}}}));
    assert_eq!((own["team"].as_str(), own["cost"].as_str(), own["app"].as_str()), ("vision", "shared", "edges"));
    let forced = Defaults { labels: [("lockgate.dev/run".to_owned(), "9".to_owned())].into(), ..all() };
    let labels = built_with(&json!({"transform": {"image": "a"}}), forced).metadata.labels.unwrap();
    assert_eq!(labels["lockgate.dev/run"], "1");
}
