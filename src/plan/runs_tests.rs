//! Runs: what starts one, what is told of it, and whose Pods are kept.

use serde_json::json;

use super::plan;
use super::tests::{Story, story};
use crate::api::reason::RunCause;
use crate::model::run::run_key;
use crate::model::world::PodPhase;
use crate::report;

fn simple() -> Story {
    story(&json!({"transform": {"image": "a"}}))
}

impl Story {
    /// Somebody sets the annotation.
    fn requested(self, at: &str) -> Self {
        let spec = serde_json::from_value(json!({"transform": {"image": "a"}})).unwrap();
        self.with(|world| world.run_key = run_key(&spec, Some(at)))
    }

    /// The spec is changed to this image.
    fn image(self, image: &str) -> Self {
        let spec = serde_json::from_value(json!({"transform": {"image": image}})).unwrap();
        self.with(|world| world.run_key = run_key(&spec, None))
    }

    /// The run's Pod is created, ends well, and that is recorded.
    fn run_through(self) -> Self {
        let created = self.settle();
        let ended = created.with(|world| world.pods.iter_mut().for_each(|pod| pod.phase = PodPhase::Succeeded));
        ended.settle()
    }

    fn told(&self) -> crate::api::status::PipelineStatus {
        report::status(&self.0, &plan(&self.0))
    }
}

#[test]
fn a_run_request_starts_an_unchanged_spec_once_more_and_is_echoed() {
    let done = simple().run_through();
    assert_eq!(done.line(), "Succeeded/Succeeded run 1; result good");
    assert_eq!(done.told().last_handled_run_request, None);
    let again = done.requested("2026-11-22T05:00:00Z");
    assert_eq!(again.line(), "Starting/PodsStarting run 2; create r0");
    let running = again.settle().told();
    assert_eq!(running.last_handled_run_request.as_deref(), Some("2026-11-22T05:00:00Z"));
    assert_eq!(running.run.unwrap().started_by, Some(RunCause::Requested));
}

#[test]
fn an_edit_there_and_back_again_is_two_new_runs() {
    let back = simple().run_through().image("b").run_through().image("a").settle();
    let status = back.told();
    assert_eq!(status.run.as_ref().unwrap().number, 3);
    assert_eq!(status.run.unwrap().started_by, Some(RunCause::SpecChanged));
    let past: Vec<_> = status.runs.iter().map(|run| (run.number, run.started_by, run.succeeded)).collect();
    assert_eq!(past, [(2, Some(RunCause::SpecChanged), Some(true)), (1, Some(RunCause::Created), Some(true))]);
}

#[test]
fn a_run_that_the_next_one_ended_has_no_result() {
    let ended = simple().settle().image("b").settle();
    let past = ended.told().runs;
    assert_eq!((past[0].number, past[0].succeeded), (1, None));
}

#[test]
fn ten_past_runs_are_listed() {
    let many = (0..14).fold(simple().run_through(), |story, i| story.image(&format!("i{i}")).run_through());
    let status = many.told();
    assert_eq!(status.run.unwrap().number, 15);
    assert_eq!(status.runs.iter().map(|run| run.number).collect::<Vec<_>>(), (5..15).rev().collect::<Vec<_>>());
}

/// The runs whose Pods are deleted.
fn deleted(story: &Story) -> Vec<String> {
    plan(&story.0).delete.into_iter().map(|pod| pod.uid).collect()
}

#[test]
fn the_pods_of_the_last_runs_are_kept() {
    let ended = |runs: std::ops::RangeInclusive<i64>| {
        let key = simple().key();
        runs.fold(simple().recorded_run(5, &key, None), |story, run| story.pod(run, 0, PodPhase::Succeeded))
    };
    // Run 5 is the current one; its result is not recorded yet, so it is not one of those that are counted.
    assert_eq!(deleted(&ended(3..=5)), [""; 0]);
    assert_eq!(deleted(&ended(1..=5)), ["uid-pod-1-0"]);
    let settled = ended(1..=5).settle();
    assert_eq!(deleted(&settled), ["uid-pod-2-0"]);
}

#[test]
fn with_a_limit_of_zero_a_pod_goes_once_its_result_is_recorded() {
    let spec = json!({"history_limit": 0, "transform": {"image": "a"}});
    let done = story(&spec).pod(1, 0, PodPhase::Succeeded);
    assert_eq!(deleted(&done), [""; 0]);
    let recorded = done.settle();
    assert_eq!(deleted(&recorded), ["uid-pod-1-0"]);
    let gone = recorded.settle().with(|world| world.pods.clear());
    assert_eq!(gone.line(), "Succeeded/Succeeded run 1; result good");
}

#[test]
fn a_live_pod_is_never_outdated() {
    let spec = json!({"history_limit": 0, "transform": {"image": "a"}});
    assert_eq!(deleted(&story(&spec).pod(1, 0, PodPhase::Running)), [""; 0]);
}
