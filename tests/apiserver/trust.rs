//! The trust profiles, each with exactly the rights and flags of its kustomization: what works, and what was asked for.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use lockgate::api::registry::Registry;
use lockgate_cluster::{Cluster, NodeKind, Options};
use serde_json::{Value, json};

use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::paper_node;
use crate::support::rights::{self, LEASE_RULES, Right, granted};
use crate::support::{self, Operator, SYSTEM_NAMESPACE, Space, admin, condition, name_of, states, step};

/// The flags that the Deployment among these objects gives to the operator, but for the form of its log.
fn flags(objects: &[String]) -> Vec<String> {
    let deployment = objects.iter().find(|object| object.contains("kind: Deployment")).unwrap();
    let flags = deployment.lines().filter_map(|line| line.trim().strip_prefix("- --").map(|flag| format!("--{flag}")));
    flags.filter(|flag| !flag.starts_with("--log-format")).collect()
}

/// A cluster with an audit log and a Node of paper, these namespaces, and those of a kustomization's objects that `wanted` says.
async fn installed(
    overlay: &'static str,
    spaces: &[&str],
    wanted: impl Fn(&str) -> bool,
) -> (Cluster, Vec<Space>, Vec<String>) {
    let cluster =
        tokio::task::spawn_blocking(|| Cluster::start(Options::new().audit(true).node(NodeKind::Scripted)).unwrap())
            .await
            .unwrap();
    rights::installs(&cluster, overlay);
    let client = admin(&cluster).await;
    paper_node(&client).await;
    // The Node whose kubelet a script plays would end the Pods after a second, perhaps before they were seen to start.
    support::output(cluster.kubectl().args(["cordon", "-l", "kubernetes.io/hostname!=paper"]));
    let mut made = Vec::new();
    for name in spaces {
        made.push(Space::new(&client, name).await);
    }
    let objects = support::rendered(&cluster, overlay);
    let now: Vec<String> =
        objects.iter().filter(|object| !object.contains("kind: Deployment") && wanted(object)).cloned().collect();
    support::apply(&cluster, &now);
    (cluster, made, objects)
}

/// Starts the operator as the Deployment among these objects would.
fn start(cluster: &Cluster, objects: &[String], profile: &str) -> Operator {
    start_with(cluster, objects, profile, &[])
}

/// The same with more flags.
fn start_with(cluster: &Cluster, objects: &[String], profile: &str, more: &[&str]) -> Operator {
    let flags = flags(objects);
    assert!(flags.iter().any(|flag| flag.starts_with(profile)), "{flags:?}");
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
    Operator::start_with_flags(cluster, &kubeconfig, &flags)
}

/// Why something is refused here.
const LATER: &str = "trust.rs grants the rights in team-b when the operator runs already";

/// Makes the operator use what rights it has beyond those that every Pod takes. The Pod is that of `edges`.
async fn use_the_rest(space: &Space, pod: &Pod, audit: &mut Audit) {
    // A Pod of an earlier run is deleted.
    bound(space, &name_of(pod)).await;
    space.phase("edges", Phase::Starting).await;
    space.patch("edges", json!({"metadata": {"annotations": {"lockgate.dev/run-requested-at": "again"}}})).await;
    space.until::<Pod>(&name_of(pod), "deleted", |pod| pod.metadata.deletion_timestamp.is_some()).await;
    space.api::<Pod>().delete(&name_of(pod), &DeleteParams::default().grace_period(0)).await.unwrap();
    space.until_gone(&name_of(pod), pod.metadata.uid.as_deref().unwrap()).await;
    let second: Pipeline = space
        .until("edges", "run 2 has a Pod", |p| step(p).is_some_and(|step| step.pod.is_some()) && run(p) == 2)
        .await;
    // One that lost its label is looked up.
    let name = step(&second).unwrap().pod.clone().unwrap();
    let unlabelled = Patch::Merge(json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}));
    space.api::<Pod>().patch(&name, &PatchParams::default(), &unlabelled).await.unwrap();
    audit.until("the Pod was looked up", |all| all.iter().any(|entry| entry.kind() == "get pods")).await;
    // What is over for long is deleted.
    space.pipeline("brief", json!({"transform": {"image": "a"}, "ttl_after_finished": "1s"})).await;
    let brief = space.pod_of("brief").await;
    space.pod_succeeds(&name_of(&brief)).await;
    audit.until("it was deleted", |all| all.iter().any(|entry| entry.kind() == "delete pipelines")).await;
    // A failure is worth an event.
    space.pipeline("fails", json!({"transform": {"image": "a"}})).await;
    let fails = space.pod_of("fails").await;
    space.pod_status(&name_of(&fails), support::ended(1, "Error")).await;
    audit.until("its event was sent", |all| all.iter().any(|entry| entry.kind() == "create events")).await;
    registry(space, audit).await;
}

