//! Volumes: a Pipeline waits for its claims and ConfigMaps as for its Secrets, and at no cost.

use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Options;
use serde_json::{Value, json};

use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::{Heavy, each, paper_node};
use crate::support::{self, Operator, Space, admin, condition, message, name_of, states};
use crate::{shared, space};

/// A spec that mounts these.
fn mounting(volumes: &Value) -> Value {
    json!({"transform": {"image": "registry.test/edges:1", "volumes": volumes}})
}

fn app() -> Value {
    json!({"config_map": "app", "mount_path": "/etc/app"})
}

fn data() -> Value {
    json!({"claim": "data", "mount_path": "/data"})
}

impl Space {
    async fn config_map(&self, name: &str) -> ConfigMap {
        let object =
            json!({"metadata": {"name": name}, "data": {"key": format!("{}-not-for-lockgate", support::CANARY)}});
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    /// A claim that the cluster's own controllers do not let go before the test does.
    async fn claim(&self, name: &str) -> PersistentVolumeClaim {
        let object = json!({
            "metadata": {"name": name, "finalizers": ["test.lockgate.dev/hold"]},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }
}

#[tokio::test]
async fn it_waits_for_its_claim_and_its_config_map_and_starts_with_the_last() {
    let space = space("volumes").await;
    space.pipeline("edges", mounting(&json!([data(), app(), {"scratch": {}, "mount_path": "/tmp"}]))).await;
    let waiting = space.phase("edges", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["data:NotFound", "app:NotFound"]);
    for type_ in ["Ready", "SecretsResolved"] {
        assert_eq!(condition(&waiting, type_), "False/WaitingForVolumes");
    }
    let status = waiting.status.clone().unwrap();
    assert_eq!(status.resolved.as_deref(), Some("0/2"));
    assert_eq!(status.waiting_for.as_deref(), Some("claim data, ConfigMap app"));
    let rows = serde_json::to_value(&status.references).unwrap();
    assert_eq!((&rows[0]["kind"], &rows[0]["use"]), (&json!("PersistentVolumeClaim"), &json!("Volume")));
    assert_eq!((&rows[1]["kind"], &rows[1]["use"]), (&json!("ConfigMap"), &json!("Volume")));

    // What a person is told to do is what mends it.
    let said = message(&waiting);
    let claim = said.split_once("echo '").and_then(|(_, rest)| rest.split_once("' | kubectl apply -n volumes -f -"));
    let mut apply = shared().cluster.kubectl();
    let mut apply = apply.args(["apply", "-n", "volumes", "-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    apply.stdin.take().unwrap().write_all(claim.unwrap_or_else(|| panic!("{said}")).0.as_bytes()).unwrap();
    assert!(apply.wait().unwrap().success(), "{said}");
    let half = space.until("edges", "the claim is there", |p| states(p) == ["data:Resolved", "app:NotFound"]).await;
    assert_eq!(half.status.unwrap().waiting_for.as_deref(), Some("ConfigMap app"));
    assert!(space.pods().await.is_empty());

    let (_, command) = said.split_once("does not exist: kubectl create configmap ").unwrap();
    let words = command.split(';').next().unwrap().split_whitespace();
    support::output(shared().cluster.kubectl().args(["create", "configmap"]).args(words));
    let created = Instant::now();
    let pod = space.pod_of("edges").await;
    println!("the Pod was seen {} ms after kubectl had made the ConfigMap", created.elapsed().as_millis());
    let starting = space.phase("edges", Phase::Starting).await;
    assert_eq!(condition(&starting, "SecretsResolved"), "True/AllResolved");
    assert_eq!(states(&starting), ["data:Resolved", "app:Resolved"]);
    // A running Pod is never stopped because an object went away; its status says that it did.
    space.pod_status(&name_of(&pod), json!({"phase": "Running"})).await;
    space.phase("edges", Phase::Running).await;
    space.delete::<ConfigMap>("app").await;
    let gone = space.until("edges", "it went away", |p| states(p) == ["data:Resolved", "app:NotFound"]).await;
    assert_eq!(condition(&gone, "Ready"), "True/PodsRunning");
    assert_eq!(space.pods().await.len(), 1);
}

#[tokio::test]
async fn a_claim_that_is_being_deleted_is_waited_for_until_it_is_made_anew() {
    let space = space("leaving").await;
    space.claim("data").await;
    space.delete::<PersistentVolumeClaim>("data").await;
    space.pipeline("edges", mounting(&json!([data()]))).await;
    let waiting = space.phase("edges", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["data:NotFound"]);
    assert!(message(&waiting).contains("data (mounted at /data) is being deleted"), "{}", message(&waiting));
    let claims = space.api::<PersistentVolumeClaim>();
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    claims.patch("data", &PatchParams::default(), &free).await.unwrap();
    space.until("edges", "it is gone", |p| message(p).contains("does not exist")).await;
    assert!(space.pods().await.is_empty());
    space.claim("data").await;
    space.pod_of("edges").await;
    claims.patch("data", &PatchParams::default(), &free).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_volumes_costs_nothing_and_the_event_starts_it_with_two_writes() {
    const MANY: usize = 50;
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let _operator = Operator::start(&cluster);
    let space = Space::new(&client, "quiet").await;
    let spec = json!({"tolerations": [{"operator": "Exists"}], "transform": mounting(&json!([app()]))["transform"]});
    space.pipeline("edges", spec).await;
    space.phase("edges", Phase::Waiting).await;
    // Another one, that waits for the claim, too, and is looked at though nothing comes of it.
    space.claim("data").await;
    space.pipeline("both", mounting(&json!([data(), {"config_map": "never-made", "mount_path": "/x"}]))).await;
    space.until("both", "the claim is there", |p| states(p) == ["data:Resolved", "never-made:NotFound"]).await;
    let mut audit = Audit::of(&cluster);
    audit.settle(&client).await;
    let begun = Timestamp::now();

    // Other ConfigMaps come, change and go; the claim that is named changes, and stays.
    each(0..MANY, |i| {
        let space = &space;
        async move {
            let name = format!("other-{i}");
            space.config_map(&name).await;
            let patch = Patch::Merge(json!({"data": {"key": "changed"}}));
            space.api::<ConfigMap>().patch(&name, &PatchParams::default(), &patch).await.unwrap();
            space.api::<ConfigMap>().delete(&name, &DeleteParams::default()).await.unwrap();
            let patch = Patch::Merge(json!({"metadata": {"labels": {"n": format!("{i}")}}}));
            space.api::<PersistentVolumeClaim>().patch("data", &PatchParams::default(), &patch).await.unwrap();
        }
    })
    .await;
    let quiet = audit_of_wait(&mut audit, &space, begun).await;
    assert!(quiet.iter().all(|entry| entry.verb == "watch"), "{:#?}", tally(&quiet));

    let begun = Timestamp::now();
    space.config_map("app").await;
    let created = Instant::now();
    let pod = space.pod_of("edges").await;
    let took = created.elapsed();
    space.phase("edges", Phase::Starting).await;
    let entries = audit_of_wait(&mut audit, &space, begun).await;
    let asked: Vec<&Entry> = entries.iter().filter(|entry| entry.verb != "watch").collect();
    let kinds: Vec<String> = asked.iter().map(|entry| entry.kind()).collect();
    assert_eq!(kinds, ["create pods", "patch pipelines/status"], "{asked:#?}");
    assert_eq!(asked[0].name(), pod.name_any());
    for entry in
        audit.read().iter().filter(|e| e.uri.contains("/configmaps") || e.uri.contains("/persistentvolumeclaims"))
    {
        assert!(matches!(entry.verb.as_str(), "list" | "watch") && entry.namespace().is_empty(), "{entry:#?}");
    }
    println!(
        "{MANY} other ConfigMaps made, changed and deleted and {MANY} changes of the claim: {:?}; \
         the Pod was seen {took:?} after the ConfigMap's creation was answered",
        tally(&quiet)
    );
}

/// The operator's requests since then, after a Pipeline that asks for a run of its own was looked at: whatever was woken
/// before it was looked at, too.
async fn audit_of_wait(audit: &mut Audit, space: &Space, begun: Timestamp) -> Vec<Entry> {
    let name = format!("mark-{}", begun.as_nanosecond());
    space.pipeline(&name, json!({"suspend": true, "transform": {"image": "a"}})).await;
    space.phase(&name, Phase::Suspended).await;
    audit.settle(&space.client).await;
    audit.since(begun).into_iter().filter(|entry| entry.name() != name).collect()
}

#[tokio::test]
async fn a_right_that_is_missing_blocks_who_needs_it_and_nobody_else() {
    let cluster = tokio::task::spawn_blocking(|| support::install(Options::new())).await.unwrap();
    support::rights::refuses(&cluster, "volumes.rs takes the right on ConfigMaps away");
    let client = admin(&cluster).await;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let granted = serde_json::to_value(roles.get("lockgate").await.unwrap().rules).unwrap();
    let without = |resource: &str| -> Value {
        let kept = |rule: &&Value| !rule["resources"].as_array().unwrap().contains(&resource.into());
        granted.as_array().unwrap().iter().filter(kept).cloned().collect::<Vec<_>>().into()
    };
    let grant = async |rules: Value| {
        let patch = Patch::Merge(json!({"rules": rules}));
        roles.patch("lockgate", &PatchParams::default(), &patch).await.unwrap();
    };
    grant(without("configmaps")).await;

    let operator = Operator::start(&cluster);
    let space = Space::new(&client, "refused").await;
    space.pipeline("without", json!({"transform": {"image": "a"}})).await;
    space.pod_of("without").await;

    space.config_map("app").await;
    let optional = json!({"config_map": "app", "mount_path": "/etc/app", "optional": true});
    space.pipeline("edges", mounting(&json!([optional]))).await;
    let waiting = space.phase("edges", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["app:Forbidden"]);
    assert_eq!(condition(&waiting, "Ready"), "False/VolumeForbidden");
    assert!(message(&waiting).contains("list and watch on configmaps"), "{}", message(&waiting));

    grant(granted.clone()).await;
    let begun = Instant::now();
    space.pod_of("edges").await;
    println!("the Pod was seen {:?} after the right was given", begun.elapsed());

    // Taken away while it runs: what was known is known no more, and nothing is called missing.
    grant(without("configmaps")).await;
    space.pipeline("later", mounting(&json!([{"config_map": "never-made", "mount_path": "/x"}]))).await;
    space.until("later", "Forbidden", |p: &Pipeline| states(p) == ["never-made:Forbidden"]).await;
    grant(granted).await;
    space.until("later", "NotFound", |p: &Pipeline| states(p) == ["never-made:NotFound"]).await;
    let pods: Vec<Pod> = space.pods().await;
    assert_eq!(pods.len(), 2);
    assert!(!operator.log().contains("not-for-lockgate"), "a ConfigMap's value is in the log");
    tokio::task::spawn_blocking(move || drop((operator, cluster))).await.unwrap();
}
