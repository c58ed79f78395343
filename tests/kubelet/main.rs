//! The operator on a real node: what the container receives, what the kubelet says when it cannot, and what a person
//! then reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod cluster_registries;
mod dark;
mod direktiv;
mod examples;
mod explain;
mod graph;
mod healing;
mod helper;
mod image;
mod imported;
mod input;
mod installed;
mod invalid_input;
mod keyring;
mod last_words;
mod leftovers;
mod life;
mod listener;
mod main_job;
mod one_shot;
mod projecting;
mod pulling;
mod receiving;
mod registries;
mod registry;
mod rendering;
mod security;
mod service;
mod stdin;
mod verdicts;
mod volumes;

use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::ListParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use lockgate_cluster::{Cluster, Node, NodeKind, Options, can_run_node};
use serde_json::{Value, json};

use projecting::projecting;
use support::{Operator, SYSTEM_NAMESPACE, Space, message, phase_of, step};

/// A state that takes a kubelet does not come after this time: its longest pause between two looks at a Pod is shorter.
const PATIENCE: Duration = Duration::from_mins(2);

/// The pull secret that the operator gives to every Pod.
const OF_THE_PLATFORM: &str = "of-the-platform";

/// The cluster, its node and the operator, shared by all journeys; each has a namespace of its own.
struct Shared {
    cluster: Cluster,
    operator: Operator,
}

/// Starts them with the first journey; `None` where no node can run.
fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        can_run_node().ok()?;
        let cluster = support::install_from(Options::new().node(NodeKind::Real), "deploy/overlays/projector");
        // All journeys go on though the Secret of this name is nowhere but in one.
        let defaults = cluster.dir().join("pod-defaults.yaml");
        std::fs::write(&defaults, format!("imagePullSecrets: [{OF_THE_PLATFORM}]\n")).unwrap();
        let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
        let flags = ["--pod-defaults", defaults.to_str().unwrap(), "--helper-image", support::image::HELPER];
        let operator = Operator::start_with_flags(&cluster, &kubeconfig, &flags);
        Some(Shared { cluster, operator })
    });
    shared.as_ref()
}

/// A namespace on the shared cluster, and the node; `None`, said aloud, where no node can run.
async fn journey(name: &str) -> Option<(Space, &'static Node)> {
    labelled_journey(name, json!({})).await
}

async fn labelled_journey(name: &str, labels: Value) -> Option<(Space, &'static Node)> {
    let Some(shared) = tokio::task::spawn_blocking(shared).await.unwrap() else {
        let why = can_run_node().err().unwrap_or_default();
        assert!(std::env::var_os("CI").is_none(), "in CI a node must run: {why}");
        println!("SKIPPED: {why}");
        return None;
    };
    let client: Client = support::admin(&shared.cluster).await;
    let space = Space { patience: PATIENCE, ..Space::labelled(&client, name, labels).await };
    Some((space, shared.cluster.node().unwrap()))
}

/// The same, with the image of the init containers on the node.
async fn rendering_journey(name: &str, labels: Value) -> Option<(Space, &'static Node)> {
    static LOADED: Once = Once::new();
    let (space, node) = labelled_journey(name, labels).await?;
    tokio::task::spawn_blocking(|| LOADED.call_once(|| support::image::load(node))).await.unwrap();
    Some((space, node))
}

/// A spec whose one step runs a script in a busybox; `more` are further fields of `transform`.
fn shell(image: &str, script: &str, more: Value) -> Value {
    json!({"transform": with(json!({"image": image, "cmd": ["sh", "-euc", script]}), more)})
}

/// An object with further fields.
fn with(mut object: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut object, more) else { panic!("these are no objects") };
    fields.extend(more);
    object
}

/// Waits for the run's result.
async fn ended(space: &Space, name: &str) -> Pipeline {
    let has_result = |p: &Pipeline| p.status.as_ref().and_then(|s| s.run.as_ref()?.result.as_ref()).is_some();
    space.until(name, "its run has a result", has_result).await
}

/// Waits until it runs, or has run to its end: a container of a few seconds may be over before anybody looks.
async fn has_begun(space: &Space, name: &str) {
    let is_so = |p: &Pipeline| {
        let phase = phase_of(p);
        matches!(phase, Some(Phase::Running | Phase::Succeeded))
    };
    space.until(name, "it runs", is_so).await;
}

/// Waits for the run's result, which has to be a good one, and returns what the container printed.
async fn printed(space: &Space, name: &str) -> String {
    let pipeline = ended(space, name).await;
    let step = step(&pipeline).unwrap();
    let log = space.log_of(step.pod.as_deref().unwrap()).await;
    assert_eq!(step.exit_code, Some(0), "{name} failed: {}; it printed: {log}", message(&pipeline));
    log
}

/// Waits until this stands in the log of the Pod's container, which may run before it wrote anything, and returns the log.
async fn logs(space: &Space, pod: &str, wanted: &str) -> String {
    let begun = Instant::now();
    loop {
        let log = space.log_of(pod).await;
        if log.contains(wanted) {
            return log;
        }
        assert!(begun.elapsed() < PATIENCE, "{pod} never said: {wanted}; it said: {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the step is in this trouble, and returns what a person reads of it.
async fn in_trouble(space: &Space, name: &str, trouble: Trouble) -> String {
    let is_so = |p: &Pipeline| step(p).is_some_and(|step| step.trouble == Some(trouble));
    let pipeline = space.until(name, trouble.as_str(), is_so).await;
    let said = step(&pipeline).unwrap().message.clone().unwrap();
    assert_eq!(message(&pipeline), said, "Ready says the same");
    println!("{name}: {trouble}: {said}");
    said
}

/// Waits until the Pod's container waits with this reason, as the kubelet says it.
async fn kubelet_says(space: &Space, pod: &str, reason: &str) {
    space
        .until(pod, reason, |pod: &Pod| {
            let containers = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref());
            let state = containers.and_then(|all| all.first()?.state.as_ref()?.waiting.as_ref());
            state.and_then(|waiting| waiting.reason.as_deref()) == Some(reason)
        })
        .await;
}

/// Nothing that Lockgate wrote in this namespace or logged holds a value of a Secret.
async fn nothing_leaked(space: &Space) {
    use k8s_openapi::api::events::v1::Event;
    let pipelines = space.api::<Pipeline>().list(&ListParams::default()).await.unwrap();
    let events = space.api::<Event>().list(&ListParams::default()).await.unwrap();
    let pods = space.pods().await;
    let log = shared().unwrap().operator.log();
    for (place, text) in [
        ("status", serde_json::to_string(&pipelines).unwrap()),
        ("events", serde_json::to_string(&events).unwrap()),
        ("Pods", serde_json::to_string(&pods).unwrap()),
        ("log", log),
    ] {
        assert!(!text.contains("canary"), "a value is in {place}: {text}");
    }
}
