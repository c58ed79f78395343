//! What shows that a right is gone.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, PersistentVolumeClaim, Pod, ServiceAccount};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use lockgate::api::registry::Registry;
use serde_json::{Value, json};

use super::Case;
use crate::support::audit::Entry;
use crate::support::rights::Right;
use crate::support::{Space, condition, message, name_of, named, step};

/// An election that is over soon.
pub(super) const ELECT: [&str; 4] = [
    "--leader-elect",
    "--leader-elect-lease-duration=3s",
    "--leader-elect-renew-deadline=2s",
    "--leader-elect-retry-period=300ms",
];
/// Who holds the Lease where somebody else does.
const OTHER: &str = "somebody-else";

fn plain() -> Value {
    json!({"transform": {"image": "registry.test/edges:1"}})
}

fn with(part: &Value) -> Value {
    let mut spec = plain();
    for (field, value) in part.as_object().unwrap() {
        spec["transform"][field] = value.clone();
    }
    spec
}

fn uses_db() -> Value {
    with(&json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}))
}

/// What is there before the operator starts: the Pipeline `early`, and whatever this loss needs.
pub(super) async fn prepare(taken: &Right, space: &Space) {
    let early = match taken.resource.as_str() {
        "secrets" => uses_db(),
        "configmaps" => with(&json!({"volumes": [{"config_map": "app", "mount_path": "/etc/app"}]})),
        "persistentvolumeclaims" => with(&json!({"volumes": [{"claim": "data", "mount_path": "/data"}]})),
        _ => plain(),
    };
    if taken.resource.starts_with("registries") {
        space.pull_secret("regcred", "{}").await;
        let main = json!({"host": "registry.test", "secret": {"name": "regcred"}});
        let main = json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry", "metadata": {"name": "main"}, "spec": main});
        let main: Registry = serde_json::from_value(main).unwrap();
        space.api().create(&PostParams::default(), &main).await.unwrap();
    }
    space.pipeline("early", early).await;
    if taken.verb == "get" && taken.resource == "secrets" {
        space.secret("db", &["password"]).await;
    }
    if taken.verb == "watch" && taken.resource == "leases" {
        let spec =
            json!({"holderIdentity": OTHER, "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"});
        let lease = json!({"metadata": {"name": "lockgate"}, "spec": spec});
        let lease = serde_json::from_value(lease).unwrap();
        space.api::<Lease>().create(&PostParams::default(), &lease).await.unwrap();
    }
}

/// Waits until the loss is there and told, and returns the words that tell.
pub(super) async fn loss(case: &mut Case) -> String {
    match (case.taken.verb.as_str(), case.taken.resource.as_str()) {
        // Without these lists nothing can be decided.
        ("list", "pipelines" | "pods" | "serviceaccounts") => {
            let told = case.refused_twice().await;
            case.is_untouched("early").await;
            told
        }
        (_, "pipelines" | "pipelines/status") => of_pipelines(case).await,
        (_, "pods") => of_pods(case).await,
        (_, "events" | "leases") => of_the_rest(case).await,
        (_, "registries" | "registries/status" | "clusterregistries") => of_registries(case).await,
        _ => of_references(case).await,
    }
}

/// What is asked for.
async fn of_pipelines(case: &mut Case) -> String {
    let right = case.taken.to_string();
    match right.as_str() {
        "watch lockgate.dev/pipelines" => {
            case.space.pod_of("early").await;
            case.space.pipeline("late", plain()).await;
            let told = case.refused_twice().await;
            case.is_untouched("late").await;
            told
        }
        "delete lockgate.dev/pipelines" => {
            let patch = json!({"spec": {"ttl_after_finished": "1s"}});
            case.space.patch("early", patch).await;
            let pod = name_of(&case.space.pod_of("early").await);
            case.space.pod_succeeds(&pod).await;
            case.says_of("early", "let Lockgate's ServiceAccount delete pipelines").await
        }
        "patch lockgate.dev/pipelines/status" => {
            case.space.pod_of("early").await;
            case.operator.says("the status was refused").await;
            case.is_without_status("early").await;
            line(&case.operator.log(), "the status was refused")
        }
        _ => panic!("nothing shows the loss of {right}"),
    }
}

/// What is made of it.
async fn of_pods(case: &mut Case) -> String {
    let right = case.taken.to_string();
    match right.as_str() {
        "watch pods" => {
            let pod = name_of(&case.space.pod_of("early").await);
            case.space.pod_succeeds(&pod).await;
            let told = case.refused_twice().await;
            case.space.phase("early", Phase::Starting).await;
            told
        }
        "get pods" => {
            let pod = name_of(&case.space.pod_of("early").await);
            case.space.phase("early", Phase::Starting).await;
            let unlabelled = Patch::Merge(json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}));
            case.space.api::<Pod>().patch(&pod, &PatchParams::default(), &unlabelled).await.unwrap();
            let words = "a Pod could not be read: 403 Forbidden";
            case.operator.says(words).await;
            case.space.pod_succeeds(&pod).await;
            let again = |all: &[Entry]| all.iter().filter(|entry| entry.kind() == "get pods").count() > 3;
            case.audit.until("it asks for the Pod again", again).await;
            case.space.phase("early", Phase::Starting).await;
            line(&case.operator.log(), words)
        }
        "create pods" => case.is_refused("early", "PodRefused", "cannot create resource \"pods\"").await,
        "delete pods" => {
            case.space.pod_of("early").await;
            case.space.phase("early", Phase::Starting).await;
            let again = json!({"metadata": {"annotations": {"lockgate.dev/run-requested-at": "again"}}});
            case.space.patch("early", again).await;
            case.says_of("early", "cannot delete resource \"pods\"").await
        }
        _ => panic!("nothing shows the loss of {right}"),
    }
}

