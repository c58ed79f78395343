//! What is said of an `input` that cannot be rendered, and what one that is made to do harm comes to.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use serde_json::json;

use crate::receiving::secret;
use crate::support::{CANARY, Space, condition, message, step};
use crate::{ended, nothing_leaked, rendering_journey, shared, shell, with};

/// Waits for the end of a run whose input cannot be rendered, and returns what is said of it.
pub async fn fails(space: &Space, name: &str) -> (Pipeline, String) {
    let pipeline = ended(space, name).await;
    assert_eq!(condition(&pipeline, "Ready"), "False/InvalidInput", "{name}: {}", message(&pipeline));
    let said = message(&pipeline);
    println!("{name}: {said}");
    assert!(!said.contains("canary"), "a value was told: {said}");
    (pipeline, said)
}

#[tokio::test]
async fn a_wrong_input_is_told_with_its_place_and_tried_once() {
    let Some((space, node)) = rendering_journey("input-wrong", json!({})).await else {
        return;
    };
    secret(&space, "api", json!({"token": format!("{CANARY} is no JSON")})).await;
    let cases = [
        ("syntax", json!({"headers": ["x", "bearer jq(.secrets.api | )"]}), "headers"),
        ("type", json!({"a": "jq(.secrets.api + 1)"}), ""),
        ("no-json", json!({"a": "jq(.secrets.api | fromjson)"}), ""),
        ("no-such", json!({"a": "jq(.secrets.other.x.y | error)"}), ""),
        ("environment", json!({"a": "jq(env.PATH)"}), ""),
        ("file", json!({"a": "jq(input)"}), ""),
        ("clock", json!({"a": "jq(now)"}), ""),
        ("told", json!({"a": "jq(.secrets.api | error)"}), ""),
    ];
    for (name, template, _) in &cases {
        let input =
            json!({"secrets": [{"name": "api", "key": "token"}], "template": template, "mount_path": "/in/put.json"});
        let spec = shell(node.preloaded_image(), "echo it ran", json!({"input": input}));
        space.pipeline(name, with(spec, json!({"retries": 3}))).await;
    }
    for (name, _, place) in &cases {
        let (pipeline, said) = fails(&space, name).await;
        assert!(said.contains(place), "{name}: {said}");
        let step = step(&pipeline).unwrap();
        assert_eq!((step.attempts, step.replacements), (1, 0), "{name} would fail again");
    }
    nothing_leaked(&space).await;
}

#[tokio::test]
async fn a_service_whose_input_was_wrong_starts_when_its_secret_is_mended() {
    let Some((space, node)) = rendering_journey("input-mended", json!({})).await else {
        return;
    };
    secret(&space, "config", json!({"json": format!("{{{CANARY}")})).await;
    let input = json!({"secrets": [{"name": "config", "key": "json"}], "template": {"port": "jq(.secrets.config | fromjson | .port)"},
        "env_var": "INPUT"});
    let transform =
        json!({"image": node.preloaded_image(), "cmd": ["sh", "-c", "echo $INPUT; sleep 3600"], "input": input});
    space.pipeline("api", json!({"mode": "Service", "transform": transform})).await;
    let is_told = |p: &Pipeline| condition(p, "Ready") == "False/InvalidInput";
    let stalled = space.until("api", "its input is wrong", is_told).await;
    println!("api: {}", message(&stalled));
    assert!(condition(&stalled, "Stalled").starts_with("True/"));
    let mended = Instant::now();
    let patch = Patch::Merge(json!({"stringData": {"json": "{\"port\": 8080}"}}));
    space.api::<Secret>().patch("config", &PatchParams::default(), &patch).await.unwrap();
    let runs = |p: &Pipeline| condition(p, "Ready") == "True/PodsRunning";
    let running = space.until("api", "its Pod runs", runs).await;
    println!("it ran {:.1} s after its Secret was mended", mended.elapsed().as_secs_f64());
    let pod = step(&running).unwrap().pod.clone().unwrap();
    assert!(crate::logs(&space, &pod, "8080").await.contains("{\"port\":8080}"));
    nothing_leaked(&space).await;
}

/// Each would never end, or take all there is.
const HOSTILE: [(&str, &str); 8] = [
    ("endless", "def f: f; f"),
    ("endless-stream", "[repeat(1)]"),
    ("endless-count", "last(range(1; infinite))"),
    ("deep", "def f: [f]; f"),
    ("deep-value", "reduce range(1000000) as $i (0; [.])"),
    ("wide", "[range(100000000)]"),
    ("long", "\"x\" | until(length > 10000000000; . + .)"),
    ("power", "\"x\" * 100000000000"),
];

#[tokio::test]
async fn a_hostile_expression_ends_within_its_limits_and_harms_nobody() {
    let Some((space, node)) = rendering_journey("input-hostile", json!({})).await else {
        return;
    };
    secret(&space, "api", json!({"token": CANARY})).await;
    let operator = &shared().unwrap().operator;
    let before = operator.memory();
    let begun = Instant::now();
    for (name, expression) in HOSTILE {
        let input = json!({
            "secrets": [{"name": "api", "key": "token"}], "template": format!("jq({expression})"), "mount_path": "/in/put.json",
        });
        // One that was given no processor time, as on a busy machine, is judged by no clock: it is tried again.
        let spec = with(shell(node.preloaded_image(), "echo it ran", json!({"input": input})), json!({"retries": 5}));
        space.pipeline(name, spec).await;
    }
    // The operator goes on meanwhile.
    secret(&space, "db", json!({"password": CANARY})).await;
    let db = json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    space.pipeline("neighbour", shell(node.preloaded_image(), "echo it ran", db)).await;
    space.pod_of("neighbour").await;
    println!("beside it another Pipeline had its Pod {:.2} s after all were made", begun.elapsed().as_secs_f64());
    for (name, _) in HOSTILE {
        fails(&space, name).await;
        println!(
            "{name} ended {:.1} s after all were made; its container ran {} s",
            begun.elapsed().as_secs_f64(),
            rendering(&space, name).await.as_secs()
        );
    }
    let after = operator.memory();
    println!("the operator had {} MiB, and {} at most since", before.0, after.1);
    // What these expressions make is hundreds of times more, and other tests use this operator meanwhile.
    assert!(after.1 < before.1 + 64, "the operator's memory grew from {} to {} MiB", before.1, after.1);
    nothing_leaked(&space).await;
}

/// How long the init container of a Pipeline's Pod ran, in whole seconds.
async fn rendering(space: &Space, pipeline: &str) -> Duration {
    let pod: Pod = space.pod_of(pipeline).await;
    let status = pod.status.as_ref().and_then(|status| status.init_container_statuses.as_ref()?.first()).unwrap();
    let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref()).unwrap();
    let (from, to) = (ended.started_at.as_ref().unwrap().0, ended.finished_at.as_ref().unwrap().0);
    let took = Duration::try_from(to.duration_since(from)).unwrap();
    // Its own limit is 10 s of work, and the machine is busy.
    assert!(took < Duration::from_mins(1), "{}: {took:?}", pod.name_any());
    took
}
