//! One breach of each policy, for whoever installs them, and what the API server says of it.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::{dry, pipeline, plain, until_refused, words};
use crate::support::{CANARY, Space};

/// The Pipeline `edges` with this in its spec, or in its transform.
async fn edges(author: &Space, field: &str, value: Value) -> String {
    let mut spec = plain();
    if ["image", "env"].contains(&field) {
        spec["transform"][field] = value;
    } else {
        spec[field] = value;
    }
    words(author.api().create(&dry(), &pipeline("edges", &spec)).await)
}

/// Asks for what this policy forbids, as an author who may use nothing.
async fn breach(space: &Space, author: &Space, policy: &str) -> String {
    match policy {
        "allowed-registries" => edges(author, "image", json!("busybox")).await,
        "author-may-read-secrets" => edges(author, "secrets", json!([{"name": "db", "mount_path": "/etc/db"}])).await,
        "author-may-use-service-accounts" => edges(author, "service_account_name", json!("deployer")).await,
        "no-literal-credentials" => edges(author, "env", json!({"DB_PASSWORD": "x"})).await,
        "secret-size" => {
            let value = CANARY.chars().cycle().take(4097).collect::<String>();
            let large = json!({"metadata": {"name": "db"}, "stringData": {"k": value}});
            words(space.api::<Secret>().create(&dry(), &serde_json::from_value(large).unwrap()).await)
        }
        "protect-secrets" => {
            let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
            words(space.api::<Secret>().delete("db", &dry).await)
        }
        _ => panic!("nobody knows how to break {policy}"),
    }
}

/// The refusal of each of these policies, once it works here. `installed` is what their names begin with.
pub(super) async fn refusals(space: &Space, author: &Space, installed: &str, policies: &[&str]) -> Vec<String> {
    if policies.contains(&"protect-secrets") {
        let labels = json!({"lockgate.dev/protect": "true"});
        let guarded = json!({"metadata": {"name": "db", "labels": labels}, "stringData": {"k": CANARY}});
        space.api::<Secret>().create(&PostParams::default(), &serde_json::from_value(guarded).unwrap()).await.unwrap();
    }
    let mut all = Vec::new();
    for policy in policies {
        let ask = async || breach(space, author, policy).await;
        until_refused(&format!("ValidatingAdmissionPolicy '{installed}-{policy}'"), ask).await;
        all.push(ask().await);
    }
    all
}
