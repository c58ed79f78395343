//! The moments of a Pipeline's life at which something may befall it, and what tests do to objects at such moments.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate::model::run::PodIdentity;
use serde_json::{Value, json};

use crate::support::{Space, condition, failed_now, message, name_of, step};

/// Holds a Pod that is being deleted, as a slow end would.
const HOLD: &str = "lockgate.test/hold";

/// Where a Pipeline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// For a Secret.
    Waits,
    /// Its Pod does not run yet.
    Starts,
    Runs,
    Ended,
    /// Between two tries.
    Pauses,
    /// Its Pod is being deleted, and does not end as long as it is held.
    Ends,
    Suspended,
    /// Somebody else's Pod has the name of its own: a write that is tried again.
    Refused,
}

pub const MOMENTS: [Moment; 8] = [
    Moment::Waits,
    Moment::Starts,
    Moment::Runs,
    Moment::Ended,
    Moment::Pauses,
    Moment::Ends,
    Moment::Suspended,
    Moment::Refused,
];

impl Moment {
    /// Whether the Pipeline has made a Pod by then.
    pub fn has_pod(self) -> bool {
        !matches!(self, Self::Waits | Self::Suspended | Self::Refused)
    }

    /// Makes a Pipeline and brings it there.
    pub async fn reach(self, space: &Space, name: &str) -> Pipeline {
        let with = |more: Value| {
            let mut spec = plain();
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            spec
        };
        match self {
            Self::Waits => {
                let secret = json!({"name": "nowhere", "env_var": "X", "key": "x"});
                let transform = json!({"image": "registry.test/edges:1", "secrets": [secret]});
                space.pipeline(name, json!({"transform": transform})).await;
                space.phase(name, Phase::Waiting).await
            }
            Self::Starts => {
                space.pipeline(name, plain()).await;
                started(space, name).await
            }
            Self::Runs => {
                space.pipeline(name, plain()).await;
                space.pod_status(&pod_name(&started(space, name).await), json!({"phase": "Running"})).await;
                space.phase(name, Phase::Running).await
            }
            Self::Ended => {
                space.pipeline(name, plain()).await;
                space.pod_succeeds(&pod_name(&started(space, name).await)).await;
                space.phase(name, Phase::Succeeded).await
            }
            Self::Pauses => {
                space.pipeline(name, with(json!({"retries": 1}))).await;
                space.pod_status(&pod_name(&started(space, name).await), failed_now(3)).await;
                space.until(name, "a pause", |p: &Pipeline| condition(p, "Ready") == "False/RetryBackoff").await
            }
            Self::Ends => {
                space.pipeline(name, plain()).await;
                let pod = pod_name(&started(space, name).await);
                hold(space, &pod).await;
                space.delete::<Pod>(&pod).await;
                space.until(name, "its Pod ends", |p: &Pipeline| message(p).contains("is being deleted")).await
            }
            Self::Suspended => {
                space.pipeline(name, with(json!({"suspend": true}))).await;
                space.phase(name, Phase::Suspended).await
            }
            Self::Refused => {
                let pipeline = space.pipeline(name, with(json!({"suspend": true}))).await;
                let object = stranger(&first_pod_name(&pipeline), &json!({}), &json!([]));
                space.api::<Pod>().create(&PostParams::default(), &object).await.unwrap();
                space.patch(name, json!({"spec": {"suspend": false}})).await;
                space.until(name, "a conflict", |p: &Pipeline| condition(p, "Ready") == "False/NameConflict").await
            }
        }
    }
}

/// No Secret, no policy.
pub fn plain() -> Value {
    json!({"transform": {"image": "registry.test/edges:1", "cmd": ["true"]}})
}

/// The name that a Pipeline's first Pod gets.
pub fn first_pod_name(pipeline: &Pipeline) -> String {
    let id = PodIdentity { run: 1, step: "main".into(), index: 0, attempt: 0, replacement: 0 };
    id.pod_name(&pipeline.name_any(), &pipeline.uid().unwrap())
}

/// A Pod that somebody else made.
pub fn stranger(name: &str, labels: &Value, owners: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": labels, "ownerReferences": owners},
        "spec": {"containers": [{"name": "main", "image": "registry.test/other:1"}]},
    }))
    .unwrap()
}

/// Waits until its Pod is in its status.
pub async fn started(space: &Space, name: &str) -> Pipeline {
    space.until(name, "its Pod", |p: &Pipeline| step(p).is_some_and(|step| step.pod_uid.is_some())).await
}

/// The Pod in its status.
pub fn pod_name(pipeline: &Pipeline) -> String {
    step(pipeline).and_then(|step| step.pod.clone()).unwrap()
}

async fn finalizers(space: &Space, pod: &str, finalizers: Value) {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    space.api::<Pod>().patch(pod, &PatchParams::default(), &patch).await.unwrap();
}

/// From now on the Pod does not go though it is deleted.
pub async fn hold(space: &Space, pod: &str) {
    finalizers(space, pod, json!([HOLD])).await;
}

/// It may go.
pub async fn release(space: &Space, pod: &str) {
    finalizers(space, pod, Value::Null).await;
}

/// All that are held may go.
pub async fn release_all(space: &Space) {
    for pod in space.pods().await {
        if pod.finalizers().iter().any(|finalizer| finalizer == HOLD) {
            release(space, &name_of(&pod)).await;
        }
    }
}

pub async fn delete_pipeline(space: &Space, name: &str, propagation: PropagationPolicy) {
    let params = DeleteParams { propagation_policy: Some(propagation), ..DeleteParams::default() };
    space.api::<Pipeline>().delete(name, &params).await.unwrap();
}

/// Another Pipeline from begin to end: whatever was woken before it was looked at.
pub async fn marker(space: &Space, name: &str) {
    Moment::Ended.reach(space, name).await;
}
