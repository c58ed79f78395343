//! The operator with the flags and the rights that a release gives it, and no others.

use std::path::PathBuf;

use k8s_openapi::api::coordination::v1::Lease;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::{Cluster, Options};
use serde_json::json;

use super::support::{Operator, Space, admin, apply, output, rendered as kustomized};
use super::{chart, objects};

const NAMESPACE: &str = "lockgate-system";

/// Installs as somebody who had Lockgate by kustomize before. A Deployment's selector cannot change, so that one goes first.
fn from_kustomize_to_helm(cluster: &Cluster, flags: &[&str]) {
    apply(cluster, &kustomized(cluster, "deploy/base"));
    output(cluster.kubectl().args(["delete", "deployment/lockgate", "--namespace", NAMESPACE]));
    let mut helm = cluster.helm().unwrap();
    helm.args(["install", "lockgate", ".", "--namespace", NAMESPACE, "--take-ownership", "--force-conflicts"]);
    output(helm.args(flags).current_dir(chart()));
}

/// The operator's flags as the Deployment has them, but for files that only a Pod has.
fn flags(cluster: &Cluster) -> Vec<String> {
    let mut get = cluster.kubectl();
    get.args(["get", "deployment/lockgate", "--namespace", NAMESPACE, "--output=yaml"]);
    let deployment = objects(&output(&mut get)).remove(0);
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
    let args = args.into_iter().map(|argument| argument.as_str().unwrap().to_owned());
    let in_a_file = |argument: &String| argument.starts_with("--log-") || argument.starts_with("--pod-defaults=");
    args.filter(|argument| argument != "operator" && !in_a_file(argument)).collect()
}

/// What the Pod finds mounted.
fn pod_defaults(cluster: &Cluster) -> PathBuf {
    let mut get = cluster.kubectl();
    get.args(["get", "configmap/lockgate-pod-defaults", "--namespace", NAMESPACE, "--output=yaml"]);
    let map = objects(&output(&mut get)).remove(0);
    let file = cluster.dir().join("pod-defaults.yaml");
    std::fs::write(&file, map["data"]["pod-defaults.yaml"].as_str().unwrap()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_with_the_roles_of_a_release_and_leads_by_its_lease() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(Options::new()).unwrap()).await.unwrap();
    let client = admin(&cluster).await;
    let (ours, theirs) = (Space::new(&client, "team-a").await, Space::new(&client, "team-c").await);
    Space::new(&client, "team-b").await;
    let values = "leaderElection.enabled=true,defaults.imagePullSecrets={mirror},defaults.podLabels.team=vision";
    from_kustomize_to_helm(&cluster, &["--values", "ci/namespaces-values.yaml", "--set", values]);
    let left = output(cluster.kubectl().args(["get", "clusterroles", "--output=name"]));
    // What the kustomization granted before is not Helm's to take away.
    assert!(left.contains("clusterrole.rbac.authorization.k8s.io/lockgate\n"), "{left}");
    output(cluster.kubectl().args(["delete", "clusterrole/lockgate", "clusterrolebinding/lockgate"]));

    let mut given = flags(&cluster);
    assert!(given.contains(&"--watch-namespaces=team-a,team-b".to_owned()), "{given:?}");
    // A Pod knows its namespace by itself.
    given.push(format!("--leader-elect-namespace={NAMESPACE}"));
    given.push(format!("--pod-defaults={}", pod_defaults(&cluster).display()));
    let kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, "lockgate").unwrap();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let mut operator = Operator::start_with_flags(&cluster, &kubeconfig, &given);

    let spec = json!({"transform": {
        "image": "registry.example.com/app:1", "cmd": ["true"],
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}],
    }});
    theirs.pipeline("edges", spec.clone()).await;
    ours.pipeline("edges", spec).await;
    ours.phase("edges", Phase::Waiting).await;
    ours.secret("db", &["password"]).await;
    let pod = ours.pod_of("edges").await;
    assert_eq!(pod.metadata.labels.unwrap().get("team").map(String::as_str), Some("vision"));
    assert_eq!(pod.spec.unwrap().image_pull_secrets.unwrap()[0].name, "mirror");
    let untouched = theirs.api::<Pipeline>().get("edges").await.unwrap();
    assert!(untouched.status.is_none_or(|status| status.phase.is_none()), "it looked beyond its namespaces");

    let system = Space { name: NAMESPACE.into(), ..ours.clone() };
    system
        .until::<Lease>("lockgate", "has a holder", |l| l.spec.as_ref().is_some_and(|s| s.holder_identity.is_some()))
        .await;
    assert!(operator.is_running());
    let log = operator.log();
    assert!(!log.contains("forbidden"), "a right is missing: {log}");
}
