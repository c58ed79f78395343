//! Inputs: gated like any reference, rendered by nobody here, so that their ends are played; and nothing of a Secret in any object.

use std::time::Instant;

use k8s_openapi::api::core::v1::{Event, Pod, Secret, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::space;
use crate::support::audit::tally;
use crate::support::stage::{service, stage};
use crate::support::{CANARY, Space, admin, condition, message, name_of, pointer, states, step};

/// What `lockgate render` says.
const WORDS: &str = "template at /headers/Authorization, character 11: null cannot be put into a string";

fn input() -> Value {
    json!({
        "secrets": [{"name": "api", "key": "token", "as": "secretToken"}],
        "template": {"headers": {"Authorization": "bearer jq(.secrets.secretToken)"}},
        "mount_path": "/lockgate/input.json",
    })
}

/// A Pod of which the init container ended so. Of a Service the kubelet starts it again after a while.
fn render_failed(exit_code: i32, loops: bool) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ended = json!({"terminated": {"exitCode": exit_code, "reason": "Error", "message": WORDS, "startedAt": now, "finishedAt": now}});
    let waits =
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}});
    let status = |state: &Value, last: &Value| json!({"name": "lockgate-render", "image": "x", "imageID": "x", "ready": false, "restartCount": 0, "state": state, "lastState": last});
    json!({
        "phase": if loops { "Pending" } else { "Failed" },
        "initContainerStatuses": [if loops { status(&waits, &ended) } else { status(&ended, &json!({})) }],
        "containerStatuses": [{"name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "PodInitializing"}}}],
    })
}

/// Everything in the namespace but its Secrets, as text.
async fn all_objects(space: &Space) -> String {
    let all = ListParams::default();
    let pods = space.api::<Pod>().list(&all).await.unwrap();
    let pipelines = space.api::<Pipeline>().list(&all).await.unwrap();
    let events = space.api::<Event>().list(&all).await.unwrap();
    format!("{}{}{}", json!(pods), json!(pipelines), json!(events))
}

async fn set(space: &Space, key: &str, value: &str) {
    let patch = Patch::Merge(json!({"stringData": {key: value}}));
    space.api::<Secret>().patch("api", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_secret_of_an_input_gates_by_its_key_and_no_object_has_its_value() {
    let space = space("input-gate").await;
    space.pipeline("call", json!({"transform": {"image": "registry.test/call:1", "input": input()}})).await;
    let waiting = space.phase("call", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["api:NotFound"]);
    assert!(
        message(&waiting).contains("Secret api (input .secrets.secretToken) does not exist"),
        "{}",
        message(&waiting)
    );
    space.secret("api", &["user"]).await;
    let waiting = space.until("call", "its key is missing", |p| states(p) == ["api:KeyMissing"]).await;
    assert_eq!(waiting.status.unwrap().waiting_for.as_deref(), Some("key api/token"));
    assert!(space.pods().await.is_empty());
    set(&space, "token", CANARY).await;

    let pod = space.pod_of("call").await;
    let spec = json!(pod.spec.as_ref().unwrap());
    assert_eq!(spec["initContainers"][0]["name"], "lockgate-render");
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["mountPath"], "/lockgate/input.json");
    let starting = space.phase("call", Phase::Starting).await;
    let row = &starting.status.as_ref().unwrap().references[0];
    assert_eq!((row.usage.as_str(), row.key.as_deref()), ("Input", Some("token")));
    assert!(row.started_with.is_some());
    let text = all_objects(&space).await;
    assert!(text.contains("jq(.secrets.secretToken)") && !text.contains(CANARY), "{text}");
}

#[tokio::test]
async fn the_api_server_takes_every_form_of_it_under_the_strictest_rules() {
    space("input-forms").await;
    let cluster = tokio::task::spawn_blocking(crate::shared).await.unwrap();
    let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let space = Space::labelled(&admin(&cluster.cluster).await, "input-restricted", restricted).await;
    space.secret("api", &["token"]).await;
    space.secret("app", &["a.b"]).await;
    let robot = json!({"metadata": {"name": "robot"}});
    let accounts = space.api::<ServiceAccount>();
    accounts.create(&PostParams::default(), &serde_json::from_value(robot).unwrap()).await.unwrap();
    let transform = json!({
        "image": "registry.test/call:1", "user": "1000", "cmd": ["sh"], "stdin": ["x"], "env": {"COST": "$5"},
        "secrets": [{"name": "app", "mount_path": "/etc/app", "format": "properties"}, {"name": "api", "mount_path": "/etc/app"}],
    });
    let with = |place: Value| {
        let mut transform = transform.clone();
        transform["input"] = input();
        transform["input"].as_object_mut().unwrap().remove("mount_path");
        transform["input"].as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        json!({"security": "Restricted", "service_account_name": "robot", "transform": transform})
    };
    for (name, place) in
        [("file", json!({"mount_path": "/lockgate/input.json"})), ("variable", json!({"env_var": "INPUT"}))]
    {
        space.pipeline(name, with(place)).await;
        let pod = json!(space.pod_of(name).await.spec.unwrap());
        // The API server gives a token to the step's container alone, whose account somebody chose.
        let has_token = |container: &Value| container["volumeMounts"].to_string().contains("kube-api-access");
        assert!(has_token(&pod["containers"][0]) && !has_token(&pod["initContainers"][0]), "{pod}");
    }
}

#[tokio::test]
async fn what_cannot_be_rendered_ends_the_run_of_a_job() {
    let space = space("input-job").await;
    space.secret("api", &["token"]).await;
    space
        .pipeline("call", json!({"retries": 3, "transform": {"image": "registry.test/call:1", "input": input()}}))
        .await;
    let pod = name_of(&space.pod_of("call").await);
    space.pod_status(&pod, render_failed(65, false)).await;
    let failed = space.phase("call", Phase::Failed).await;
    assert_eq!(condition(&failed, "Stalled"), "True/InvalidInput");
    assert_eq!(condition(&failed, "Ready"), "False/InvalidInput");
    assert!(
        message(&failed).starts_with(&format!("what Pod {pod} needs cannot be rendered: {WORDS}")),
        "{}",
        message(&failed)
    );
    assert_eq!(pointer(&failed).as_deref(), Some("docs/troubleshooting.md#invalidinput"));
    let result = failed.status.as_ref().unwrap().run.as_ref().unwrap().result.clone().unwrap();
    assert!(!result.succeeded && result.reason.as_str() == "InvalidInput");
    let is_told = |event: &Event| {
        let about = event.related.as_ref().and_then(|related| related.name.as_deref());
        event.reason.as_deref() == Some("InvalidInput") && about == Some(pod.as_str())
    };
    space.until_many::<Event>(1, "an event that names the Pod", Instant::now(), is_told).await;
    set(&space, "token", "canary-7c1f-another").await;
    // A Pipeline from begin to its Pod: whatever was woken before it was looked at.
    space.pipeline("marker", json!({"transform": {"image": "registry.test/call:1"}})).await;
    space.phase("marker", Phase::Starting).await;
    let pods: Vec<String> = space.pods().await.iter().map(name_of).filter(|name| name.starts_with("call-")).collect();
    assert_eq!(pods, [pod]);
    assert!(!all_objects(&space).await.contains(CANARY));
}

#[tokio::test]
async fn a_service_stalls_and_goes_on_when_the_secret_changes() {
    let space = space("input-service").await;
    space.secret("api", &["token"]).await;
    let spec = json!({"mode": "Service", "transform": {"image": "registry.test/call:1", "input": input()}});
    space.pipeline("call", spec).await;
    let pod = name_of(&space.pod_of("call").await);
    space.pod_status(&pod, render_failed(65, true)).await;
    let stalled = space.phase("call", Phase::Failed).await;
    assert_eq!(condition(&stalled, "Stalled"), "True/InvalidInput");
    assert!(message(&stalled).contains(WORDS), "{}", message(&stalled));
    set(&space, "token", "canary-7c1f-mended").await;
    let fresh = |p: &Pipeline| step(p).is_some_and(|step| step.replacements == 1 && step.pod.as_deref() != Some(&pod));
    let mended = space.until("call", "a fresh Pod", fresh).await;
    assert_eq!(condition(&mended, "Ready"), "False/PodsStarting");
    assert_eq!(condition(&mended, "Reconciling"), "True/PodsStarting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_costs_no_request_more_than_a_variable() {
    let mut scene = stage().await.scene("input-counts").await;
    let mut counted = Vec::new();
    for (name, transform) in [
        ("variable", json!({"secrets": [{"name": "of-variable", "env_var": "TOKEN", "key": "token"}]})),
        (
            "input",
            json!({"input": {"secrets": [{"name": "of-input", "key": "token"}], "template": 1, "env_var": "INPUT"}}),
        ),
    ] {
        let begun = Timestamp::now();
        scene.secret(&format!("of-{name}"), &["token"]).await;
        scene.pipeline(name, service(transform, json!({}))).await;
        scene.rests(name, 1, 1).await;
        counted.push(tally(&scene.asked(begun).await));
    }
    println!("a variable: {:?}", counted[0]);
    assert_eq!(counted[0], counted[1]);
}
