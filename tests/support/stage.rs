//! A cluster, an operator and a kubelet that is played: what tests of Services share.
//!
//! The Pods are bound to a Node of paper. A task runs them: they run, are ready then, unless their variable `READY` says
//! `no`, and go when they are deleted, unless a finalizer holds them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate_cluster::{Cluster, NodeKind, Options};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::audit::{Audit, Entry, tally};
use super::heavy::paper_node;
use super::{CANARY, Operator, Space, admin, condition, install, name_of, step};

/// A cluster whose controllers never find fault with a Node that has no heartbeat, and its operator.
pub struct Stage {
    pub cluster: Cluster,
    pub operator: Option<Operator>,
}

impl Stage {
    /// Starts one.
    pub async fn start() -> Self {
        let cluster = tokio::task::spawn_blocking(|| install(Options::new().audit(true).node(NodeKind::Scripted)));
        let cluster = cluster.await.unwrap();
        paper_node(&admin(&cluster).await).await;
        let operator = Operator::start(&cluster);
        Self { cluster, operator: Some(operator) }
    }

    /// A namespace on it.
    pub async fn scene(&self, name: &str) -> Scene {
        let space = Space::new(&admin(&self.cluster).await, name).await;
        let kubelet = Kubelet::of(&space);
        Scene { space, audit: Audit::of(&self.cluster), _kubelet: kubelet }
    }
}

/// The stage that most of them share.
pub async fn stage() -> &'static Stage {
    static SHARED: OnceLock<Stage> = OnceLock::new();
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = TURN.lock().await;
    if SHARED.get().is_none() {
        let _ = SHARED.set(Stage::start().await);
    }
    SHARED.get().unwrap()
}

/// One test's namespace, its kubelet and its part of the audit log.
pub struct Scene {
    pub space: Space,
    pub audit: Audit,
    _kubelet: Kubelet,
}

impl Deref for Scene {
    type Target = Space;

    fn deref(&self) -> &Space {
        &self.space
    }
}

/// A Service; `transform` and `more` are further fields.
pub fn service(transform: Value, more: Value) -> Value {
    let mut spec = json!({
        "mode": "Service",
        "transform": {"image": "registry.test/api:1"},
        "rotation_debounce": "1s",
        "scheduling_spec": {"node_selector": {"kubernetes.io/hostname": "paper"}},
        "tolerations": [{"operator": "Exists"}],
    });
    let (Value::Object(transform), Value::Object(more)) = (transform, more) else { panic!("these are no objects") };
    spec["transform"].as_object_mut().unwrap().extend(transform);
    spec.as_object_mut().unwrap().extend(more);
    spec
}

/// Whether this generation of it, with all of its Pods ready and none beside them, is in status.
pub fn rests(pipeline: &Pipeline, run: i64, pods: i32) -> bool {
    let Some(status) = &pipeline.status else { return false };
    let is_run = status.run.as_ref().is_some_and(|current| current.number == run);
    is_run
        && status.observed_generation == pipeline.metadata.generation
        && condition(pipeline, "Ready") == "True/PodsRunning"
        && status.replicas == Some(pods)
        && step(pipeline).is_some_and(|step| step.ready == Some(pods))
}

impl Scene {
    /// Waits until the Service rests in this run with so many Pods.
    pub async fn rests(&self, name: &str, run: i64, pods: i32) -> Pipeline {
        let what = format!("run {run} with {pods} Pods, all ready");
        self.until(name, &what, |p: &Pipeline| rests(p, run, pods)).await
    }

    /// Waits until its one Pod is this replacement, and nothing else is under way.
    pub async fn replaced(&self, name: &str, replacement: i32) -> Pipeline {
        let what = format!("replacement {replacement}");
        let is_so = |p: &Pipeline| rests(p, 1, 1) && step(p).is_some_and(|step| step.replacements == replacement);
        self.until(name, &what, is_so).await
    }

