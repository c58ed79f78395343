//! Healing, counted in the audit log: a stuck Pod makes place for a fresh one at the event that mends what it waits for,
//! once; a Pod that runs is not touched.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, Pod, Secret, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::moments::pod_name;
use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::{Heavy, each, paper_node};
use crate::support::{CANARY, Operator, Space, admin, condition, name_of, step};

/// So many Pipelines share one pull secret.
const MANY: usize = 50;
/// A pull secret of nobody, in two versions.
const WRONG: &str = r#"{"auths":{"registry.test":{"username":"u","password":"canary-7c1f-wrong"}}}"#;
const RIGHT: &str = r#"{"auths":{"registry.test":{"username":"u","password":"canary-7c1f-right"}}}"#;

/// Plays what a kubelet does last: a Pod that is being deleted goes. Ends when it is dropped.
pub struct Remover(JoinHandle<()>);

impl Remover {
    pub fn of(client: &Client) -> Self {
        let client = client.clone();
        Self(tokio::spawn(async move {
            let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            let pods = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default());
            let mut stream = std::pin::pin!(pods.default_backoff().applied_objects());
            while let Some(pod) = stream.next().await {
                let Some(pod) = pod.ok().filter(|pod| pod.metadata.deletion_timestamp.is_some()) else { continue };
                let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap());
                let _ = api.delete(&name_of(&pod), &now).await;
            }
        }))
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// However late the scheduler hears that the paper node is ready, it finds no fault with it.
fn with(transform: &Value, more: &Value) -> Value {
    let mut spec = json!({"transform": {"image": "registry.test/edges:1"}, "tolerations": [{"operator": "Exists"}]});
    spec["transform"].as_object_mut().unwrap().extend(transform.as_object().unwrap().clone());
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }]})
}

pub fn unauthorized() -> Value {
    waiting("ImagePullBackOff", "Back-off pulling image: pull access denied: authorization failed: 401 Unauthorized")
}

/// Waits until the Pod is bound and in status: then nothing comes that the test does not do.
pub async fn bound(space: &Space, pipeline: &str) -> String {
    let found = crate::moments::started(space, pipeline).await;
    let pod = pod_name(&found);
    space.until::<Pod>(&pod, "bound", |pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())).await;
    pod
}

async fn in_trouble(space: &Space, pipeline: &str, trouble: Trouble) {
    space.until(pipeline, trouble.as_str(), |p: &Pipeline| step(p).is_some_and(|s| s.trouble == Some(trouble))).await;
}

/// Makes a Pipeline whose Pod is in this trouble.
pub async fn stuck(space: &Space, name: &str, spec: Value, status: Value, trouble: Trouble) {
    space.pipeline(name, spec).await;
    let pod = bound(space, name).await;
    space.pod_status(&pod, status).await;
    in_trouble(space, name, trouble).await;
}

