//! `termination_message`: what a container writes to `/dev/termination-log` stands in status, made harmless and short;
//! with `false` it does not.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use lockgate::api::pipeline::Pipeline;
use serde_json::json;

use crate::support::{CANARY, message, name_of, step};
use crate::{ended, journey, shared, shell, with};

#[tokio::test]
async fn last_words_stand_in_status_in_one_short_line() {
    let Some((space, node)) = journey("last-words").await else {
        return;
    };
    let image = node.preloaded_image();
    let says = |script: &str| shell(image, script, json!({}));
    let lines = r"printf 'disk\nfull\033[31m \302\240\342\200\256' > /dev/termination-log; exit 3";
    space.pipeline("lines", says(lines)).await;
    space.pipeline("long", says("head -c 4096 /dev/zero | tr '\\0' x > /dev/termination-log; exit 3")).await;
    space.pipeline("well", says("echo done > /dev/termination-log")).await;
    // Its log is not taken for its last words.
    space.pipeline("silent", says("echo not-for-status; exit 3")).await;

    let lines = ended(&space, "lines").await;
    let escaped = "it said: \"disk\\nfull\\u{1b}[31m \u{a0}\\u{202e}\"";
    assert!(message(&lines).contains(escaped), "{}", message(&lines));
    assert!(step(&lines).unwrap().message.as_ref().unwrap().contains(escaped));
    let long = message(&ended(&space, "long").await);
    let kept = "x".repeat(256);
    assert!(long.contains(&format!("it said: \"{kept}\"")), "{long}");
    let well = message(&ended(&space, "well").await);
    assert!(well.ends_with("ended with exit code 0; it said: \"done\""), "{well}");
    let silent = message(&ended(&space, "silent").await);
    assert!(!silent.contains("not-for-status") && !silent.contains("it said"), "{silent}");
}

#[tokio::test]
async fn with_false_they_stand_in_the_pod_only() {
    let Some((space, node)) = journey("no-last-words").await else {
        return;
    };
    space.secret("db", &["password"]).await;
    let secrets = json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    let careless = shell(node.preloaded_image(), "echo \"$DB_PASSWORD\" > /dev/termination-log; exit 3", secrets);
    space.pipeline("careless", with(careless, json!({"termination_message": false}))).await;
    let done = ended(&space, "careless").await;
    assert_eq!(step(&done).unwrap().exit_code, Some(3));
    let events = space.api::<Event>().list(&ListParams::default()).await.unwrap();
    let pipelines = space.api::<Pipeline>().list(&ListParams::default()).await.unwrap();
    for (place, text) in [
        ("status", serde_json::to_string(&pipelines).unwrap()),
        ("events", serde_json::to_string(&events).unwrap()),
        ("log", shared().unwrap().operator.log()),
    ] {
        assert!(!text.contains(CANARY), "the value is in {place}: {text}");
    }
    // The kubelet itself writes them into the Pod's status, whatever Lockgate does: the docs say so.
    let pod = space.api::<Pod>().get(&name_of(&space.pod_of("careless").await)).await.unwrap();
    let terminated = pod.status.unwrap().container_statuses.unwrap()[0].state.clone().unwrap().terminated.unwrap();
    assert!(terminated.message.unwrap().contains(CANARY));
}
