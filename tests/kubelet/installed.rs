//! Lockgate as people install it: by Helm and by kustomize, from a private registry, on a real node. Here the operator is a
//! Pod of its own image, and what people type is typed.

use std::path::{Path, PathBuf};
use std::process::Command;

use kube::Client;
use lockgate::api::reason::Phase;
use lockgate_cluster::{Cluster, NodeKind, Options, can_run_node};
use serde_json::json;

use crate::support::{self, SYSTEM_NAMESPACE, Space, image, output, step};
use crate::{PATIENCE, printed, shell};

/// A cluster with a node on which nothing is installed, and Lockgate's image in its registry.
struct Ground {
    cluster: Cluster,
    client: Client,
    /// `HOST/lockgate/lockgate:VERSION`.
    reference: String,
}

impl Ground {
    /// `None`, said aloud, where no node can run.
    async fn new() -> Option<Self> {
        if let Err(why) = can_run_node() {
            assert!(std::env::var_os("CI").is_none(), "in CI a node must run: {why}");
            println!("SKIPPED: {why}");
            return None;
        }
        let cluster = Cluster::start(Options::new().node(NodeKind::Real)).unwrap();
        let reference = image::push(cluster.node().unwrap());
        let client = support::admin(&cluster).await;
        Some(Self { cluster, client, reference })
    }

    async fn space(&self, name: &str) -> Space {
        Space { patience: PATIENCE, ..Space::new(&self.client, name).await }
    }

    /// Gives this namespace the Secret `registry`, with which the operator's image is pulled.
    async fn registry_secret(&self, space: &Space) {
        space.pull_secret("registry", &self.cluster.node().unwrap().registry().docker_config_json()).await;
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        output(self.cluster.kubectl().args(arguments))
    }

