//! What holds for every graph: it is said the same before and after it was written down, it comes to one end whenever
//! that was, and the largest stays small.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan;
use super::steps_tests::{graph, graph_with, three_pods};
use super::tests::{Story, at, story};
use crate::model::world::{PodFacts, PodPhase};
use crate::report;

const STEPS: [&str; 4] = ["extract", "load", "index", "report"];

/// The live Pod of the step ends, if there is one.
fn ends(story: &Story, step: &str, good: bool) -> Option<Story> {
    let pods = story.0.pods.iter().filter(|pod| pod.is_live());
    let live = pods.filter_map(|pod| pod.identity.clone()).find(|id| id.step == step)?;
    let phase = if good { PodPhase::Succeeded } else { PodPhase::Failed };
    Some(story.clone().of(step, 0, live.attempt, phase))
}

/// A graph in which the Secrets of these steps are missing.
fn lacking(policies: &Value, absent: &[usize]) -> Story {
    absent.iter().fold(graph_with(policies), |story, step| story.absent(&format!("of-{}", STEPS[*step])))
}

fn policies() -> impl Strategy<Value = Value> {
    (prop_oneof![Just("Wait"), Just("Fail")], 0..2_i32, any::<bool>()).prop_map(|(on_missing, retries, timeout)| {
        let mut policies = json!({"on_missing_secret": on_missing, "retries": retries});
        if timeout {
            policies["timeout"] = "10m".into();
        }
        policies
    })
}

