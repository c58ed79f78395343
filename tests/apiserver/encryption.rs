//! Encryption at rest is the API server's: switched on under a running Lockgate, as docs/encryption.md says, and what lies in
//! etcd before and after.

use std::path::Path;
use std::process::Command;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::{Cluster, Options};
use serde_json::{Value, json};

use crate::support::{self, CANARY, Operator, Space, admin, etcd, name_of, output, states};

/// The value of a Secret.
fn value(of: &str) -> String {
    format!("{CANARY}-at-rest-{of}")
}

async fn make(space: &Space, name: &str) {
    let object = json!({"metadata": {"name": name}, "stringData": {"password": value(name)}});
    space.api::<Secret>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

fn uses(secrets: &[&str]) -> Value {
    let uses: Vec<Value> =
        secrets.iter().map(|name| json!({"name": name, "env_var": name.to_uppercase(), "key": "password"})).collect();
    json!({"transform": {"image": "registry.test/edges:1", "secrets": uses}})
}

fn find(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Which of etcd's files hold the value of this Secret.
fn files_with(cluster: &Cluster, name: &str) -> Vec<String> {
    let base64 = serde_json::to_value(ByteString(value(name).into_bytes())).unwrap();
    // Its last letters depend on what follows.
    let base64: Vec<char> = base64.as_str().unwrap().trim_end_matches('=').chars().collect();
    let needles = [value(name), base64[..base64.len() - 2].iter().collect()];
    let mut found = Vec::new();
    for folder in ["snap", "wal"] {
        for file in std::fs::read_dir(cluster.dir().join("etcd/member").join(folder)).unwrap() {
            let path = file.unwrap().path();
            let content = std::fs::read(&path).unwrap();
            if needles.iter().any(|needle| find(&content, needle)) {
                found.push(format!("{folder}/{}", path.file_name().unwrap().display()));
            }
        }
    }
    found
}

/// What etcd answers for a Secret, at a revision, or now.
fn stored_at(cluster: &Cluster, space: &Space, name: &str, revision: i64) -> Option<Vec<u8>> {
    let key = etcd::encoded(&format!("/registry/secrets/{}/{name}", space.name));
    let answer = etcd::ask(cluster, "/v3/kv/range", &json!({"key": key, "revision": revision.to_string()}));
    let value = answer["kvs"].get(0)?["value"].clone();
    Some(serde_json::from_value::<ByteString>(value).unwrap().0)
}

fn stored(cluster: &Cluster, space: &Space, name: &str) -> Vec<u8> {
    stored_at(cluster, space, name, 0).unwrap()
}

/// The one command of the page that begins so.
fn documented(begin: &str) -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/encryption.md")).unwrap();
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(begin)).collect();
    let [line] = lines[..] else { panic!("docs/encryption.md has {} commands {begin}", lines.len()) };
    line.to_owned()
}

fn run(cluster: &Cluster, line: &str) -> String {
    let kubectl = cluster.binary("kubectl");
    let path = format!("{}:{}", kubectl.parent().unwrap().display(), std::env::var("PATH").unwrap());
    output(Command::new("bash").args(["-c", line]).env("PATH", path).env("KUBECONFIG", cluster.kubeconfig()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_encryption_at_rest_no_value_lies_in_etcd_and_nothing_else_changes() {
    const ENCRYPTED: &str = "k8s:enc:secretbox:v1:key1:";
    let cluster = tokio::task::block_in_place(|| support::install(Options::new()));
    let operator = Operator::start(&cluster);
    let space = Space::new(&admin(&cluster).await, "at-rest").await;
    make(&space, "before").await;
    let mut service = uses(&["before"]);
    service["mode"] = "Service".into();
    space.pipeline("web", service).await;
    let pod = name_of(&space.pod_of("web").await);
    // Long after the Secret's last change, as most containers: within seconds of it a doubt means that the value is old.
    let started_at = k8s_openapi::jiff::Timestamp::now() + k8s_openapi::jiff::SignedDuration::from_mins(1);
    let started = json!([{"name": "main", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": started_at}}}]);
    let ready =
        json!({"phase": "Running", "containerStatuses": started, "conditions": [{"type": "Ready", "status": "True"}]});
    space.pod_status(&pod, ready).await;
    space.phase("web", Phase::Running).await;
    space.pipeline("edges", uses(&["before", "after"])).await;
    assert_eq!(states(&space.phase("edges", Phase::Waiting).await), ["before:Resolved", "after:NotFound"]);
    assert!(!files_with(&cluster, "before").is_empty(), "without encryption the value lies in a file");
    assert!(find(&stored(&cluster, &space, "before"), &value("before")));

    tokio::task::block_in_place(|| cluster.encrypt_secrets().unwrap());
    make(&space, "after").await;
    space.pod_of("edges").await;
    assert_eq!(states(&space.phase("edges", Phase::Starting).await), ["before:Resolved", "after:Resolved"]);
    assert_eq!(files_with(&cluster, "after"), [""; 0]);
    assert!(stored(&cluster, &space, "after").starts_with(ENCRYPTED.as_bytes()));

    // What was stored before is as it was until it is written again.
    assert!(find(&stored(&cluster, &space, "before"), &value("before")));
    let before = etcd::revision(&cluster);
    let rewritten = run(&cluster, &documented("kubectl get secrets --all-namespaces"));
    assert!(rewritten.contains("secret/before replaced"), "{rewritten}");
    let now = stored(&cluster, &space, "before");
    assert!(now.starts_with(ENCRYPTED.as_bytes()) && !find(&now, &value("before")));
    // Nothing rolls: a marker that came after it is through, and the Service has its Pod.
    make(&space, "marker").await;
    space.pipeline("marker", uses(&["before", "marker"])).await;
    space.pod_of("marker").await;
    let web: Pipeline = space.phase("web", Phase::Running).await;
    let rows = web.status.unwrap().references;
    assert!(rows.iter().all(|row| row.stale != Some(true)), "{rows:#?}");
    assert!(
        space.pods().await.iter().any(|found| name_of(found) == pod && found.metadata.deletion_timestamp.is_none())
    );

    // Old revisions go by compaction, and their bytes from the database by defragmentation; the log has its own time.
    assert!(find(&stored_at(&cluster, &space, "before", before).unwrap(), &value("before")));
    let now = etcd::revision(&cluster).to_string();
    etcd::ask(&cluster, "/v3/kv/compaction", &json!({"revision": now, "physical": true}));
    assert_eq!(stored_at(&cluster, &space, "before", before), None);
    etcd::ask(&cluster, "/v3/maintenance/defragment", &json!({}));
    let left = files_with(&cluster, "before");
    println!("after compaction and defragmentation the value from before lies in {left:?}");
    assert!(!left.contains(&"snap/db".to_owned()), "{left:?}");
    assert!(left.iter().all(|file| file.starts_with("wal/")), "{left:?}");
    drop(operator);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
