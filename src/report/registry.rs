//! What is said of a Registry: its condition, how many use it, and the event when it became a bad one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;

use super::events::{About, MOST_NOTE, Warning};
use super::{MOST_MESSAGE, pointer};
use crate::api::reason::{ConditionType, RegistryReason};
use crate::api::registry::RegistryStatus;
use crate::model::docs::Docs;
use crate::model::names::SecretName;
use crate::model::registry::Host;
use crate::model::secret::{PULL_SECRET_TYPES, SecretKnowledge};
use crate::plan::{advice, seconds};

/// So many other Registries of a host are named, the rest is counted.
const MOST_NAMED: usize = 5;

/// What a Registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whose images it is for.
    pub host: Host,
    /// The pull secret that they get.
    pub secret: SecretName,
}

/// Why a Registry asks for nothing that could be done. The API server lets none of them in today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// `host` is none; why.
    Host(String),
    /// The spec cannot be read; why.
    Spec(String),
}

/// All that is looked at.
pub struct Scene<'a> {
    /// The time.
    pub now: Timestamp,
    /// Where messages send their readers.
    pub docs: &'a Docs,
    /// The Registry's namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its generation.
    pub generation: i64,
    /// What it asks for.
    pub asked: &'a Result<Asked, Flaw>,
    /// What is known of its Secret; `None`: Secrets are not looked at.
    pub secret: Option<SecretKnowledge>,
    /// All Registries of its host in its namespace, the oldest first.
    pub of_host: Vec<String>,
    /// How many Pipelines of the namespace have an image of its host.
    pub used_by: usize,
    /// What was last written.
    pub recorded: &'a RegistryStatus,
}

/// The whole status, computed anew: equal truths give equal statuses.
#[must_use]
pub fn status(scene: &Scene<'_>) -> RegistryStatus {
    let (reason, message) = judge(scene);
    let ready = match reason {
        // Where nothing is looked at there is no more to come: who waits for `Ready` would wait for ever.
        RegistryReason::SecretResolved | RegistryReason::SecretsNotLookedAt => "True",
        RegistryReason::NotRead => "Unknown",
        RegistryReason::SecretNotFound
        | RegistryReason::WrongType
        | RegistryReason::SecretForbidden
        | RegistryReason::InvalidHost
        | RegistryReason::InvalidSpec => "False",
    };
    let kind = ConditionType::Ready.as_str();
    let before = scene.recorded.conditions.iter().find(|old| old.type_ == kind);
    let heading = (reason != RegistryReason::SecretResolved).then(|| reason.as_str());
    RegistryStatus {
        observed_generation: Some(scene.generation),
        conditions: vec![Condition {
            type_: kind.to_owned(),
            status: ready.to_owned(),
            reason: reason.to_string(),
            message: pointer::end(scene.docs, &message, heading, MOST_MESSAGE),
            last_transition_time: before
                .filter(|old| old.status == ready)
                .map_or_else(|| seconds(scene.now), |old| old.last_transition_time.clone()),
            observed_generation: Some(scene.generation),
        }],
        used_by: Some(i32::try_from(scene.used_by).unwrap_or(i32::MAX)),
    }
}

fn judge(scene: &Scene<'_>) -> (RegistryReason, String) {
    let Scene { namespace, .. } = scene;
    let Asked { host, secret } = match scene.asked {
        Ok(asked) => asked,
        Err(Flaw::Host(why)) => return (RegistryReason::InvalidHost, format!("spec.host: {why}")),
        Err(Flaw::Spec(why)) => {
            return (RegistryReason::InvalidSpec, format!("this version of Lockgate cannot read the spec: {why}"));
        }
    };
    let name = secret.as_str();
    let (reason, message) = match &scene.secret {
        None => (
            RegistryReason::SecretsNotLookedAt,
            format!(
                "Secret {name} is attached to every image of {host}; whether it is there, and a pull secret, is not known, since no Secret is looked at (--secret-access=none): the kubelet passes over one that is not"
            ),
        ),
        Some(SecretKnowledge::Present(facts)) if PULL_SECRET_TYPES.contains(&facts.type_.as_str()) => {
            (RegistryReason::SecretResolved, format!("Secret {name} is attached to every image of {host}"))
        }
        Some(SecretKnowledge::Present(facts)) => {
            (RegistryReason::WrongType, advice::wrong_pull_secret(namespace, name, name, &facts.type_, host.server()))
        }
        Some(SecretKnowledge::Absent) => (
            RegistryReason::SecretNotFound,
            format!("Secret {name} does not exist: {}", advice::create_pull_secret(namespace, name, host.server())),
        ),
        Some(SecretKnowledge::Forbidden { .. }) => (
            RegistryReason::SecretForbidden,
            format!(
                "Lockgate may not get Secret {name} in namespace {namespace}: grant its ServiceAccount get, list and watch on secrets there"
            ),
        ),
        Some(SecretKnowledge::Unread { why, .. }) => {
            (RegistryReason::NotRead, format!("Secret {name} could not be read: {why}; it is tried again"))
        }
    };
    (reason, format!("{message}{}", beside(scene, host)))
}

/// That it is not the only one of its host.
fn beside(scene: &Scene<'_>, host: &Host) -> String {
    if scene.of_host.len() < 2 {
        return String::new();
    }
    let all = if scene.of_host.len() == 2 { "both" } else { "all" };
    let listed = scene.of_host.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match scene.of_host.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "; {} Registries name {host}, and {all} are attached, the oldest first: {listed}{more}",
        scene.of_host.len()
    )
}

/// What a person should hear of: a Registry that cannot do its part, and one that lost its Secret. That a Secret is not there yet is
/// no warning: the order in which things are made is nobody's fault.
#[must_use]
pub fn warning(docs: &Docs, before: &RegistryStatus, after: &RegistryStatus) -> Option<Warning> {
    let said = ready(after)?;
    let was = ready(before);
    let reason = RegistryReason::ALL.iter().copied().find(|reason| reason.as_str() == said.reason)?;
    let is_bad = match reason {
        RegistryReason::WrongType
        | RegistryReason::SecretForbidden
        | RegistryReason::InvalidHost
        | RegistryReason::InvalidSpec => true,
        RegistryReason::SecretNotFound => was.is_some_and(|was| was.reason == RegistryReason::SecretResolved.as_str()),
        RegistryReason::SecretResolved | RegistryReason::SecretsNotLookedAt | RegistryReason::NotRead => false,
    };
    if !is_bad || was.is_some_and(|was| was.reason == said.reason) {
        return None;
    }
    let note = pointer::end(docs, &said.message, Some(reason.as_str()), MOST_NOTE);
    Some(Warning { reason: reason.as_str(), note, about: None::<About> })
}

fn ready(status: &RegistryStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
