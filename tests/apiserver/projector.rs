//! The projector against a real API server, with exactly the rights of `deploy/overlays/projector`. Its cluster is shared: each
//! test has hosts, ClusterRegistries and namespaces of its own.

mod copies;
mod quiet;
mod rights;
mod strangers;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::registry::ClusterRegistry;
use lockgate_cluster::{Cluster, Options};
use serde_json::{Value, json};

use crate::support::{CANARY, DEADLINE, Projector, SYSTEM_NAMESPACE, Space, admin, install_from};

/// What is installed.
const OVERLAY: &str = "deploy/overlays/projector";
/// The projector's account, as the API server calls it.
const PROJECTOR: &str = "system:serviceaccount:lockgate-system:lockgate-projector";
/// The name of copies.
const COPY: &str = "lockgate-registries";
/// The type of copies.
const PULL_TYPE: &str = "kubernetes.io/dockerconfigjson";

/// A cluster with what a projector needs.
struct Site {
    cluster: Cluster,
}

impl Site {
    async fn new() -> Self {
        let install = || install_from(Options::new().audit(true), OVERLAY);
        Self { cluster: tokio::task::spawn_blocking(install).await.unwrap() }
    }

    async fn client(&self) -> Client {
        admin(&self.cluster).await
    }

    async fn stage(&self, name: &str) -> Stage {
        Stage { client: self.client().await, name: name.to_owned() }
    }

    /// Ends the cluster.
    async fn end(self) {
        tokio::task::spawn_blocking(move || drop(self)).await.unwrap();
    }
}

/// The cluster that most tests share, and its projector.
async fn stage(name: &str) -> Stage {
    static SHARED: OnceLock<(Site, Projector)> = OnceLock::new();
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let turn = TURN.lock().await;
    if SHARED.get().is_none() {
        let site = Site::new().await;
        let projector = Projector::start(&site.cluster);
        let _ = SHARED.set((site, projector));
    }
    drop(turn);
    SHARED.get().unwrap().0.stage(name).await
}

/// One test's part of a cluster: a host `NAME.example`, its Secret, its ClusterRegistry.
struct Stage {
    client: Client,
    name: String,
}

/// A file with one login.
fn login(host: &str, password: &str) -> String {
    json!({"auths": {host: {"username": "robot", "password": password}}}).to_string()
}

/// A password that a search finds.
fn password(number: usize) -> String {
    format!("{CANARY}-{number}")
}

impl Stage {
    fn host(&self) -> String {
        format!("{}.example", self.name)
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    fn registries(&self) -> Api<ClusterRegistry> {
        Api::all(self.client.clone())
    }

    /// Writes the source, as it is to be now.
    async fn source(&self, type_: &str, key: &str, file: &str) {
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.name}, "type": type_, "stringData": {key: file},
        });
        self.secrets().patch(&self.name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap();
    }

    /// A login with this password.
    async fn password(&self, number: usize) {
        self.source(PULL_TYPE, ".dockerconfigjson", &login(&self.host(), &password(number))).await;
    }

    /// Makes the ClusterRegistry; `more` goes into its spec.
    async fn registry(&self, more: Value) -> ClusterRegistry {
        let mut spec = json!({"host": self.host(), "secret": {"namespace": SYSTEM_NAMESPACE, "name": self.name}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let object = json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "metadata": {"name": self.name}, "spec": spec,
        });
        self.registries().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    async fn change(&self, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.registries().patch(&self.name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// A source, a ClusterRegistry for all, and a namespace that needs it.
    async fn usual(&self) -> Space {
        self.password(1).await;
        self.registry(json!({})).await;
        let space = self.space("team", json!({})).await;
        self.need(&space).await;
        until_password(&space, 1).await;
        space
    }

    async fn space(&self, name: &str, labels: Value) -> Space {
        Space::labelled(&self.client, &format!("{}-{name}", self.name), labels).await
    }

    /// A Pipeline with an image of this test's host.
    async fn need(&self, space: &Space) {
        space
            .pipeline("needs", json!({"transform": {"image": format!("{}/team/app:1", self.host())}, "suspend": true}))
            .await;
    }

    /// Changes a namespace's label.
    async fn label(&self, space: &Space, label: &str, value: Value) {
        let patch = Patch::Merge(json!({"metadata": {"labels": {label: value}}}));
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.patch(&space.name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Waits until the ClusterRegistry says so: `STATUS/REASON COPIES`, and its message.
    async fn says(&self, expected: &str) -> String {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut last = String::new();
        let found = tokio::time::timeout(DEADLINE, async {
            let mut stream = std::pin::pin!(watcher(self.registries(), config).default_backoff().applied_objects());
            while let Some(registry) = stream.next().await {
                let Some(status) = registry.ok().and_then(|registry| registry.status) else { continue };
                let Some(ready) = status.conditions.first() else { continue };
                last = format!("{}/{} {}", ready.status, ready.reason, status.copies.unwrap_or_default());
                if last == expected {
                    return Some(ready.message.clone());
                }
            }
            None
        })
        .await;
        found.ok().flatten().unwrap_or_else(|| panic!("{} never said {expected}; last: {last}", self.name))
    }
}

/// What logins a copy has: `USER:PASSWORD` by key.
fn logins(copy: &Secret) -> BTreeMap<String, String> {
    let file: Value = serde_json::from_slice(&copy.data.as_ref().unwrap()[".dockerconfigjson"].0).unwrap();
    let of = |entry: &Value| {
        let encoded: k8s_openapi::ByteString = serde_json::from_value(entry["auth"].clone()).unwrap();
        String::from_utf8(encoded.0).unwrap()
    };
    file["auths"].as_object().unwrap().iter().map(|(key, entry)| (key.clone(), of(entry))).collect()
}

/// Waits until the copy holds this password, and returns it.
async fn until_password(space: &Space, number: usize) -> Secret {
    let expected = format!("robot:{}", password(number));
    space.until(COPY, &expected, |copy: &Secret| logins(copy).values().any(|login| *login == expected)).await
}

async fn copy(space: &Space) -> Option<Secret> {
    space.api::<Secret>().get_opt(COPY).await.unwrap()
}

/// Waits until there is no copy; how long that took since then.
async fn until_none(space: &Space, since: Instant) -> Duration {
    let gone =
        kube_runtime::wait::await_condition(space.api::<Secret>(), COPY, |secret: Option<&Secret>| secret.is_none());
    let gone = tokio::time::timeout(DEADLINE, gone).await;
    assert!(gone.is_ok(), "{}: the copy stays", space.name);
    since.elapsed()
}

/// Removes a ClusterRegistry.
async fn delete_registry(stage: &Stage) {
    stage.registries().delete(&stage.name, &DeleteParams::default()).await.unwrap();
}

async fn delete_pipeline(space: &Space) {
    space.delete::<Pipeline>("needs").await;
}

fn version(secret: &Secret) -> String {
    secret.resource_version().unwrap()
}
