//! `make demo CLUSTER=current`: on the cluster of somebody's kubeconfig, which it leaves as it was.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use lockgate_cluster::{Cluster, NodeKind, Options};

use crate::support::{self, Operator, heavy, output};

/// The demo, as its user starts it: with a kubeconfig and a kubectl on the PATH.
fn demo(cluster: &Cluster, kubeconfig: &Path) -> Output {
    let path = std::env::var_os("PATH").unwrap();
    let kubectl = cluster.binary("kubectl");
    let path = kubectl.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/demo/demo.sh"));
    command.arg(env!("CARGO_BIN_EXE_lockgate")).arg("current").stdin(Stdio::null());
    command.env("PATH", std::env::join_paths(path).unwrap()).env("KUBECONFIG", kubeconfig);
    // A script plays this cluster's node, so that no container has a log.
    command.env("LOCKGATE_NODE", "scripted").env("TMPDIR", cluster.dir());
    for variable in ["YES", "KEEP", "IMAGE", "REGISTRY", "LOCKGATE_KUBECONFIG", "LOCKGATE_WATCH_NAMESPACES"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

fn said(demo: &Output) -> String {
    [&demo.stdout, &demo.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The namespaces, definitions and roles that are there, without Kubernetes' own roles.
fn objects(cluster: &Cluster) -> Vec<String> {
    let kinds = "namespaces,customresourcedefinitions,clusterroles";
    let names = output(cluster.kubectl().args(["get", kinds, "-o", "name"]));
    names.lines().filter(|name| !name.contains("system:")).map(ToOwned::to_owned).collect()
}

/// What the demo left in its folder for temporary files.
fn left_files(cluster: &Cluster) -> Vec<String> {
    let names = std::fs::read_dir(cluster.dir()).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.starts_with("tmp.")).collect()
}

#[tokio::test]
async fn the_demo_leaves_somebody_s_cluster_as_it_was() {
    let _turn = heavy::turn().await;
    tokio::task::spawn_blocking(visit).await.unwrap();
}

fn visit() {
    let cluster = Cluster::start(Options::new().node(NodeKind::Scripted)).unwrap();
    let kubeconfig = cluster.dir().join("somebody.kubeconfig");
    std::fs::copy(cluster.kubeconfig(), &kubeconfig).unwrap();
    let before = objects(&cluster);

    // Nothing is installed: the definition and the namespace come and go, and the operator is this machine's.
    let done = demo(&cluster, &kubeconfig);
    let text = said(&done);
    assert!(done.status.success(), "{text}");
    assert!(text.contains(&format!("at {}", cluster.server_url())), "{text}");
    assert!(text.contains("The Pod existed ") && text.contains("no value in the operator's log"), "{text}");
    assert_eq!(objects(&cluster), before);
    assert_eq!(left_files(&cluster), Vec::<String>::new());

    // The namespace is somebody's: it stays.
    output(cluster.kubectl().args(["create", "namespace", "lockgate-demo"]));
    let refused = demo(&cluster, &kubeconfig);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("not ours to delete"), "{}", said(&refused));
    assert!(objects(&cluster).contains(&"namespace/lockgate-demo".into()));
    output(cluster.kubectl().args(["delete", "namespace", "lockgate-demo"]));

    // An operator is installed: it does the work, and its definition stays, with the Pipelines of others.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    support::rights::installs(&cluster, "deploy/base");
    support::apply(&cluster, &support::rendered(&cluster, "deploy/base"));
    let available = "--for=jsonpath={.status.availableReplicas}=1";
    output(cluster.kubectl().args(["wait", "-n", "lockgate-system", "deployment/lockgate", available, "--timeout=1m"]));
    // The script says that its Pod runs; this is the process.
    let _operator = Operator::start(&cluster);
    output(cluster.kubectl().args(["apply", "-f"]).arg(root.join("deploy/examples/env-secret.yaml")));
    let before = objects(&cluster);
    let done = demo(&cluster, &kubeconfig);
    let text = said(&done);
    assert!(done.status.success(), "{text}");
    assert!(text.contains("the operator lockgate-system/lockgate does the work"), "{text}");
    assert!(!text.contains("its log"), "it started one of its own: {text}");
    assert_eq!(objects(&cluster), before);
    output(cluster.kubectl().args(["get", "pipelines.lockgate.dev", "env-secret"]));

    // Elsewhere it asks first, and where nobody can be asked it ends before it says a word to the cluster.
    let elsewhere = std::fs::read_to_string(&kubeconfig).unwrap();
    let elsewhere = elsewhere.replace(cluster.server_url(), "https://kubernetes.example.com:6443");
    std::fs::write(&kubeconfig, elsewhere).unwrap();
    let asked = demo(&cluster, &kubeconfig);
    assert_eq!(asked.status.code(), Some(2), "{}", said(&asked));
    assert!(said(&asked).contains("YES=1"), "{}", said(&asked));
    assert_eq!(left_files(&cluster), Vec::<String>::new());
}
