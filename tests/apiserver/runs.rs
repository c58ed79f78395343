//! Runs on the real API server: asked for, counted, and their Pods cleaned up.

use kube::ResourceExt;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, RunCause};
use serde_json::json;

use crate::space;
use crate::support::{Space, name_of};

/// Waits for this run's Pod, lets it end well, and waits until that is recorded.
async fn run_through(space: &Space, number: i64) -> Pipeline {
    let current =
        move |p: &Pipeline| p.status.as_ref().and_then(|s| s.run.as_ref()).is_some_and(|run| run.number == number);
    let started = space
        .until("edges", &format!("the Pod of run {number}"), |p: &Pipeline| {
            current(p) && p.status.as_ref().and_then(|s| s.steps.first()).is_some_and(|s| s.pod_uid.is_some())
        })
        .await;
    space.pod_succeeds(started.status.unwrap().steps[0].pod.as_deref().unwrap()).await;
    space
        .until("edges", &format!("run {number} succeeded"), |p: &Pipeline| {
            current(p) && p.status.as_ref().and_then(|s| s.phase) == Some(Phase::Succeeded)
        })
        .await
}

#[tokio::test]
async fn a_request_runs_it_once_more_and_old_pods_go() {
    let space = space("runs").await;
    let spec = json!({"history_limit": 1, "transform": {"image": "registry.test/edges:1"}});
    space.pipeline("edges", spec).await;
    run_through(&space, 1).await;
    let request = |at: &str| json!({"metadata": {"annotations": {"lockgate.dev/run-requested-at": at}}});
    space.patch("edges", request("first")).await;
    let second = run_through(&space, 2).await.status.unwrap();
    assert_eq!(second.last_handled_run_request.as_deref(), Some("first"));
    assert_eq!(second.run.unwrap().started_by, Some(RunCause::Requested));
    // The same request again is no request; another one is.
    space.patch("edges", request("first")).await;
    space.patch("edges", request("second")).await;
    let third = run_through(&space, 3).await.status.unwrap();
    let past: Vec<_> = third.runs.iter().map(|run| (run.number, run.started_by, run.succeeded)).collect();
    assert_eq!(past, [(2, Some(RunCause::Requested), Some(true)), (1, Some(RunCause::Created), Some(true))]);

    // Of the runs that ended only the last one's Pod is kept.
    let kept = third.steps[0].pod.clone().unwrap();
    for pod in space.pods().await {
        if name_of(&pod) != kept {
            space.until_gone(&name_of(&pod), &pod.uid().unwrap()).await;
        }
    }
    assert_eq!(space.pods().await.iter().map(name_of).collect::<Vec<_>>(), [kept]);
}
