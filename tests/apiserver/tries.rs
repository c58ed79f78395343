//! Retries and deadlines on the real API server: each Pod once, each try counted once, also over a restart.

use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Reason};
use serde_json::{Value, json};

use crate::space;
use crate::support::{Space, condition, failed_now, message, name_of};

fn with(policies: &Value) -> Value {
    let mut spec = json!({"transform": {"image": "registry.test/edges:1", "cmd": ["true"]}});
    spec.as_object_mut().unwrap().extend(policies.as_object().unwrap().clone());
    spec
}

/// The Pod of the step, once it is the one of this attempt and replacement.
async fn pod_of_try(space: &Space, pipeline: &str, attempts: i32, replacements: i32) -> String {
    let found = space
        .until(pipeline, &format!("Pod a{attempts} r{replacements}"), |p: &Pipeline| {
            p.status
                .as_ref()
                .and_then(|s| s.steps.first())
                .is_some_and(|s| s.pod_uid.is_some() && (s.attempts, s.replacements) == (attempts, replacements))
        })
        .await;
    found.status.unwrap().steps[0].pod.clone().unwrap()
}

#[tokio::test]
async fn a_failed_pod_is_tried_again_under_another_name_and_its_log_is_kept() {
    let space = space("tries").await;
    space.pipeline("edges", with(&json!({"retries": 1}))).await;
    let first = pod_of_try(&space, "edges", 0, 0).await;
    space.pod_status(&first, failed_now(3)).await;
    let pausing = space.until("edges", "a pause", |p: &Pipeline| condition(p, "Ready") == "False/RetryBackoff").await;
    assert!(message(&pausing).contains("exit code 3; try 2 of 2 comes at"), "{}", message(&pausing));
    assert_eq!(pausing.status.as_ref().unwrap().phase, Some(Phase::Starting));
    let second = pod_of_try(&space, "edges", 1, 0).await;
    assert_ne!(first, second);
    space.pod_status(&second, failed_now(4)).await;
    let failed = space.phase("edges", Phase::Failed).await;
    assert_eq!(condition(&failed, "Ready"), format!("False/{}", Reason::PodFailed));
    assert!(message(&failed).starts_with("2 tries failed, the last: "), "{}", message(&failed));
    assert_eq!(failed.status.unwrap().steps[0].exit_code, Some(4));
    let mut names: Vec<_> = space.pods().await.iter().map(name_of).collect();
    names.sort();
    let mut expected = vec![first, second];
    expected.sort();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn an_evicted_pod_is_replaced_and_counts_as_no_try() {
    let space = space("evicted").await;
    space.pipeline("edges", with(&json!({}))).await;
    let first = pod_of_try(&space, "edges", 0, 0).await;
    space
        .pod_status(
            &first,
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
        )
        .await;
    let second = pod_of_try(&space, "edges", 0, 1).await;
    space.pod_succeeds(&second).await;
    let done = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(done.status.unwrap().steps[0].attempts, 0);
}

#[tokio::test]
async fn a_pod_that_does_not_start_in_time_is_given_up() {
    let space = space("pending").await;
    // There is no node, so it never starts.
    space.pipeline("edges", with(&json!({"pending_timeout": "2s"}))).await;
    let failed = space.phase("edges", Phase::Failed).await;
    assert!(message(&failed).contains("did not start within pending_timeout"), "{}", message(&failed));
    assert!(space.pods().await.is_empty());
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_ended() {
    let space = space("timed-out").await;
    space.pipeline("edges", with(&json!({"timeout": "2s", "retries": 5}))).await;
    let pod = space.pod_of("edges").await;
    space.pod_status(&name_of(&pod), json!({"phase": "Running"})).await;
    let failed = space.phase("edges", Phase::Failed).await;
    assert_eq!(condition(&failed, "Ready"), format!("False/{}", Reason::TimedOut));
    assert!(space.pods().await.is_empty());
}