/// Time passes: all pauses are over.
fn later(story: Story) -> Story {
    story.with(|world| world.now = world.now.checked_add(k8s_openapi::jiff::SignedDuration::from_mins(1)).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_written_down_is_said_again(
        policies in policies(),
        absent in proptest::collection::vec(0..4_usize, 0..3),
        events in proptest::collection::vec((0..4_usize, any::<bool>()), 0..12),
    ) {
        let mut now = lacking(&policies, &absent);
        for (step, good) in events {
            // Or what the step lacks comes.
            let step = STEPS[step];
            now = ends(&now, step, good).unwrap_or_else(|| now.secret(&format!("of-{step}"), &["a"])).settle();
            let again = now.clone().settle();
            prop_assert_eq!(&again.0.recorded, &now.0.recorded, "nothing happened in between");
            prop_assert_eq!(again.0.pods.len(), now.0.pods.len());
            now = later(now);
        }
    }

    #[test]
    fn the_end_is_the_same_whenever_it_was_written_down(
        policies in policies(),
        absent in proptest::collection::vec(1..4_usize, 0..2),
        good in proptest::collection::vec(any::<bool>(), 4),
        written in proptest::collection::vec(any::<bool>(), 16),
    ) {
        let to_the_end = |written: &dyn Fn(usize) -> bool| {
            let mut now = lacking(&policies, &absent).settle();
            for round in 0..16 {
                // The Pods of both sides of the graph end, one after the other.
                now = ends(&now, STEPS[round % 4], good[round % 4] || round >= 8).unwrap_or(now);
                // Its Pods are made; the status may be lost.
                let recorded = now.0.recorded.clone();
                now = now.settle();
                if !written(round) {
                    now.0.recorded = recorded;
                }
                now = later(now);
            }
            let last = now.settle();
            (last.steps(), last.line(), last.0.recorded.run.unwrap().result.map(|result| result.reason))
        };
        prop_assert_eq!(to_the_end(&|round| written[round]), to_the_end(&|_| true));
    }
}

#[test]
fn a_step_whose_own_time_is_over_has_failed_for_all_others_at_once() {
    let spec = json!({"steps": [
        {"name": "a", "image": "a", "timeout": "20s"}, {"name": "b", "image": "a", "needs": ["a"]},
    ]});
    let gone = story(&spec).of("a", 0, 0, PodPhase::Running).with(|world| world.pods[0].gone = true);
    assert_eq!(gone.steps(), "a=Failed b=Skipped");
    assert_eq!(gone.line(), "Failed/TimedOut run 1; result bad");
}

#[test]
fn why_a_step_failed_is_known_when_its_siblings_have_ended() {
    let spec = json!({"on_missing_secret": "Fail"});
    let sibling = graph_with(&spec)
        .absent("of-load")
        .of("extract", 0, 0, PodPhase::Succeeded)
        .of("index", 0, 0, PodPhase::Running)
        .settle();
    let over = sibling.of("index", 0, 0, PodPhase::Succeeded);
    assert_eq!(over.line(), "Failed/SecretMissing run 1; result bad");
    let failed = graph().of("extract", 0, 0, PodPhase::Succeeded).of("load", 0, 0, PodPhase::Failed);
    let over = failed.of("index", 0, 0, PodPhase::Running).settle().of("index", 0, 0, PodPhase::Succeeded);
    assert!(over.says().contains("ended with exit code 3: kubectl logs edges-load-"), "{}", over.says());
}

#[test]
fn what_fail_names_is_said_once() {
    let lacking = STEPS.iter().fold(
        story(&json!({"on_missing_secret": "Fail", "steps": [
            {"name": "extract", "image": "a", "secrets": [{"name": "of-extract", "env_prefix": ""}]},
            {"name": "load", "image": "a", "secrets": [{"name": "of-load", "env_prefix": ""}]},
        ]})),
        |story, step| story.absent(&format!("of-{step}")),
    );
    assert_eq!(lacking.steps(), "extract=Failed load=Failed");
    assert_eq!(lacking.says().matches("Secret of-load").count(), 2, "in the whole list and of its own step");
    assert_eq!(lacking.says().matches("Secret of-extract").count(), 1);
}

#[test]
fn a_pod_makes_no_place_for_one_that_could_not_start() {
    let stuck = |more: Value| {
        graph_with(&more).of("extract", 0, 0, PodPhase::Succeeded).of("load", 0, 0, PodPhase::Pending).with(|world| {
            let pod = world.pods.last_mut().unwrap();
            pod.waiting = Some(("CreateContainerConfigError".into(), "secret \"of-load\" not found".into()));
        })
    };
    assert!(stuck(json!({})).line().contains("; delete uid-load-0-0"), "it was mended");
    let failed = stuck(json!({})).of("index", 0, 0, PodPhase::Failed);
    assert!(!failed.line().contains("delete"), "{}", failed.line());
    assert!(!stuck(json!({"suspend": true})).line().contains("delete"));
}

#[test]
fn of_many_pods_the_end_stands_though_indexes_has_no_place_for_it() {
    let spec = json!({"parallelism": 40, "retries": 1, "transform": {"image": "a"}});
    let mut now = story(&spec).of("main", 39, 0, PodPhase::Running);
    // All but one fail twice.
    for index in 0..39 {
        now = now.of("main", index, 0, PodPhase::Failed).of("main", index, 1, PodPhase::Failed);
    }
    let now = now.settle();
    let step = &now.0.recorded.steps[0];
    assert_eq!((step.failed_indexes.as_deref(), step.indexes.len()), (Some("0-38"), 20));
    let cleaned = now.with(|world| world.pods.retain(|pod| pod.uid == "uid-main-39-0"));
    assert_eq!(cleaned.steps(), "main=Running", "none of them is tried again");
    let over = cleaned.of("main", 39, 0, PodPhase::Succeeded).settle();
    assert_eq!(over.line(), "Failed/PodFailed run 1; result bad");
    assert_eq!(over.0.recorded.steps[0].completed_indexes.as_deref(), Some("39"));
}

#[test]
fn tries_are_remembered_before_troubles() {
    let spec = json!({"parallelism": 40, "retries": 5, "transform": {"image": "a"}});
    let mut now = story(&spec);
    for index in 0..39 {
        now = now.of("main", index, 0, PodPhase::Pending).with(|world| {
            world.pods.last_mut().unwrap().unschedulable = Some("0/3 nodes are available".into());
        });
    }
    let now = now.of("main", 39, 0, PodPhase::Failed).settle();
    let rows = &now.0.recorded.steps[0].indexes;
    assert_eq!((rows.len(), rows[19].index, rows[19].attempts), (20, 39, 1));
}

#[test]
fn no_pod_is_left_out_where_status_was_never_written() {
    let fewer = three_pods(&json!({"parallelism": 1}));
    let killed = fewer.of("main", 0, 0, PodPhase::Running).of("main", 2, 0, PodPhase::Running);
    assert_eq!(killed.steps(), "main=Running; create main/1");
}

#[test]
fn pods_without_labels_are_known_by_their_names() {
    let running = |index: i32| move |story: Story| story.of("main", index, 0, PodPhase::Running);
    let all = (0..3).fold(three_pods(&json!({})).settle(), |story, index| running(index)(story));
    let stripped = all.with(|world| world.pods.iter_mut().for_each(|pod| pod.identity = None));
    assert_eq!(stripped.steps(), "main=Running");
}

/// A graph of so many steps side by side, each of so many Pods, all with a Secret.
fn wide(steps: usize, parallelism: i32) -> Story {
    let step = |i: usize| {
        json!({"name": format!("step-{i}"), "image": "a", "parallelism": parallelism,
            "secrets": [{"name": "db", "env_var": "A", "key": "a"}, {"name": "db", "mount_path": "/etc/db"}]})
    };
    let spec = json!({"retries": 3, "steps": (0..steps).map(step).collect::<Vec<_>>()});
    story(&spec).secret("db", &["a"])
}

#[test]
fn the_largest_graphs_are_told_in_little() {
    for (steps, parallelism) in [(1, 1000), (32, 30)] {
        let mut world = wide(steps, parallelism);
        let fresh = plan(&world.0);
        assert_eq!(fresh.create.len(), steps * usize::try_from(parallelism).unwrap());
        // Every other Pod has ended well, and the rest is in a trouble of many words.
        for pod in &fresh.create {
            let facts = PodFacts::of(pod);
            let odd = facts.identity.as_ref().unwrap().index % 2 == 1;
            let phase = if odd { PodPhase::Pending } else { PodPhase::Succeeded };
            let waiting = odd.then(|| ("ErrImagePull".into(), "x".repeat(2000)));
            let uid = format!("uid-{}", facts.name);
            world.0.pods.push(PodFacts { uid, phase, waiting, created_at: Some(at(-30)), ..facts });
        }
        let status = report::status(&world.0, &plan(&world.0));
        assert_eq!(status.steps[0].indexes.len(), 20.min(usize::try_from(parallelism).unwrap() / 2));
        let size = serde_json::to_string(&status).unwrap().len();
        println!("{steps} steps of {parallelism} Pods: a status of {size} bytes");
        assert!(size < 250_000, "etcd takes 1.5 MiB");
    }
}
