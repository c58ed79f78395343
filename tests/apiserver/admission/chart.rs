//! The policies as the chart installs them, under the names of a release of its own and with selectors of ours.

use serde_json::{Value, json};

use super::breaches::refusals;
use super::page::shown;
use super::{POLICIES, apply, author, cluster, nothing_to_say_about, right, root, waits_and_runs};
use crate::support::{Space, admin, output};

/// The name of one in the chart's values.
fn camel(policy: &str) -> String {
    let mut words = policy.split('-');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        format!("{name}{}{tail}", head.to_uppercase())
    })
}

/// What `helm template` gives of these values.
async fn rendered(values: &Value) -> Vec<Value> {
    let mut helm = cluster().await.cluster.helm().unwrap();
    let file = cluster().await.cluster.dir().join("policies-values.json");
    std::fs::write(&file, values.to_string()).unwrap();
    helm.args(["template", "charted"]).arg(root().join("charts/lockgate")).arg("--values").arg(file);
    lockgate::cli::manifest::read(&output(&mut helm)).unwrap()
}

#[tokio::test]
async fn the_charts_policies_refuse_in_the_same_words_and_let_a_pipeline_wait_for_its_secret() {
    let on = |policy: &&str| {
        let mut values = json!({"enabled": true, "denyNamespaceSelector": {"matchLabels": {"charted": "deny"}}});
        if *policy == "allowed-registries" {
            values["registries"] = json!(["registry.example.com"]);
        }
        (camel(policy), values)
    };
    let policies: serde_json::Map<String, Value> = POLICIES.iter().map(on).collect();
    let values = json!({"image": {"repository": "lockgate"}, "policies": policies});
    let mut objects = rendered(&values).await;
    objects.retain(|object| object["kind"].as_str().unwrap().starts_with("ValidatingAdmission"));
    assert_eq!(objects.len(), 3 * POLICIES.len());
    apply(json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()).await;
    for policy in POLICIES {
        nothing_to_say_about(&format!("charted-lockgate-{policy}")).await;
    }

    let client = admin(&cluster().await.cluster).await;
    let space = Space::labelled(&client, "charted", json!({"charted": "deny"})).await;
    let author = author(&space, "charted-author", &[right("secrets", "get", &["later"])]).await;
    for said in refusals(&space, &author, "charted-lockgate", &POLICIES).await {
        shown(&said.replace("charted-lockgate-", "lockgate-"), "charted");
    }
    waits_and_runs(&space, &author).await;
}
