//! Graphs of steps and steps of several Pods: each sentence of the page as a small world.

use serde_json::{Value, json};

use super::tests::{Story, at, story};
use super::{References, plan};
use crate::api::reason::Reason;
use crate::model::run::PodIdentity;
use crate::model::secret::SecretKnowledge;
use crate::model::world::{PodFacts, PodPhase, Setback, SetbackKind, Termination};

/// `extract`, then `load` and `index` side by side, then `report`; each needs another Secret.
pub(super) fn graph() -> Story {
    graph_with(&json!({}))
}

pub(super) fn graph_with(more: &Value) -> Story {
    let step = |name: &str, needs: Value| {
        json!({"name": name, "needs": needs, "image": "a",
            "secrets": [{"name": format!("of-{name}"), "env_prefix": ""}]})
    };
    let mut spec = json!({"steps": [
        step("extract", json!([])), step("load", json!(["extract"])), step("index", json!(["extract"])),
        step("report", json!(["load", "index"])),
    ]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let all = ["of-extract", "of-load", "of-index", "of-report"];
    all.iter().fold(story(&spec), |story, secret| story.secret(secret, &["a"]))
}

impl Story {
    /// The Pod of a step, index and attempt of run 1, in this phase.
    pub(super) fn of(self, step: &str, index: i32, attempt: i32, phase: PodPhase) -> Self {
        let id = PodIdentity { run: 1, step: step.into(), index, attempt, replacement: 0 };
        let name = id.pod_name("edges", "uid-edges");
        self.with(|world| {
            let run_key = Some(world.run_key.clone());
            world.pods.retain(|pod| pod.name != name);
            let terminated = (phase == PodPhase::Failed).then(|| Termination {
                exit_code: 3,
                reason: "Error".into(),
                start_error: None,
                last_words: None,
                finished_at: Some(at(-20)),
            });
            let uid = format!("uid-{step}-{index}-{attempt}");
            let created_at = Some(at(-30));
            let identity = Some(id);
            world.pods.push(PodFacts {
                name,
                uid,
                identity,
                run_key,
                created_at,
                phase,
                terminated,
                ..PodFacts::default()
            });
        })
    }

    fn succeeded(self, step: &str) -> Self {
        self.of(step, 0, 0, PodPhase::Succeeded)
    }

    fn failed_step(self, step: &str) -> Self {
        self.of(step, 0, 0, PodPhase::Failed)
    }

    fn runs(self, step: &str) -> Self {
        self.of(step, 0, 0, PodPhase::Running)
    }

    /// Each step and where it stands, then the Pods that are created, as `step/index`.
    pub(super) fn steps(&self) -> String {
        let plan = plan(&self.0);
        let states = plan.steps.iter().map(|step| format!("{}={}", step.name, step.state)).collect::<Vec<_>>();
        let created = plan.create.iter().map(|pod| {
            let labels = pod.metadata.labels.as_ref().unwrap();
            format!("{}/{}", labels["lockgate.dev/step"], labels["lockgate.dev/index"])
        });
        let created = created.collect::<Vec<_>>().join(" ");
        if created.is_empty() { states.join(" ") } else { format!("{}; create {created}", states.join(" ")) }
    }

    pub(super) fn says(&self) -> String {
        plan(&self.0).verdict.message
    }
}

#[test]
fn a_step_starts_when_all_that_it_needs_has_succeeded() {
    assert_eq!(graph().steps(), "extract=Starting load=Pending index=Pending report=Pending; create extract/0");
    let running = graph().runs("extract");
    assert_eq!(running.steps(), "extract=Running load=Pending index=Pending report=Pending");
    assert_eq!(running.line(), "Running/PodsRunning run 1");
    let side_by_side = graph().succeeded("extract");
    assert_eq!(
        side_by_side.steps(),
        "extract=Succeeded load=Starting index=Starting report=Pending; create load/0 index/0"
    );
    let half = graph().succeeded("extract").succeeded("load").runs("index");
    assert_eq!(half.steps(), "extract=Succeeded load=Succeeded index=Running report=Pending");
    let last = graph().succeeded("extract").succeeded("load").succeeded("index");
    assert_eq!(last.steps(), "extract=Succeeded load=Succeeded index=Succeeded report=Starting; create report/0");
}

#[test]
fn the_run_succeeds_with_its_last_step() {
    let done = graph().succeeded("extract").succeeded("load").succeeded("index").succeeded("report");
    assert_eq!(done.line(), "Succeeded/Succeeded run 1; result good");
    assert_eq!(done.says(), "all 4 steps have succeeded");
}

#[test]
fn a_step_is_held_back_by_its_own_references_only() {
    let load_lacks = graph().absent("of-load").succeeded("extract");
    assert_eq!(load_lacks.steps(), "extract=Succeeded load=Waiting index=Starting report=Pending; create index/0");
    assert_eq!(load_lacks.line(), "Waiting/WaitingForSecrets run 1; create r0");
    assert!(load_lacks.says().starts_with("step load: Secret of-load (env) does not exist: "), "{}", load_lacks.says());
}

#[test]
fn what_a_later_step_lacks_is_told_while_an_earlier_one_runs() {
    let running = graph().absent("of-report").runs("extract");
    assert_eq!(running.line(), "Running/PodsRunning run 1");
    let References::Seen { rows, gate } = plan(&running.0).references else { panic!() };
    assert_eq!(rows.iter().map(|row| row.step.as_str()).collect::<Vec<_>>(), ["extract", "load", "index", "report"]);
    let (reason, message) = gate.unwrap();
    assert_eq!(reason, Reason::WaitingForSecrets);
    assert!(message.contains("of-report"), "{message}");
}

#[test]
fn no_step_gets_another_s_secrets() {
    let both = plan(&graph().succeeded("extract").0);
    for pod in &both.create {
        let step = &pod.metadata.labels.as_ref().unwrap()["lockgate.dev/step"];
        let text = serde_json::to_string(pod).unwrap();
        for other in ["extract", "load", "index", "report"] {
            assert_eq!(text.contains(&format!("of-{other}")), other == step, "{other} in the Pod of {step}");
        }
    }
    assert_eq!(both.create.len(), 2);
}

#[test]
fn after_a_failed_step_nothing_new_begins_and_what_runs_ends_by_itself() {
    let sibling_runs = graph().succeeded("extract").failed_step("load").runs("index");
    assert_eq!(sibling_runs.steps(), "extract=Succeeded load=Failed index=Running report=Skipped");
    assert_eq!(sibling_runs.line(), "Running/PodsRunning run 1");
    assert!(sibling_runs.says().ends_with("; step load failed"), "{}", sibling_runs.says());
    let ended = graph().succeeded("extract").failed_step("load").succeeded("index");
    assert_eq!(ended.line(), "Failed/PodFailed run 1; result bad");
    assert!(ended.says().starts_with("step load: Pod edges-load-"), "{}", ended.says());
    assert!(ended.says().ends_with("; skipped: report"), "{}", ended.says());
    // A sibling that waits for its Secret would keep the run open for ever.
    let sibling_waits = graph().succeeded("extract").failed_step("load").absent("of-index");
    assert_eq!(sibling_waits.steps(), "extract=Succeeded load=Failed index=Skipped report=Skipped");
    assert_eq!(sibling_waits.line(), "Failed/PodFailed run 1; result bad");
}

#[test]
fn a_sibling_that_failed_before_is_not_tried_again() {
    let spec = json!({"steps": [
        {"name": "a", "image": "a"}, {"name": "b", "image": "a", "retries": 5},
    ]});
    let both = story(&spec).failed_step("a").failed_step("b");
    assert_eq!(both.steps(), "a=Failed b=Failed");
    assert!(both.says().contains("step b: Pod edges-b-"), "{}", both.says());
    assert!(both.says().contains("it is not tried again: step a failed"), "{}", both.says());
}

#[test]
fn a_step_s_own_retries_win_over_the_spec_s() {
    let spec = json!({"retries": 5, "steps": [{"name": "a", "image": "a", "retries": 0}]});
    assert_eq!(story(&spec).failed_step("a").line(), "Failed/PodFailed run 1; result bad");
    let spec = json!({"retries": 0, "steps": [{"name": "a", "image": "a", "retries": 1}]});
    assert_eq!(story(&spec).failed_step("a").steps(), "a=Starting; create a/0");
}

#[test]
fn the_end_of_a_step_stands_though_its_pod_was_deleted() {
    let half = graph().succeeded("extract").runs("load").runs("index").settle();
    let cleaned = half.with(|world| world.pods.retain(|pod| !pod.uid.contains("extract")));
    assert_eq!(cleaned.steps(), "extract=Succeeded load=Running index=Running report=Pending");
    let failed = graph().succeeded("extract").failed_step("load").runs("index").settle();
    let cleaned = failed.with(|world| world.pods.retain(|pod| pod.uid.contains("index")));
    assert_eq!(cleaned.steps(), "extract=Succeeded load=Failed index=Running report=Skipped");
}

#[test]
fn when_the_run_s_time_is_over_its_pods_go_and_nothing_begins() {
    let spec = json!({"timeout": "20s"});
    let late = graph_with(&spec).succeeded("extract").runs("load").runs("index");
    assert_eq!(late.line(), "Running/PodsRunning run 1; delete uid-load-0-0; delete uid-index-0-0");
    assert_eq!(late.steps(), "extract=Succeeded load=Running index=Running report=Skipped");
    let gone = late.with(|world| world.pods.iter_mut().skip(1).for_each(|pod| pod.gone = true));
    assert_eq!(gone.line(), "Failed/TimedOut run 1; result bad");
    let between = graph_with(&spec).succeeded("extract");
    assert_eq!(between.steps(), "extract=Succeeded load=Skipped index=Skipped report=Skipped");
    assert_eq!(between.line(), "Failed/TimedOut run 1; result bad");
}

#[test]
fn a_step_has_a_time_of_its_own() {
    let spec = json!({"steps": [{"name": "a", "image": "a", "timeout": "20s"}, {"name": "b", "image": "a"}]});
    let late = story(&spec).runs("a").runs("b");
    assert_eq!(late.line(), "Running/PodsRunning run 1; delete uid-a-0-0");
    let gone = late.with(|world| world.pods[0].gone = true);
    assert_eq!(gone.steps(), "a=Failed b=Running");
}

#[test]
fn fail_names_everything_that_any_step_lacks_before_anything_runs() {
    let spec = json!({"on_missing_secret": "Fail"});
    let lacking = graph_with(&spec).absent("of-extract").absent("of-report");
    assert_eq!(lacking.steps(), "extract=Failed load=Skipped index=Skipped report=Skipped");
    assert_eq!(lacking.line(), "Failed/SecretMissing run 1; result bad");
    assert!(lacking.says().contains("of-extract") && lacking.says().contains("of-report"), "{}", lacking.says());
}

#[test]
fn fail_at_a_later_step_ends_the_run_after_its_siblings() {
    let spec = json!({"on_missing_secret": "Fail"});
    let lacking = graph_with(&spec).absent("of-load").succeeded("extract");
    assert_eq!(lacking.steps(), "extract=Succeeded load=Failed index=Skipped report=Skipped");
    let sibling = graph_with(&spec).absent("of-load").succeeded("extract").runs("index");
    assert_eq!(sibling.steps(), "extract=Succeeded load=Failed index=Running report=Skipped");
}

#[test]
fn a_step_that_cannot_be_looked_at_holds_back_itself_alone() {
    let forbidden = graph().know("of-load", SecretKnowledge::Forbidden { retry_at: at(5) }).succeeded("extract");
    assert_eq!(forbidden.steps(), "extract=Succeeded load=Waiting index=Starting report=Pending; create index/0");
    assert_eq!(plan(&forbidden.0).look_again, Some(at(5)));
}

#[test]
fn suspension_holds_back_the_next_steps() {
    let spec = json!({"suspend": true});
    let suspended = graph_with(&spec).succeeded("extract");
    assert_eq!(suspended.steps(), "extract=Succeeded load=Suspended index=Suspended report=Pending");
    assert_eq!(suspended.line(), "Suspended/Suspended run 1");
    assert_eq!(graph_with(&spec).succeeded("extract").runs("load").line(), "Running/PodsRunning run 1");
}

pub(super) fn three_pods(more: &Value) -> Story {
    let mut spec = json!({"parallelism": 3, "transform": {"image": "a"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story(&spec)
}

#[test]
fn parallelism_makes_equal_pods_that_know_which_they_are() {
    let fresh = three_pods(&json!({}));
    assert_eq!(fresh.steps(), "main=Starting; create main/0 main/1 main/2");
    let env = |pod: &k8s_openapi::api::core::v1::Pod| {
        let env = pod.spec.as_ref().unwrap().containers[0].env.clone().unwrap();
        env.iter().map(|e| format!("{}={}", e.name, e.value.as_deref().unwrap())).collect::<Vec<_>>().join(" ")
    };
    let told: Vec<_> = plan(&fresh.0).create.iter().map(env).collect();
    assert_eq!(told[2], "LOCKGATE_INDEX=2 LOCKGATE_PARALLELISM=3");
}

#[test]
fn a_step_of_several_pods_succeeds_with_the_last_of_them() {
    let two = three_pods(&json!({})).of("main", 0, 0, PodPhase::Succeeded).of("main", 1, 0, PodPhase::Running).of(
        "main",
        2,
        0,
        PodPhase::Succeeded,
    );
    assert_eq!(two.line(), "Running/PodsRunning run 1");
    assert_eq!(plan(&two.0).steps[0].completed_indexes.as_deref(), Some("0,2"));
    assert!(two.says().starts_with("2 of 3 Pods have ended well; index 1: Pod "), "{}", two.says());
    // Those that ended well are known though their Pods were deleted.
    let cleaned = two.settle().with(|world| world.pods.retain(|pod| pod.uid == "uid-main-1-0"));
    assert_eq!(cleaned.steps(), "main=Running");
    let done = cleaned.of("main", 1, 0, PodPhase::Succeeded);
    assert_eq!(done.line(), "Succeeded/Succeeded run 1; result good");
}

#[test]
fn each_of_several_pods_has_its_own_tries() {
    let one_failed = three_pods(&json!({"retries": 1}))
        .of("main", 0, 0, PodPhase::Running)
        .of("main", 1, 0, PodPhase::Failed)
        .of("main", 2, 0, PodPhase::Running)
        .with(|world| world.now = at(60));
    assert_eq!(one_failed.steps(), "main=Running; create main/1");
    let row = &plan(&one_failed.0).steps[0].indexes[0];
    assert_eq!((row.index, row.attempts), (1, 1));
    let twice = one_failed.of("main", 1, 1, PodPhase::Failed);
    assert_eq!(twice.line(), "Running/PodsRunning run 1", "the others run to their end");
    let over = twice.of("main", 0, 0, PodPhase::Succeeded).of("main", 2, 0, PodPhase::Failed);
    assert_eq!(over.line(), "Failed/PodFailed run 1; result bad");
}

#[test]
fn a_change_of_parallelism_counts_from_the_next_run_of_a_job() {
    let running = three_pods(&json!({})).settle();
    let scaled = running.with(|world| {
        let more = three_pods(&json!({"parallelism": 5})).0;
        assert_eq!(more.run_key, world.run_key, "it is no other work");
        world.work = more.work;
    });
    assert_eq!(scaled.steps(), "main=Starting");
    assert_eq!(plan(&scaled.0).steps[0].parallelism, 3);
}

#[test]
fn a_job_of_no_pods_pauses_and_goes_on_when_there_are_some() {
    let none = three_pods(&json!({"parallelism": 0}));
    assert_eq!(none.line(), "Suspended/Suspended run 1");
    let scaled = none.settle().with(|world| world.work = three_pods(&json!({})).0.work);
    assert_eq!(scaled.steps(), "main=Starting; create main/0 main/1 main/2");
}

#[test]
fn what_refuses_one_pod_holds_back_its_equals_and_is_tried_last() {
    let fresh = three_pods(&json!({}));
    let second = plan(&fresh.0).create[0].metadata.name.clone().unwrap();
    let setback =
        Setback { pod: second.clone(), kind: SetbackKind::Quota, message: "exceeded quota".into(), retry_at: at(5) };
    let refused = fresh.with(|world| world.setback = Some(setback));
    assert_eq!(refused.line(), "Starting/QuotaExceeded run 1");
    let again = plan(&refused.with(|world| world.now = at(5)).0);
    let names: Vec<_> = again.create.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect();
    assert_eq!((names.len(), names.last()), (3, Some(&second)));
}