    /// Gives a key of a Secret another value.
    pub async fn change(&self, secret: &str, key: &str, value: &str) {
        let patch = Patch::Merge(json!({"stringData": {key: format!("{CANARY}-{value}")}}));
        self.api::<Secret>().patch(secret, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The Pods of a Pipeline that nobody deleted, by index and replacement.
    pub async fn standing(&self, pipeline: &str) -> Vec<String> {
        let label = |pod: &Pod, name: &str| pod.labels()[&format!("lockgate.dev/{name}")].clone();
        let ours = |pod: &&Pod| label(pod, "pipeline") == pipeline && pod.metadata.deletion_timestamp.is_none();
        let id = |pod: &Pod| ["run", "index", "replacement"].map(|name| label(pod, name)).join("/");
        let mut all: Vec<String> = self.pods().await.iter().filter(ours).map(id).collect();
        all.sort();
        all
    }

    /// What the operator asked for in this namespace since then. Whatever was woken before was looked at.
    pub async fn asked(&mut self, since: Timestamp) -> Vec<Entry> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("marker-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.space.pipeline(&marker, service(json!({}), json!({}))).await;
        self.rests(&marker, 1, 1).await;
        self.audit.settle(&self.space.client).await;
        let ours = |e: &Entry| e.namespace() == self.space.name && !e.name().starts_with("marker");
        self.audit.since(since).into_iter().filter(ours).collect()
    }

    /// The operator's writes in this namespace since then, by kind.
    pub async fn writes(&mut self, since: Timestamp) -> BTreeMap<String, usize> {
        let asked = self.asked(since).await;
        tally(&asked.into_iter().filter(Entry::is_write).collect::<Vec<_>>())
    }
}

/// Counts as [`Scene::writes`] gives them; none of a kind is no row.
pub fn counts(created: usize, deleted: usize, statuses: usize) -> BTreeMap<String, usize> {
    let rows = [("create pods 201", created), ("delete pods 200", deleted), ("patch pipelines/status 200", statuses)];
    rows.into_iter().filter(|(_, count)| *count > 0).map(|(kind, count)| (kind.to_owned(), count)).collect()
}

/// Whether the Pod is ready, and nobody has deleted it.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The status of a Pod that runs since now.
pub fn running(ready: bool) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ready_word = if ready { "True" } else { "False" };
    json!({
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": ready_word, "lastTransitionTime": now}],
        "containerStatuses": [{
            "name": "main", "image": "x", "imageID": "x", "ready": ready, "restartCount": 0,
            "state": {"running": {"startedAt": now}},
        }],
    })
}

/// The task that plays the kubelet in one namespace. Ends when it is dropped.
struct Kubelet(JoinHandle<()>);

impl Kubelet {
    fn of(space: &Space) -> Self {
        let api: Api<Pod> = space.api();
        Self(tokio::spawn(async move {
            let pods = watcher(api.clone(), watcher::Config::default());
            let mut stream = std::pin::pin!(pods.default_backoff().applied_objects());
            while let Some(pod) = stream.next().await {
                if let Ok(pod) = pod {
                    play(&api, &pod).await;
                }
            }
        }))
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Failures are left alone: the Pod has changed or is gone, and another event tells.
async fn play(api: &Api<Pod>, pod: &Pod) {
    let spec = pod.spec.as_ref();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if pod.metadata.deletion_timestamp.is_some() {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        if pod.metadata.deletion_grace_period_seconds != Some(0) {
            let _ = api.delete(&name_of(pod), &now).await;
        }
    } else if spec.is_some_and(|spec| spec.node_name.as_deref() == Some("paper")) {
        let env = spec.into_iter().flat_map(|spec| &spec.containers).flat_map(|c| c.env.iter().flatten());
        let never = env.into_iter().any(|var| var.name == "READY" && var.value.as_deref() == Some("no"));
        // It runs, and is ready a moment later.
        let status = match phase {
            Some("Pending") => running(false),
            Some("Running") if !never && !is_ready(pod) => json!({"conditions": running(true)["conditions"]}),
            _ => return,
        };
        let patch = Patch::Merge(json!({"status": status}));
        let _ = api.patch_status(&name_of(pod), &PatchParams::default(), &patch).await;
    }
}