/// What Pods need.
async fn of_references(case: &mut Case) -> String {
    let right = case.taken.to_string();
    match right.as_str() {
        "watch serviceaccounts" => {
            case.space.pod_of("early").await;
            let mut spec = plain();
            spec["service_account_name"] = "late".into();
            case.space.pipeline("late", spec).await;
            let waits = |p: &Pipeline| condition(p, "Ready") == "False/ServiceAccountNotFound";
            case.space.until("late", "ServiceAccountNotFound", waits).await;
            let account = ServiceAccount { metadata: named("late"), ..ServiceAccount::default() };
            case.space.api::<ServiceAccount>().create(&PostParams::default(), &account).await.unwrap();
            let told = case.refused_twice().await;
            let late = case.space.api::<Pipeline>().get("late").await.unwrap();
            assert!(waits(&late), "{late:#?}");
            told
        }
        "get secrets" => {
            case.is_refused("early", "SecretForbidden", "grant its ServiceAccount get, list and watch on secrets").await
        }
        "list secrets" | "watch secrets" => {
            case.space.phase("early", Phase::Waiting).await;
            let told = case.refused_twice().await;
            case.space.secret("db", &["password"]).await;
            case.space.pod_of("early").await;
            told
        }
        "list configmaps" | "list persistentvolumeclaims" => {
            let told = case.volume_is_forbidden().await;
            case.make_volume().await;
            case.refused_twice().await;
            assert!(case.space.pods().await.is_empty());
            told
        }
        "watch configmaps" | "watch persistentvolumeclaims" => {
            let told = case.volume_is_forbidden().await;
            case.make_volume().await;
            case.refused_twice().await;
            case.space.pod_of("early").await;
            told
        }
        _ => panic!("nothing shows the loss of {right}"),
    }
}

/// Whose pull Secrets attach themselves.
async fn of_registries(case: &mut Case) -> String {
    let right = case.taken.to_string();
    let listed = |pod: Pod| pod.spec.unwrap().image_pull_secrets.into_iter().flatten().count();
    match right.as_str() {
        "list lockgate.dev/registries" => {
            assert_eq!(listed(case.space.pod_of("early").await), 0);
            let told = case.refused_twice().await;
            case.registry_is_without_word().await;
            told
        }
        "patch lockgate.dev/registries/status" => {
            assert_eq!(listed(case.space.pod_of("early").await), 1);
            case.operator.says("the status was refused").await;
            case.registry_is_without_word().await;
            line(&case.operator.log(), "the status was refused")
        }
        "watch lockgate.dev/registries"
        | "list lockgate.dev/clusterregistries"
        | "watch lockgate.dev/clusterregistries" => {
            case.space.pod_of("early").await;
            case.refused_twice().await
        }
        _ => panic!("nothing shows the loss of {right}"),
    }
}

/// Events, and the Lease.
async fn of_the_rest(case: &mut Case) -> String {
    let right = case.taken.to_string();
    match right.as_str() {
        "list events" | "watch events" => {
            let pod = case.space.pod_of("early").await;
            case.space.phase("early", Phase::Starting).await;
            let told = case.refused_twice().await;
            mount_fails(&case.space, &pod).await;
            // Something else that is seen after it.
            case.space.pod_status(&name_of(&pod), json!({"phase": "Running"})).await;
            let running = case.space.phase("early", Phase::Running).await;
            assert_ne!(step(&running).unwrap().trouble, Some(Trouble::VolumeMount));
            told
        }
        "create events.k8s.io/events" => {
            let mut spec = uses_db();
            spec["on_missing_secret"] = "Fail".into();
            case.space.pipeline("lacking", spec).await;
            case.space.phase("lacking", Phase::Failed).await;
            case.operator.says("an event could not be sent").await;
            let events = case.space.api::<Event>().list(&ListParams::default()).await.unwrap().items;
            assert!(
                events.iter().all(|event| event.involved_object.kind.as_deref() != Some("Pipeline")),
                "{events:#?}"
            );
            line(&case.operator.log(), "an event could not be sent")
        }
        "create coordination.k8s.io/leases" | "get coordination.k8s.io/leases" => {
            let advice = "if a right is missing: let the ServiceAccount get, watch, create and update leases there";
            case.operator.says(advice).await;
            let words = format!("cannot {} resource", case.taken.verb);
            case.operator.says(&words).await;
            case.is_untouched("early").await;
            line(&case.operator.log(), &words)
        }
        "update coordination.k8s.io/leases" => {
            // Where the answer to its first write came too late for it, the Lease is its own already, and has to be updated.
            let refused = "cannot update resource";
            if case.operator.says_one_of(&[" leads as ", refused]).await == refused {
                case.is_untouched("early").await;
                return line(&case.operator.log(), refused);
            }
            let ended = case.operator.end().await;
            assert_eq!(ended.code(), Some(1), "{ended}");
            line(&case.operator.log(), "leadership was lost")
        }
        "watch coordination.k8s.io/leases" => {
            case.operator.says("follows: another leads").await;
            let asks = |all: &[Entry]| all.iter().filter(|entry| entry.kind() == "get leases").count() > 3;
            case.audit.until("it asks for the Lease again and again", asks).await;
            let series = "lockgate_api_requests_total{verb=\"watch\",resource=\"leases\",code=\"403\"}";
            assert!(case.operator.scrape().value(series) > 0.0);
            series.to_owned()
        }
        _ => panic!("nothing shows the loss of {right}"),
    }
}

