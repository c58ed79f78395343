//! Graphs on the real API server: order, a gate per step, failures, runs, tries; each state as people read it.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::space;
use crate::support::{Space, condition, ended, failed_now, message};

/// A step that needs others and a Secret of its own, as a variable and as files.
pub fn step(name: &str, needs: &[&str]) -> Value {
    let secret = format!("of-{name}");
    json!({"name": name, "needs": needs, "image": "registry.test/edges:1", "secrets": [
        {"name": secret, "env_var": "PASSWORD", "key": "password"}, {"name": secret, "mount_path": "/etc/own"},
    ]})
}

/// `extract`, then `load` and `index` side by side, then `report`.
pub fn diamond() -> Value {
    json!({"steps": [
        step("extract", &[]), step("load", &["extract"]), step("index", &["extract"]), step("report", &["load", "index"]),
    ]})
}

/// Makes the Secret of each of these steps.
pub async fn secrets_of(space: &Space, steps: &[&str]) {
    for step in steps {
        space.secret(&format!("of-{step}"), &["password"]).await;
    }
}

/// The states of the steps, as `extract=Running load=Pending`.
pub fn steps(pipeline: &Pipeline) -> String {
    let all = pipeline.status.iter().flat_map(|s| &s.steps);
    all.map(|step| format!("{}={}", step.name, step.state)).collect::<Vec<_>>().join(" ")
}

pub async fn until_steps(space: &Space, wanted: &str) -> Pipeline {
    space.until("edges", wanted, |p: &Pipeline| steps(p) == wanted).await
}

/// The number of the run whose Pods are made now.
pub fn run_of(pipeline: &Pipeline) -> i64 {
    pipeline.status.as_ref().and_then(|s| s.run.as_ref()).map_or(0, |run| run.number)
}

