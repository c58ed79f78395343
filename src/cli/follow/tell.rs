//! What a state of a Pipeline means for who follows one of its runs. Pure.

use serde_json::Value;

use super::End;
use crate::api::reason::{Phase, StepState};
use crate::api::status::{PipelineStatus, StepStatus};
use crate::controller::object::WirePipeline;

/// How far the run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It goes on.
    UnderWay,
    /// It has ended.
    Over(End),
    /// Another run took its place before it ended.
    Superseded,
}

/// One state of the Pipeline, for who follows one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Whether an operator has looked at it.
    pub is_handled: bool,
    /// What there is to say.
    pub line: Option<String>,
    /// The Pods whose containers run or ran, and what stands before each line of their logs.
    pub running: Vec<(String, String)>,
    /// How far the run is.
    pub stage: Stage,
}

impl Moment {
    /// Reads a state with this run in mind.
    pub(super) fn of(state: &WirePipeline, run: i64) -> Self {
        let Some(status) = status(state) else {
            let end = End::Bad("its status cannot be read: it was written by another version of Lockgate".to_owned());
            return Self { is_handled: true, line: None, running: Vec::new(), stage: Stage::Over(end) };
        };
        let current = status.run.as_ref().map_or(0, |run| run.number);
        let stage = match current {
            number if number > run => Stage::Superseded,
            number => stage(state, &status, number == run),
        };
        let is_its_own = current == run && stage != Stage::Superseded;
        let message = message(&status);
        let line = status.phase.filter(|_| is_its_own && !matches!(stage, Stage::Over(End::Bad(_))));
        Self {
            is_handled: status.observed_generation.is_some(),
            line: line.map(|phase| format!("{phase}: {message}")),
            running: if is_its_own { running(&status.steps) } else { Vec::new() },
            stage,
        }
    }
}

/// The number of the run that this request asked for, once the operator has taken it up.
pub(super) fn run_of(state: &WirePipeline, request: &str) -> Option<i64> {
    let status = status(state)?;
    (status.last_handled_run_request.as_deref() == Some(request)).then_some(status.run?.number)
}

/// `None`: of another form than this version knows.
fn status(state: &WirePipeline) -> Option<PipelineStatus> {
    if state.status.is_null() {
        return Some(PipelineStatus::default());
    }
    serde_json::from_value(state.status.clone()).ok()
}

fn message(status: &PipelineStatus) -> String {
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    ready.map(|ready| ready.message.clone()).unwrap_or_default()
}

fn stage(state: &WirePipeline, status: &PipelineStatus, is_its_own: bool) -> Stage {
    let result = status.run.as_ref().and_then(|run| run.result.as_ref()).filter(|_| is_its_own);
    if let Some(result) = result {
        return Stage::Over(if result.succeeded { End::Good } else { End::Bad(result.message.clone()) });
    }
    let is_true = |type_: &str| status.conditions.iter().any(|c| c.type_ == type_ && c.status == "True");
    let is_service = state.spec.get("mode").and_then(Value::as_str) == Some("Service");
    if is_service && is_its_own && status.phase == Some(Phase::Running) && is_true("Ready") {
        return Stage::Over(End::Good);
    }
    // A spec that nothing can be done with has no run: its last word is this one.
    let is_current = status.observed_generation == state.metadata.generation;
    if status.phase == Some(Phase::Failed) && is_true("Stalled") && is_current && status.run.is_none() {
        return Stage::Over(End::Bad(message(status)));
    }
    Stage::UnderWay
}