/// Makes a Registry whose status the operator writes.
async fn registry(space: &Space, audit: &mut Audit) {
    let object = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry", "metadata": {"name": "main"},
        "spec": {"host": "registry.test", "secret": {"name": "regcred"}},
    });
    let object: Registry = serde_json::from_value(object).unwrap();
    space.api().create(&PostParams::default(), &object).await.unwrap();
    let said = |all: &[Entry]| all.iter().any(|entry| entry.kind() == "patch registries/status");
    audit.until("its status was written", said).await;
}

/// Waits until a Pod has a Node. From there on only a kubelet ends it, and a test plays that.
async fn bound(space: &Space, pod: &str) {
    space.until::<Pod>(pod, "bound", |pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())).await;
}

fn refused(entries: &[Entry]) -> Vec<String> {
    entries.iter().filter(|entry| entry.is_unauthorised()).map(|entry| entry.uri.clone()).collect()
}

/// What a Role cannot grant is asked for, in vain, and nothing waits for it: ClusterRegistries are in no namespace.
fn only_asks_for_cluster_registries(beyond: &[Entry]) {
    let kinds: BTreeSet<String> = beyond.iter().map(Entry::kind).collect();
    assert_eq!(kinds, BTreeSet::from(["list clusterregistries".to_owned()]));
    assert!(beyond.iter().all(Entry::is_unauthorised), "{beyond:#?}");
}

fn db() -> Value {
    json!({"transform": {"image": "registry.test/edges:1",
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}})
}

