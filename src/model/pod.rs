//! A Pod object reduced to [`PodFacts`], and the marks by which we know our Pods again.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::run::PodIdentity;
use super::work::MAX_PARALLELISM;
use super::world::{HelperFacts, PodFacts, PodPhase, Termination};
use super::{last_words, render};

/// Label: the Pipeline's name.
pub const PIPELINE_LABEL: &str = "lockgate.dev/pipeline";
/// Label: the step's name.
pub const STEP_LABEL: &str = "lockgate.dev/step";
/// Label: the run's number.
pub const RUN_LABEL: &str = "lockgate.dev/run";
/// Label: which of the step's equal Pods.
pub const INDEX_LABEL: &str = "lockgate.dev/index";
/// Label: which try that counts.
pub const ATTEMPT_LABEL: &str = "lockgate.dev/attempt";
/// Label: which fresh Pod of the same attempt.
pub const REPLACEMENT_LABEL: &str = "lockgate.dev/replacement";
/// Annotation: the run's key.
pub const RUN_KEY_ANNOTATION: &str = "lockgate.dev/run-key";
/// Annotation: the `resourceVersion` of each Secret at the Pod's creation, as a JSON object by name.
pub const STARTED_WITH_ANNOTATION: &str = "lockgate.dev/started-with";
/// Annotation: the text that the container reads from its standard input.
pub const STDIN_ANNOTATION: &str = "lockgate.dev/stdin";
/// Label by which the operator watches its Pods.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub const MANAGED_BY: &str = "lockgate";

/// The uid of the Pipeline that controls the Pod: the only proof of ownership. Labels are none.
#[must_use]
pub fn owner_uid(pod: &Pod) -> Option<&str> {
    let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    let ours = owner.kind == "Pipeline" && owner.api_version.starts_with("lockgate.dev/");
    ours.then_some(owner.uid.as_str())
}

impl PodFacts {
    /// Reduces a Pod to what a decision needs.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let status = pod.status.as_ref();
        let container = status.and_then(|s| s.container_statuses.as_ref()).and_then(|all| all.first());
        let last = container.and_then(|c| c.last_state.as_ref()?.terminated.as_ref());
        let annotation = |key: &str| meta.annotations.as_ref().and_then(|all| all.get(key));
        Self {
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            identity: meta.labels.as_ref().and_then(identity),
            run_key: annotation(RUN_KEY_ANNOTATION).cloned(),
            created_at: meta.creation_timestamp.as_ref().map(|time| time.0),
            phase: match status.and_then(|s| s.phase.as_deref()) {
                Some("Running") => PodPhase::Running,
                Some("Succeeded") => PodPhase::Succeeded,
                Some("Failed") => PodPhase::Failed,
                Some("Unknown") => PodPhase::Unknown,
                _ => PodPhase::Pending,
            },
            // The API server sets the timestamp to when the grace period ends.
            deletion_requested_at: meta.deletion_timestamp.as_ref().map(|ends| {
                let grace = SignedDuration::from_secs(meta.deletion_grace_period_seconds.unwrap_or_default());
                ends.0.checked_sub(grace).unwrap_or(ends.0)
            }),
            disrupted_at: disrupted_at(pod),
            gone: false,
            unwatched: false,
            waiting: container.and_then(waiting),
            terminated: container.and_then(|c| terminated(c.state.as_ref()?)),
            helper: status.map(helper).unwrap_or_default(),
            last_exit_code: last.map(|ended| ended.exit_code),
            last_started_at: last.and_then(|ended| ended.started_at.as_ref()).map(|time| time.0),
            started_at: container
                .and_then(|c| c.state.as_ref()?.running.as_ref()?.started_at.as_ref())
                .map(|time| time.0),
            ready: status.and_then(|s| s.conditions.as_ref()).is_some_and(|all| {
                all.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
            }),
            unschedulable: status.and_then(|s| s.conditions.as_ref()).and_then(|all| {
                all.iter()
                    .find(|c| {
                        c.type_ == "PodScheduled" && c.status == "False" && c.reason.as_deref() == Some("Unschedulable")
                    })
                    .map(|c| c.message.clone().unwrap_or_default())
            }),
            reason: status.and_then(|s| Some((s.reason.clone()?, s.message.clone().unwrap_or_default()))),
            mount_failure: None,
            started_with: annotation(STARTED_WITH_ANNOTATION)
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default(),
        }
    }
}

