//! What the operator may see, and what it says where it may not.

use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use kube::api::{Patch, PatchParams};
use lockgate::api::reason::Phase;
use lockgate_cluster::Options;
use serde_json::{Value, json};

use crate::support::{self, Operator, Space, admin, condition, message, states};

/// Replaces the operator's rules.
async fn grant(roles: &Api<ClusterRole>, allowed: Value) {
    roles.patch("lockgate", &PatchParams::default(), &Patch::Merge(json!({"rules": allowed}))).await.unwrap();
}

#[tokio::test]
async fn a_403_is_forbidden_not_missing_and_recovers_when_the_right_is_granted() {
    let cluster = tokio::task::spawn_blocking(|| support::install(Options::new())).await.unwrap();
    support::rights::refuses(&cluster, "rights.rs takes the rights on Secrets away");
    let client = admin(&cluster).await;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let granted = serde_json::to_value(roles.get("lockgate").await.unwrap().rules).unwrap();
    let without_secrets: Vec<Value> = granted
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| !rule["resources"].as_array().unwrap().contains(&"secrets".into()))
        .cloned()
        .collect();
    grant(&roles, without_secrets.clone().into()).await;

    let operator = Operator::start(&cluster);
    let space = Space::new(&client, "rights").await;
    space.secret("db", &["password"]).await;
    let optional = json!({"name": "db", "env_var": "DB_PASSWORD", "key": "password", "optional": true});
    space.pipeline("edges", json!({"transform": {"image": "a", "secrets": [optional]}})).await;
    let waiting = space.phase("edges", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["db:Forbidden"]);
    assert_eq!(condition(&waiting, "Ready"), "False/SecretForbidden");
    assert!(message(&waiting).contains("get, list and watch on secrets"), "{}", message(&waiting));
    assert!(space.pods().await.is_empty());

    grant(&roles, granted.clone()).await;
    space.pod_of("edges").await;
    space.phase("edges", Phase::Starting).await;

    // Taken away while it runs: what was known is known no more, and nothing is called missing.
    grant(&roles, without_secrets.into()).await;
    let missing = json!({"name": "never-made", "env_var": "X", "key": "x"});
    space.pipeline("later", json!({"transform": {"image": "a", "secrets": [missing]}})).await;
    let waiting = space.until("later", "Forbidden", |p| states(p) == ["never-made:Forbidden"]).await;
    assert_eq!(condition(&waiting, "SecretsResolved"), "False/SecretForbidden");
    grant(&roles, granted).await;
    space.until("later", "NotFound", |p| states(p) == ["never-made:NotFound"]).await;

    let (status, took) = operator.terminate();
    println!("SIGTERM ended it after {} ms", took.as_millis());
    assert!(status.success(), "{status}");
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
