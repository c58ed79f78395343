//! A control plane alone: its controllers work, several live side by side, the API server comes and goes.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod common;

use std::process::Command;
use std::thread;

use common::{answer, eventually, kubectl};
use lockgate_cluster::{Cluster, NodeKind, Options};

/// Tests share one cluster in a static.
const _: fn() = || {
    fn fits_a_static<T: Send + Sync>() {}
    fits_a_static::<Cluster>();
};

#[test]
fn controllers_make_and_remove_what_belongs_to_a_namespace() {
    let cluster = Cluster::start(Options::new()).expect("a cluster");
    kubectl(&cluster, &["create", "namespace", "team-a"]);
    let account = ["get", "serviceaccount", "default", "--namespace=team-a"];
    eventually("team-a has its service account", || answer(cluster.kubectl().args(account)).is_ok());

    let port = cluster.server_url().rsplit(':').next().expect("a port");
    let elsewhere = format!("https://localhost:{port}");
    for server in [cluster.server_url(), &elsewhere] {
        let kubeconfig = cluster.service_account_kubeconfig_via("team-a", "default", server).expect("a kubeconfig");
        let mut whoami = Command::new(cluster.binary("kubectl"));
        whoami.args(["auth", "whoami", "--output=jsonpath={.status.userInfo.username}"]).env("KUBECONFIG", kubeconfig);
        assert_eq!(answer(&mut whoami).as_deref(), Ok("system:serviceaccount:team-a:default"));
    }

    kubectl(&cluster, &["delete", "namespace", "team-a", "--timeout=60s"]);
    let folder = cluster.dir().to_owned();
    drop(cluster);
    assert!(!folder.exists(), "the data folder goes with the cluster");
}

/// Whether these bytes are in a file of etcd's.
fn is_stored(cluster: &Cluster, bytes: &[u8]) -> bool {
    let member = cluster.dir().join("etcd/member");
    let files = ["snap", "wal"].map(|folder| std::fs::read_dir(member.join(folder)).expect("etcd's files"));
    files.into_iter().flatten().any(|file| {
        let content = std::fs::read(file.expect("a file").path()).expect("its content");
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn two_clusters_know_nothing_of_each_other_and_survive_an_outage() {
    let start = |options: Options| Cluster::start(options.audit(true)).expect("a cluster");
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(move || start(Options::new().encrypt_secrets(true)));
        (start(Options::new()), second.join().expect("the other one, too"))
    });
    kubectl(&first, &["create", "namespace", "here"]);
    for (cluster, plain) in [(&first, true), (&second, false)] {
        kubectl(cluster, &["create", "secret", "generic", "mine", "--from-literal=key=what-is-stored"]);
        assert_eq!(is_stored(cluster, b"what-is-stored"), plain, "{cluster:?}");
        assert!(is_stored(cluster, b"/registry/secrets/default/mine"), "{cluster:?}");
    }
    assert!(answer(second.kubectl().args(["get", "namespace", "here"])).is_err());

    first.stop_api_server().expect("it stops");
    assert!(answer(first.kubectl().args(["get", "namespaces"])).is_err());
    kubectl(&second, &["get", "namespaces"]);
    first.start_api_server().expect("it starts again");
    kubectl(&first, &["get", "namespace", "here"]);
    first.kill_api_server().expect("it dies");
    first.start_api_server().expect("it starts again");
    kubectl(&first, &["get", "namespace", "here"]);

    let log = std::fs::read_to_string(first.audit_log()).expect("an audit log");
    let has = |verb: &str, stage: &str| {
        log.lines().any(|line| {
            line.contains(&format!("\"verb\":\"{verb}\"")) && line.contains(&format!("\"stage\":\"{stage}\""))
        })
    };
    assert!(has("create", "ResponseComplete") && has("watch", "ResponseStarted") && has("watch", "ResponseComplete"));
    assert!(!log.contains("RequestReceived") && !log.contains("requestObject"));
}

#[test]
fn a_scripted_node_moves_pods_through_their_phases() {
    let cluster = Cluster::start(Options::new().node(NodeKind::Scripted)).expect("a cluster");
    let phase = |pod: &str| kubectl(&cluster, &["get", "pod", pod, "--output=jsonpath={.status.phase}"]);
    kubectl(&cluster, &["run", "job", "--image=example.test/job:1", "--restart=Never"]);
    kubectl(&cluster, &["run", "service", "--image=example.test/service:1"]);
    eventually("the job has succeeded", || phase("job") == "Succeeded");
    eventually("the service runs", || phase("service") == "Running");
    kubectl(&cluster, &["delete", "pod", "service", "--timeout=30s"]);
}

#[test]
fn helm_talks_to_its_own_cluster_and_knows_nothing_of_its_users() {
    let cluster = Cluster::start(Options::new()).expect("a cluster");
    let helm = |arguments: &[&str]| answer(cluster.helm().expect("helm").args(arguments)).expect("an answer");
    assert!(helm(&["version", "--short"]).starts_with("v4.3.1"));
    assert_eq!(helm(&["list", "--all-namespaces", "--short"]), "");
    let folder = cluster.dir().join("helm");
    let ours = helm(&["env"]).lines().filter(|line| line.contains(&*folder.to_string_lossy())).count();
    assert!(ours >= 4, "cache, config, data and plugins");
}