/// The Pods of `edges` that are there, as `run/step/index`, each with its object.
pub async fn pods(space: &Space) -> Vec<(String, Pod)> {
    let label = |pod: &Pod, of: &str| pod.labels().get(&format!("lockgate.dev/{of}")).cloned().unwrap_or_default();
    let id = |pod: &Pod| format!("{}/{}/{}", label(pod, "run"), label(pod, "step"), label(pod, "index"));
    let mut all: Vec<(String, Pod)> = space.pods().await.into_iter().map(|pod| (id(&pod), pod)).collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

pub async fn pod_ids(space: &Space) -> Vec<String> {
    pods(space).await.into_iter().map(|(id, _)| id).collect()
}

/// The name of the newest Pod with this id; it is there already.
pub async fn pod(space: &Space, id: &str) -> String {
    let all = pods(space).await;
    let attempt = |pod: &Pod| pod.labels()["lockgate.dev/attempt"].parse::<u32>().unwrap();
    let newest = all.iter().filter(|(of, _)| of == id).max_by_key(|(_, pod)| attempt(pod));
    newest
        .unwrap_or_else(|| panic!("no Pod {id} among {:?}", all.iter().map(|(id, _)| id).collect::<Vec<_>>()))
        .1
        .name_any()
}

#[tokio::test]
async fn a_graph_runs_in_order_and_each_step_waits_for_its_own_secret() {
    let space = space("graph").await;
    secrets_of(&space, &["extract", "index", "report"]).await;
    space.pipeline("edges", diamond()).await;

    let begun = until_steps(&space, "extract=Starting load=Pending index=Pending report=Pending").await;
    assert_eq!(pod_ids(&space).await, ["1/extract/0"]);
    // What a later step lacks is told from the beginning.
    assert_eq!(begun.status.as_ref().unwrap().resolved.as_deref(), Some("6/8"));
    assert_eq!(condition(&begun, "SecretsResolved"), "False/WaitingForSecrets");
    let pending = &begun.status.as_ref().unwrap().steps[1];
    assert_eq!(pending.message.as_deref(), Some("it starts when step extract has succeeded"));

    // Side by side: one starts, its sibling waits for its Secret, and the Secret's event starts that one.
    space.pod_succeeds(&pod(&space, "1/extract/0").await).await;
    let waiting = until_steps(&space, "extract=Succeeded load=Waiting index=Starting report=Pending").await;
    assert_eq!(pod_ids(&space).await, ["1/extract/0", "1/index/0"]);
    assert_eq!(waiting.status.as_ref().unwrap().phase, Some(Phase::Waiting));
    assert_eq!(waiting.status.as_ref().unwrap().waiting_for.as_deref(), Some("Secret of-load"));
    assert!(
        message(&waiting).starts_with("step load: Secret of-load (env PASSWORD) does not exist: "),
        "{}",
        message(&waiting)
    );
    secrets_of(&space, &["load"]).await;
    until_steps(&space, "extract=Succeeded load=Starting index=Starting report=Pending").await;
    assert_eq!(pod_ids(&space).await, ["1/extract/0", "1/index/0", "1/load/0"]);

    // The last one starts when all that it needs has succeeded.
    space.pod_succeeds(&pod(&space, "1/index/0").await).await;
    until_steps(&space, "extract=Succeeded load=Starting index=Succeeded report=Pending").await;
    space.pod_succeeds(&pod(&space, "1/load/0").await).await;
    until_steps(&space, "extract=Succeeded load=Succeeded index=Succeeded report=Starting").await;
    space.pod_succeeds(&pod(&space, "1/report/0").await).await;
    let done = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(message(&done), "all 4 steps have succeeded");
    assert_eq!(condition(&done, "Complete"), "True/Succeeded");

    // No step has another's Secret, anywhere in its Pod.
    let all = pods(&space).await;
    assert_eq!(all.len(), 4);
    for (id, pod) in all {
        let text = serde_json::to_string(&pod).unwrap();
        for step in ["extract", "load", "index", "report"] {
            let own = id == format!("1/{step}/0");
            assert_eq!(text.contains(&format!("of-{step}")), own, "of-{step} in the Pod {id}");
        }
    }
}

#[tokio::test]
async fn after_a_failed_step_its_siblings_end_and_what_needs_it_is_skipped() {
    let space = space("graph-fails").await;
    secrets_of(&space, &["extract", "load", "index", "report"]).await;
    let mut spec = diamond();
    // The spec's tries hold for all steps but the one that says otherwise.
    spec["retries"] = json!(1);
    spec["steps"][1]["retries"] = json!(0);
    space.pipeline("edges", spec).await;
    until_steps(&space, "extract=Starting load=Pending index=Pending report=Pending").await;
    space.pod_status(&pod(&space, "1/extract/0").await, failed_now(3)).await;
    let paused = space.until("edges", "a pause", |p: &Pipeline| condition(p, "Ready") == "False/RetryBackoff").await;
    assert!(message(&paused).starts_with("step extract: Pod edges-extract-"), "{}", message(&paused));
    let second =
        |p: &Pipeline| p.status.as_ref().is_some_and(|s| s.steps[0].attempts == 1 && s.steps[0].pod_uid.is_some());
    space.until("edges", "a second try", second).await;
    space.pod_succeeds(&pod(&space, "1/extract/0").await).await;
    until_steps(&space, "extract=Succeeded load=Starting index=Starting report=Pending").await;

    space.pod_status(&pod(&space, "1/load/0").await, failed_now(4)).await;
    let failed = until_steps(&space, "extract=Succeeded load=Failed index=Starting report=Skipped").await;
    let status = failed.status.as_ref().unwrap();
    assert_eq!(status.steps[3].message.as_deref(), Some("it does not start: step load failed"));
    assert_eq!(status.steps[1].reason.map(|reason| reason.to_string()).as_deref(), Some("PodFailed"));
    assert!(status.run.as_ref().unwrap().result.is_none(), "a sibling lives");
    space.pod_status(&pod(&space, "1/index/0").await, json!({"phase": "Running"})).await;
    until_steps(&space, "extract=Succeeded load=Failed index=Running report=Skipped").await;
    space.pod_succeeds(&pod(&space, "1/index/0").await).await;

    let over = space.phase("edges", Phase::Failed).await;
    assert_eq!(steps(&over), "extract=Succeeded load=Failed index=Succeeded report=Skipped");
    let said = message(&over);
    let load = pod(&space, "1/load/0").await;
    let expected =
        format!("step load: Pod {load} ended with exit code 4: kubectl logs {load} -n graph-fails; skipped: report");
    assert_eq!(said, expected);
    assert_eq!(condition(&over, "Ready"), "False/PodFailed");
    let result = over.status.unwrap().run.unwrap().result.unwrap();
    assert!(!result.succeeded);
    assert_eq!(pod_ids(&space).await, ["1/extract/0", "1/extract/0", "1/index/0", "1/load/0"]);
}

#[tokio::test]
async fn a_change_in_the_middle_ends_the_run_and_the_next_begins_with_the_first_step() {
    let space = space("graph-changed").await;
    secrets_of(&space, &["extract", "load", "index", "report"]).await;
    space.pipeline("edges", diamond()).await;
    until_steps(&space, "extract=Starting load=Pending index=Pending report=Pending").await;
    space.pod_succeeds(&pod(&space, "1/extract/0").await).await;
    until_steps(&space, "extract=Succeeded load=Starting index=Starting report=Pending").await;
    let (load, index) = (pod(&space, "1/load/0").await, pod(&space, "1/index/0").await);
    space.pod_status(&load, json!({"phase": "Running"})).await;
    until_steps(&space, "extract=Succeeded load=Running index=Starting report=Pending").await;

    // Another image of the last step, which has not begun: it is another version of the work all the same.
    let mut changed = diamond();
    changed["steps"][3]["image"] = json!("registry.test/edges:2");
    space.patch("edges", json!({"spec": changed})).await;
    let second = space.until("edges", "run 2", |p: &Pipeline| run_of(p) == 2 && !steps(p).is_empty()).await;
    assert_eq!(steps(&second), "extract=Starting load=Pending index=Pending report=Pending");
    let ids = pod_ids(&space).await;
    assert_eq!(ids, ["1/extract/0", "2/extract/0"], "{load} and {index} were ended");
    let past = &second.status.unwrap().runs[0];
    assert_eq!((past.number, past.succeeded), (1, None));
    // What run 1 came to is no step of run 2.
    for step in ["extract", "load", "index", "report"] {
        let of_step = |p: &Pipeline| {
            p.status.as_ref().is_some_and(|s| s.steps.iter().any(|s| s.name == step && s.pod_uid.is_some()))
        };
        space.until("edges", step, of_step).await;
        space.pod_succeeds(&pod(&space, &format!("2/{step}/0")).await).await;
    }
    space.phase("edges", Phase::Succeeded).await;
}

#[tokio::test]
async fn equal_pods_know_which_they_are_and_scaling_counts_from_the_next_run() {
    let space = space("graph-equal").await;
    let spec = json!({"parallelism": 3, "history_limit": 1, "transform": {"image": "registry.test/edges:1"}});
    space.pipeline("edges", spec).await;
    until_steps(&space, "main=Starting").await;
    let all = pods(&space).await;
    let env = |pod: &Pod| {
        let env = pod.spec.as_ref().unwrap().containers[0].env.clone().unwrap_or_default();
        env.into_iter().map(|e| format!("{}={}", e.name, e.value.unwrap_or_default())).collect::<Vec<_>>().join(" ")
    };
    let told: Vec<String> = all.iter().map(|(id, pod)| format!("{id}: {}", env(pod))).collect();
    assert_eq!(
        told,
        (0..3).map(|i| format!("1/main/{i}: LOCKGATE_INDEX={i} LOCKGATE_PARALLELISM=3")).collect::<Vec<_>>()
    );
    space.pod_succeeds(&all[1].1.name_any()).await;
    let one = space.until("edges", "index 1", |p: &Pipeline| completed(p) == Some("1")).await;
    let status = one.status.as_ref().unwrap();
    assert_eq!((status.replicas, status.steps[0].parallelism), (Some(2), 3));

    // `kubectl scale` while it runs: nothing comes, nothing goes.
    let kubectl = |line: &str| {
        let shared = crate::shared();
        let args = line.replace("NS", "graph-equal");
        crate::support::output(shared.cluster.kubectl().args(args.split(' ')))
    };
    kubectl("scale pipeline edges -n NS --replicas=2");
    let generation = |p: &Pipeline| p.status.as_ref().and_then(|s| s.observed_generation) == Some(2);
    let scaled = space.until("edges", "it was seen", generation).await;
    assert_eq!(scaled.status.unwrap().steps[0].parallelism, 3);
    assert_eq!(pod_ids(&space).await, ["1/main/0", "1/main/1", "1/main/2"]);
    // One fails for good: the others run to their end, and the step has failed.
    space.pod_status(&all[0].1.name_any(), ended(3, "Error")).await;
    let failed = |p: &Pipeline| p.status.as_ref().is_some_and(|s| s.steps[0].failed_indexes.as_deref() == Some("0"));
    space.until("edges", "index 0 failed", failed).await;
    space.pod_succeeds(&all[2].1.name_any()).await;
    let over = space.phase("edges", Phase::Failed).await;
    assert_eq!(completed(&over), Some("1-2"));
    assert!(message(&over).starts_with("2 of 3 Pods have ended well; index 0: Pod edges-main-"), "{}", message(&over));

    kubectl("annotate pipeline edges -n NS lockgate.dev/run-requested-at=again");
    let second = |p: &Pipeline| run_of(p) == 2 && p.status.as_ref().is_some_and(|s| s.replicas == Some(2));
    let second = space.until("edges", "run 2", second).await;
    assert_eq!(second.status.unwrap().steps[0].parallelism, 2);
    let ids = pod_ids(&space).await.into_iter().filter(|id| id.starts_with("2/")).collect::<Vec<_>>();
    assert_eq!(ids, ["2/main/0", "2/main/1"]);
}

/// Which of the first step's Pods have ended well.
pub fn completed(pipeline: &Pipeline) -> Option<&str> {
    pipeline.status.as_ref()?.steps.first()?.completed_indexes.as_deref()
}
