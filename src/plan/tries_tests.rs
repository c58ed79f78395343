//! Retries, timeouts and Pods that are taken away: each sentence of the page as a small world.

use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};

use super::plan;
use super::tests::{Story, at, story};
use crate::model::run::PodIdentity;
use crate::model::world::PodPhase;
use crate::report;

/// A Pipeline without references and with these policies.
fn with(policies: &Value) -> Story {
    let mut spec = json!({"transform": {"image": "a"}});
    spec.as_object_mut().unwrap().extend(policies.as_object().unwrap().clone());
    story(&spec)
}

impl Story {
    /// A Pod of this attempt and replacement.
    fn try_of(self, attempt: i32, replacement: i32, phase: PodPhase) -> Self {
        self.pod(1, replacement, phase).last_pod(|pod| {
            let id = PodIdentity { run: 1, step: "main".into(), index: 0, attempt, replacement };
            pod.name = id.pod_name("edges", "uid-edges");
            pod.uid = format!("uid-pod-{attempt}-{replacement}");
            pod.identity = Some(id);
        })
    }

    /// A Pod of this attempt that failed.
    fn failed(self, attempt: i32, finished: i64) -> Self {
        self.try_of(attempt, 0, PodPhase::Failed).ended(3, finished)
    }

    fn later(self, seconds: i64) -> Self {
        self.with(|world| world.now = at(seconds))
    }

    /// The attempt and replacement of the Pod that is created.
    fn next(&self) -> String {
        let plan = plan(&self.0);
        let labels = plan.create.first().and_then(|pod| pod.metadata.labels.clone());
        labels.map_or_else(
            || self.line(),
            |l| format!("a{} r{}", l["lockgate.dev/attempt"], l["lockgate.dev/replacement"]),
        )
    }

    fn message(&self) -> String {
        plan(&self.0).verdict.message
    }
}

#[test]
fn a_failed_try_is_followed_by_a_pause_and_then_by_a_fresh_pod() {
    let failed = || with(&json!({"retries": 2})).failed(0, 0);
    assert_eq!(failed().line(), "Starting/RetryBackoff run 1");
    assert!(failed().message().contains("try 2 of 3 comes at"), "{}", failed().message());
    let next = plan(&failed().0).look_again.unwrap();
    assert!((at(5)..=at(10)).contains(&next), "{next}");
    assert_eq!(failed().later(10).next(), "a1 r0");
}

#[test]
fn last_words_stand_in_the_message_where_the_spec_lets_them() {
    let said = |policies: &Value, phase, code| {
        let ended = with(policies).try_of(0, 0, phase).ended(code, 0);
        ended.last_pod(|pod| pod.terminated.as_mut().unwrap().last_words = Some("disk full".into())).message()
    };
    let on = json!({});
    assert!(said(&on, PodPhase::Failed, 3).contains("ended with exit code 3; it said: \"disk full\": kubectl logs"));
    assert!(said(&on, PodPhase::Succeeded, 0).ends_with("ended with exit code 0; it said: \"disk full\""));
    assert!(said(&json!({"retries": 1}), PodPhase::Failed, 3).contains("it said: \"disk full\"; try 2 of 2"));
    let off = json!({"termination_message": false});
    for phase in [PodPhase::Failed, PodPhase::Succeeded] {
        assert!(!said(&off, phase, 3).contains("disk full"));
    }
}

#[test]
fn the_pause_doubles() {
    let second = with(&json!({"retries": 5})).failed(1, 0);
    let next = plan(&second.0).look_again.unwrap();
    assert!((at(10)..=at(20)).contains(&next), "{next}");
}

#[test]
fn when_no_try_is_left_the_run_failed() {
    let last = with(&json!({"retries": 2})).failed(0, -60).failed(1, -30).failed(2, -1);
    assert_eq!(last.line(), "Failed/PodFailed run 1; result bad");
    assert!(last.message().starts_with("3 tries failed, the last: "), "{}", last.message());
    assert_eq!(plan(&last.0).steps[0].attempts, 3);
    assert_eq!(with(&json!({})).failed(0, -1).line(), "Failed/PodFailed run 1; result bad");
}

