//! A Registry that comes when its image is long stuck: the Pod that waits for it starts at once, and nobody makes anything anew.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, ReferenceState, Trouble};
use lockgate::api::registry::Registry;
use serde_json::json;

use crate::support::{Space, name_of, step};
use crate::{has_begun, in_trouble, journey, kubelet_says, nothing_leaked, printed, shell};

/// Ten times as long as we want it to take: what is printed is the measure, this is the test.
const DEADLINE: Duration = Duration::from_secs(30);

/// Says what it has to say and runs for a while, so that it is seen to run.
const LINGER: &str = "echo pulled; sleep 2";

async fn registry(space: &Space, name: &str, host: &str, secret: &str) {
    let object = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry", "metadata": {"name": name},
        "spec": {"host": host, "secret": {"name": secret}},
    });
    space.api::<Registry>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// Waits until the Registry is said to be so, as `status/reason`, with so many Pipelines that use it.
async fn is_said(space: &Space, name: &str, ready: &str, used_by: i32) {
    let is_so = |registry: &Registry| {
        let Some(status) = &registry.status else { return false };
        status.used_by == Some(used_by) && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == ready)
    };
    space.until(name, &format!("Ready is {ready}, and {used_by} use it"), is_so).await;
}

/// Waits until it runs, and prints how long that took.
async fn runs(space: &Space, name: &str, since: Instant, what: &str) {
    has_begun(space, name).await;
    let took = since.elapsed();
    println!("{what}: {name} ran {:.1} s later (goal: 3 s)", took.as_secs_f64());
    assert!(took < DEADLINE, "{took:?}");
}

/// By which ways it has pull secrets, with their states.
fn ways(pipeline: &Pipeline) -> Vec<(String, ReferenceState)> {
    let rows = pipeline.status.iter().flat_map(|status| &status.references);
    rows.filter_map(|row| Some((row.via.clone()?, row.state))).filter(|(via, _)| via.starts_with("registry/")).collect()
}

#[tokio::test]
async fn one_that_comes_late_starts_what_is_stuck_and_leaves_alone_what_runs() {
    let Some((space, node)) = journey("registry-late").await else {
        return;
    };
    let private = node.registry();
    space.pull_secret("regcred", &private.docker_config_json()).await;
    // Another Pipeline's Pod of the same host, which has credentials of its own.
    let steady = json!({"image": private.push_busybox("registry-late/steady:1").unwrap(),
        "cmd": ["sleep", "3600"], "image_pull_secrets": ["regcred"]});
    space.pipeline("steady", json!({"mode": "Service", "transform": steady})).await;
    space.phase("steady", Phase::Running).await;
    let before = space.pod_of("steady").await;

    let image = private.push_busybox("registry-late/app:1").unwrap();
    space.pipeline("late", shell(&image, LINGER, json!({}))).await;
    in_trouble(&space, "late", Trouble::ImageUnauthorized).await;
    kubelet_says(&space, &name_of(&space.pod_of("late").await), "ImagePullBackOff").await;
    let made = Instant::now();
    registry(&space, "private", private.host(), "regcred").await;
    runs(&space, "late", made, "a Registry for an image in backoff").await;

    assert_eq!(printed(&space, "late").await, "pulled\n");
    let done = space.phase("late", Phase::Succeeded).await;
    assert_eq!(ways(&done), [("registry/private".to_owned(), ReferenceState::Resolved)]);
    let ended = step(&done).unwrap();
    assert_eq!((ended.attempts, ended.replacements), (0, 1), "a fresh Pod, and no try lost");
    is_said(&space, "private", "True", 2).await;
    let after: Pod = space.pod_of("steady").await;
    assert_eq!(after.uid(), before.uid(), "what runs is left alone");
    assert!(after.metadata.deletion_timestamp.is_none());
    nothing_leaked(&space).await;
}

#[tokio::test]
async fn one_whose_secret_comes_late_does_the_same() {
    let Some((space, node)) = journey("registry-secret-late").await else {
        return;
    };
    let private = node.registry();
    registry(&space, "private", private.host(), "regcred").await;
    let image = private.push_busybox("registry-secret-late/app:1").unwrap();
    // Its only reference that gates is there: a Registry's own is none.
    space.secret("db", &["password"]).await;
    let db = json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    space.pipeline("late", shell(&image, LINGER, db)).await;
    in_trouble(&space, "late", Trouble::ImageUnauthorized).await;
    is_said(&space, "private", "False", 1).await;
    let made = Instant::now();
    space.pull_secret("regcred", &private.docker_config_json()).await;
    runs(&space, "late", made, "the Secret of a Registry").await;
    assert_eq!(printed(&space, "late").await, "pulled\n");
    is_said(&space, "private", "True", 1).await;
    nothing_leaked(&space).await;
}

#[tokio::test]
async fn a_changed_one_and_two_of_one_host_are_what_the_kubelet_makes_of_them() {
    let Some((space, node)) = journey("registry-changed").await else {
        return;
    };
    let private = node.registry();
    let wrong = json!({"auths": {private.host(): {"username": private.username(), "password": "canary-wrong"}}});
    space.pull_secret("wrong", &wrong.to_string()).await;
    space.pull_secret("right", &private.docker_config_json()).await;
    registry(&space, "first", private.host(), "wrong").await;
    let image = |name: &str| private.push_busybox(&format!("registry-changed/{name}:1")).unwrap();
    space.pipeline("one", shell(&image("one"), LINGER, json!({}))).await;
    in_trouble(&space, "one", Trouble::ImageUnauthorized).await;
    // The second is offered after the first, which is refused.
    let made = Instant::now();
    registry(&space, "second", private.host(), "right").await;
    runs(&space, "one", made, "a second Registry for the host").await;
    let done = space.phase("one", Phase::Succeeded).await;
    let both = ["first", "second"].map(|name| (format!("registry/{name}"), ReferenceState::Resolved));
    assert_eq!(ways(&done), both, "oldest first");

    space.delete::<Registry>("second").await;
    space.pipeline("two", shell(&image("two"), LINGER, json!({}))).await;
    in_trouble(&space, "two", Trouble::ImageUnauthorized).await;
    let changed = Instant::now();
    let patch = Patch::Merge(json!({"spec": {"secret": {"name": "right"}}}));
    space.api::<Registry>().patch("first", &PatchParams::default(), &patch).await.unwrap();
    runs(&space, "two", changed, "a Registry that names another Secret").await;
    // One whose host only looks like it gives nothing.
    let port = private.host().rsplit(':').next().unwrap();
    space.delete::<Registry>("first").await;
    registry(&space, "look-alike", &format!("localhost:{port}"), "right").await;
    space.pipeline("three", shell(&image("three"), LINGER, json!({}))).await;
    let said = in_trouble(&space, "three", Trouble::ImageUnauthorized).await;
    assert!(said.contains("no pull secret is named"), "{said}");
    is_said(&space, "look-alike", "True", 0).await;
    nothing_leaked(&space).await;
}
