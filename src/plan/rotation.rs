//! Rotation: which Secrets' values a running container still has from before their last change.
//!
//! An environment variable is set when the container starts, a file of a `sub_path` is bound then, and what is rendered was
//! rendered before: none of these follows a change. Other files do, within a minute or two. Credentials for the image are used before anything runs.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::seconds;
use crate::api::pipeline::OnSecretChange;
use crate::api::status::ReferenceStatus;
use crate::model::names::SecretName;
use crate::model::secret::{SecretFacts, SecretKnowledge};
use crate::model::work::{SecretUse, Step, Usage};
use crate::model::world::{PodFacts, World};

/// The kubelet reads what becomes a variable before it makes the container, and notes the start after that: so much
/// before the start a change may have come too late. A fresh Pod too many does less harm than a missed rotation.
const START_TAKES: SignedDuration = SignedDuration::from_secs(5);

/// What a container has from before a change, and what `on_secret_change` says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OldValues {
    /// The Secrets, by name, each once.
    pub secrets: Vec<SecretName>,
    /// When the last of them changed; where one does not say, the container's start counts.
    pub changed_at: Timestamp,
}

impl OldValues {
    /// When a fresh Pod may take its place: changes that follow each other are one roll.
    pub(super) fn due(&self, debounce: SignedDuration) -> Timestamp {
        self.changed_at.checked_add(debounce).unwrap_or(Timestamp::MAX)
    }
}

/// The old values for which the policy asks for a fresh Pod. A Secret that went away asks for none: what runs is never
/// stopped by that.
pub(super) fn uses_old_value(world: &World, step: &Step, pod: &PodFacts, policy: OnSecretChange) -> Option<OldValues> {
    let counts = |usage: &&SecretUse| match policy {
        OnSecretChange::Ignore => false,
        OnSecretChange::Restart => settled_at_start(step, usage),
        OnSecretChange::RestartAll => usage.usage != Usage::ImagePull,
    };
    // A container that ended with an old value takes the new one when it starts again, but the kubelet may let it wait for
    // five minutes: a fresh Pod need not.
    let started_at = pod.started_at.or(pod.last_started_at)?;
    let mut found: Option<OldValues> = None;
    for usage in step.uses.iter().filter(counts) {
        let Some(facts) = changed_since(world, step, usage, pod, started_at) else { continue };
        let changed_at = facts.data_changed_at.unwrap_or(started_at);
        let all = found.get_or_insert_with(|| OldValues { secrets: Vec::new(), changed_at });
        all.changed_at = all.changed_at.max(changed_at);
        if !all.secrets.contains(&usage.secret) {
            all.secrets.push(usage.secret.clone());
        }
    }
    found
}

/// The step's rows, each with whether the container of one of these Pods has an old value, whatever the policy says. The
/// time of the first change stands until the Pods are others: more changes make nothing staler.
pub(super) fn tell(world: &World, step: &Step, pods: &[&PodFacts], rows: Vec<ReferenceStatus>) -> Vec<ReferenceStatus> {
    // The rows of what the step itself names come first, in its order; others are of pull secrets.
    let mut uses = step.uses.iter();
    rows.into_iter()
        .map(|row| {
            let Some(usage) = uses.next().filter(|usage| settled_at_start(step, usage)) else { return row };
            let old = pods.iter().find_map(|pod| changed_since(world, step, usage, pod, pod.started_at?));
            let Some(facts) = old else { return row };
            let told = world.recorded.references.iter().find(|old| is_same(old, &row) && old.stale == Some(true));
            let changed_at = match told {
                Some(told) => told.data_changed_at.clone(),
                None => facts.data_changed_at.map(seconds),
            };
            ReferenceStatus { stale: Some(true), data_changed_at: changed_at, ..row }
        })
        .collect()
}

/// A row that was recorded, once its step is over: no container runs that could have an old value.
pub(crate) fn over(row: &ReferenceStatus) -> ReferenceStatus {
    ReferenceStatus { stale: None, data_changed_at: None, ..row.clone() }
}

/// Whether two rows speak of one place and one version.
fn is_same(a: &ReferenceStatus, b: &ReferenceStatus) -> bool {
    let place =
        |row: &ReferenceStatus| (row.step.clone(), row.usage, row.name.clone(), row.key.clone(), row.via.clone());
    place(a) == place(b) && a.started_with == b.started_with
}

/// Whether the container has the value until its end.
fn settled_at_start(step: &Step, usage: &SecretUse) -> bool {
    match &usage.usage {
        Usage::Env { .. } | Usage::EnvPrefix { .. } | Usage::Input { .. } | Usage::Mount { sub_path: Some(_), .. } => {
            true
        }
        Usage::Mount { sub_path: None, path, .. } => step.is_rendered(path),
        Usage::ImagePull => false,
    }
}

/// The Secret, where its data changed since the container took its value, or where that cannot be ruled out.
fn changed_since<'a>(
    world: &'a World,
    step: &Step,
    usage: &SecretUse,
    pod: &PodFacts,
    started_at: Timestamp,
) -> Option<&'a SecretFacts> {
    let Some(SecretKnowledge::Present(facts)) = world.secrets.get(&usage.secret) else { return None };
    let started_with = pod.started_with.get(usage.secret.as_str());
    if started_with == Some(&facts.resource_version) || !pod.is_live() {
        return None;
    }
    let taken_at = match &usage.usage {
        Usage::Env { .. } | Usage::EnvPrefix { .. } => started_at.checked_sub(START_TAKES).ok(),
        // Files are written before the images are pulled, which may take long; when exactly is not known. What is rendered is made
        // of such files.
        Usage::Input { .. } | Usage::Mount { .. } | Usage::ImagePull => pod.created_at,
    };
    // One second is the resolution of both times.
    let before = facts.data_changed_at.is_some_and(|changed| taken_at.is_some_and(|taken| changed < taken));
    // Where the Pod followed the data at once, another version is a label's if one was set since. Had the data changed
    // twice in that second, status would have said so before.
    let first = facts.data_changed_at.is_some_and(|changed| pod.created_at.is_some_and(|made| changed <= made));
    let known_to_be_old = world.recorded.references.iter().any(|row| {
        row.stale == Some(true)
            && (&row.step, row.name.as_str()) == (&step.name, usage.secret.as_str())
            && row.started_with.as_ref() == started_with
    });
    let only_touched = first && facts.touched_since && !known_to_be_old;
    (!before && !only_touched).then_some(facts)
}
