//! Suspend and resume at every moment: nothing starts, what lives is left alone, and it goes on where it stood.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::json;

use crate::moments::{Moment, first_pod_name, marker, pod_name};
use crate::support::audit::{Audit, tally};
use crate::support::{Space, condition, step};
use crate::{audit, space};

/// Sets `suspend` and waits until that was seen.
async fn suspend(space: &Space, name: &str, suspend: bool) -> Pipeline {
    let patched = space.patch(name, json!({"spec": {"suspend": suspend}})).await;
    let seen = |p: &Pipeline| p.status.as_ref().and_then(|s| s.observed_generation) == patched.metadata.generation;
    space.until(name, "suspend is observed", seen).await
}

fn phase(pipeline: &Pipeline) -> Phase {
    pipeline.status.as_ref().unwrap().phase.unwrap()
}

/// Nothing starts, what lives is left alone, and a toggle costs one status and nothing else.
async fn toggled(audit: &mut Audit) {
    let space = space("toggled").await;
    let states = [
        ("waits", Moment::Waits, Phase::Suspended, Phase::Waiting),
        ("starts", Moment::Starts, Phase::Starting, Phase::Starting),
        ("runs", Moment::Runs, Phase::Running, Phase::Running),
        ("ended", Moment::Ended, Phase::Succeeded, Phase::Succeeded),
    ];
    let uids = |pods: Vec<Pod>| pods.iter().map(|pod| pod.uid().unwrap()).collect::<std::collections::BTreeSet<_>>();
    for (name, moment, _, _) in states {
        moment.reach(&space, name).await;
    }
    // There is no node here: once the scheduler has said so it says nothing else.
    for name in ["starts", "runs"] {
        space.until::<Pod>(&pod_name(&space.api().get(name).await.unwrap()), "no node", scheduler_spoke).await;
    }
    marker(&space, "marker").await;
    let pods = uids(space.pods().await);
    audit.settle(&space.client).await;
    let begun = Timestamp::now();
    for round in 0..3 {
        for (name, _, while_suspended, resumed) in states {
            assert_eq!(phase(&suspend(&space, name, true).await), while_suspended, "{name}, round {round}");
            assert_eq!(phase(&suspend(&space, name, false).await), resumed, "{name}, round {round}");
        }
    }
    audit.settle(&space.client).await;
    let entries = audit.since(begun).into_iter().filter(|e| e.namespace() == space.name).collect::<Vec<_>>();
    assert_eq!(
        serde_json::to_value(tally(&entries)).unwrap(),
        json!({"patch pipelines/status 200": 3 * 2 * states.len()}),
        "a toggle costs one status and nothing else"
    );
    assert_eq!(uids(space.pods().await), pods);
}

fn scheduler_spoke(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "PodScheduled" && c.status == "False"))
}

#[tokio::test]
async fn a_secret_that_comes_starts_nothing_while_suspended_and_all_goes_on_where_it_stood() {
    let space = space("resumed").await;
    let begun = Timestamp::now();
    let mut audit = audit().await;
    Moment::Suspended.reach(&space, "never-began").await;
    Moment::Waits.reach(&space, "waits").await;
    let pauses = Moment::Pauses.reach(&space, "pauses").await;
    let ends = Moment::Starts.reach(&space, "ends").await;
    for name in ["waits", "pauses", "ends"] {
        suspend(&space, name, true).await;
    }
    space.secret("nowhere", &["x"]).await;
    space
        .until("waits", "its Secret is seen", |p: &Pipeline| condition(p, "SecretsResolved") == "True/AllResolved")
        .await;
    // Its Pod goes, and is not replaced. Not before: the controller manager's garbage collector calls a Pod failed that is being
    // deleted and has no node (gcUnscheduledTerminating), and a failed one would be replaced.
    space.delete::<Pod>(&pod_name(&ends)).await;
    space.phase("ends", Phase::Suspended).await;
    // The pause is over after 10 s at most.
    let pause = tokio::time::sleep(Duration::from_secs(10));
    toggled(&mut audit).await;
    pause.await;
    marker(&space, "marker").await;
    audit.settle(&space.client).await;
    let mut made: Vec<String> = audit
        .since(begun)
        .iter()
        .filter(|e| e.namespace() == space.name && e.kind() == "create pods")
        .map(|e| e.name().to_owned())
        .filter(|name| !name.starts_with("marker"))
        .collect();
    made.sort();
    assert_eq!(made, [pod_name(&ends), first_pod_name(&pauses)], "nothing but what was there before");

    for (name, tries) in [("never-began", (0, 0)), ("waits", (0, 0)), ("pauses", (1, 0)), ("ends", (0, 1))] {
        suspend(&space, name, false).await;
        let resumed = space.until(name, "its Pod", |p: &Pipeline| phase(p) == Phase::Starting && has_pod(p)).await;
        let step = step(&resumed).unwrap();
        assert_eq!((step.attempts, step.replacements), tries, "{name}");
    }
}

fn has_pod(pipeline: &Pipeline) -> bool {
    step(pipeline).is_some_and(|step| step.pod_uid.is_some())
}