/// The words of the first line of a log with these words.
fn line(log: &str, words: &str) -> String {
    log.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words} is not in {log}")).to_owned()
}

async fn mount_fails(space: &Space, pod: &Pod) {
    let event = json!({
        "metadata": {"name": "failed", "namespace": space.name}, "type": "Warning",
        "reason": "FailedMount", "message": "MountVolume.SetUp failed",
        "involvedObject": {"kind": "Pod", "namespace": space.name, "name": name_of(pod), "uid": pod.uid()},
    });
    space.api::<Event>().create(&PostParams::default(), &serde_json::from_value(event).unwrap()).await.unwrap();
}

impl Case {
    /// A watch was refused twice: what it could have told before the second time is not told by it. The log and a metric
    /// tell.
    async fn refused_twice(&mut self) -> String {
        let taken = self.taken.clone();
        let twice =
            |all: &[Entry]| all.iter().filter(|entry| entry.right() == taken && entry.is_unauthorised()).count() > 1;
        self.audit.until("it was refused twice", twice).await;
        let series = format!("lockgate_watch_failures_total{{kind=\"{}\"}}", taken.resource);
        assert!(self.operator.scrape().value(&series) > 0.0, "{series}");
        let log = self.operator.log();
        let told = log.lines().find(|line| {
            line.contains("a watch failed and is tried again")
                && line.contains(&format!("{}: 403 Forbidden", taken.verb))
        });
        told.unwrap_or_else(|| panic!("the log does not tell: {log}")).to_owned()
    }

    /// Of the Registry nothing was said.
    async fn registry_is_without_word(&self) {
        let registry: Registry = self.space.api().get("main").await.unwrap();
        assert!(registry.status.as_ref().is_none_or(|status| status.conditions.is_empty()), "{registry:#?}");
    }

    async fn volume_is_forbidden(&self) -> String {
        let words = format!("list and watch on {}", self.taken.resource);
        self.is_refused("early", "VolumeForbidden", &words).await
    }

    /// Makes the ConfigMap or the claim that `early` mounts.
    async fn make_volume(&self) {
        let params = PostParams::default();
        if self.taken.resource == "configmaps" {
            let app = ConfigMap { metadata: named("app"), ..ConfigMap::default() };
            self.space.api::<ConfigMap>().create(&params, &app).await.unwrap();
        } else {
            let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
            let data = json!({"metadata": {"name": "data"}, "spec": spec});
            self.space
                .api::<PersistentVolumeClaim>()
                .create(&params, &serde_json::from_value(data).unwrap())
                .await
                .unwrap();
        }
    }

    /// No Pod was made, and nothing was said.
    async fn is_untouched(&self, pipeline: &str) {
        self.is_without_status(pipeline).await;
        let made = ListParams::default().labels(&format!("lockgate.dev/pipeline={pipeline}"));
        assert!(self.space.api::<Pod>().list(&made).await.unwrap().items.is_empty());
    }

    async fn is_without_status(&self, pipeline: &str) {
        let pipeline: Pipeline = self.space.api().get(pipeline).await.unwrap();
        assert!(pipeline.status.as_ref().is_none_or(|status| status.phase.is_none()), "{pipeline:#?}");
    }

    /// Waits until the message of `Ready` says so.
    async fn says_of(&self, pipeline: &str, words: &str) -> String {
        let told = self.space.until(pipeline, words, |p: &Pipeline| message(p).contains(words)).await;
        message(&told)
    }

    /// Waits until `Ready` is false for this reason, with these words.
    async fn is_refused(&self, pipeline: &str, reason: &str, words: &str) -> String {
        let reason = format!("False/{reason}");
        let is_so = |p: &Pipeline| condition(p, "Ready") == reason && message(p).contains(words);
        let told = self.space.until(pipeline, &reason, is_so).await;
        message(&told)
    }
}
