//! Real nodes: containers run, Secrets reach them, and the private registry is private.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use common::{eventually, kubectl};
use lockgate_cluster::{Cluster, Node, NodeKind, Options, Registry, can_run_node};

#[test]
fn two_nodes_at_once_run_pods_with_secrets_from_private_registries() {
    if let Err(why) = can_run_node() {
        assert!(std::env::var_os("CI").is_none(), "in CI a node must run: {why}");
        writeln!(std::io::stderr(), "SKIPPED: {why}").expect("standard error");
        return;
    }
    let start = || Cluster::start(Options::new().node(NodeKind::Real)).expect("a cluster");
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(start);
        (start(), first.join().expect("the other one, too"))
    });
    for cluster in [&first, &second] {
        runs_a_pod_with_secrets(cluster, cluster.node().expect("a node"));
    }
    let registry = |cluster: &Cluster| cluster.node().expect("a node").registry().host().to_owned();
    assert_ne!(registry(&first), registry(&second));
    changes_the_password_of_one_more_registry(&first);
    let service = |cluster| kubectl(cluster, &["get", "service", "kubernetes", "--output=jsonpath={.spec.clusterIP}"]);
    assert_ne!(service(&first), service(&second), "Pods of one cluster would ask the other's API server");
}

fn runs_a_pod_with_secrets(cluster: &Cluster, node: &Node) {
    let registry = node.registry();
    let image = registry.push_busybox("team/app:1").expect("a push");
    assert!(registry.password().contains("canary"));
    assert_eq!(code(registry.host(), None), "401");

    let docker_config = cluster.dir().join("docker-config.json");
    std::fs::write(&docker_config, registry.docker_config_json()).expect("a file");
    let from_file = format!("--from-file=.dockerconfigjson={}", docker_config.display());
    kubectl(cluster, &["create", "secret", "generic", "regcred", "--type=kubernetes.io/dockerconfigjson", &from_file]);
    kubectl(cluster, &["create", "secret", "generic", "db", "--from-literal=password=tide"]);
    let tell = "echo the password is $PASSWORD";
    run_pod(cluster, "entitled", &image, Some("regcred"), tell);
    run_pod(cluster, "stranger", &image, None, tell);
    run_pod(cluster, "local", node.preloaded_image(), None, tell);
    // By the variables that every container has.
    let ask = "nc -w 10 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null && echo connected";
    run_pod(cluster, "client", node.preloaded_image(), None, ask);

    for pod in ["entitled", "local"] {
        eventually(&format!("{pod} has succeeded"), || get(cluster, pod, "{.status.phase}") == "Succeeded");
        assert_eq!(kubectl(cluster, &["logs", pod]), "the password is tide");
    }
    eventually("the client has succeeded", || get(cluster, "client", "{.status.phase}") == "Succeeded");
    assert_eq!(kubectl(cluster, &["logs", "client"]), "connected");
    eventually("the stranger gets no image", || {
        let reason = get(cluster, "stranger", "{.status.containerStatuses[0].state.waiting.reason}");
        ["ErrImagePull", "ImagePullBackOff"].contains(&&*reason)
    });
}

fn run_pod(cluster: &Cluster, name: &str, image: &str, pull_secret: Option<&str>, script: &str) {
    let secrets = pull_secret.map(|secret| format!(r#"{{"name": "{secret}"}}"#)).unwrap_or_default();
    let overrides = format!(
        r#"{{"spec": {{"imagePullSecrets": [{secrets}], "containers": [{{
            "name": "main", "image": "{image}",
            "command": ["sh", "-c", "{script}"],
            "env": [{{"name": "PASSWORD", "valueFrom": {{"secretKeyRef": {{"name": "db", "key": "password"}}}}}}]
        }}]}}}}"#
    );
    kubectl(cluster, &["run", name, "--image=replaced", "--restart=Never", "--overrides", &overrides]);
}

fn get(cluster: &Cluster, pod: &str, path: &str) -> String {
    kubectl(cluster, &["get", "pod", pod, &format!("--output=jsonpath={path}")])
}

fn changes_the_password_of_one_more_registry(cluster: &Cluster) {
    let mut registry = cluster.start_registry().expect("a registry");
    let login = |registry: &Registry| {
        let config: serde_json::Value = serde_json::from_str(&registry.docker_config_json()).expect("JSON");
        let auth = config.get("auths").and_then(|auths| auths.get(registry.host())?.get("auth")?.as_str());
        auth.expect("a login").to_owned()
    };
    let first = login(&registry);
    assert_eq!(code(registry.host(), Some(&first)), "200");
    registry.change_password("canary-second").expect("another password");
    assert_eq!(code(registry.host(), Some(&first)), "401");
    assert_eq!(code(registry.host(), Some(&login(&registry))), "200");
    registry.push_busybox("team/app:1").expect("a push with the new password");
}

/// With which code the registry answers to this login, or to nobody's.
fn code(host: &str, login: Option<&str>) -> String {
    let login = login.map(|login| format!("Authorization: Basic {login}\r\n")).unwrap_or_default();
    let mut stream = TcpStream::connect(host).expect("a connection");
    write!(stream, "GET /v2/ HTTP/1.1\r\nHost: {host}\r\n{login}Connection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).expect("a code").to_owned()
}
