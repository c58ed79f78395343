//! Rotation on the real API server: which change costs which fresh Pods, and what status says until they are there.

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate::api::status::ReferenceStatus;
use serde_json::{Value, json};

use crate::moments::pod_name;
use crate::support::audit::{per_name, tally};
use crate::support::stage::{Scene, Stage, counts, rests, service, stage};
use crate::support::{Operator, phase_of, step};

fn env(secret: &str) -> Value {
    json!({"secrets": [{"name": secret, "env_var": "DB_PASSWORD", "key": "password"}]})
}

fn reference(pipeline: &Pipeline) -> ReferenceStatus {
    pipeline.status.as_ref().unwrap().references[0].clone()
}

async fn version(scene: &Scene, secret: &str) -> String {
    scene.api::<Secret>().get(secret).await.unwrap().resource_version().unwrap()
}

/// The second in which something was written has passed: what follows has another time.
async fn next_second() {
    let begun = Timestamp::now().as_second();
    while Timestamp::now().as_second() == begun {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Another manager's server-side apply.
async fn label(scene: &Scene, secret: &str, value: &str) {
    let labelled = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": secret, "labels": {"team": value}}});
    let params = PatchParams::apply("labeller");
    scene.api::<Secret>().patch(secret, &params, &Patch::Apply(labelled)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_rolls_those_who_cannot_see_the_change() {
    let mut scene = stage().await.scene("uses").await;
    let files = json!({"secrets": [{"name": "db", "mount_path": "/etc/db"}]});
    let sub_path = json!({"secrets": [{"name": "db", "mount_path": "/etc/db", "sub_path": "password"}]});
    let late = json!({"secrets": [{"name": "late", "env_var": "LATE", "key": "password", "optional": true}]});
    let all = [
        ("by-env", env("db"), json!({})),
        ("by-subpath", sub_path, json!({})),
        ("by-files", files.clone(), json!({})),
        ("files-all", files, json!({"on_secret_change": "RestartAll"})),
        ("ignores", env("db"), json!({"on_secret_change": "Ignore"})),
        ("pulls", json!({"image_pull_secrets": ["regcred"]}), json!({"on_secret_change": "RestartAll"})),
        ("optional", late, json!({})),
    ];
    scene.secret("db", &["password"]).await;
    scene.pull_secret("regcred", r#"{"auths":{}}"#).await;
    for (name, transform, more) in &all {
        scene.pipeline(name, service(transform.clone(), more.clone())).await;
    }
    for (name, ..) in &all {
        scene.rests(name, 1, 1).await;
    }
    next_second().await;
    let begun = Timestamp::now();
    scene.change("db", "password", "new").await;
    let auths = json!({"stringData": {".dockerconfigjson": r#"{"auths":{"registry.test":{}}}"#}});
    scene.api::<Secret>().patch("regcred", &PatchParams::default(), &Patch::Merge(auths)).await.unwrap();
    scene.secret("late", &["password"]).await;
    for name in ["by-env", "by-subpath", "files-all", "optional"] {
        scene.replaced(name, 1).await;
    }
    let asked = scene.asked(begun).await;
    let made = per_name(asked.iter().filter(|entry| entry.kind() == "create pods"));
    let mut rolled: Vec<&str> = made.keys().map(|pod| pod.split("-main-").next().unwrap()).collect();
    rolled.sort_unstable();
    assert_eq!(rolled, ["by-env", "by-subpath", "files-all", "optional"], "{:?}", tally(&asked));
    for name in ["by-files", "ignores", "pulls"] {
        assert_eq!(scene.standing(name).await, ["1/0/0"]);
    }
    // Whoever does not roll and uses the old value says so; files follow by themselves.
    scene.until("ignores", "it says that it is stale", |p: &Pipeline| reference(p).stale == Some(true)).await;
    assert_eq!(reference(&scene.api().get("by-files").await.unwrap()).stale, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_answers_whether_the_old_credential_is_still_in_use() {
    let mut scene = stage().await.scene("in-use").await;
    scene.secret("db", &["password"]).await;
    let old = version(&scene, "db").await;
    scene.pipeline("api", service(env("db"), json!({"rotation_debounce": "10s"}))).await;
    let before = reference(&scene.rests("api", 1, 1).await);
    assert_eq!((before.started_with.as_deref(), before.stale), (Some(old.as_str()), None));
    next_second().await;
    let begun = Timestamp::now();
    scene.change("db", "password", "new").await;
    let is_stale = |p: &Pipeline| reference(p).stale == Some(true);
    let stale = reference(&scene.until("api", "it says that it is stale", is_stale).await);
    assert_eq!(stale.started_with, Some(old));
    let at = stale.data_changed_at.unwrap().0;
    assert!((begun.as_second()..=Timestamp::now().as_second()).contains(&at.as_second()), "{at}");
    assert_eq!(scene.standing("api").await, ["1/0/0"], "the debounce is not over");
    let after = reference(&scene.replaced("api", 1).await);
    assert_eq!(after.started_with, Some(version(&scene, "db").await));
    assert_eq!((after.stale, after.data_changed_at), (None, None));
    let writes = scene.writes(begun).await;
    println!("a rotation of 1: {writes:?}");
    assert_eq!(writes, counts(1, 1, 3), "that it is stale, that it rolls, that it is done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_changes_in_a_second_cost_at_most_two_rolls() {
    let mut scene = stage().await.scene("ten").await;
    scene.secret("db", &["password"]).await;
    scene.pipeline("api", service(env("db"), json!({}))).await;
    scene.rests("api", 1, 1).await;
    next_second().await;
    let begun = Timestamp::now();
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(100));
    for number in 0..10 {
        pace.tick().await;
        scene.change("db", "password", &number.to_string()).await;
    }
    let took = Timestamp::now().duration_since(begun);
    let last = version(&scene, "db").await;
    let is_new = |p: &Pipeline| rests(p, 1, 1) && reference(p).started_with.as_deref() == Some(last.as_str());
    scene.until("api", "it has the last value", is_new).await;
    let writes = scene.writes(begun).await;
    println!("ten changes in {took:#}: {writes:?}");
    assert!(writes["create pods 201"] <= 2, "{writes:?}");
    assert_eq!(writes["create pods 201"], writes["delete pods 200"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_costs_no_write() {
    let mut scene = stage().await.scene("labels").await;
    // The Pod follows its Secret at once, so that one second holds both.
    scene.pipeline("api", service(env("db"), json!({}))).await;
    scene.phase("api", Phase::Waiting).await;
    scene.secret("db", &["password"]).await;
    scene.rests("api", 1, 1).await;
    next_second().await;
    let begun = Timestamp::now();
    for value in ["vision", "edges"] {
        label(&scene, "db", value).await;
        next_second().await;
    }
    let asked = scene.asked(begun).await;
    let writes = asked.iter().filter(|entry| entry.is_write()).count();
    println!("two labels: {:?}", tally(&asked));
    assert_eq!(writes, 0, "{asked:#?}");
    // It was heard all the same: both, or the last alone where the operator was late.
    let reads = tally(&asked).get("get secrets 200").copied().unwrap_or_default();
    assert!((1..=2).contains(&reads), "{reads}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_rolls_nothing_but_what_changed_meanwhile() {
    let mut stage = Stage::start().await;
    let mut scene = stage.scene("restart").await;
    let names = ["api-0", "api-1", "api-2"];
    for (name, secret) in names.iter().zip(["db-0", "db-1", "db-2"]) {
        scene.pipeline(name, service(env(secret), json!({"parallelism": 2}))).await;
        scene.phase(name, Phase::Waiting).await;
        scene.secret(secret, &["password"]).await;
        scene.rests(name, 1, 2).await;
    }
    next_second().await;
    label(&scene, "db-0", "vision").await;
    scene.asked(Timestamp::now()).await;
    stage.operator.take().unwrap().kill();
    let restarted = Timestamp::now();
    stage.operator = Some(Operator::start(&stage.cluster));
    stage.operator.as_ref().unwrap().says("ready").await;
    let writes = scene.writes(restarted).await;
    assert!(writes.is_empty(), "{writes:?}");

    stage.operator.take().unwrap().kill();
    scene.change("db-1", "password", "new").await;
    label(&scene, "db-2", "vision").await;
    let again = Timestamp::now();
    stage.operator = Some(Operator::start(&stage.cluster));
    let last = version(&scene, "db-1").await;
    let is_new = |p: &Pipeline| rests(p, 1, 2) && reference(p).started_with.as_deref() == Some(last.as_str());
    scene.until("api-1", "both have the new value", is_new).await;
    let writes = scene.writes(again).await;
    println!("a change while the operator was down, two Pods: {writes:?}");
    assert_eq!((writes["create pods 201"], writes["delete pods 200"]), (2, 2));
    assert_eq!(scene.standing("api-0").await, ["1/0/0", "1/1/0"]);
    assert_eq!(scene.standing("api-1").await, ["1/0/1", "1/1/1"]);
    assert_eq!(scene.standing("api-2").await, ["1/0/0", "1/1/0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_gets_a_fresh_pod_where_it_asks_for_one() {
    let mut scene = stage().await.scene("job").await;
    scene.secret("db", &["password"]).await;
    scene.pipeline("asks", service(env("db"), json!({"mode": "Job", "on_secret_change": "Restart"}))).await;
    scene.pipeline("left", service(env("db"), json!({"mode": "Job"}))).await;
    let first = pod_name(&scene.phase("asks", Phase::Running).await);
    scene.phase("left", Phase::Running).await;
    next_second().await;
    let begun = Timestamp::now();
    scene.change("db", "password", "new").await;
    let fresh = |p: &Pipeline| {
        let phase = phase_of(p);
        phase == Some(Phase::Running) && step(p).is_some_and(|s| (s.attempts, s.replacements) == (0, 1))
    };
    let second = pod_name(&scene.until("asks", "a fresh Pod, uncounted", fresh).await);
    assert_ne!(first, second);
    scene.pod_succeeds(&second).await;
    let done = scene.phase("asks", Phase::Succeeded).await;
    assert_eq!(done.status.unwrap().run.unwrap().number, 1);
    println!("a Job's rotation: {:?}", scene.writes(begun).await);
    let is_stale = |p: &Pipeline| reference(p).stale == Some(true);
    let left = scene.until("left", "it says that it is stale", is_stale).await;
    assert_eq!(scene.standing("left").await, ["1/0/0"]);
    let _: Pod = scene.api().get(&pod_name(&left)).await.unwrap();
}
