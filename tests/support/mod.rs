//! What tests on a real cluster share: an installation, an operator as its own process, objects, and waiting by watch.
#![allow(dead_code, unused_imports)] // Each test binary uses its part.

pub mod audit;
pub mod disk;
pub mod etcd;
pub mod examples;
pub mod heavy;
pub mod image;
pub mod pages;
pub mod rights;
pub mod scrape;
pub mod server;
pub mod stage;
pub mod status;

use std::fmt::Debug;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, ServiceAccount};
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use kube::{Api, Client, Config, Resource, ResourceExt};
use kube_runtime::wait::{await_condition, conditions::is_deleted};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::{Cluster, Options};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use server::{Operator, Projector};
pub use status::{condition, message, phase_of, pointer, states, step};

/// A state that does not come within this time does not come. Ten times what the slowest step takes on two cores.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// Every fixture value contains it, so that a leak is one search away.
pub const CANARY: &str = "canary-7c1f";
/// Where the operator lives.
pub const SYSTEM_NAMESPACE: &str = "lockgate-system";

/// Starts a cluster and installs what `deploy/base` says, but for the Deployment: the operator runs beside the test.
pub fn install(options: Options) -> Cluster {
    install_from(options, "deploy/base")
}

/// The same with another kustomization.
pub fn install_from(options: Options, kustomization: &str) -> Cluster {
    let cluster = Cluster::start(options).unwrap_or_else(|error| panic!("the cluster did not start: {error}"));
    install_on(&cluster, kustomization);
    cluster
}

/// The same on a cluster that runs already, with the namespaces that the kustomization speaks of.
pub fn install_on(cluster: &Cluster, kustomization: &str) {
    rights::installs(cluster, kustomization);
    let objects = rendered(cluster, kustomization);
    apply(cluster, &objects.into_iter().filter(|object| !object.contains("kind: Deployment")).collect::<Vec<_>>());
}

/// What a kustomization comes to, one text for each object.
pub fn rendered(cluster: &Cluster, folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rendered = output(cluster.kubectl().arg("kustomize").arg(root.join(folder)));
    rendered.split("\n---\n").map(ToOwned::to_owned).collect()
}

