//! Services: each sentence of the page as a small world.

use serde_json::{Value, json};

use super::plan;
use super::tests::{Story, at, story};
use crate::api::reason::Trouble;
use crate::model::run::PodIdentity;
use crate::model::secret::{Keys, SecretFacts, SecretKnowledge};
use crate::model::world::{PodFacts, PodPhase, Setback, SetbackKind, World};
use crate::report;

/// A Service that uses a Secret as a variable, with these further fields.
fn service(more: &Value) -> Story {
    let mut spec = json!({"mode": "Service", "transform": {"image": "a",
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story(&spec).db("41", -500)
}

fn of(pods: i32) -> Story {
    service(&json!({"parallelism": pods}))
}

impl Story {
    /// The Secret in this version, whose data changed then.
    pub(super) fn db(self, version: &str, changed: i64) -> Self {
        let facts = SecretFacts {
            uid: "uid-db".into(),
            resource_version: version.into(),
            type_: "Opaque".into(),
            keys: Keys::Known(["password".to_owned()].into()),
            data_changed_at: Some(at(changed)),
            touched_since: false,
            expires_on: None,
        };
        self.know("db", SecretKnowledge::Present(facts))
    }

    /// A Pod of this run, index and replacement that runs with version 41, and is ready or not.
    fn serves(self, run: i64, index: i32, replacement: i32, ready: bool) -> Self {
        let id = PodIdentity { run, step: "main".into(), index, attempt: 0, replacement };
        self.with(|world| {
            world.pods.push(PodFacts {
                name: id.pod_name("edges", "uid-edges"),
                uid: format!("uid-{run}-{index}-{replacement}"),
                identity: Some(id),
                run_key: Some(if run == 1 { "v1:old/".into() } else { world.run_key.clone() }),
                created_at: Some(at(-100)),
                started_at: Some(at(-90)),
                phase: PodPhase::Running,
                ready,
                started_with: [("db".to_owned(), "41".to_owned())].into(),
                ..PodFacts::default()
            });
        })
    }

    /// A Pod of the current run, the second.
    fn fresh(self, index: i32) -> Self {
        self.serves(2, index, 0, true)
    }

    /// A Pod of the run before, ready.
    fn old(self, index: i32) -> Self {
        self.serves(1, index, 0, true)
    }

    /// Pods that are deleted (`-run/index/replacement`) and made (`+…`), then phase and reason.
    fn moves(&self) -> String {
        let plan = plan(&self.0);
        let gone = plan.delete.iter().map(|pod| format!("-{} ", pod.uid.trim_start_matches("uid-").replace('-', "/")));
        let made = plan.create.iter().map(|pod| {
            let label = |name: &str| pod.metadata.labels.as_ref().unwrap()[&format!("lockgate.dev/{name}")].clone();
            format!("+{}/{}/{} ", label("run"), label("index"), label("replacement"))
        });
        let moves: String = gone.chain(made).collect();
        format!("{moves}{}/{}", plan.verdict.phase, plan.verdict.reason)
    }

    fn message_of(&self) -> String {
        plan(&self.0).verdict.message
    }
}

/// Its container ran from -90 on, has ended, and waits to be started again.
fn crashed(pod: &mut PodFacts) {
    pod.last_started_at = pod.started_at.take();
    pod.waiting = Some(("CrashLoopBackOff".into(), "back-off 5m0s".into()));
}

/// The kubelet did not find what it needs, and tries again later.
fn keyless(pod: &mut PodFacts) {
    pod.phase = PodPhase::Pending;
    pod.started_at = None;
    pod.waiting = Some(("CreateContainerConfigError".into(), "couldn't find key password in Secret".into()));
}

/// The API server has just refused to delete the first Pod.
fn refuse_deletion(world: &mut World) {
    let pod = world.pods[0].name.clone();
    let message = "an admission rule stands in the way".into();
    world.setback = Some(Setback { pod, kind: SetbackKind::Refused, message, retry_at: at(60) });
}

/// Asserts each story's moves.
macro_rules! moves {
    ($($name:ident: $story:expr => $moves:literal;)+) => {
        $(#[test]
        fn $name() {
            assert_eq!($story.moves(), $moves);
        })+
    };
}

moves! {
    all_pods_are_made_at_once_when_the_gate_is_open: of(3)
        => "+1/0/0 +1/1/0 +1/2/0 Starting/PodsStarting";
    none_is_made_while_a_secret_is_missing: of(3).absent("db")
        => "Waiting/WaitingForSecrets";
    it_runs_when_all_are_ready: of(2).fresh(0).fresh(1)
        => "Running/PodsRunning";
    it_is_starting_while_one_is_not_ready: of(2).fresh(0).serves(2, 1, 0, false)
        => "Starting/PodsStarting";
    running_pods_stay_though_their_secret_went_away: of(1).fresh(0).absent("db")
        => "Running/PodsRunning";
    a_pod_that_is_being_deleted_is_replaced_at_once: of(1).fresh(0).last_pod(|pod| pod.deletion_requested_at = Some(at(-1)))
        => "+2/0/1 Starting/PodsStarting";
    a_pod_that_vanished_is_replaced: of(1).fresh(0).last_pod(|pod| pod.gone = true)
        => "+2/0/1 Starting/PodsStarting";
    a_replacement_passes_the_gate: of(1).absent("db").fresh(0).last_pod(|pod| pod.gone = true)
        => "Waiting/WaitingForSecrets";
    more_are_made_when_it_is_scaled_up: of(3).fresh(0)
        => "+2/1/0 +2/2/0 Starting/PodsStarting";
    the_highest_index_goes_when_it_is_scaled_down: of(1).fresh(0).fresh(1).fresh(2)
        => "-2/1/0 -2/2/0 Running/PodsRunning";
    none_is_left_when_it_is_scaled_to_none: of(0).fresh(0)
        => "-2/0/0 Running/PodsRunning";
    a_changed_spec_makes_one_fresh_pod_beside_the_old_ones: of(3).old(0).old(1).old(2)
        => "+2/0/0 Running/Rolling";
    the_old_pod_stays_until_the_fresh_one_is_ready: of(3).old(0).old(1).old(2).serves(2, 0, 0, false)
        => "Running/Rolling";
    the_old_pod_goes_when_the_fresh_one_is_ready_and_the_next_is_made: of(3).old(0).old(1).old(2).fresh(0)
        => "-1/0/0 +2/1/0 Running/Rolling";
    the_last_old_pod_goes: of(2).fresh(0).fresh(1).old(1)
        => "-1/1/0 Running/PodsRunning";
    a_fresh_pod_that_crashed_after_it_was_ready_holds_back_the_next: of(3).serves(2, 0, 0, false).old(1).old(2)
        => "Starting/PodsStarting";
    max_surge_makes_several_at_once: service(&json!({"parallelism": 3, "max_surge": 2})).old(0).old(1).old(2)
        => "+2/0/0 +2/1/0 Running/Rolling";
    max_unavailable_lets_old_ones_go_first: service(&json!({"parallelism": 3, "max_surge": 0, "max_unavailable": 2})).old(0).old(1).old(2)
        => "-1/0/0 -1/1/0 +2/0/0 +2/1/0 Running/Rolling";
    none_is_made_for_an_old_one_whose_deletion_is_refused: service(&json!({"max_surge": 0, "max_unavailable": 1})).old(0).with(refuse_deletion)
        => "Running/Rolling";
    an_old_pod_that_went_first_is_replaced_at_once: service(&json!({"parallelism": 2, "max_surge": 0, "max_unavailable": 1})).old(0).old(1)
        .with(|world| world.pods[0].deletion_requested_at = Some(at(-1)))
        => "+2/0/0 Starting/PodsStarting";
    old_ones_that_are_not_ready_go_first_though_no_more_may_be_missing: service(&json!({"parallelism": 3, "max_surge": 0, "max_unavailable": 1}))
        .old(0).old(1).last_pod(|pod| pod.ready = false).old(2).last_pod(|pod| pod.ready = false)
        => "-1/1/0 +2/1/0 Starting/PodsStarting";
    a_roll_that_is_not_ready_in_time_stops: service(&json!({"parallelism": 3, "progress_deadline": "90s"})).old(0).old(1).old(2).serves(2, 0, 0, false)
        => "Failed/RollStuck";
    a_stuck_roll_leaves_those_that_are_done: service(&json!({"parallelism": 3, "progress_deadline": "90s"})).fresh(0).old(1).old(2).serves(2, 1, 0, false)
        => "Failed/RollStuck";
    a_stuck_roll_goes_on_when_the_pod_is_ready_after_all: service(&json!({"parallelism": 3, "progress_deadline": "90s"})).old(0).old(1).old(2).fresh(0)
        => "-1/0/0 +2/1/0 Running/Rolling";
    a_first_start_that_takes_long_is_no_roll: service(&json!({"progress_deadline": "90s"})).serves(2, 0, 0, false)
        => "Starting/PodsStarting";
    a_third_version_takes_the_place_of_a_stuck_second: of(1).old(0).serves(1, 0, 1, false).with(|world| world.pods[1].identity.as_mut().unwrap().run = 0)
        => "-1/0/1 +2/0/0 Running/Rolling";
    no_roll_while_a_secret_is_missing: of(1).absent("db").old(0)
        => "Running/Rolling";
    suspension_holds_back_the_roll: service(&json!({"suspend": true})).old(0)
        => "Running/Rolling";
    suspension_keeps_a_stuck_pod_for_which_none_would_follow: service(&json!({"suspend": true})).serves(2, 0, 0, false).db("42", -1).last_pod(keyless)
        => "Starting/PodsStarting";
    suspension_holds_back_new_pods: service(&json!({"suspend": true}))
        => "Suspended/Suspended";
    a_changed_secret_rolls_the_pod_that_has_it_as_a_variable: of(1).fresh(0).db("42", -20)
        => "+2/0/1 Running/Rolling";
    a_rotation_ends_like_any_roll: of(1).fresh(0).serves(2, 0, 1, true).last_pod(|pod| { pod.started_with.insert("db".into(), "42".into()); }).db("42", -20)
        => "-2/0/0 Running/PodsRunning";
    changes_within_the_debounce_are_waited_for: of(1).fresh(0).db("43", -4)
        => "Running/PodsRunning";
    one_that_crashed_with_the_old_value_does_not_wait_for_the_kubelet: of(1).serves(2, 0, 0, false).last_pod(crashed).db("42", -20)
        => "+2/0/1 Starting/PodsStarting";
    one_that_crashed_with_the_new_value_stays: of(1).serves(2, 0, 0, false).last_pod(crashed).db("42", -96)
        => "Starting/PodsStarting";
    a_label_edit_is_no_change: of(1).fresh(0).db("42", -500)
        => "Running/PodsRunning";
    ignore_rolls_nothing: service(&json!({"on_secret_change": "Ignore"})).fresh(0).db("42", -20)
        => "Running/PodsRunning";
    a_secret_that_went_away_rolls_nothing: of(1).fresh(0).absent("db")
        => "Running/PodsRunning";
    a_pod_that_ended_is_cleaned_up_once_another_stands: of(1).fresh(0).serves(2, 0, 1, true).with(|world| world.pods[0].phase = PodPhase::Failed)
        => "-2/0/0 Running/PodsRunning";
    a_pod_that_ended_goes_where_it_has_no_place_any_more: of(1).fresh(0).fresh(1).last_pod(|pod| pod.phase = PodPhase::Failed)
        => "-2/1/0 Running/PodsRunning";
    an_evicted_pod_is_replaced: of(1).fresh(0).last_pod(|pod| { pod.phase = PodPhase::Failed; pod.disrupted_at = Some(at(-30)); pod.created_at = Some(at(-9000)); })
        => "+2/0/1 Starting/PodsStarting";
    one_that_is_evicted_at_once_is_replaced_after_a_pause: of(1).fresh(0).last_pod(|pod| { pod.phase = PodPhase::Failed; pod.disrupted_at = Some(at(0)); pod.created_at = Some(at(-3)); })
        => "Starting/RetryBackoff";
    fail_means_fail_only_where_none_runs: service(&json!({"on_missing_secret": "Fail"})).absent("db")
        => "Failed/SecretMissing";
    fail_leaves_those_that_run: service(&json!({"on_missing_secret": "Fail", "parallelism": 2})).absent("db").fresh(0)
        => "Waiting/WaitingForSecrets";
    pods_of_the_job_that_it_was_are_exchanged: of(1).old(0).last_pod(|pod| pod.ready = true)
        => "+2/0/0 Running/Rolling";
    pods_of_steps_that_there_were_go: of(1).fresh(0).old(0).last_pod(|pod| pod.identity.as_mut().unwrap().step = "load".into())
        => "-1/0/0 Running/PodsRunning";
}

#[test]
fn the_debounce_has_a_timer() {
    assert_eq!(plan(&of(1).fresh(0).db("43", -4).0).look_again, Some(at(6)));
}

#[test]
fn the_deadline_of_a_roll_has_a_timer() {
    let rolling = of(1).old(0).serves(2, 0, 0, false);
    assert_eq!(plan(&rolling.0).look_again, Some(at(500)), "ten minutes after its creation");
}

#[test]
fn a_stuck_roll_says_why() {
    let stuck =
        service(&json!({"parallelism": 2, "progress_deadline": "90s"})).old(0).old(1).serves(2, 0, 0, false).last_pod(
            |pod| {
                pod.waiting = Some(("CrashLoopBackOff".into(), "back-off 40s".into()));
                pod.last_exit_code = Some(3);
            },
        );
    let told = stuck.message_of();
    assert!(told.contains("2 of 2 Pods are ready and are left as they are"), "{told}");
    assert!(told.contains("ends again and again, the last time with exit code 3: kubectl logs edges-main-"), "{told}");
    let plan = plan(&stuck.0);
    assert_eq!(plan.steps[0].trouble, Some(Trouble::CrashLoop));
    assert_eq!(plan.verdict.result, None, "it may go on");
}

#[test]
fn a_stuck_roll_without_a_known_trouble_says_how_far_the_pod_came() {
    let stuck = service(&json!({"progress_deadline": "90s"})).old(0).serves(2, 0, 0, false);
    let told = stuck.message_of();
    assert!(
        told.contains(": it runs, and its readiness_probe does not succeed: kubectl describe pod edges-main-"),
        "{told}"
    );
    let told = stuck.last_pod(|pod| pod.started_at = None).message_of();
    assert!(told.contains(": it does not run yet: kubectl describe pod edges-main-"), "{told}");
}

#[test]
fn a_pod_that_comes_to_run_is_no_news_until_it_is_ready() {
    let running = of(2).fresh(0).serves(2, 1, 0, false);
    let pending = running.clone().last_pod(|pod| {
        pod.phase = PodPhase::Pending;
        pod.started_at = None;
    });
    let status = |story: &Story| report::status(&story.0, &plan(&story.0));
    assert_eq!(status(&running), status(&pending));
}

#[test]
fn a_pod_stuck_in_what_was_mended_makes_place_and_is_replaced_at_once() {
    let stuck = of(1).serves(2, 0, 0, false).db("42", -1).last_pod(keyless);
    assert_eq!(stuck.moves(), "-2/0/0 Starting/PodsStarting");
    assert!(stuck.message_of().starts_with("Secret db was mended: Pod "), "{}", stuck.message_of());
    assert_eq!(stuck.settle().moves(), "+2/0/1 Starting/PodsStarting");
}

#[test]
fn a_quota_without_room_for_one_more_holds_the_roll_and_not_the_service() {
    let rolling = of(1).old(0);
    let pod = plan(&rolling.0).create[0].metadata.name.clone().unwrap();
    let setback = Setback { pod, kind: SetbackKind::Quota, message: "exceeded quota".into(), retry_at: at(5) };
    let held = rolling.with(|world| world.setback = Some(setback));
    assert_eq!(held.moves(), "Running/Rolling");
    assert!(held.message_of().ends_with("the next one could not be made: exceeded quota"), "{}", held.message_of());
    assert_eq!(plan(&held.0).look_again, Some(at(5)));
}

#[test]
fn how_many_are_asked_for_is_no_other_version() {
    assert_eq!(of(1).key(), of(5).key());
    assert_ne!(
        of(1).key(),
        story(&json!({"transform": {"image": "a",
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}}))
        .key()
    );
}

#[test]
fn status_says_what_scale_and_an_autoscaler_need() {
    let told = of(3).fresh(0).fresh(1).serves(2, 2, 0, false);
    let status = report::status(&told.0, &plan(&told.0));
    assert_eq!((status.replicas, status.selector.as_deref()), (Some(3), Some("lockgate.dev/pipeline=edges")));
    assert_eq!((status.steps[0].ready, status.steps[0].parallelism), (Some(2), 3));
    assert!(status.conditions.iter().all(|condition| condition.type_ != "Complete"), "it has no end");
}

/// The kubelet's part: whatever was deleted is gone, whatever was made runs and is ready.
fn kubelet(mut story: Story) -> Story {
    story.0.pods.retain(|pod| pod.deletion_requested_at.is_none());
    for pod in story.0.pods.iter_mut().filter(|pod| pod.phase == PodPhase::Pending) {
        pod.phase = PodPhase::Running;
        pod.ready = true;
        pod.started_at = Some(story.0.now);
    }
    story
}

#[test]
fn a_roll_keeps_as_many_ready_as_it_promises_and_ends() {
    for (pods, surge, unavailable) in [(1, 1, 0), (3, 1, 0), (3, 2, 1), (4, 0, 1), (5, 9, 0)] {
        let spec = json!({"parallelism": pods, "max_surge": surge, "max_unavailable": unavailable});
        let mut rolling = (0..pods).fold(service(&spec), Story::old);
        let mut writes = 0;
        for look in 0.. {
            assert!(look < 40, "it ends: {}", rolling.moves());
            let decided = plan(&rolling.0);
            if decided.create.is_empty() && decided.delete.is_empty() {
                break;
            }
            writes += decided.create.len() + decided.delete.len();
            let after = rolling.settle();
            let staying = after.0.pods.iter().filter(|pod| pod.stays());
            let ready = staying.clone().filter(|pod| pod.ready).count();
            assert!(staying.count() <= usize::try_from(pods + surge).unwrap(), "{spec}: too many");
            assert!(ready >= usize::try_from(pods - unavailable).unwrap(), "{spec}: {ready} are ready");
            rolling = kubelet(after);
        }
        assert_eq!(rolling.moves(), "Running/PodsRunning", "{spec}");
        assert_eq!(writes, usize::try_from(2 * pods).unwrap(), "{spec}: one made and one deleted for each");
    }
}

#[test]
fn once_its_writes_are_done_a_service_wants_nothing_more() {
    for story in [of(3), of(1).fresh(0), of(3).old(0).old(1).old(2), of(1).fresh(0).db("42", -20)] {
        let settled = story.settle();
        let again = plan(&settled.0);
        assert!(again.create.is_empty() && again.delete.is_empty(), "{}", settled.moves());
        let restarted = settled.clone().with(|world| world.now = at(3));
        assert_eq!(report::status(&restarted.0, &plan(&restarted.0)), settled.0.recorded, "{}", settled.moves());
    }
}