#[test]
fn a_retry_that_succeeds_is_the_result() {
    let good = with(&json!({"retries": 2})).failed(0, -60).try_of(1, 0, PodPhase::Succeeded);
    assert_eq!(good.line(), "Succeeded/Succeeded run 1; result good");
}

#[test]
fn a_retry_passes_the_gate_too() {
    let spec = json!({"retries": 2, "transform": {"image": "a", "secrets": [{"name": "db", "env_prefix": ""}]}});
    assert_eq!(story(&spec).absent("db").failed(0, -60).line(), "Waiting/WaitingForSecrets run 1");
    assert_eq!(story(&spec).secret("db", &[]).failed(0, -60).next(), "a1 r0");
}

#[test]
fn a_try_is_counted_though_its_pod_is_gone() {
    // Recorded while the Pod was there; then somebody cleaned up.
    let pausing = with(&json!({"retries": 2})).failed(0, 0).settle();
    let cleaned = pausing.with(|world| world.pods.clear());
    assert_eq!(cleaned.line(), "Starting/RetryBackoff run 1");
    assert_eq!(cleaned.clone().later(10).next(), "a1 r0");
    let next = |story: &Story| plan(&story.0).look_again;
    assert_eq!(next(&cleaned), next(&with(&json!({"retries": 2})).failed(0, 0)));
}

#[test]
fn a_pod_of_a_retry_that_vanished_is_replaced_within_that_try() {
    let gone =
        with(&json!({"retries": 2})).failed(0, -60).try_of(1, 0, PodPhase::Running).last_pod(|pod| pod.gone = true);
    assert_eq!(gone.next(), "a1 r1");
}

#[test]
fn an_evicted_pod_is_replaced_and_does_not_count() {
    let evicted = || {
        with(&json!({})).try_of(0, 0, PodPhase::Failed).ended(137, -5).last_pod(|pod| pod.disrupted_at = Some(at(-5)))
    };
    assert_eq!(evicted().next(), "a0 r1");
    assert_eq!(plan(&evicted().0).steps[0].attempts, 0);
}

#[test]
fn pods_that_are_taken_away_again_and_again_are_made_ever_more_slowly() {
    let fifth =
        with(&json!({})).try_of(0, 4, PodPhase::Failed).ended(137, 0).last_pod(|pod| pod.disrupted_at = Some(at(0)));
    assert_eq!(fifth.line(), "Starting/RetryBackoff run 1");
    assert_eq!(fifth.later(16).next(), "a0 r5");
}

#[test]
fn a_run_ends_at_its_timeout() {
    // The Pod was created 30 s ago.
    let running = |timeout: &str| with(&json!({"timeout": timeout, "retries": 9})).pod(1, 0, PodPhase::Running);
    assert_eq!(running("1m").line(), "Running/PodsRunning run 1");
    assert_eq!(plan(&running("1m").0).look_again, Some(at(30)));
    assert_eq!(running("30s").line(), "Running/PodsRunning run 1; delete uid-pod-1-0");
    // What it comes to by being deleted is no try.
    let ended = running("30s").settle().with(|world| world.pods[0].gone = true);
    assert_eq!(ended.line(), "Failed/TimedOut run 1; result bad");
    // Nor does a pause outlive it.
    assert_eq!(with(&json!({"timeout": "30s", "retries": 9})).failed(0, 0).line(), "Failed/TimedOut run 1; result bad");
}

#[test]
fn a_success_at_the_last_moment_is_a_success() {
    let done = with(&json!({"timeout": "1s"})).pod(1, 0, PodPhase::Succeeded).ended(0, -1);
    assert_eq!(done.line(), "Succeeded/Succeeded run 1; result good");
}

#[test]
fn a_pod_that_ends_well_because_its_time_is_over_has_not_done_its_work() {
    // The Pod was created 30 s ago, its time was over 10 s ago, and then its deletion was asked for.
    let ended = |timeout: &str, finished: i64| {
        with(&json!({"timeout": timeout, "retries": 9})).pod(1, 0, PodPhase::Succeeded).ended(0, finished).last_pod(
            |pod| {
                pod.deletion_requested_at = Some(at(-10));
                pod.gone = true;
            },
        )
    };
    assert_eq!(ended("20s", -8).line(), "Failed/TimedOut run 1; result bad");
    // It was done before.
    assert_eq!(ended("20s", -10).line(), "Succeeded/Succeeded run 1; result good");
    // Somebody else asked for it, and what a container says then stands.
    assert_eq!(ended("1m", -8).line(), "Succeeded/Succeeded run 1; result good");
    // So does what was said before, though it is seen late.
    assert_eq!(ended("20s", -12).settle().line(), "Succeeded/Succeeded run 1; result good");
}