#[tokio::test]
async fn namespaces_sees_nothing_outside_and_uses_exactly_what_it_is_granted_inside() {
    let in_b = |object: &str| object.contains("  namespace: team-b");
    let (cluster, spaces, objects) =
        installed("deploy/overlays/namespaced", &["team-a", "outside"], |object| !in_b(object)).await;
    rights::refuses(&cluster, LATER);
    let [inside, outside] = spaces.as_slice() else { panic!("two were asked for") };
    outside.pipeline("edges", json!({"transform": {"image": "registry.test/edges:1"}})).await;
    // team-b is in the list and does not exist: team-a need not wait for it.
    let operator = start(&cluster, &objects, "--watch-namespaces");
    inside.pipeline("edges", db()).await;
    assert_eq!(states(&inside.phase("edges", Phase::Waiting).await), ["db:NotFound"]);
    inside.secret("db", &["password"]).await;
    let pod = inside.pod_of("edges").await;

    let mut audit = Audit::of(&cluster);
    use_the_rest(inside, &pod, &mut audit).await;

    // A namespace that comes later: its Pipeline and Secret are there before the rights are.
    let later = Space::new(&inside.client, "team-b").await;
    later.secret("db", &["password"]).await;
    later.pipeline("edges", db()).await;
    let objects_b: Vec<String> = objects.iter().filter(|object| in_b(object)).cloned().collect();
    assert_eq!(objects_b.len(), 2, "a Role and its binding");
    support::apply(&cluster, &objects_b);
    later.pod_of("edges").await;
    later.phase("edges", Phase::Starting).await;

    let untouched: Pipeline = outside.api().get("edges").await.unwrap();
    assert!(untouched.status.is_none_or(|status| status.phase.is_none()), "it is nobody's business here");
    assert!(outside.pods().await.is_empty());
    audit.settle(&inside.client).await;
    let all = audit.read().to_vec();
    println!("{:#?}", tally(&all));
    let (beyond, all): (Vec<Entry>, Vec<Entry>) = all.into_iter().partition(|entry| entry.namespace().is_empty());
    only_asks_for_cluster_registries(&beyond);
    let places: BTreeSet<&str> = all.iter().map(Entry::namespace).collect();
    assert_eq!(places, BTreeSet::from(["team-a", "team-b"]), "nowhere else");
    let of_a: Vec<Entry> = all.into_iter().filter(|entry| entry.namespace() == "team-a").collect();
    assert_eq!(refused(&of_a), Vec::<String>::new());
    let role = Api::<Role>::namespaced(inside.client.clone(), "team-a").get("lockgate").await.unwrap();
    let asked: BTreeSet<Right> = of_a.iter().map(Entry::right).collect();
    assert_eq!(asked, granted(&role.rules.unwrap()), "what is asked for and what is granted");
    drop(operator);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

fn run(pipeline: &Pipeline) -> i64 {
    pipeline.status.as_ref().and_then(|status| status.run.as_ref()).map_or(0, |run| run.number)
}

#[tokio::test]
async fn namespaces_with_two_replicas_are_taken_over_each_by_a_list_of_its_own() {
    let in_b = |object: &str| object.contains("  namespace: team-b");
    let (cluster, spaces, objects) = installed("deploy/overlays/namespaced", &["team-a"], |object| !in_b(object)).await;
    rights::refuses(&cluster, LATER);
    rights::installs(&cluster, LEASE_RULES);
    let [a] = spaces.as_slice() else { panic!("one was asked for") };
    let of_the_lease = std::fs::read_to_string(format!("{}/{LEASE_RULES}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    support::apply(&cluster, &[of_the_lease]);
    let elect = ["--leader-elect", "--leader-elect-namespace=lockgate-system"];
    let first = start_with(&cluster, &objects, "--watch-namespaces", &elect);
    first.says(" leads as ").await;
    let second = start_with(&cluster, &objects, "--watch-namespaces", &elect);
    second.says("follows: another leads").await;
    // Nobody waits for team-b, which is not there.
    second.until_health("/readyz", 200).await;
    a.pipeline("edges", db()).await;
    a.phase("edges", Phase::Waiting).await;
    tokio::task::spawn_blocking(|| first.terminate()).await.unwrap();
    second.says(" leads as ").await;
    a.secret("db", &["password"]).await;
    a.pod_of("edges").await;

    let b = Space::new(&a.client, "team-b").await;
    b.secret("db", &["password"]).await;
    b.pipeline("edges", db()).await;
    support::apply(&cluster, &objects.iter().filter(|object| in_b(object)).cloned().collect::<Vec<_>>());
    b.pod_of("edges").await;
    for space in [a, &b] {
        space.phase("edges", Phase::Starting).await;
        assert_eq!(space.pods().await.len(), 1);
    }
    drop(second);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

/// Where messages of these operators send their readers.
const DOCS: &str = "--docs-base-url=https://docs.example.com/lockgate/";

/// What `none` comes to, in a namespace of such an operator: it starts at once, tells the kubelet's verdict, and goes on.
async fn is_in_the_dark(space: &Space, audit: &mut Audit) {
    let mut spec = db();
    spec["on_missing_secret"] = "Fail".into();
    spec["transform"]["image_pull_secrets"] = json!(["regcred"]);
    space.pipeline("dark", spec).await;
    let pod = name_of(&space.pod_of("dark").await);
    let starting = space.phase("dark", Phase::Starting).await;
    assert_eq!(states(&starting), ["db:Unchecked", "regcred:Unchecked"]);
    assert_eq!(condition(&starting, "SecretsResolved"), "Unknown/SecretsNotLookedAt");
    let status = starting.status.clone().unwrap();
    assert_eq!(status.resolved.as_deref(), Some("?/2"));
    let told = status.conditions.iter().find(|condition| condition.type_ == "SecretsResolved").unwrap();
    assert!(told.message.contains("on_missing_secret: Fail cannot be kept"), "{}", told.message);
    let heading = "(https://docs.example.com/lockgate/troubleshooting.md#secretsnotlookedat)";
    assert!(told.message.ends_with(heading), "{}", told.message);
    assert!(status.references.iter().all(|row| row.started_with.is_none() && row.message.is_some()));

    // Bound, so that the scheduler has no more to say of it. Then the kubelet is played.
    bound(space, &pod).await;
    let waiting = json!({"reason": "CreateContainerConfigError", "message": "secret \"db\" not found"});
    let container = |state: Value| json!([{"name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state}]);
    let stuck = json!({"phase": "Pending", "containerStatuses": container(json!({"waiting": waiting}))});
    space.pod_status(&pod, stuck).await;
    let stuck: Pipeline = space
        .until("dark", "SecretGone", |p| step(p).is_some_and(|step| step.trouble == Some(Trouble::SecretGone)))
        .await;
    assert!(support::message(&stuck).contains("secret \"db\" not found"), "{}", support::message(&stuck));
    let heading = "https://docs.example.com/lockgate/troubleshooting.md#secretgone";
    assert_eq!(support::pointer(&stuck).as_deref(), Some(heading));
    space.secret("db", &["password"]).await;
    space.pod_succeeds(&pod).await;
    space.phase("dark", Phase::Succeeded).await;
    assert_eq!(space.pods().await.len(), 1, "the Secret that came replaced nothing");

    space.pipeline("edges", db()).await;
    let pod = space.pod_of("edges").await;
    use_the_rest(space, &pod, audit).await;
    audit.settle(&space.client).await;
    println!("{:#?}", tally(audit.read()));
    assert_eq!(audit.read().iter().filter(|entry| entry.uri.contains("secrets")).count(), 0);
}

#[tokio::test]
async fn none_starts_at_once_tells_the_kubelets_verdict_and_never_asks_for_a_secret() {
    let (cluster, spaces, objects) = installed("deploy/overlays/none", &["dark"], |_| true).await;
    let [space] = spaces.as_slice() else { panic!("one was asked for") };
    let operator = start_with(&cluster, &objects, "--secret-access=none", &[DOCS]);
    let mut audit = Audit::of(&cluster);
    is_in_the_dark(space, &mut audit).await;
    let role = Api::<ClusterRole>::all(space.client.clone()).get("lockgate").await.unwrap();
    let asked: BTreeSet<Right> = audit.read().iter().map(Entry::right).collect();
    assert_eq!(asked, granted(&role.rules.unwrap()), "what is asked for and what is granted");
    assert!(asked.iter().all(|right| right.resource != "secrets"));
    assert_eq!(refused(audit.read()), Vec::<String>::new());
    drop(operator);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

#[tokio::test]
async fn none_in_some_namespaces_asks_for_no_secret_and_for_nothing_outside() {
    let (cluster, spaces, objects) =
        installed("deploy/overlays/namespaced-none", &["team-a", "team-b", "outside"], |_| true).await;
    let [inside, other, outside] = spaces.as_slice() else { panic!("three were asked for") };
    outside.pipeline("edges", json!({"transform": {"image": "registry.test/edges:1"}})).await;
    let operator = start_with(&cluster, &objects, "--secret-access=none", &[DOCS]);
    let mut audit = Audit::of(&cluster);
    is_in_the_dark(inside, &mut audit).await;
    other.pipeline("edges", db()).await;
    other.pod_of("edges").await;
    let untouched: Pipeline = outside.api().get("edges").await.unwrap();
    assert!(untouched.status.is_none_or(|status| status.phase.is_none()), "it is nobody's business here");

    audit.settle(&inside.client).await;
    let (beyond, all): (Vec<Entry>, Vec<Entry>) =
        audit.read().to_vec().into_iter().partition(|entry| entry.namespace().is_empty());
    only_asks_for_cluster_registries(&beyond);
    let places: BTreeSet<&str> = all.iter().map(Entry::namespace).collect();
    assert_eq!(places, BTreeSet::from(["team-a", "team-b"]));
    let role = Api::<Role>::namespaced(inside.client.clone(), "team-a").get("lockgate").await.unwrap();
    let asked: BTreeSet<Right> = all.iter().map(Entry::right).collect();
    assert_eq!(asked, granted(&role.rules.unwrap()), "what is asked for and what is granted");
    assert_eq!(refused(&all), Vec::<String>::new());
    let roles = Api::<ClusterRole>::all(inside.client.clone()).list(&ListParams::default()).await.unwrap().items;
    assert!(roles.iter().all(|role| role.metadata.name.as_deref() != Some("lockgate")));
    drop(operator);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
