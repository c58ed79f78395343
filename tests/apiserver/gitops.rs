//! What GitOps tools do to Pipelines: they read them, and apply the same manifests again and again.
//!
//! The testdata of Argo CD's Lua is what this API server says, as `kubectl get -o yaml` prints it. After a change that is
//! meant: `LOCKGATE_WRITE_TESTDATA=1 cargo test --test apiserver gitops` writes it anew; the messages in `health_test.yaml`
//! follow by hand (`--test gitops` says which).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use regex::Regex;
use serde_json::{Value, json};

use crate::support::audit::tally;
use crate::support::stage::{Scene, running, service, stage};
use crate::support::{Space, condition, failed_now, message, name_of, output, step};
use crate::{audit, shared, space};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// kubectl with this on its standard input; what it printed.
pub fn piped(mut kubectl: Command, args: &[&str], input: &str) -> String {
    kubectl.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = kubectl.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What differs from run to run is taken out: ids, versions, times, the hash in a Pod's name, the scheduler's words.
fn comparable(text: &str) -> String {
    let ids = Regex::new(r"(?m)(uid|podUid|resourceVersion|startedWith): .*$").unwrap();
    let times = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    let pods = Regex::new(r"-main-[a-z0-9]+").unwrap();
    // What follows them is put into another line where they are longer.
    let scheduler = Regex::new(r"(?s)no node takes the Pod:.*?or\s+add\s+a\s+node\s*").unwrap();
    let text = &scheduler.replace_all(text, "no node takes the Pod ");
    pods.replace_all(&times.replace_all(&ids.replace_all(text, "$1: X"), "TIME"), "-main-HASH").into_owned()
}

/// The Pipelines of the testdata.
struct States<'a> {
    scene: &'a Scene,
    kubectl: &'a dyn Fn() -> Command,
    stale: Vec<String>,
}

impl States<'_> {
    /// Compares what kubectl printed with the file of that name, or writes it.
    fn keep(&mut self, name: &str, printed: &str) {
        let tree = "deploy/argocd/resource_customizations/lockgate.dev/Pipeline/testdata";
        let file: PathBuf = root().join(tree).join(format!("{name}.yaml"));
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        if comparable(&kept) == comparable(printed) {
            return;
        }
        if std::env::var_os("LOCKGATE_WRITE_TESTDATA").is_some() {
            std::fs::write(&file, printed).unwrap();
        } else {
            self.stale.push(format!("{name}: kept\n{}\nsaid\n{}", comparable(&kept), comparable(printed)));
        }
    }

    /// The same of a Pipeline as it stands now.
    fn keep_pipeline(&mut self, name: &str) {
        let mut kubectl = (self.kubectl)();
        let printed = output(kubectl.args(["get", "pipeline", name, "-n", &self.scene.name, "-o", "yaml"]));
        self.keep(name, &printed);
    }

    fn manifest(&self, name: &str, annotations: &Value, spec: &Value) -> String {
        json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
            "metadata": {"name": name, "namespace": self.scene.name, "annotations": annotations}, "spec": spec,
        })
        .to_string()
    }

    /// A Job whose Pod has this status.
    async fn job(&mut self, name: &str, status: Value, phase: Phase) {
        self.scene.pipeline(name, job()).await;
        let pod = name_of(&self.scene.pod_of(name).await);
        self.scene.pod_status(&pod, status).await;
        self.scene.phase(name, phase).await;
        self.keep_pipeline(name);
    }
}

/// No node takes its Pod, so that nobody but the test plays the kubelet.
fn job() -> Value {
    json!({
        "transform": {
            "image": "registry.test/edges:1",
            "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}],
        },
        "scheduling_spec": {"node_selector": {"kubernetes.io/hostname": "nowhere"}},
    })
}

fn waiting() -> Value {
    json!({"transform": {
        "image": "registry.test/edges:1",
        "secrets": [{"name": "later", "env_var": "DB_PASSWORD", "key": "password"}],
    }})
}

