//! The table of `ttl_after_finished`: when the Pipeline itself goes.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::plan;
use super::tests::{Story, at, story};
use crate::api::reason::Phase;
use crate::api::status::PipelineStatus;
use crate::model::world::{PodPhase, Setback, SetbackKind};

/// Its run ended at 0 and may stay for an hour; now is so many seconds later.
fn ended(phase: PodPhase, now: i64) -> Story {
    with(&json!({"ttl_after_finished": "1h"}), phase, now)
}

fn with(policies: &Value, phase: PodPhase, now: i64) -> Story {
    let mut spec = json!({"transform": {"image": "a"}});
    spec.as_object_mut().unwrap().extend(policies.as_object().unwrap().clone());
    let code = i32::from(phase == PodPhase::Failed);
    story(&spec).pod(1, 0, phase).ended(code, 0).settle().with(|world| world.now = at(now))
}

/// Whether it goes now, and when to look again.
fn decided(story: &Story) -> (bool, Option<Timestamp>) {
    let plan = plan(&story.0);
    (plan.delete_subject, plan.look_again)
}

#[test]
fn it_goes_when_its_time_has_passed_however_its_run_ended() {
    for phase in [PodPhase::Succeeded, PodPhase::Failed] {
        assert_eq!(decided(&ended(phase, 3599)), (false, Some(at(3600))), "{phase:?}");
        assert_eq!(decided(&ended(phase, 3600)), (true, None), "{phase:?}");
        assert_eq!(decided(&ended(phase, 9_999_999)), (true, None), "{phase:?}");
    }
}

#[test]
fn without_the_field_it_stays() {
    assert_eq!(decided(&with(&json!({}), PodPhase::Succeeded, 9_999_999)), (false, None));
}

#[test]
fn it_does_not_go_before_its_result_stands_in_status() {
    let unrecorded = ended(PodPhase::Succeeded, 3600).with(|world| world.recorded = PipelineStatus::default());
    assert_eq!(decided(&unrecorded), (false, Some(at(3600))));
}

#[test]
fn what_runs_or_waits_stays() {
    let running = story(&json!({"transform": {"image": "a"}, "ttl_after_finished": "1h"})).pod(1, 0, PodPhase::Running);
    assert_eq!(decided(&running.with(|world| world.now = at(9_999_999))), (false, None));
}

#[test]
fn a_run_that_was_asked_for_before_then_keeps_it() {
    let again = ended(PodPhase::Succeeded, 3600).with(|world| world.run_key = format!("{}again", world.run_key));
    assert!(!plan(&again.0).delete_subject);
    assert_eq!(plan(&again.0).run.unwrap().number, 2);
    let suspended = with(&json!({"ttl_after_finished": "1h", "suspend": true}), PodPhase::Succeeded, 3600);
    let waits = suspended.with(|world| world.run_key = format!("{}again", world.run_key));
    assert_eq!(plan(&waits.0).verdict.phase, Phase::Suspended);
    assert_eq!(decided(&waits), (false, None));
}

#[test]
fn what_a_tool_manages_stays_and_says_why() {
    let managed = ended(PodPhase::Succeeded, 3600).with(|world| world.subject.managed_by = Some("Argo CD (its mark)"));
    assert_eq!(decided(&managed), (false, None));
    let plan = plan(&managed.0);
    assert!(
        plan.verdict.message.contains("because Argo CD (its mark) manages this Pipeline"),
        "{}",
        plan.verdict.message
    );
    assert!(!plan.verdict.result.unwrap().message.contains("Argo CD"), "the result itself stands as it is");
    let silent = with(&json!({}), PodPhase::Succeeded, 0).with(|world| world.subject.managed_by = Some("Argo CD"));
    assert!(!super::plan(&silent.0).verdict.message.contains("Argo CD"), "nothing was asked for");
}

#[test]
fn a_refused_deletion_is_told_and_tried_again_in_its_time() {
    let refused = |now| {
        ended(PodPhase::Succeeded, now).with(|world| {
            let message = "the API server answered 403".into();
            world.setback =
                Some(Setback { pod: "edges".into(), kind: SetbackKind::Refused, message, retry_at: at(4000) });
        })
    };
    assert_eq!(decided(&refused(3700)), (false, Some(at(4000))));
    assert!(plan(&refused(3700).0).verdict.message.ends_with("; the API server answered 403"));
    assert_eq!(decided(&refused(4000)), (true, None));
}
