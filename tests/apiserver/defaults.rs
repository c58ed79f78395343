//! The operator's Pod defaults on a real API server: what its Pods carry, what a default costs that is not there, and that a
//! change of the defaults touches no Pod.

use std::collections::BTreeMap;
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use lockgate_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::audit::{Audit, tally};
use crate::support::heavy::{Heavy, each, paper_node};
use crate::support::{Operator, SYSTEM_NAMESPACE, Space, admin, name_of, phase_of, step};

/// So many Pipelines.
const MANY: usize = 20;
const WITHOUT_PULL_SECRETS: &str = "podLabels: {team: other}\n";
const DEFAULTS: &str = "
imagePullSecrets: [mirror]
nodeSelector: {kubernetes.io/hostname: paper}
tolerations:
- operator: Exists
priorityClassName: batch
podLabels: {team: platform, cost: shared}
";

fn operator(cluster: &Cluster, defaults: &str, more: &[&str]) -> Operator {
    let file = cluster.dir().join("pod-defaults.yaml");
    std::fs::write(&file, defaults).unwrap();
    let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
    let flags: Vec<&str> = ["--pod-defaults", file.to_str().unwrap()].iter().chain(more).copied().collect();
    Operator::start_with_flags(cluster, &kubeconfig, &flags)
}

fn plain() -> Value {
    json!({"transform": {"image": "registry.test/edges:1"}, "metadata": {"labels": {"team": "vision"}}})
}

/// `via>name:state` of each reference.
fn sources(pipeline: &Pipeline) -> Vec<String> {
    let rows = pipeline.status.iter().flat_map(|status| &status.references);
    rows.map(|row| format!("{}>{}:{}", row.via.as_deref().unwrap_or_default(), row.name, row.state)).collect()
}

fn bound(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref() == Some("paper"))
}

/// The uid of each Pod, by name.
async fn uids(space: &Space) -> BTreeMap<String, String> {
    space.pods().await.iter().map(|pod| (name_of(pod), pod.uid().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pod_gets_them_a_missing_one_costs_no_write_and_other_ones_touch_no_pod() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let batch = serde_json::from_value(json!({"metadata": {"name": "batch"}, "value": 7})).unwrap();
    Api::<PriorityClass>::all(client.clone()).create(&PostParams::default(), &batch).await.unwrap();
    let running = operator(&cluster, DEFAULTS, &[]);
    let space = Space::new(&client, "defaults").await;
    let mut audit = Audit::of(&cluster);
    let begun = Timestamp::now();

    // None waits, and that one is missing is read once for all of them, and told.
    let since = Instant::now();
    let space_of = &space;
    each(0..MANY, |i| async move {
        space_of.pipeline(&format!("p-{i:02}"), plain()).await;
    })
    .await;
    let told = |p: &Pipeline| phase_of(p) == Some(Phase::Starting) && sources(p) == ["pod-defaults>mirror:NotFound"];
    space.until_many::<Pod>(MANY, "bound", since, bound).await;
    space.until_many::<Pipeline>(MANY, "its Pod and the missing default are told", since, told).await;
    audit.settle(&client).await;
    let asked: Vec<_> = audit.since(begun).into_iter().filter(|entry| entry.namespace() == space.name).collect();
    let expected = [("create pods 201", MANY), ("get secrets 404", 1), ("patch pipelines/status 200", MANY)];
    assert_eq!(tally(&asked), expected.map(|(kind, count)| (kind.to_owned(), count)).into());

    let pod = space.pod_of("p-00").await;
    let labels = pod.labels();
    assert_eq!((labels["team"].as_str(), labels["cost"].as_str()), ("vision", "shared"));
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!((spec.priority_class_name.as_deref(), spec.priority), (Some("batch"), Some(7)));
    let listed: Vec<&str> = spec.image_pull_secrets.iter().flatten().map(|secret| secret.name.as_str()).collect();
    assert_eq!(listed, ["mirror"], "the kubelet finds it as soon as it comes");
    let found = space.api::<Pipeline>().get("p-00").await.unwrap().status.unwrap();
    assert_eq!(found.resolved.as_deref(), Some("0/0"));

    // It comes: the Pod that is stuck in its pull is replaced at once, and no other.
    let before = uids(&space).await;
    let stuck = json!({"phase": "Pending", "containerStatuses": [{
        "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: 401 Unauthorized"}},
    }]});
    space.pod_status(&name_of(&pod), stuck).await;
    let in_trouble = |p: &Pipeline| step(p).is_some_and(|step| step.trouble == Some(Trouble::ImageUnauthorized));
    space.until("p-00", "in trouble", in_trouble).await;
    let came = Instant::now();
    space.pull_secret("mirror", r#"{"auths":{"registry.test":{"username":"u","password":"canary-7c1f"}}}"#).await;
    let ends = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
    space.until::<Pod>(&name_of(&pod), "it makes place", ends).await;
    let now = kube::api::DeleteParams::default().grace_period(0);
    space.api::<Pod>().delete(&name_of(&pod), &now).await.unwrap();
    let good = |p: &Pipeline| sources(p) == ["pod-defaults>mirror:Resolved"];
    space.until_many::<Pipeline>(MANY, "the default is told as good", came, good).await;
    let fresh = |p: &Pipeline| {
        step(p).is_some_and(|step| {
            (step.attempts, step.replacements) == (0, 1)
                && step.pod_uid.as_ref().is_some_and(|uid| pod.uid().as_ref() != Some(uid))
        })
    };
    space.until("p-00", "a fresh Pod, and no try lost", fresh).await;
    let after = uids(&space).await;
    let stayed = before.iter().filter(|(name, uid)| after.get(*name) == Some(uid)).count();
    assert_eq!((before.len(), after.len(), stayed), (MANY, MANY, MANY - 1));

    // Other defaults: the rows follow, and no Pod does.
    running.kill();
    let running = operator(&cluster, WITHOUT_PULL_SECRETS, &[]);
    let restarted = Instant::now();
    space.until_many::<Pipeline>(MANY, "the default is gone", restarted, |p| sources(p).is_empty()).await;
    space.pipeline("marker", plain()).await;
    let other = space.pod_of("marker").await;
    assert!(!other.labels().contains_key("cost") && other.spec.unwrap().image_pull_secrets.is_none());
    let pods = uids(&space).await;
    assert!(after.iter().all(|(name, uid)| pods.get(name) == Some(uid)), "{after:?} {pods:?}");
    assert_eq!(pods.len(), MANY + 1);

    // Where no Secret is looked at the Pods get them all the same.
    running.kill();
    let running = operator(&cluster, DEFAULTS, &["--secret-access=none"]);
    space.pipeline("dark", plain()).await;
    let listed = space.pod_of("dark").await.spec.unwrap().image_pull_secrets.unwrap();
    assert_eq!(listed[0].name, "mirror");
    space.until::<Pipeline>("dark", "told", |p| sources(p) == ["pod-defaults>mirror:Unchecked"]).await;
    drop(running);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
