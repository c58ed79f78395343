//! What the API server answers to the operator about Secrets, word for word: names, types and the names of keys, and never a value.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::registry::{ClusterRegistry, Registry};
use lockgate_cluster::{Cluster, Options};
use serde_json::{Value, json};

use crate::support::audit::{Audit, OPERATOR};
use crate::support::{self, CANARY, Operator, Space, admin, condition};

/// In every value of this file, in base64.
const ENCODED: &str = "Y2FuYXJ5LTdjMW";

/// One request about Secrets, as this cluster's log has it.
struct Answer {
    verb: String,
    kind: String,
    body: Value,
    line: String,
}

/// What somebody was answered about Secrets. Of a watch the log has no body: what the operator holds of those is searched for
/// in its memory by `canary.rs`.
fn answers(cluster: &Cluster, who: &str) -> Vec<Answer> {
    let log = std::fs::read_to_string(cluster.audit_log()).unwrap();
    let of = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_answer =
            text("/verb") != "watch" && text("/objectRef/resource") == "secrets" && text("/user/username") == who;
        // A refusal has no body in the log, but a code.
        let kind = match text("/responseObject/kind") {
            none if none.is_empty() => entry["responseStatus"]["code"].to_string(),
            kind => kind,
        };
        is_answer.then(|| Answer {
            verb: text("/verb"),
            kind,
            body: entry["responseObject"].clone(),
            line: line.to_owned(),
        })
    };
    // Others write on: of the last line the half may be there.
    let (whole, _) = log.rsplit_once('\n').unwrap();
    whole.lines().filter_map(of).collect()
}

/// The fields of Secrets that hold values, wherever they stand.
fn fields_with_values(body: &Value, found: &mut Vec<String>) {
    match body {
        Value::Object(fields) => {
            for (name, field) in fields {
                if ["data", "stringData"].contains(&name.as_str()) {
                    found.push(format!("{name}: {field}"));
                }
                fields_with_values(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields_with_values(item, found)),
        _ => {}
    }
}

async fn pull_secret(space: &Space, name: &str, round: usize) {
    let file = json!({"auths": {"registry.test": {"username": "robot", "password": format!("{CANARY}-{round}")}}});
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": file.to_string()},
    });
    let apply = PatchParams::apply("somebody").force();
    space.api::<Secret>().patch(name, &apply, &Patch::Apply(object)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_secret_the_operator_is_answered_a_table_or_metadata_whatever_names_it() {
    let options = Options::new().audit_secrets();
    let cluster = tokio::task::spawn_blocking(move || support::install(options)).await.unwrap();
    let client = admin(&cluster).await;
    let operator = Operator::start(&cluster);
    let space = Space::new(&client, "answers").await;
    // Every way to name a Secret: by itself, in an input, by a Registry, by a ClusterRegistry's copy.
    let registry = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry", "metadata": {"name": "ours"},
        "spec": {"host": "registry.test", "secret": {"name": "of-registry"}},
    });
    let of_all = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "metadata": {"name": "of-all"},
        "spec": {"host": "registry.test", "secret": {"namespace": "lockgate-system", "name": "source"}},
    });
    let params = PostParams::default();
    space.api::<Registry>().create(&params, &serde_json::from_value(registry).unwrap()).await.unwrap();
    let all = kube::Api::<ClusterRegistry>::all(client.clone());
    all.create(&params, &serde_json::from_value(of_all).unwrap()).await.unwrap();
    pull_secret(&space, "of-registry", 1).await;
    pull_secret(&space, "lockgate-registries", 1).await;
    let spec = json!({"transform": {
        "image": "registry.test/edges:1", "image_pull_secrets": ["of-step"],
        "secrets": [
            {"name": "variable", "env_var": "PASSWORD", "key": "password"},
            {"name": "file", "mount_path": "/etc/file"},
            {"name": "properties", "mount_path": "/etc/properties", "format": "properties"},
        ],
        "input": {"secrets": [{"name": "api", "key": "token", "as": "token"}], "template": "jq(.secrets.token)", "env_var": "INPUT"},
    }});
    space.pipeline("edges", spec).await;
    space.until("edges", "all is missing", |p| condition(p, "SecretsResolved") == "False/WaitingForSecrets").await;
    pull_secret(&space, "of-step", 1).await;
    for (name, key) in [("variable", "password"), ("file", "a"), ("properties", "b"), ("api", "token")] {
        space.secret(name, &[key]).await;
    }
    let pod = space.pod_of("edges").await;
    let listed: Vec<String> =
        pod.spec.unwrap().image_pull_secrets.unwrap().into_iter().map(|secret| secret.name).collect();
    assert_eq!(listed, ["of-step", "of-registry", "lockgate-registries"]);
    // And again when they change.
    for name in ["of-registry", "lockgate-registries", "of-step"] {
        pull_secret(&space, name, 2).await;
    }
    let mut audit = Audit::of(&cluster);
    let again = |entries: &[support::audit::Entry]| {
        ["of-registry", "lockgate-registries", "of-step"].iter().all(|name| {
            entries.iter().filter(|entry| entry.kind() == "get secrets" && entry.name() == *name).count() > 1
        })
    };
    audit.until("each was looked at again", again).await;
    // Somebody who is answered values, so that the log is known to hold what is answered.
    let read = space.api::<Secret>().get("variable").await.unwrap();
    assert!(serde_json::to_string(&read).unwrap().contains(ENCODED));
    audit.settle(&client).await;
    drop(operator);

    let to_admin = answers(&cluster, "admin");
    let has_value = |answer: &&Answer| answer.line.contains(ENCODED) || answer.line.contains(CANARY);
    let told = to_admin.iter().filter(|answer| answer.verb == "get").filter(has_value).count();
    assert!(told > 0, "the log does not show what is answered");
    let to_operator = answers(&cluster, OPERATOR);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for answer in &to_operator {
        *kinds.entry(format!("{} {}", answer.verb, answer.kind)).or_default() += 1;
        let mut values = Vec::new();
        fields_with_values(&answer.body, &mut values);
        assert!(values.is_empty() && !has_value(&answer), "a value was answered: {values:?} {}", answer.line);
    }
    println!("{kinds:?}");
    let expected = ["get 404", "get Table", "list PartialObjectMetadataList"];
    assert_eq!(kinds.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