pub async fn set_key(space: &Space, secret: &str, key: &str, value: Option<&str>) {
    let patch = match value {
        Some(value) => json!({"stringData": {key: value}}),
        None => json!({"data": {key: null}}),
    };
    space.api::<Secret>().patch(secret, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn mount_fails(space: &Space, pod: &str) {
    let uid = space.api::<Pod>().get(pod).await.unwrap().uid();
    let event = json!({
        "metadata": {"name": format!("{pod}.failed"), "namespace": space.name}, "type": "Warning",
        "reason": "FailedMount", "message": "MountVolume.SetUp failed: references non-existent secret key: ca.crt",
        "involvedObject": {"kind": "Pod", "namespace": space.name, "name": pod, "uid": uid},
    });
    space.api::<Event>().create(&PostParams::default(), &serde_json::from_value(event).unwrap()).await.unwrap();
}

/// Waits until the Pipeline has its fresh Pod.
async fn healed(space: &Space, pipeline: &str) {
    let fresh = |p: &Pipeline| {
        step(p).is_some_and(|s| s.pod_uid.is_some() && (s.attempts, s.replacements) == (0, 1) && s.trouble.is_none())
    };
    space.until(pipeline, "a fresh Pod, and no try lost", fresh).await;
    bound(space, pipeline).await;
}

/// A Pipeline from begin to its Pod: whatever was woken before it was looked at.
pub async fn marker(space: &Space, name: &str) {
    space.pipeline(name, with(&json!({}), &json!({}))).await;
    bound(space, name).await;
}

/// What was asked for since then, but for watches and markers.
async fn asked(audit: &mut Audit, space: &Space, since: Timestamp) -> Vec<Entry> {
    audit.settle(&space.client).await;
    let ours = |e: &Entry| e.namespace() == space.name && !e.name().starts_with("marker");
    audit.since(since).into_iter().filter(ours).collect()
}

fn counts(entries: &[Entry]) -> BTreeMap<String, usize> {
    tally(entries)
}

/// What a fresh Pod costs: that the old one ends and that the fresh one is there stand in status.
const ONE_HEALED: [(&str, usize); 5] = [
    ("create pods 201", 1),
    ("delete pods 200", 1),
    // Whether a Pod of which the watch says that it is gone is gone.
    ("get pods 404", 1),
    ("get secrets 200", 1),
    ("patch pipelines/status 200", 2),
];

fn times(of_one: &[(&str, usize)], many: usize, secrets: usize) -> BTreeMap<String, usize> {
    let each = |(kind, count): &(&str, usize)| {
        ((*kind).to_owned(), if *kind == "get secrets 200" { secrets } else { count * many })
    };
    of_one.iter().map(each).filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_mended_replaces_the_stuck_pod_once_and_touches_nothing_that_runs() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let _operator = Operator::start(&cluster);
    let _remover = Remover::of(&client);
    of_every_kind(&client, &mut Audit::of(&cluster)).await;
    many_at_once(&client, &mut Audit::of(&cluster)).await;
}

/// One Pod of each kind of trouble, one after the other.
async fn of_every_kind(client: &Client, audit: &mut Audit) {
    let space = Space::new(client, "heal").await;
    let uses = |secrets: Value| with(&json!({"secrets": secrets}), &json!({}));
    let pulls = |name: &str| with(&json!({"image_pull_secrets": [name]}), &json!({}));

    // A pull secret, used by a Pod that is stuck and by one that runs.
    space.pull_secret("regcred", WRONG).await;
    space.pipeline("runs", pulls("regcred")).await;
    space.pod_status(&bound(&space, "runs").await, json!({"phase": "Running"})).await;
    space.phase("runs", Phase::Running).await;
    stuck(&space, "pull", pulls("regcred"), unauthorized(), Trouble::ImageUnauthorized).await;
    marker(&space, "marker-1").await;
    let begun = Timestamp::now();
    set_key(&space, "regcred", ".dockerconfigjson", Some(RIGHT)).await;
    healed(&space, "pull").await;
    marker(&space, "marker-2").await;
    let entries = asked(audit, &space, begun).await;
    assert_eq!(counts(&entries), times(&ONE_HEALED, 1, 1));
    assert!(!entries.iter().any(|e| e.name().starts_with("runs")), "a Pod that runs: {entries:#?}");

    // A key that went away (which mends nothing) and comes again.
    space.secret("db", &["user", "password"]).await;
    let env = json!([{"name": "db", "env_var": "PASSWORD", "key": "password"}]);
    space.pipeline("key", uses(env)).await;
    let pod = bound(&space, "key").await;
    set_key(&space, "db", "password", None).await;
    space.until("key", "its key is gone", |p: &Pipeline| condition(p, "SecretsResolved").starts_with("False")).await;
    space.pod_status(&pod, waiting("CreateContainerConfigError", "couldn't find key password in Secret heal/db")).await;
    in_trouble(&space, "key", Trouble::SecretGone).await;
    marker(&space, "marker-3").await;
    assert_eq!(pod_name(&space.api().get("key").await.unwrap()), pod, "nothing was mended yet");
    let begun = Timestamp::now();
    set_key(&space, "db", "password", Some(CANARY)).await;
    healed(&space, "key").await;
    marker(&space, "marker-4").await;
    assert_eq!(counts(&asked(audit, &space, begun).await), times(&ONE_HEALED, 1, 1));

    // A volume that could not be mounted.
    space.secret("tls", &["tls.crt"]).await;
    space.pipeline("volume", uses(json!([{"name": "tls", "mount_path": "/etc/tls"}]))).await;
    mount_fails(&space, &bound(&space, "volume").await).await;
    in_trouble(&space, "volume", Trouble::VolumeMount).await;
    marker(&space, "marker-5").await;
    let begun = Timestamp::now();
    set_key(&space, "tls", "ca.crt", Some(CANARY)).await;
    healed(&space, "volume").await;
    marker(&space, "marker-6").await;
    assert_eq!(counts(&asked(audit, &space, begun).await), times(&ONE_HEALED, 1, 1));

    // A pull secret that the account lists, though it is not there yet; and one that it lists only now.
    let robot: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "theirs"}]}))
            .unwrap();
    space.api::<ServiceAccount>().create(&PostParams::default(), &robot).await.unwrap();
    let as_robot = || with(&json!({}), &json!({"service_account_name": "robot"}));
    stuck(&space, "account", as_robot(), unauthorized(), Trouble::ImageUnauthorized).await;
    marker(&space, "marker-7").await;
    let begun = Timestamp::now();
    space.pull_secret("theirs", RIGHT).await;
    healed(&space, "account").await;
    marker(&space, "marker-8").await;
    assert_eq!(counts(&asked(audit, &space, begun).await), times(&ONE_HEALED, 1, 1));

    space.pull_secret("more", RIGHT).await;
    stuck(&space, "listed", as_robot(), unauthorized(), Trouble::ImageUnauthorized).await;
    space.pod_status(&pod_name(&space.api().get("account").await.unwrap()), json!({"phase": "Running"})).await;
    space.phase("account", Phase::Running).await;
    marker(&space, "marker-9").await;
    let begun = Timestamp::now();
    let lists = Patch::Merge(json!({"imagePullSecrets": [{"name": "theirs"}, {"name": "more"}]}));
    space.api::<ServiceAccount>().patch("robot", &PatchParams::default(), &lists).await.unwrap();
    healed(&space, "listed").await;
    marker(&space, "marker-10").await;
    let entries = asked(audit, &space, begun).await;
    let of_stuck: Vec<Entry> = entries.iter().filter(|e| !e.name().starts_with("account")).cloned().collect();
    assert_eq!(counts(&of_stuck), times(&ONE_HEALED, 1, 1));
    let of_running = |e: &&Entry| e.name().starts_with("account") && e.kind().ends_with(" pods");
    assert!(!entries.iter().any(|e| of_running(&e)), "{entries:#?}");
}

/// One mended pull secret heals all that share it, for one read.
async fn many_at_once(client: &Client, audit: &mut Audit) {
    let space = Space::new(client, "shared").await;
    space.pull_secret("regcred", WRONG).await;
    each(0..MANY, |i| {
        let space = &space;
        async move {
            let spec = with(&json!({"image_pull_secrets": ["regcred"]}), &json!({}));
            stuck(space, &format!("p-{i:02}"), spec, unauthorized(), Trouble::ImageUnauthorized).await;
        }
    })
    .await;
    marker(&space, "marker").await;
    let begun = Timestamp::now();
    let since = Instant::now();
    set_key(&space, "regcred", ".dockerconfigjson", Some(RIGHT)).await;
    let fresh = |p: &Pipeline| step(p).is_some_and(|s| s.pod_uid.is_some() && (s.attempts, s.replacements) == (0, 1));
    let (first, last) = space.until_many(MANY, "a fresh Pod", since, fresh).await;
    marker(&space, "marker-two").await;
    assert_eq!(counts(&asked(audit, &space, begun).await), times(&ONE_HEALED, MANY, 1));
    println!("{MANY} Pipelines healed by one Secret: the first after {first:?}, the last after {last:?}");
}