/// Applies these objects, and waits until Pipelines and registries are served.
pub fn apply(cluster: &Cluster, objects: &[String]) {
    let mut apply = cluster.kubectl();
    apply.args(["apply", "--server-side", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = apply.spawn().unwrap();
    child.stdin.take().unwrap().write_all(objects.join("\n---\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "kubectl apply failed");
    output(cluster.kubectl().args([
        "wait",
        "--for=condition=Established",
        "crd/pipelines.lockgate.dev",
        "crd/registries.lockgate.dev",
        "crd/clusterregistries.lockgate.dev",
        "--timeout=60s",
    ]));
}

/// Every good manifest of the corpus, as a Pipeline of this namespace.
pub fn corpus(namespace: &str) -> Vec<(String, Value)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut object = lockgate::cli::manifest::read(&text).unwrap().remove(0);
        object["metadata"]["namespace"] = json!(namespace);
        (path.file_stem().unwrap().to_string_lossy().into_owned(), object)
    };
    paths.into_iter().map(read).collect()
}

/// As the API server stores it: a null is nothing.
pub fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Runs a command to its end and returns what it printed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A client with all rights.
pub async fn admin(cluster: &Cluster) -> Client {
    client(cluster.kubeconfig()).await
}

/// A client of this kubeconfig.
pub async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// A namespace of its own for one test.
#[derive(Clone)]
pub struct Space {
    pub client: Client,
    pub name: String,
    /// How long a state is waited for.
    pub patience: Duration,
}

impl Space {
    /// Makes the namespace and waits until its default ServiceAccount is there.
    pub async fn new(client: &Client, name: &str) -> Self {
        Self::labelled(client, name, json!({})).await
    }

    pub async fn labelled(client: &Client, name: &str, labels: Value) -> Self {
        let namespace = serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap();
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        let space = Self { client: client.clone(), name: name.to_owned(), patience: DEADLINE };
        space.until::<ServiceAccount>("default", "exists", |_| true).await;
        space
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Makes an object.
    pub async fn make<K>(&self, object: Value)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    {
        self.api::<K>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    /// Makes a Pipeline.
    pub async fn pipeline(&self, name: &str, spec: Value) -> Pipeline {
        let object = json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
            "metadata": {"name": name, "namespace": self.name}, "spec": spec,
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    /// Changes a Pipeline by merge patch.
    pub async fn patch(&self, name: &str, patch: Value) -> Pipeline {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Makes a Secret whose values all contain the canary.
    pub async fn secret(&self, name: &str, keys: &[&str]) -> Secret {
        self.secret_of_type(name, "Opaque", keys).await
    }

    pub async fn secret_of_type(&self, name: &str, type_: &str, keys: &[&str]) -> Secret {
        let data: serde_json::Map<String, Value> =
            keys.iter().map(|key| ((*key).to_owned(), format!("{CANARY}-{key}").into())).collect();
        let object = json!({"metadata": {"name": name}, "type": type_, "stringData": data});
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    /// Makes a well-formed pull secret.
    pub async fn pull_secret(&self, name: &str, config: &str) -> Secret {
        let object = json!({
            "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": config},
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    pub async fn delete<K>(&self, name: &str)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        self.api::<K>().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits, by watch, until the object is as it should be, and returns it.
    pub async fn until<K>(&self, name: &str, what: &str, is_so: impl Fn(&K) -> bool) -> K
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
    {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut last = None;
        let found = tokio::time::timeout(self.patience, async {
            let mut stream = std::pin::pin!(watcher(self.api::<K>(), config).default_backoff().applied_objects());
            while let Some(object) = stream.next().await {
                let Ok(object) = object else { continue };
                if is_so(&object) {
                    return Some(object);
                }
                last = Some(object);
            }
            None
        })
        .await;
        match found {
            Ok(Some(object)) => object,
            _ => panic!("{}/{name} never came to this: {what}; last seen: {last:#?}", self.name),
        }
    }

    /// Waits until a Pipeline is in this phase.
    pub async fn phase(&self, name: &str, phase: Phase) -> Pipeline {
        self.until(name, phase.as_str(), |p: &Pipeline| phase_of(p) == Some(phase)).await
    }

    /// Waits until this Pod is gone.
    pub async fn until_gone(&self, pod: &str, uid: &str) {
        let gone = await_condition(self.api::<Pod>(), pod, is_deleted(uid));
        tokio::time::timeout(self.patience, gone).await.unwrap_or_else(|_| panic!("{pod} stays")).unwrap();
    }

    /// The Pods that Pipelines of this namespace have.
    pub async fn pods(&self) -> Vec<Pod> {
        self.api::<Pod>().list(&ListParams::default()).await.unwrap().items
    }

    /// Waits until the Pipeline has a Pod, and returns it.
    pub async fn pod_of(&self, pipeline: &str) -> Pod {
        let config = watcher::Config::default().labels(&format!("lockgate.dev/pipeline={pipeline}"));
        let found = tokio::time::timeout(self.patience, async {
            let stream = watcher(self.api::<Pod>(), config).default_backoff().applied_objects();
            // A watch that breaks, as when the API server restarts, is begun again.
            std::pin::pin!(stream.filter_map(async |pod| pod.ok())).next().await
        });
        match found.await {
            Ok(Some(pod)) => pod,
            _ => panic!("{}/{pipeline} never had a Pod", self.name),
        }
    }

    /// What the Pod's container printed. Only where a real node runs.
    pub async fn log_of(&self, pod: &str) -> String {
        self.api::<Pod>().logs(pod, &LogParams::default()).await.unwrap()
    }

    /// Plays the kubelet: writes a Pod's status. Only where no node runs.
    pub async fn pod_status(&self, pod: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.api::<Pod>().patch_status(pod, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Plays the kubelet: the Pod ended well.
    pub async fn pod_succeeds(&self, pod: &str) {
        self.pod_status(pod, ended(0, "Completed")).await;
    }
}

/// A Pod status in which the container ended.
pub fn ended(exit_code: i32, reason: &str) -> Value {
    let phase = if exit_code == 0 { "Succeeded" } else { "Failed" };
    json!({
        "phase": phase,
        "containerStatuses": [{
            "name": "main", "image": "x", "imageID": "x", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": exit_code, "reason": reason, "finishedAt": "2026-01-01T00:00:00Z"}},
        }],
    })
}

/// The status of a Pod that failed, as the kubelet would write it now.
pub fn failed_now(exit_code: i32) -> Value {
    let mut status = ended(exit_code, "Error");
    let now = k8s_openapi::jiff::Timestamp::now();
    status["containerStatuses"][0]["state"]["terminated"]["finishedAt"] =
        json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    status
}

/// Metadata with a name only.
pub fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

/// A Pod's name.
pub fn name_of(pod: &Pod) -> String {
    pod.name_any()
}
