//! Registries: whose Pods get their pull Secrets, what a change of them heals, what is said of them, and what all of it costs.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use lockgate::api::registry::{ClusterRegistry, Registry};
use serde_json::{Value, json};

use crate::heal::{Remover, bound, marker, set_key, stuck, unauthorized};
use crate::moments::pod_name;
use crate::space;
use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::{Heavy, paper_node};
use crate::support::{Operator, Space, admin, step};

const WRONG: &str = r#"{"auths":{"registry.test":{"username":"u","password":"canary-7c1f-wrong"}}}"#;
const RIGHT: &str = r#"{"auths":{"registry.test":{"username":"u","password":"canary-7c1f-right"}}}"#;

/// A Pod of this image that the paper node takes.
fn pulls(image: &str) -> Value {
    json!({"transform": {"image": image}, "tolerations": [{"operator": "Exists"}]})
}

impl Space {
    async fn registry(&self, name: &str, host: &str, secret: &str) -> Registry {
        let object = json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry",
            "metadata": {"name": name}, "spec": {"host": host, "secret": {"name": secret}},
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    /// Waits until what is made now is younger than this Registry: a creation is known to the second.
    async fn younger_than(&self, registry: &str) {
        let made = self.api::<Registry>().get(registry).await.unwrap().creation_timestamp().unwrap().0;
        while Timestamp::now().as_second() <= made.as_second() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn turn(&self, registry: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.api::<Registry>().patch(registry, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Waits until the operator says this of a Registry, and returns the message.
    async fn says(&self, registry: &str, expected: &str) -> String {
        let said = self.until(registry, expected, |r: &Registry| ready(r).0 == expected).await;
        ready(&said).1
    }

    async fn used_by(&self, registry: &str, count: i32) {
        let counts = |r: &Registry| r.status.as_ref().is_some_and(|status| status.used_by == Some(count));
        self.until(registry, "used by", counts).await;
    }

    /// Waits until the Pipeline has this fresh Pod, bound, and returns the pull Secrets that it lists.
    async fn fresh(&self, pipeline: &str, replacement: i32) -> Vec<String> {
        let is_fresh = |p: &Pipeline| {
            step(p).is_some_and(|s| {
                s.pod_uid.is_some() && (s.attempts, s.replacements) == (0, replacement) && s.trouble.is_none()
            })
        };
        self.until(pipeline, "a fresh Pod, and no try lost", is_fresh).await;
        let pod = bound(self, pipeline).await;
        self.listed(&pod).await
    }

    async fn listed(&self, pod: &str) -> Vec<String> {
        let pod: Pod = self.api().get(pod).await.unwrap();
        pod.spec.unwrap().image_pull_secrets.into_iter().flatten().map(|reference| reference.name).collect()
    }

    /// The Pod is stuck as the one before.
    async fn stuck_again(&self, pipeline: &str) {
        let pod = bound(self, pipeline).await;
        self.pod_status(&pod, unauthorized()).await;
        let in_trouble = |p: &Pipeline| step(p).is_some_and(|s| s.trouble == Some(Trouble::ImageUnauthorized));
        self.until(pipeline, "stuck again", in_trouble).await;
    }
}

/// `status/reason` and message of `Ready`.
fn ready(registry: &Registry) -> (String, String) {
    let conditions = registry.status.iter().flat_map(|status| &status.conditions);
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    ready.map_or_else(Default::default, |c| (format!("{}/{}", c.status, c.reason), c.message.clone()))
}

/// `name<via:state` of each row that has a `via`.
fn attached(pipeline: &Pipeline) -> Vec<String> {
    let rows = pipeline.status.iter().flat_map(|status| &status.references);
    rows.filter_map(|row| Some(format!("{}<{}:{}", row.name, row.via.as_ref()?, row.state))).collect()
}

/// What was asked for since then in this namespace, but for watches and markers.
async fn asked(audit: &mut Audit, space: &Space, since: Timestamp) -> Vec<Entry> {
    audit.settle(&space.client).await;
    let ours = |entry: &Entry| entry.namespace() == space.name && !entry.name().starts_with("marker");
    audit.since(since).into_iter().filter(ours).collect()
}

/// The requests about one Pipeline and its Pods, and about Secrets.
fn about(entries: &[Entry], pipeline: &str) -> BTreeMap<String, usize> {
    let concerns = |e: &&Entry| e.name().starts_with(pipeline) || e.kind() == "get secrets";
    tally(&entries.iter().filter(concerns).cloned().collect::<Vec<_>>())
}

fn times(all: &[(&str, usize)]) -> BTreeMap<String, usize> {
    all.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_registry_replaces_the_stuck_pod_once_and_touches_nothing_else() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let operator = Operator::start(&cluster);
    let _remover = Remover::of(&client);
    let mut audit = Audit::of(&cluster);
    let space = Space::new(&client, "registries").await;

    space.pipeline("runs", pulls("registry.test/edges:1")).await;
    let running = bound(&space, "runs").await;
    space.pod_status(&running, json!({"phase": "Running"})).await;
    space.phase("runs", Phase::Running).await;
    for (name, image) in [("edges", "registry.test/edges:1"), ("other", "registry.test:443/edges:1")] {
        stuck(&space, name, pulls(image), unauthorized(), Trouble::ImageUnauthorized).await;
    }
    let other = pod_name(&space.api().get("other").await.unwrap());

    // It is announced before its Secret is there: nothing is mended yet.
    space.registry("main", "registry.test", "regcred").await;
    let said = space.says("main", "False/SecretNotFound").await;
    assert!(
        said.contains("kubectl create secret docker-registry regcred -n registries --docker-server=registry.test "),
        "{said}"
    );
    let rows = ["regcred<registry/main:NotFound"];
    space.until("edges", "a row for it", |p: &Pipeline| attached(p) == rows).await;
    marker(&space, "marker-1").await;
    let begun = Timestamp::now();
    space.pull_secret("regcred", WRONG).await;
    assert_eq!(space.fresh("edges", 1).await, ["regcred"]);
    let said = space.says("main", "True/SecretResolved").await;
    assert_eq!(said, "Secret regcred is attached to every image of registry.test");
    marker(&space, "marker-2").await;
    let entries = asked(&mut audit, &space, begun).await;
    let of_one = times(&[
        ("create pods 201", 1),
        ("delete pods 200", 1),
        ("get pods 404", 1),
        ("get secrets 200", 1),
        ("patch pipelines/status 200", 2),
    ]);
    assert_eq!(about(&entries, "edges"), of_one, "{entries:#?}");
    let of_registry = tally(&entries.iter().filter(|e| e.name() == "main").cloned().collect::<Vec<_>>());
    assert!(
        of_registry["patch registries/status 200"] <= 2,
        "its state, and perhaps the marker's coming: {of_registry:?}"
    );

    // It was there when the Pod was made, so that it heals no more, until it changes.
    space.stuck_again("edges").await;
    marker(&space, "marker-3").await;
    assert_eq!(space.fresh_replacements("edges").await, 1);
    set_key(&space, "regcred", ".dockerconfigjson", Some(RIGHT)).await;
    assert_eq!(space.fresh("edges", 2).await, ["regcred"]);

    // Another Registry of the same host stands behind the older one, and both say so.
    space.stuck_again("edges").await;
    space.pull_secret("another", RIGHT).await;
    space.younger_than("main").await;
    space.registry("also", "registry.test", "another").await;
    assert_eq!(space.fresh("edges", 3).await, ["regcred", "another"]);
    let both = "; 2 Registries name registry.test, and both are attached, the oldest first: main, also";
    for name in ["main", "also"] {
        let ends = |r: &Registry| ready(r).1.ends_with(both);
        space.until(name, both, ends).await;
    }

    // It turns to another host, and the other goes.
    space.stuck_again("edges").await;
    space.turn("main", json!({"host": "elsewhere.test"})).await;
    assert_eq!(space.fresh("edges", 4).await, ["another"]);
    space.used_by("main", 0).await;
    space.stuck_again("edges").await;
    space.delete::<Registry>("also").await;
    assert!(space.fresh("edges", 5).await.is_empty());

    // Nobody else was touched.
    assert_eq!(bound(&space, "other").await, other);
    assert_eq!(bound(&space, "runs").await, running);
    assert!(space.listed(&running).await.is_empty());

    // A restart says nothing anew.
    marker(&space, "marker-4").await;
    audit.settle(&client).await;
    let begun = Timestamp::now();
    operator.kill();
    let _operator = Operator::start(&cluster);
    space.pipeline("late", pulls("elsewhere.test/a:1")).await;
    assert_eq!(space.listed(&bound(&space, "late").await).await, ["regcred"]);
    space.used_by("main", 1).await;
    let writes: Vec<Entry> = asked(&mut audit, &space, begun).await.into_iter().filter(Entry::is_write).collect();
    let count = times(&[("create pods 201", 1), ("patch pipelines/status 200", 1), ("patch registries/status 200", 1)]);
    let said_of_late = |e: &&Entry| e.kind() != "patch pipelines/status" || e.name() == "late";
    assert_eq!(writes.iter().filter(said_of_late).count(), writes.len(), "{writes:#?}");
    let mut counted = tally(&writes);
    // That it starts, and that its Pod was bound.
    counted.insert("patch pipelines/status 200".into(), 1);
    assert_eq!(counted, count, "{writes:#?}");
}

impl Space {
    async fn fresh_replacements(&self, pipeline: &str) -> i32 {
        step(&self.api::<Pipeline>().get(pipeline).await.unwrap()).unwrap().replacements
    }
}

#[tokio::test]
async fn what_is_said_of_a_registry_follows_its_secret_and_only_what_became_worse_is_an_event() {
    let space = space("registry-status").await;
    let unseen = space.registry("main", "registry.test:5000", "regcred").await;
    assert_eq!(unseen.status.unwrap().observed_generation, Some(-1), "nobody saw it yet");
    let said = space.says("main", "False/SecretNotFound").await;
    assert!(said.ends_with(" (docs/troubleshooting.md#secretnotfound)"), "{said}");
    space.pull_secret("regcred", WRONG).await;
    space.says("main", "True/SecretResolved").await;
    space.delete::<Secret>("regcred").await;
    space.says("main", "False/SecretNotFound").await;
    space.secret("regcred", &["password"]).await;
    let said = space.says("main", "False/WrongType").await;
    assert!(
        said.contains("kubectl delete secret regcred -n registry-status && kubectl create secret docker-registry "),
        "{said}"
    );
    space.turn("main", json!({"secret": {"name": "another"}})).await;
    let turned = |r: &Registry| ready(r).0 == "False/SecretNotFound" && observed(r) == Some(2);
    space.until("main", "the other Secret is missing", turned).await;

    space.used_by("main", 0).await;
    space.pipeline("edges", pulls("registry.test:5000/edges:1")).await;
    space.used_by("main", 1).await;
    space.delete::<Pipeline>("edges").await;
    space.used_by("main", 0).await;

    let events = space.api::<Event>().list(&ListParams::default()).await.unwrap().items;
    let of_registry = |event: &&Event| event.regarding.as_ref().is_some_and(|r| r.kind.as_deref() == Some("Registry"));
    let reasons: Vec<&str> = events.iter().filter(of_registry).filter_map(|event| event.reason.as_deref()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.contains(&"SecretNotFound") && reasons.contains(&"WrongType"), "{reasons:?}");
}

fn observed(registry: &Registry) -> Option<i64> {
    registry.status.as_ref()?.observed_generation
}

#[tokio::test]
async fn a_waiting_pipeline_starts_with_the_registries_of_that_moment() {
    let space = space("registry-waiting").await;
    let mut spec = pulls("registry.test/edges:1");
    spec["transform"]["secrets"] = json!([{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]);
    space.pipeline("edges", spec).await;
    space.phase("edges", Phase::Waiting).await;
    space.pull_secret("regcred", RIGHT).await;
    space.registry("main", "registry.test", "regcred").await;
    let rows = ["regcred<registry/main:Resolved"];
    let waits = |p: &Pipeline| attached(p) == rows && p.status.as_ref().unwrap().resolved.as_deref() == Some("0/1");
    space.until("edges", "it is attached, and counts for nothing", waits).await;
    space.secret("db", &["password"]).await;
    let pod = space.pod_of("edges").await;
    assert_eq!(space.listed(&crate::support::name_of(&pod)).await, ["regcred"]);
}

#[tokio::test]
async fn the_copy_of_a_cluster_registry_is_attached_where_it_is() {
    let space = space("cluster-registry").await;
    let object = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "metadata": {"name": "copied"},
        "spec": {"host": "copied.test", "secret": {"namespace": "lockgate-system", "name": "source"}},
    });
    let api: Api<ClusterRegistry> = Api::all(space.client.clone());
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    let mut spec = pulls("copied.test/edges:1");
    spec["transform"]["secrets"] = json!([{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]);
    space.pipeline("edges", spec).await;
    let waiting = space.phase("edges", Phase::Waiting).await;
    assert!(attached(&waiting).is_empty(), "there is no copy here, and perhaps there shall be none");
    space.pull_secret("lockgate-registries", RIGHT).await;
    let rows = ["lockgate-registries<clusterregistry/copied:Resolved"];
    space.until("edges", "the copy is attached", |p: &Pipeline| attached(p) == rows).await;
    space.secret("db", &["password"]).await;
    let pod = space.pod_of("edges").await;
    assert_eq!(space.listed(&crate::support::name_of(&pod)).await, ["lockgate-registries"]);
    api.delete("copied", &DeleteParams::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_without_the_new_kinds_goes_on_and_takes_them_up_when_they_come() {
    let cluster = Heavy::start().await;
    let kubectl = |args: &[&str]| {
        let done = cluster.kubectl().args(args).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    kubectl(&["delete", "crd", "registries.lockgate.dev", "clusterregistries.lockgate.dev"]);
    let operator = Operator::start(&cluster);
    let space = Space::new(&admin(&cluster).await, "older").await;
    space.pull_secret("regcred", RIGHT).await;
    space.pipeline("early", pulls("registry.test/edges:1")).await;
    let early = space.pod_of("early").await;
    assert!(space.listed(&crate::support::name_of(&early)).await.is_empty());
    let told = operator.log();
    for kind in ["registries", "clusterregistries"] {
        let says = |line: &&str| {
            line.contains("goes on without them until they can be listed") && line.contains(&format!("kind=\"{kind}\""))
        };
        assert_eq!(told.lines().filter(says).count(), 1, "{told}");
    }
    let failures = operator.scrape().value("lockgate_watch_failures_total{kind=\"registries\"}");
    assert!(failures >= 1.0, "{failures}");

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/registries.yaml");
    kubectl(&["apply", "--server-side", "-f", file]);
    kubectl(&["wait", "--for=condition=Established", "crd/registries.lockgate.dev"]);
    space.registry("main", "registry.test", "regcred").await;
    space.says("main", "True/SecretResolved").await;
    space.until("early", "its row", |p: &Pipeline| attached(p) == ["regcred<registry/main:Resolved"]).await;
    let again = operator.log();
    let warned =
        |line: &&str| line.contains("WARN") && line.contains("a watch failed") && line.contains("ClusterRegistry");
    let warned: Vec<&str> = again.lines().filter(warned).collect();
    assert_eq!(warned.len(), 1, "it is told once: {warned:#?}");
}