fn with(mut spec: Value, field: &str, value: Value) -> Value {
    spec[field] = value;
    spec
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_testdata_of_argo_cd_s_lua_is_what_the_api_server_says() {
    let stage = stage().await;
    let scene = stage.scene("gitops").await;
    let kubectl = || stage.cluster.kubectl();
    let mut states = States { scene: &scene, kubectl: &kubectl, stale: Vec::new() };
    scene.secret("db", &["password"]).await;

    // The API server's own answers, which the operator cannot have changed yet.
    let born =
        piped(kubectl(), &["create", "-f", "-", "-o", "yaml"], &states.manifest("not-observed", &json!({}), &job()));
    states.keep("not-observed", &born);
    scene.pipeline("changed-not-observed", job()).await;
    let pod = name_of(&scene.pod_of("changed-not-observed").await);
    scene.pod_succeeds(&pod).await;
    scene.phase("changed-not-observed", Phase::Succeeded).await;
    let patch = r#"{"spec": {"transform": {"image": "registry.test/edges:2"}}}"#;
    let name = "pipeline/changed-not-observed";
    let args = ["patch", name, "-n", &scene.name, "--type=merge", "-o", "yaml", "-p", patch];
    states.keep("changed-not-observed", &output(kubectl().args(args)));

    // Jobs.
    scene.pipeline("waiting", waiting()).await;
    scene.phase("waiting", Phase::Waiting).await;
    states.keep_pipeline("waiting");
    let annotation = json!({"lockgate.dev/health-while-waiting": "Healthy"});
    piped(kubectl(), &["create", "-f", "-"], &states.manifest("waiting-healthy", &annotation, &waiting()));
    scene.phase("waiting-healthy", Phase::Waiting).await;
    states.keep_pipeline("waiting-healthy");
    scene.pipeline("missing-secret-timeout", with(waiting(), "missing_secret_timeout", json!("1s"))).await;
    scene.phase("missing-secret-timeout", Phase::Failed).await;
    states.keep_pipeline("missing-secret-timeout");
    scene.pipeline("suspended", with(job(), "suspend", json!(true))).await;
    scene.phase("suspended", Phase::Suspended).await;
    states.keep_pipeline("suspended");
    scene.pipeline("starting", job()).await;
    let is_told = |p: &Pipeline| step(p).is_some_and(|step| step.trouble == Some(Trouble::Unschedulable));
    scene.until("starting", "Unschedulable", is_told).await;
    states.keep_pipeline("starting");
    states.job("job-running", running(true), Phase::Running).await;
    states.job("succeeded", crate::support::ended(0, "Completed"), Phase::Succeeded).await;
    states.job("failed", failed_now(3), Phase::Failed).await;

    // Services.
    let env = |ready: &str| json!({"env": {"READY": ready}});
    scene.pipeline("service-running", service(env("yes"), json!({}))).await;
    scene.rests("service-running", 1, 1).await;
    states.keep_pipeline("service-running");
    let unready = json!({"spec": {"transform": env("no")}});
    // That the deadline is over may be told before the fresh Pod runs.
    for (name, deadline, reason, words) in
        [("rolling", "10m", "True/Rolling", ""), ("roll-stuck", "1s", "False/RollStuck", "it runs")]
    {
        scene.pipeline(name, service(env("yes"), json!({"progress_deadline": deadline}))).await;
        scene.rests(name, 1, 1).await;
        scene.patch(name, unready.clone()).await;
        scene
            .until(name, reason, |p: &Pipeline| {
                let replicas = p.status.as_ref().unwrap().replicas;
                condition(p, "Ready") == reason && replicas == Some(2) && message(p).contains(words)
            })
            .await;
        states.keep_pipeline(name);
    }
    let stale = states.stale.join("\n");
    assert!(stale.is_empty(), "LOCKGATE_WRITE_TESTDATA=1 writes these anew: {stale}");
}

/// What both tools leave on what they manage.
fn managed(name: &str, revision: &str) -> String {
    json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/instance": "shop",
                "kustomize.toolkit.fluxcd.io/name": "shop",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            },
            "annotations": {
                "argocd.argoproj.io/tracking-id": format!("shop:lockgate.dev/Pipeline:gitops-again/{name}"),
                "example.com/revision": revision,
            },
        },
        "spec": with(job(), "suspend", json!(false)),
    })
    .to_string()
}

/// Everything of the object but its labels, annotations and managers.
fn substance(pipeline: &Pipeline) -> Value {
    json!({"generation": pipeline.metadata.generation, "spec": pipeline.spec, "status": pipeline.status})
}

