//! What the operator says of a Pipeline. Never a value, a length or a digest of a Secret's data.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::reason::{ObjectKind, Phase, ReferenceState, ReferenceUse, RunCause, StepState, Trouble};

/// What the operator last saw and decided.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PipelineStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the operator saw the Pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// One word for people, derived from the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// `Ready`, `SecretsResolved`, `Complete`; `CredentialExpiring`, `Reconciling` and `Stalled` only while True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// How many references are good, as in `2/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,

    /// What is missing, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,

    /// Since when a reference is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Time>,

    /// One row for each place where a step names a Secret, a ConfigMap or a claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceStatus>,

    /// One row for each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepStatus>,

    /// How many Pods there are that have not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// The labels by which `kubectl scale`, an autoscaler or a `PodDisruptionBudget` finds the Pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// The current run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunStatus>,

    /// The runs before the current one, the latest first; ten at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<PastRun>,

    /// The value of the annotation `lockgate.dev/run-requested-at` that the current run was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_run_request: Option<String>,
}

/// One place where a step names a Secret, a ConfigMap or a claim.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceStatus {
    /// The step.
    pub step: String,

    /// What it is used for.
    #[serde(rename = "use")]
    pub usage: ReferenceUse,

    /// The kind of what is named, where it is no Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ObjectKind>,

    /// Its name.
    pub name: String,

    /// The key of the Secret that is used, where one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,

    /// What named the Secret, where it was not the Pipeline itself, as in `serviceaccount/default`, or `pod-defaults` for
    /// the operator's own. Blocks nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,

    /// Whether the reference is good.
    pub state: ReferenceState,

    /// What is wrong and the command that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// The `resourceVersion` of the Secret that the Pod was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_with: Option<String>,

    /// `true`: a container that runs still has the value from before the Secret's last change. Only for environment
    /// variables and `sub_path`; other files follow by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<bool>,

    /// Of a stale reference: when the Secret's data was seen changed for the first time since the container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_changed_at: Option<Time>,
}

/// One step of the current run.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// The step's name; a `transform` is the step `main`.
    pub name: String,

    /// Where the step stands.
    pub state: StepState,

    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<super::reason::Reason>,

    /// How many equal Pods it has. For a Job it is settled when the step's first Pod is made.
    #[serde(default = "one")]
    pub parallelism: i32,

    /// How many of a Service's Pods are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<i32>,

    /// With several Pods: which of them have ended well, as in `0-3,7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_indexes: Option<String>,

    /// With several Pods: which of them failed for good, as in `1,4-5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_indexes: Option<String>,

    /// With several Pods, while the step is not over: those that failed, were replaced or are in trouble; 20 at most,
    /// those that failed before others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexStatus>,

    /// When its first Pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// Its Pod; with several, the one that the message speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,

    /// The Pod's uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,

    /// Tries of this run that failed.
    #[serde(default)]
    pub attempts: i32,

    /// Fresh Pods of the same attempt: Pods that vanished without a result.
    #[serde(default)]
    pub replacements: i32,

    /// What keeps the Pod from running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,

    /// The trouble or the outcome in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// The exit code of the container that ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,

    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

fn one() -> i32 {
    1
}

/// One of a step's several Pods.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IndexStatus {
    /// Which one, from 0.
    pub index: i32,

    /// Where it stands.
    pub state: StepState,

    /// Why another try would end as this one did: `InvalidInput`. Absent: it would not have to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<super::reason::Reason>,

    /// Its Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,

    /// Tries that failed.
    #[serde(default)]
    pub attempts: i32,

    /// Fresh Pods of the same attempt.
    #[serde(default)]
    pub replacements: i32,

    /// The trouble or the outcome in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// The exit code of the container that ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,

    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// One execution of one version of the work.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// From 1 up, never used again.
    pub number: i64,

    /// What is run: `v1:` and a digest of the spec's fields that define the work, `/`, and the last run request.
    pub key: String,

    /// What started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<RunCause>,

    /// How the run ended. Once it stands here the run is never started again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RunResult>,

    /// When its first Pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// A run before the current one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PastRun {
    /// Its number.
    pub number: i64,

    /// What started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<RunCause>,

    /// Whether it ended well; absent: it was ended by the next run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<bool>,

    /// Why it stands so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<super::reason::Reason>,

    /// When its first Pod was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

/// How a run ended.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// Whether it ended well.
    pub succeeded: bool,

    /// Why it stands so.
    pub reason: super::reason::Reason,

    /// In plain words.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// docs/reference.md shows fields of this status: each is known, and has its type.
    #[test]
    fn the_status_of_the_reference_is_one_that_the_operator_could_write() {
        let text = include_str!("../../hack/reference/status/nightly.yaml");
        let object: Value = serde_saphyr::from_str(text).unwrap();
        let status: PipelineStatus = serde_json::from_value(object["status"].clone()).unwrap();
        assert_eq!(json!(status), object["status"]);
    }
}