#[test]
fn the_timeout_counts_from_the_first_pod_of_the_run() {
    // The first Pod is gone; status knows when it was created.
    let first = with(&json!({"timeout": "1m", "retries": 9})).failed(0, -25).settle();
    let second = first.with(|world| world.pods.clear()).try_of(1, 0, PodPhase::Running).last_pod(|pod| {
        pod.created_at = Some(at(5));
    });
    assert_eq!(plan(&second.clone().0).look_again, Some(at(30)));
    assert_eq!(second.later(30).line(), "Running/PodsRunning run 1; delete uid-pod-1-0");
}

#[test]
fn a_pod_that_does_not_start_in_time_is_a_failed_try() {
    let pending = |policies: Value| with(&policies).pod(1, 0, PodPhase::Pending);
    assert_eq!(pending(json!({"pending_timeout": "1m"})).line(), "Starting/PodsStarting run 1");
    assert_eq!(plan(&pending(json!({"pending_timeout": "1m"})).0).look_again, Some(at(30)));
    let given_up = || pending(json!({"pending_timeout": "30s", "retries": 1}));
    assert_eq!(given_up().line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
    let gone = given_up().settle().with(|world| world.pods[0].gone = true);
    assert_eq!(gone.line(), "Starting/RetryBackoff run 1");
    assert_eq!(gone.later(10).next(), "a1 r0");
    let last = pending(json!({"pending_timeout": "30s"})).settle().with(|world| world.pods[0].gone = true);
    assert_eq!(last.line(), "Failed/PodFailed run 1; result bad");
    assert!(last.message().contains("pending_timeout"), "{}", last.message());
}

#[test]
fn a_pod_that_a_person_deleted_before_its_time_is_no_failed_try() {
    let deleted = with(&json!({"pending_timeout": "1h"})).pod(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.deletion_requested_at = Some(at(-3));
        pod.gone = true;
    });
    assert_eq!(deleted.next(), "a0 r1");
}

#[test]
fn a_running_pod_is_not_bound_by_pending_timeout() {
    assert_eq!(
        with(&json!({"pending_timeout": "1s"})).pod(1, 0, PodPhase::Running).line(),
        "Running/PodsRunning run 1"
    );
}

#[test]
fn suspension_holds_back_a_retry() {
    assert_eq!(with(&json!({"retries": 2, "suspend": true})).failed(0, -60).line(), "Suspended/Suspended run 1");
}

#[test]
fn whatever_the_policies_a_settled_world_wants_nothing_and_a_restart_writes_nothing() {
    let policies = json!({"retries": 2, "timeout": "1h", "pending_timeout": "10m"});
    let stories = [
        with(&policies),
        with(&policies).failed(0, 0),
        with(&policies).failed(0, -60).failed(1, 0),
        with(&policies).failed(0, -60).failed(1, -30).failed(2, 0),
        with(&policies).pod(1, 0, PodPhase::Pending),
        with(&json!({"timeout": "10s"})).pod(1, 0, PodPhase::Running),
        with(&json!({"pending_timeout": "10s"})).pod(1, 0, PodPhase::Pending),
        with(&policies).try_of(0, 4, PodPhase::Failed).ended(137, 0).last_pod(|pod| pod.disrupted_at = Some(at(0))),
    ];
    for story in stories {
        let settled = story.settle();
        let again = plan(&settled.0);
        assert!(again.create.is_empty() && again.delete.is_empty(), "{}", settled.line());
        let restarted = settled.clone().with(|world| {
            world.now = world.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        });
        assert_eq!(report::status(&restarted.0, &plan(&restarted.0)), settled.0.recorded, "{}", settled.line());
    }
}
