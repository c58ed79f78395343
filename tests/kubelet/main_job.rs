//! The main job: Secrets come one by one, the Pod starts by itself with the last, and receives what it needs.

use std::time::Instant;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use lockgate::api::reason::Phase;
use serde_json::json;

use crate::support::{CANARY, condition, message, states, step};
use crate::{journey, nothing_leaked, printed, shell};

#[tokio::test]
async fn secrets_come_one_by_one_and_the_pod_starts_with_the_last() {
    let Some((space, node)) = journey("main-job").await else {
        return;
    };
    let image = node.registry().push_busybox("main-job/edges:1").unwrap();
    let script = "echo \"env: $DB_PASSWORD\"; echo \"file: $(cat /etc/tls/ca.pem)\"; ls /etc/tls";
    let secrets = json!({
        "secrets": [
            {"name": "db", "env_var": "DB_PASSWORD", "key": "password"},
            {"name": "tls", "mount_path": "/etc/tls", "items": [{"key": "ca.crt", "path": "ca.pem"}]},
        ],
        "image_pull_secrets": ["regcred"],
    });
    space.pipeline("edges", shell(&image, script, secrets)).await;

    let waiting = space.phase("edges", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["db:NotFound", "tls:NotFound", "regcred:NotFound"]);
    println!("waiting: {}", message(&waiting));
    space.secret("db", &["password"]).await;
    space.until("edges", "db is there", |p| states(p)[0] == "db:Resolved").await;
    space.pull_secret("regcred", &node.registry().docker_config_json()).await;
    space.until("edges", "regcred is there", |p| states(p)[2] == "regcred:Resolved").await;
    assert!(space.pods().await.is_empty());

    // This watch is open long before the last Secret is mended: a Secret and a status come in between.
    let watched = tokio::spawn({
        let space = space.clone();
        async move {
            let pod = space.pod_of("edges").await;
            (pod, Instant::now())
        }
    });
    space.secret("tls", &["tls.crt"]).await;
    let waiting = space.until("edges", "tls has another key", |p| states(p)[1] == "tls:KeyMissing").await;
    assert_eq!(waiting.status.as_ref().unwrap().waiting_for.as_deref(), Some("keys of tls"));
    println!("waiting: {}", message(&waiting));
    assert!(space.pods().await.is_empty());

    let patch = Patch::Merge(json!({"stringData": {"ca.crt": format!("{CANARY}-ca.crt")}}));
    let asked = Instant::now();
    space.api::<Secret>().patch("tls", &PatchParams::default(), &patch).await.unwrap();
    let mended = Instant::now();
    let (_, seen) = watched.await.unwrap();
    println!(
        "the Pod was seen {:?} after the last Secret's patch was sent, {:?} after its answer",
        seen.duration_since(asked),
        seen.saturating_duration_since(mended)
    );

    let log = printed(&space, "edges").await;
    assert_eq!(log, format!("env: {CANARY}-password\nfile: {CANARY}-ca.crt\nca.pem\n"));
    println!("it succeeded {:?} after the last Secret's patch", asked.elapsed());
    let done = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(condition(&done, "Complete"), "True/Succeeded");
    assert_eq!(condition(&done, "SecretsResolved"), "True/AllResolved");
    let step = step(&done).unwrap();
    assert_eq!((step.attempts, step.replacements, step.exit_code), (0, 0, Some(0)));
    assert_eq!(space.pods().await.len(), 1);
    nothing_leaked(&space).await;
}