/// Reasons of a failed Pod that the cluster took away: eviction (`pkg/kubelet/eviction`), graceful shutdown of the node
/// (`pkg/kubelet/nodeshutdown`), loss of the node, and the kubelet's own admission (`pkg/kubelet/lifecycle`,
/// `pkg/kubelet/cm`), which refuses what the scheduler placed a moment too late, or on a device that is not there.
const DISRUPTIONS: [&str; 8] = [
    "Evicted",
    "Terminated",
    "NodeShutdown",
    "NodeLost",
    "Preempting",
    "NodeAffinity",
    "UnexpectedAdmissionError",
    "TopologyAffinityError",
];
/// And before the name of whichever resource the node has too little of, as in `OutOfcpu` and `OutOfnvidia.com/gpu`.
const OUT_OF: &str = "OutOf";

/// When the cluster took a failed Pod away: its condition `DisruptionTarget` (KEP-3329), or one of [`DISRUPTIONS`].
fn disrupted_at(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed"))?;
    let target = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True");
    let by_condition = target.and_then(|condition| condition.last_transition_time.as_ref()).map(|time| time.0);
    let by_reason = || {
        let is_one = |reason: &str| DISRUPTIONS.contains(&reason) || reason.starts_with(OUT_OF);
        let known = status.reason.as_deref().is_some_and(is_one);
        pod.metadata.creation_timestamp.as_ref().filter(|_| known).map(|time| time.0)
    };
    by_condition.or_else(by_reason)
}

/// Labels are anybody's to write who may make Pods: numbers that no Pod of ours has say nothing.
fn identity(labels: &BTreeMap<String, String>) -> Option<PodIdentity> {
    let number = |key: &str| labels.get(key)?.parse().ok().filter(|number: &i32| *number >= 0);
    Some(PodIdentity {
        run: labels.get(RUN_LABEL)?.parse().ok().filter(|run: &i64| *run > 0)?,
        step: labels.get(STEP_LABEL)?.clone(),
        index: number(INDEX_LABEL).filter(|index| *index < MAX_PARALLELISM)?,
        attempt: number(ATTEMPT_LABEL)?,
        replacement: number(REPLACEMENT_LABEL)?,
    })
}

fn waiting(container: &ContainerStatus) -> Option<(String, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    Some((waiting.reason.clone()?, waiting.message.clone().unwrap_or_default()))
}

fn helper(status: &PodStatus) -> HelperFacts {
    let mut containers = status.init_container_statuses.iter().flatten();
    let Some(container) = containers.find(|container| container.name == render::CONTAINER) else {
        return HelperFacts::default();
    };
    let now = container.state.as_ref().and_then(terminated);
    let has_succeeded = now.as_ref().is_some_and(|now| now.exit_code == 0);
    // While it waits for another try or has one, how the last one ended stands.
    let last = container.last_state.as_ref().and_then(terminated);
    let failed = now.or(last).filter(|ended| !has_succeeded && ended.exit_code != 0);
    let said = container.state.iter().chain(&container.last_state).find_map(|state| state.terminated.as_ref());
    let last_words = said.and_then(|ended| last_words::of_ours(ended.message.as_deref()?));
    HelperFacts { waiting: waiting(container), failed: failed.map(|failed| Termination { last_words, ..failed }) }
}

fn terminated(state: &ContainerState) -> Option<Termination> {
    let ended = state.terminated.as_ref()?;
    // What containerd's and CRI-O's containers end with that were never started.
    let never_started = matches!(ended.reason.as_deref(), Some("StartError" | "ContainerCannotRun"));
    // The kubelet's own words, where it lost the container.
    let unknown = ended.reason.as_deref() == Some("ContainerStatusUnknown");
    let said = ended.message.as_deref().filter(|_| !never_started && !unknown);
    Some(Termination {
        exit_code: ended.exit_code,
        reason: ended.reason.clone().unwrap_or_default(),
        start_error: never_started.then(|| ended.message.clone().unwrap_or_default()),
        last_words: said.and_then(last_words::of),
        finished_at: ended.finished_at.as_ref().map(|time| time.0),
    })
}
