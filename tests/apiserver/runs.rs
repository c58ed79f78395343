//! Runs on the real API server: asked for, counted, and their Pods cleaned up.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, RunCause, Trouble};
use lockgate::api::status::PipelineStatus;
use serde_json::json;

use crate::support::audit::tally;
use crate::support::{Space, name_of, phase_of, step};
use crate::{audit, space};

/// Waits for this run's Pod, lets it end well, and waits until that is recorded.
async fn run_through(space: &Space, number: i64) -> Pipeline {
    let current =
        move |p: &Pipeline| p.status.as_ref().and_then(|s| s.run.as_ref()).is_some_and(|run| run.number == number);
    let started = space
        .until("edges", &format!("the Pod of run {number}"), |p: &Pipeline| {
            current(p) && p.status.as_ref().and_then(|s| s.steps.first()).is_some_and(|s| s.pod_uid.is_some())
        })
        .await;
    let pod = started.status.unwrap().steps[0].pod.clone().unwrap();
    // The scheduler speaks first, so that what is told does not depend on who is quicker.
    space
        .until("edges", "no node takes it", |p: &Pipeline| {
            current(p) && step(p).is_some_and(|step| step.trouble == Some(Trouble::Unschedulable))
        })
        .await;
    space.pod_succeeds(&pod).await;
    space
        .until("edges", &format!("run {number} succeeded"), |p: &Pipeline| {
            current(p) && phase_of(p) == Some(Phase::Succeeded)
        })
        .await
}

/// Waits until this run's Pod is the only one.
async fn only(space: &Space, run: &PipelineStatus) {
    let kept = run.steps[0].pod.clone().unwrap();
    for pod in space.pods().await {
        if name_of(&pod) != kept {
            space.until_gone(&name_of(&pod), &pod.uid().unwrap()).await;
        }
    }
    assert_eq!(space.pods().await.iter().map(name_of).collect::<Vec<_>>(), [kept]);
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
    only(&space, &second).await;
    assert_eq!(second.last_handled_run_request.as_deref(), Some("first"));
    assert_eq!(second.run.unwrap().started_by, Some(RunCause::Requested));
    // The same request again is no request, nor is its end; another one is. The other field shows that it was looked at.
    space.patch("edges", request("first")).await;
    let without = json!({"metadata": {"annotations": {"lockgate.dev/run-requested-at": null}}, "spec": {"retries": 1}});
    let generation = space.patch("edges", without).await.metadata.generation;
    let seen = move |p: &Pipeline| p.status.as_ref().and_then(|s| s.observed_generation) == generation;
    let still = space.until("edges", "it was looked at", seen).await.status.unwrap();
    assert_eq!((still.run.unwrap().number, still.last_handled_run_request.as_deref()), (2, Some("first")));
    let begun = Timestamp::now();
    space.patch("edges", request("second")).await;
    let third = run_through(&space, 3).await.status.unwrap();
    let past: Vec<_> = third.runs.iter().map(|run| (run.number, run.started_by, run.succeeded)).collect();
    assert_eq!(past, [(2, Some(RunCause::Requested), Some(true)), (1, Some(RunCause::Created), Some(true))]);

    // Of the runs that ended only the last one's Pod is kept.
    only(&space, &third).await;

    let mut audit = audit().await;
    audit.settle(&space.client).await;
    let mut asked = audit.since(begun);
    asked.retain(|entry| entry.namespace() == space.name && entry.is_write());
    let asked: Vec<_> = tally(&asked).into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    assert_eq!(
        asked,
        ["1 create events 201", "1 create pods 201", "1 delete pods 200", "3 patch pipelines/status 200"],
        "its Pod, its beginning, that no node takes it, its end; then the Pod of the run before goes"
    );
}
