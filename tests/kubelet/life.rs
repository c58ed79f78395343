//! Pods that somebody deletes.

use k8s_openapi::api::core::v1::Pod;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::json;

use crate::support::step;
use crate::{journey, printed, shell};

#[tokio::test]
async fn a_running_pod_that_is_deleted_is_replaced_and_one_that_has_succeeded_is_not() {
    let Some((space, node)) = journey("deleted").await else {
        return;
    };
    let script = "if [ -n \"${DONE-}\" ]; then echo done; exit; fi; trap 'exit 143' TERM; sleep 600 & wait";
    let optional = json!({"secrets": [{"name": "done", "env_var": "DONE", "key": "key", "optional": true}]});
    space.pipeline("edges", shell(node.preloaded_image(), script, optional)).await;
    let running = space.phase("edges", Phase::Running).await;
    let first = step(&running).unwrap().pod.clone().unwrap();

    space.secret("done", &["key"]).await;
    space.delete::<Pod>(&first).await;
    let is_replaced = |p: &Pipeline| step(p).is_some_and(|step| step.replacements == 1 && step.pod.is_some());
    let replaced = space.until("edges", "its Pod is replaced", is_replaced).await;
    let second = step(&replaced).unwrap().pod.clone().unwrap();
    assert_ne!(first, second);
    assert_eq!(printed(&space, "edges").await, "done\n");
    let done = space.phase("edges", Phase::Succeeded).await;
    let counted = step(&done).unwrap();
    assert_eq!((counted.attempts, counted.replacements), (0, 1));
    assert_eq!(done.status.as_ref().unwrap().run.as_ref().unwrap().number, 1);

    // Whatever the second deletion would start is started before the marker's Pod has ended.
    space.delete::<Pod>(&second).await;
    space.pipeline("marker", shell(node.preloaded_image(), "true", json!({}))).await;
    printed(&space, "marker").await;
    let pods: Vec<_> = space.pods().await.iter().map(crate::support::name_of).collect();
    assert!(pods.iter().all(|pod| pod.starts_with("marker-")), "{pods:?}");
    let after = space.api::<Pipeline>().get("edges").await.unwrap();
    assert_eq!(after.status, done.status);
}
