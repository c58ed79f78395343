//! A spout of Pachyderm's that was imported, on a real node. A busybox stands in for its image: it prints what the spout would begin
//! with.

use std::path::Path;

use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate::cli::import::read::File;
use lockgate::cli::import::{Options, import};
use serde_json::{Value, json};

use crate::support::{CANARY, condition, name_of};
use crate::{journey, logs, shared};

/// Whether the password came is shown by its length: no value stands in a log.
const SPOUT: &str = "echo connects to $RABBITMQ_PROTOCOL://$RABBITMQ_USER@$RABBITMQ_HOST with ${#RABBITMQ_PASSWORD} characters; \
    trap 'exit 0' TERM; sleep 1000 & wait";

#[tokio::test]
async fn an_imported_rabbitmq_spout_runs_with_its_password() {
    let Some((space, node)) = journey("imported-spout").await else {
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/pachyderm/rabbitmq-spout.json");
    let mut spec: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    spec["transform"]["image"] = json!(node.preloaded_image());
    spec["transform"]["cmd"] = json!(["sh", "-euc", SPOUT]);
    let file = File { name: "spout.json".to_owned(), bytes: spec.to_string().into_bytes() };
    let imported = import(&[file], &Options::default());
    space.pipeline("rabbitmq-spout", imported.drafts[0].object["spec"].clone()).await;
    space.phase("rabbitmq-spout", Phase::Waiting).await;
    space.secret("rabbitmq-secret", &["rabbitmq-password"]).await;
    let runs = |p: &Pipeline| condition(p, "Ready") == "True/PodsRunning";
    space.until("rabbitmq-spout", "its Pod runs", runs).await;
    let pod = name_of(&space.pod_of("rabbitmq-spout").await);
    let wanted = "connects to amqp://spout@rabbitmq.messages.svc.cluster.local:5672 with ";
    let log = logs(&space, &pod, wanted).await;
    assert!(!log.contains(" 0 characters"), "{log}");
    let operator = shared().unwrap().operator.log();
    assert!(!log.contains(CANARY) && !operator.contains(CANARY));
}