    /// All that Helm prints; what a test's Pod found is among its messages.
    fn helm(&self, arguments: &[&str]) -> String {
        let mut helm = self.cluster.helm().unwrap();
        helm.args(arguments).args(["--namespace", SYSTEM_NAMESPACE, "--timeout=2m"]);
        let output = helm.current_dir(root()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    /// A Pipeline that runs when the Secret of the same name is there.
    async fn pipeline(&self, space: &Space, name: &str) {
        let image = self.cluster.node().unwrap().preloaded_image();
        let password = json!({"secrets": [{"name": name, "env_var": "PASSWORD", "key": "password"}]});
        space.pipeline(name, shell(image, "echo the password has ${#PASSWORD} letters", password)).await;
        space.phase(name, Phase::Waiting).await;
    }

    /// Gives it the Secret; it runs to its end.
    async fn comes(&self, space: &Space, name: &str) {
        space.secret(name, &["password"]).await;
        assert_eq!(printed(space, name).await, "the password has 20 letters\n");
    }

    /// A Pipeline of mode Service, which runs for as long as it is there.
    async fn service(&self, space: &Space, name: &str) {
        let image = self.cluster.node().unwrap().preloaded_image();
        let transform = json!({"image": image, "cmd": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]});
        space.pipeline(name, json!({"mode": "Service", "transform": transform})).await;
        space.phase(name, Phase::Running).await;
    }

    /// With Pipelines that wait and run, and nobody who looks after them any more.
    fn deletes(&self, namespaces: &[&str]) {
        for namespace in namespaces {
            self.kubectl(&["delete", "namespace", namespace, "--timeout=60s"]);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of some of the repository's folders, to change something in.
fn copy_of(folders: &[&str], to: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&to).unwrap();
    output(Command::new("cp").arg("-r").args(folders.iter().map(|folder| root().join(folder))).arg(&to));
    to
}

fn replace_in(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} has no {from}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_then_kustomize() {
    let Some(ground) = Ground::new().await else { return };
    helm(&ground).await;
    kustomize(&ground).await;
}

async fn helm(ground: &Ground) {
    let system =
        Space::labelled(&ground.client, SYSTEM_NAMESPACE, json!({"pod-security.kubernetes.io/enforce": "restricted"}));
    let system = Space { patience: PATIENCE, ..system.await };
    ground.registry_secret(&system).await;
    let (repository, tag) = ground.reference.rsplit_once(':').unwrap();
    let (host, name) = repository.split_once('/').unwrap();
    let set = format!("image.registry={host},image.repository={name},image.tag={tag}");
    let values = ["--set", &set, "--set", "imagePullSecrets[0].name=registry"];
    let installed = ground.helm(&[&["install", "lockgate", "charts/lockgate", "--wait"], &values[..]].concat());
    assert!(installed.contains("helm test lockgate"), "{installed}");
    let tested = ground.helm(&["test", "lockgate"]);
    assert!(tested.contains("TEST SUITE:     lockgate-test\n") && tested.contains("Succeeded"), "{tested}");
    assert!(tested.contains("clusterregistries.lockgate.dev"), "it prints what the doctor in the Pod found: {tested}");

    let team = ground.space("team-a").await;
    ground.pipeline(&team, "first").await;
    ground.comes(&team, "first").await;

    // What waits when the operator is exchanged goes on with the next one.
    ground.pipeline(&team, "second").await;
    let newer = copy_of(&["charts/lockgate"], ground.cluster.dir().join("newer")).join("lockgate");
    let added = "              novelty:\n                type: string\n              suspend:\n";
    replace_in(&newer.join("templates/crds/pipelines.yaml"), "              suspend:\n", added);
    let changed = "replicaCount=2,leaderElection.enabled=true,log.level=debug";
    let upgrade = ["upgrade", "lockgate", newer.to_str().unwrap(), "--wait", "--set", changed];
    ground.helm(&[&upgrade, &values[..]].concat());
    assert!(ground.kubectl(&["explain", "pipeline.spec.novelty"]).contains("<string>"));
    let ready = ["get", "deployment", "lockgate", "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.status.readyReplicas}"];
    assert_eq!(ground.kubectl(&ready), "2");
    ground.comes(&team, "second").await;
    let first = team.phase("first", Phase::Succeeded).await;
    assert_eq!(first.status.unwrap().run.unwrap().number, 1, "an upgrade runs nothing again");

    ground.pipeline(&team, "waits").await;
    ground.service(&team, "serves").await;
    ground.helm(&["uninstall", "lockgate", "--wait"]);
    let left = ground.kubectl(&["get", "lgp", "-n", "team-a", "-o", "name"]);
    assert_eq!(left.lines().count(), 4, "the CRD stays, and with it the Pipelines: {left}");
    let pod = step(&team.phase("serves", Phase::Running).await).unwrap().pod.clone().unwrap();
    assert_eq!(ground.kubectl(&["get", "pod", &pod, "-n", "team-a", "-o", "jsonpath={.status.phase}"]), "Running");
    ground.deletes(&["team-a", SYSTEM_NAMESPACE]);
    let crds = ["pipelines", "registries", "clusterregistries"].map(|plural| format!("{plural}.lockgate.dev"));
    ground.kubectl(&["delete", "crd", &crds[0], &crds[1], &crds[2], "--timeout=60s"]);
    // What belongs to no namespace and to no CRD is gone, too.
    let label = "--selector=app.kubernetes.io/instance=lockgate";
    assert_eq!(ground.kubectl(&["get", "clusterroles,clusterrolebindings", label, "-o", "name"]), "");
}

/// By the overlay that docs/install.md shows, with this cluster's registry in it.
async fn kustomize(ground: &Ground) {
    let copy = copy_of(&["crds", "deploy"], ground.cluster.dir().join("kustomize"));
    let overlay = copy.join("deploy/recipes/own-registry");
    let (repository, tag) = ground.reference.rsplit_once(':').unwrap();
    let file = overlay.join("kustomization.yaml");
    replace_in(&file, "registry.example.com/platform/lockgate", repository);
    assert_eq!(tag, env!("CARGO_PKG_VERSION"), "the overlay names this version's tag");
    let overlay = overlay.to_str().unwrap();
    ground.kubectl(&["apply", "--server-side", "-k", overlay]);
    // The Secret comes after the Pod that needs it, as it well may.
    let system = Space { client: ground.client.clone(), name: SYSTEM_NAMESPACE.to_owned(), patience: PATIENCE };
    ground.registry_secret(&system).await;
    ground.kubectl(&["rollout", "status", "deployment/lockgate", "-n", SYSTEM_NAMESPACE, "--timeout=2m"]);

    let team = ground.space("team-b").await;
    ground.pipeline(&team, "first").await;
    ground.comes(&team, "first").await;
    ground.pipeline(&team, "waits").await;
    ground.service(&team, "serves").await;
    // With the CRD, and so with all Pipelines.
    ground.kubectl(&["delete", "-k", overlay, "--timeout=60s"]);
    ground.deletes(&["team-b"]);
}
