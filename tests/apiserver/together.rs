//! What is applied together with a Pipeline counts for it, whichever watch tells first.

use std::time::Instant;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, ServiceAccount};
use kube::api::ListParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::support::heavy::{Heavy, each};
use crate::support::{Operator, Space, admin, message, phase_of};

/// So many Pipelines of each kind: one alone might be told of late by luck.
const EACH: usize = 12;

/// Four Pipelines, each of which needs something else of this number.
fn specs(i: usize) -> [(&'static str, Value); 4] {
    let volume = |volume: Value| json!({"transform": {"image": "a", "volumes": [volume]}});
    let secret = json!([{"name": format!("secret-{i}"), "env_var": "A", "key": "a"}]);
    [
        ("secret", json!({"transform": {"image": "a", "secrets": secret}})),
        ("config", volume(json!({"config_map": format!("config-{i}"), "mount_path": "/c"}))),
        ("claim", volume(json!({"claim": format!("claim-{i}"), "mount_path": "/d"}))),
        ("account", json!({"service_account_name": format!("account-{i}"), "transform": {"image": "a"}})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_before_it_is_not_missing_though_its_watch_is_behind() {
    let heavy = Heavy::start().await;
    let space = Space::new(&admin(&heavy).await, "together").await;
    let operator = Operator::start(&heavy);
    // The operator has read that these Secrets are not there.
    each(0..EACH, |i| {
        let (space, [(_, spec), ..]) = (&space, specs(i));
        async move {
            space.pipeline(&format!("waits-{i}"), spec).await;
        }
    })
    .await;
    space.until_many(EACH, "waits", Instant::now(), |p: &Pipeline| phase_of(p) == Some(Phase::Waiting)).await;

    // While it stands still all is made; then it hears of all at once, in the order in which it looks at its watches.
    operator.signal("STOP");
    each(0..EACH, |i| {
        let space = &space;
        async move {
            let metadata = |kind: &str| json!({"name": format!("{kind}-{i}")});
            space.secret(&format!("secret-{i}"), &["a"]).await;
            space.make::<ConfigMap>(json!({"metadata": metadata("config")})).await;
            let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
            space.make::<PersistentVolumeClaim>(json!({"metadata": metadata("claim"), "spec": spec})).await;
            space.make::<ServiceAccount>(json!({"metadata": metadata("account")})).await;
            for (kind, mut spec) in specs(i) {
                spec["on_missing_secret"] = "Fail".into();
                space.pipeline(&format!("{kind}-{i}"), spec).await;
            }
        }
    })
    .await;
    operator.signal("CONT");
    let ended = |p: &Pipeline| matches!(phase_of(p), Some(Phase::Starting | Phase::Failed));
    space.until_many(EACH * 5, "started or refused", Instant::now(), ended).await;
    let refused: Vec<String> = space
        .api::<Pipeline>()
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .filter(|pipeline| phase_of(pipeline) == Some(Phase::Failed))
        .map(|pipeline| format!("{:?}: {:?}", pipeline.metadata.name, message(&pipeline)))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
