//! What the heavy tests share: a cluster of their own, three such tests at a time, and many objects at once.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::ops::Deref;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate_cluster::{Cluster, Options};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{DEADLINE, Space, install_from, name_of, output, server::Server};

/// A cluster for one test, and that test's turn. Tests that take one want a runtime with more than one thread.
pub struct Heavy {
    cluster: Cluster,
    _turn: SemaphorePermit<'static>,
}

impl Heavy {
    /// Waits for its turn and starts the cluster, audit log included.
    pub async fn start() -> Self {
        Self::start_from("deploy/base").await
    }

    /// The same with another kustomization.
    pub async fn start_from(kustomization: &str) -> Self {
        let turn = turn().await;
        let cluster = tokio::task::block_in_place(|| install_from(Options::new().audit(true), kustomization));
        Self { cluster, _turn: turn }
    }
}

impl Deref for Heavy {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// The turn of a test that starts a cluster of another kind.
pub async fn turn() -> SemaphorePermit<'static> {
    // Some work while the others wait: more than half of their time is quiet that they look at.
    static TURNS: Semaphore = Semaphore::const_new(3);
    TURNS.acquire().await.unwrap()
}

/// A spec that uses this Secret.
///
/// The scheduler may hear late that the paper node is ready: the toleration keeps it from finding fault, however slow the machine.
pub fn uses(secret: &str) -> Value {
    json!({
        "transform": {
            "image": "registry.test/edges:1",
            "secrets": [{"name": secret, "env_var": "DB_PASSWORD", "key": "password"}],
        },
        "tolerations": [{"operator": "Exists"}],
    })
}

/// A Node without a machine, so that the scheduler binds Pods instead of complaining that there is none.
pub async fn paper_node(client: &Client) {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = json!({"metadata": {"name": "paper", "labels": {"kubernetes.io/hostname": "paper"}}});
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    let size = json!({"cpu": "100000", "memory": "100Ti", "ephemeral-storage": "1Ti", "pods": "100000"});
    let ready = json!({"type": "Ready", "status": "True", "reason": "Paper", "message": "a test plays this node"});
    let status = json!({"status": {"capacity": size, "allocatable": size, "conditions": [ready]}});
    nodes.patch_status("paper", &PatchParams::default(), &Patch::Strategic(status)).await.unwrap();
    let config = watcher::Config::default().fields("metadata.name=paper");
    let mut stream = std::pin::pin!(watcher(nodes, config).default_backoff().applied_objects());
    let untainted = async {
        while let Some(node) = stream.next().await {
            if node.is_ok_and(|node| node.spec.and_then(|spec| spec.taints).unwrap_or_default().is_empty()) {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, untainted).await.expect("the Node stays tainted");
}

/// Does a thing for each number at once, 32 at a time.
pub async fn each<F: Future<Output = ()>>(numbers: impl IntoIterator<Item = usize>, work: impl Fn(usize) -> F) {
    futures::stream::iter(numbers).map(work).buffer_unordered(32).collect::<Vec<_>>().await;
}

impl Space {
    /// Waits, by watch, until so many objects of this kind are (or once were) as they should be. Returns how long after
    /// `since` the first and the last was.
    pub async fn until_many<K>(
        &self,
        count: usize,
        what: &str,
        since: Instant,
        is_so: impl Fn(&K) -> bool,
    ) -> (Duration, Duration)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
    {
        let mut so = BTreeSet::new();
        let mut first = Duration::ZERO;
        let mut stream =
            std::pin::pin!(watcher(self.api::<K>(), watcher::Config::default()).default_backoff().applied_objects());
        let all = tokio::time::timeout(self.patience, async {
            while so.len() < count {
                match stream.next().await {
                    Some(Ok(object)) if is_so(&object) => {
                        if so.is_empty() {
                            first = since.elapsed();
                        }
                        so.insert(object.name_any());
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        });
        let ended = all.await;
        assert!(
            ended.is_ok() && so.len() == count,
            "{}: only {} of {count} came to this: {what}: {so:?}",
            self.name,
            so.len()
        );
        (first, since.elapsed())
    }

    /// Plays the kubelet for all Pods: they run.
    pub async fn all_pods_run(&self) {
        let names: Vec<String> = self.pods().await.iter().map(name_of).collect();
        each(0..names.len(), |i| self.pod_status(&names[i], json!({"phase": "Running"}))).await;
    }

    /// Plays the kubelet for all Pods: they ended well.
    pub async fn all_pods_succeed(&self) {
        let names: Vec<String> = self.pods().await.iter().map(name_of).collect();
        each(0..names.len(), |i| self.pod_succeeds(&names[i])).await;
    }
}

impl Server {
    /// Sends it a signal, as in `STOP`.
    pub fn signal(&self, name: &str) {
        output(Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()));
    }

    /// Waits until it has ended by itself.
    pub async fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "it goes on");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until its log contains this.
    pub async fn says(&self, words: &str) {
        self.says_one_of(&[words]).await;
    }

    /// Waits until its log contains one of these, and says which.
    pub async fn says_one_of<'a>(&self, all: &[&'a str]) -> &'a str {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if let Some(words) = all.iter().find(|words| log.contains(**words)) {
                return words;
            }
            assert!(begun.elapsed() < DEADLINE, "it never said {all:?}:\n{log}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