async fn done(space: &Space, name: &str) -> (Pipeline, Pod) {
    let pod = space.pod_of(name).await;
    space.pod_succeeds(&name_of(&pod)).await;
    (space.phase(name, Phase::Succeeded).await, pod)
}

/// Another Pipeline that was handled from begin to end: what came before it was looked at.
async fn marker(space: &Space, name: &str) {
    space.pipeline(name, job()).await;
    done(space, name).await;
}

/// What the operator wrote for this Pipeline since then.
async fn writes(space: &Space, name: &str, since: Timestamp) -> BTreeMap<String, usize> {
    let mut audit = audit().await;
    audit.settle(&space.client).await;
    let ours =
        |e: &crate::support::audit::Entry| e.namespace() == space.name && e.name().starts_with(name) && e.is_write();
    tally(&audit.since(since).into_iter().filter(ours).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_again_runs_nothing_again_and_what_is_made_anew_runs() {
    let space = space("gitops-again").await;
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let apply = |manager: &str, text: &str| {
        let manager = format!("--field-manager={manager}");
        let args = ["apply", "--server-side", "--force-conflicts", &manager, "-n", "gitops-again", "-f", "-"];
        piped(shared.cluster.kubectl(), &args, text)
    };
    space.secret("db", &["password"]).await;
    apply("argocd-controller", &managed("load", "1"));
    let (first, pod) = done(&space, "load").await;
    let keys = pod.labels().keys().chain(pod.annotations().keys());
    let foreign: Vec<_> =
        keys.filter(|key| key.contains("argocd") || key.contains("flux") || key.contains("instance")).collect();
    assert!(foreign.is_empty(), "a tool would take the Pod for its own: {foreign:?}");
    let quiet = Timestamp::now();

    // Two looks that have a reason: its Secret changes. Not one byte of the settled object does.
    for look in ["a", "b"] {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"look": look}}}));
        space.api::<Secret>().patch("db", &PatchParams::default(), &patch).await.unwrap();
        marker(&space, &format!("marker-{look}")).await;
        let now = space.api::<Pipeline>().get("load").await.unwrap();
        assert_eq!(now.resource_version(), first.resource_version(), "look {look}");
    }
    // The same again, by both tools, and with another revision.
    for (manager, revision) in [("argocd-controller", "1"), ("kustomize-controller", "1"), ("argocd-controller", "2")] {
        apply(manager, &managed("load", revision));
    }
    // Someone changes what Git says otherwise, and self-heal takes it back.
    space
        .patch("load", json!({"spec": {"suspend": true}, "metadata": {"labels": {"app.kubernetes.io/instance": "x"}}}))
        .await;
    apply("argocd-controller", &managed("load", "2"));
    space
        .until("load", "its last generation is observed", |p: &Pipeline| {
            p.status.as_ref().and_then(|status| status.observed_generation) == p.metadata.generation
                && condition(p, "Ready") == "True/Succeeded"
        })
        .await;
    marker(&space, "marker-c").await;
    let now = space.api::<Pipeline>().get("load").await.unwrap();
    let (mut before, mut after) = (substance(&first), substance(&now));
    for object in [&mut before, &mut after] {
        // Suspending and resuming are two generations.
        object.as_object_mut().unwrap().remove("generation");
        object["status"].as_object_mut().unwrap().remove("observedGeneration");
        for condition in object["status"]["conditions"].as_array_mut().unwrap() {
            condition.as_object_mut().unwrap().remove("observedGeneration");
        }
    }
    assert_eq!(after, before);
    let written = writes(&space, "load", quiet).await;
    assert_eq!(written.keys().filter(|kind| !kind.contains("status")).count(), 0, "{written:?}");
    assert_eq!(space.pods().await.iter().filter(|pod| name_of(pod).starts_with("load")).count(), 1);

    // Pruned and applied once more it is a new Pipeline, and runs.
    space.delete::<Pipeline>("load").await;
    apply("argocd-controller", &managed("load", "2"));
    let fresh = space
        .until("load", "a Pod of its own", |p: &Pipeline| {
            p.uid() != first.uid() && p.status.as_ref().is_some_and(|s| s.run.is_some())
        })
        .await;
    assert_eq!(fresh.status.unwrap().run.unwrap().number, 1);
    let own = space
        .pods()
        .await
        .into_iter()
        .filter(|pod| pod.owner_references().iter().any(|owner| Some(&owner.uid) == fresh.metadata.uid.as_ref()));
    assert_eq!(own.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kustomize_s_hashed_names_and_images_arrive_everywhere() {
    let space = space("gitops-kustomize").await;
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let rendered = output(shared.cluster.kubectl().arg("kustomize").arg(root().join("deploy/kustomize/example")));
    let objects: Vec<Value> = rendered.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect();
    let name = |kind: &str, prefix: &str| {
        let names = objects
            .iter()
            .filter(|object| object["kind"] == kind)
            .map(|object| object["metadata"]["name"].as_str().unwrap());
        let found: Vec<&str> = names.filter(|name| name.starts_with(prefix)).collect();
        assert_eq!(found.len(), 1, "{kind} {prefix}: {found:?}");
        found[0].to_owned()
    };
    let (db, regcred, settings) =
        (name("Secret", "shop-db-"), name("Secret", "shop-regcred-"), name("ConfigMap", "shop-settings-"));
    let of = |kind: &str, name: &str| {
        let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap()["spec"].clone()
    };
    let spec = |pipeline: &str| of("Pipeline", pipeline);
    let image = "mirror.example.com/app:2.0";
    let volumes = json!([
        {"config_map": settings, "mount_path": "/etc/settings"},
        {"claim": "shop-scratch", "mount_path": "/scratch"},
    ]);
    let variable = json!([{"name": db, "env_var": "DB_PASSWORD", "key": "password"}]);
    let files = json!([{"name": db, "mount_path": "/run/db"}]);
    assert_eq!(
        spec("shop-single"),
        json!({
            "service_account_name": "shop-worker", "secrets": files,
            "transform": {
                "image": image, "secrets": variable, "image_pull_secrets": [regcred], "volumes": volumes,
                "input": {
                    "secrets": [{"name": db, "key": "password", "as": "password"}], "mount_path": "/run/input.json",
                    "template": {"url": "postgres://app:jq(.secrets.password)@db/app"},
                },
            },
        })
    );
    assert_eq!(
        spec("shop-graph"),
        json!({
            "image_pull_secrets": [regcred],
            "steps": [
                {"name": "load", "image": image, "secrets": variable},
                {
                    "name": "report", "needs": ["load"], "image": image, "service_account_name": "shop-worker",
                    "secrets": files, "image_pull_secrets": [regcred], "volumes": volumes,
                    // Under its hashed name a template could not find it.
                    "input": {
                        "secrets": [{"name": db, "as": "db"}], "env_var": "INPUT",
                        "template": {"password": "jq(.secrets.db.password)"},
                    },
                },
            ],
        })
    );
    assert_eq!(of("Registry", "shop-images")["secret"], json!({"name": regcred}));
    let rendered_too =
        output(shared.cluster.kubectl().arg("kustomize").arg(root().join("deploy/kustomize/cluster-registry")));
    let read: Vec<Value> = rendered_too.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect();
    let [source, registry] = &read[..] else { panic!("{rendered_too}") };
    assert!(source["metadata"]["name"].as_str().unwrap().starts_with("images-"), "{source}");
    assert_eq!(registry["spec"]["secret"], json!({"namespace": "lockgate-system", "name": source["metadata"]["name"]}));
    // Applied as it is rendered, every reference is good.
    piped(shared.cluster.kubectl(), &["apply", "--server-side", "-n", &space.name, "-f", "-"], &rendered);
    for pipeline in ["shop-single", "shop-graph"] {
        space.until(pipeline, "all resolved", |p| condition(p, "SecretsResolved") == "True/AllResolved").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pipelines_of_the_examples_are_taken() {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let mut count = 0;
    for folder in [
        "deploy/argocd/examples/waves",
        "deploy/argocd/examples/hook",
        "deploy/flux/example/load",
        "deploy/flux/example/web",
    ] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if std::fs::read_to_string(&path).unwrap().contains("\nkind: Pipeline\n") {
                output(shared.cluster.kubectl().args(["create", "--dry-run=server", "-f"]).arg(path));
                count += 1;
            }
        }
    }
    assert_eq!(count, 5);
}
