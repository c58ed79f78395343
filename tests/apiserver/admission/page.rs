//! docs/policies.md shows each refusal as people will see it, and names every policy.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::{POLICIES, author, dry, pipeline, plain, root, space, until_refused, wait_for, words};
use crate::support::CANARY;

/// The page on one line.
fn page() -> String {
    let text = std::fs::read_to_string(root().join("docs/policies.md")).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shown(said: &str) {
    let said = said.replace("policies-page", "team-a");
    assert!(said.contains("denied request: ") && page().contains(&said), "docs/policies.md does not show this: {said}");
}

#[tokio::test]
async fn the_page_shows_every_refusal_as_it_is() {
    for policy in POLICIES {
        assert!(page().contains(&format!("## {policy} ")), "docs/policies.md has no heading for {policy}");
        let listed = std::fs::read_to_string(root().join("deploy/policies/kustomization.yaml")).unwrap();
        assert!(listed.lines().any(|line| line == format!("- {policy}")), "the kustomization leaves out {policy}");
    }
    let space = space("policies-page", &POLICIES, "deny").await;
    let author = author(&space, "reader-of-nothing", &[]).await;
    for policy in &POLICIES[..4] {
        wait_for(&author, policy).await;
    }
    let asked = async |field: &str, value: Value| {
        let mut spec = plain();
        if ["image", "env"].contains(&field) {
            spec["transform"][field] = value;
        } else {
            spec[field] = value;
        }
        words(author.api().create(&dry(), &pipeline("edges", &spec)).await)
    };
    shown(&asked("image", json!("busybox")).await);
    shown(&asked("secrets", json!([{"name": "db", "mount_path": "/etc/db"}])).await);
    shown(&asked("service_account_name", json!("deployer")).await);
    // The page shows this one as a warning.
    let literal = asked("env", json!({"DB_PASSWORD": "x"})).await;
    let warning = literal.split_once("denied request: ").unwrap().1;
    assert!(page().contains(&format!("'lockgate-no-literal-credentials-warn': {warning}")), "{warning}");

    let value = CANARY.chars().cycle().take(4097).collect::<String>();
    let large: Secret =
        serde_json::from_value(json!({"metadata": {"name": "db"}, "stringData": {"k": value}})).unwrap();
    let create = async || words(space.api().create(&dry(), &large).await);
    until_refused("lockgate-secret-size", &create).await;
    shown(&create().await);

    let labels = json!({"lockgate.dev/protect": "true"});
    let guarded = json!({"metadata": {"name": "db", "labels": labels}, "stringData": {"k": CANARY}});
    let guarded: Secret = serde_json::from_value(guarded).unwrap();
    space.api().create(&PostParams::default(), &guarded).await.unwrap();
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let delete = async || words(space.api::<Secret>().delete("db", &dry).await);
    until_refused("lockgate-protect-secrets", &delete).await;
    shown(&delete().await);
}