fn running(steps: &[StepStatus]) -> Vec<(String, String)> {
    let started =
        |step: &&StepStatus| matches!(step.state, StepState::Running | StepState::Succeeded | StepState::Failed);
    let prefix = |step: &StepStatus| if steps.len() > 1 { format!("[{}] ", step.name) } else { String::new() };
    steps.iter().filter(started).filter_map(|step| Some((step.pod.clone()?, prefix(step)))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(mode: &str, status: &Value) -> WirePipeline {
        let whole = json!({"metadata": {"name": "edges", "generation": 2}, "spec": {"mode": mode}, "status": status});
        serde_json::from_value(whole).unwrap()
    }

    fn condition(type_: &str, status: &str, message: &str) -> Value {
        json!({"type": type_, "status": status, "reason": "x", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    /// The second run, in this phase.
    fn in_phase(phase: &str, more: &Value) -> Value {
        let mut status = json!({
            "observedGeneration": 2, "phase": phase, "run": {"number": 2, "key": "v1:a/now"},
            "conditions": [condition("Ready", if phase == "Running" { "True" } else { "False" }, "because")],
        });
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        status
    }

    fn stage_of(mode: &str, status: &Value) -> Stage {
        Moment::of(&state(mode, status), 2).stage
    }

    #[test]
    fn nothing_is_said_before_the_operator_has_looked_nor_of_another_run() {
        for status in
            [Value::Null, json!({"observedGeneration": 2, "phase": "Succeeded", "run": {"number": 1, "key": "k"}})]
        {
            let moment = Moment::of(&state("Job", &status), 2);
            assert_eq!((moment.line, moment.stage), (None, Stage::UnderWay), "{status}");
            assert_eq!(moment.is_handled, !status.is_null());
        }
    }

    #[test]
    fn what_is_waited_for_is_said_with_the_phase() {
        let moment = Moment::of(&state("Job", &in_phase("Waiting", &json!({}))), 2);
        assert_eq!((moment.line.as_deref(), moment.stage), (Some("Waiting: because"), Stage::UnderWay));
    }

    #[test]
    fn a_run_ends_with_its_result() {
        let result = |succeeded: bool| {
            let result = json!({"succeeded": succeeded, "reason": "PodFailed", "message": "exit code 3"});
            in_phase(
                if succeeded { "Succeeded" } else { "Failed" },
                &json!({"run": {"number": 2, "key": "k", "result": result}}),
            )
        };
        assert_eq!(stage_of("Job", &result(true)), Stage::Over(End::Good));
        assert_eq!(stage_of("Job", &result(false)), Stage::Over(End::Bad("exit code 3".into())));
        // The command's error says it.
        assert_eq!(Moment::of(&state("Job", &result(false)), 2).line, None);
    }

    #[test]
    fn a_service_is_there_when_it_is_ready_and_a_job_is_not() {
        assert_eq!(stage_of("Service", &in_phase("Running", &json!({}))), Stage::Over(End::Good));
        assert_eq!(stage_of("Service", &in_phase("Starting", &json!({}))), Stage::UnderWay);
        assert_eq!(stage_of("Job", &in_phase("Running", &json!({}))), Stage::UnderWay);
    }

    #[test]
    fn a_later_run_takes_its_place() {
        assert_eq!(
            stage_of("Job", &in_phase("Running", &json!({"run": {"number": 3, "key": "k"}}))),
            Stage::Superseded
        );
    }

    #[test]
    fn what_cannot_be_run_at_all_is_an_end() {
        let stalled = |generation: i64| {
            json!({"observedGeneration": generation, "phase": "Failed",
                "conditions": [condition("Ready", "False", "bad image"), condition("Stalled", "True", "x")]})
        };
        assert_eq!(stage_of("Job", &stalled(2)), Stage::Over(End::Bad("bad image".into())));
        assert_eq!(stage_of("Job", &stalled(1)), Stage::UnderWay, "of the spec before");
        assert!(matches!(stage_of("Job", &json!({"phase": "Levitating"})), Stage::Over(End::Bad(_))));
    }

    #[test]
    fn logs_come_from_pods_that_run_or_ran() {
        let step = |name: &str, state: &str| json!({"name": name, "state": state, "pod": format!("edges-{name}"), "parallelism": 1, "attempts": 0, "replacements": 0});
        let one = in_phase("Running", &json!({"steps": [step("main", "Running")]}));
        assert_eq!(Moment::of(&state("Job", &one), 2).running, [("edges-main".to_owned(), String::new())]);
        let steps = [step("a", "Succeeded"), step("b", "Running"), step("c", "Starting"), step("d", "Waiting")];
        let graph = in_phase("Running", &json!({"steps": steps}));
        let with = |name: &str| (format!("edges-{name}"), format!("[{name}] "));
        assert_eq!(Moment::of(&state("Job", &graph), 2).running, [with("a"), with("b")]);
    }

    #[test]
    fn a_request_is_taken_up_when_status_has_it() {
        let status = in_phase("Starting", &json!({"lastHandledRunRequest": "now"}));
        assert_eq!(run_of(&state("Job", &status), "now"), Some(2));
        assert_eq!(run_of(&state("Job", &status), "later"), None);
    }
}
