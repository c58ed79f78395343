//! Events: what changed for the worse between two statuses. Good news is in the status; it is no event.

use super::{good, named, pointer};
use crate::api::reason::{ConditionType, ObjectKind, Reason, StepState};
use crate::api::status::{PipelineStatus, ReferenceStatus};
use crate::model::docs::Docs;

/// One `Warning` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One word of [`Reason`] or [`crate::api::reason::Trouble`].
    pub reason: &'static str,
    /// In words for people.
    pub note: String,
    /// The other object that it is about, of the same namespace.
    pub about: Option<About>,
}

/// What a warning is about, besides its Pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A Secret that is missing or may not be read; of several the first in the spec.
    Secret(String),
    /// The same of what a volume is made of.
    Object(ObjectKind, String),
    /// The Pod that failed or is in trouble.
    Pod(String),
}

/// The API server refuses notes longer than 1 kB.
pub(super) const MOST_NOTE: usize = 1000;

/// What a person should hear of: the reason of `Ready` became a bad one, a credential comes to its end, or a step got into
/// another trouble.
#[must_use]
pub fn warnings(docs: &Docs, before: &PipelineStatus, after: &PipelineStatus) -> Vec<Warning> {
    let mut found = Vec::new();
    let note = |text: &str, heading: Option<&str>| pointer::end(docs, text, heading, MOST_NOTE);
    let (old, new) = (ready(before), ready(after));
    if let Some((reason, said)) = new
        && old.map(|(reason, _)| reason) != Some(reason)
        && is_warning(reason)
    {
        let note = note(said, pointer::heading(reason, None));
        found.push(Warning { reason: reason.as_str(), note, about: about(reason, after) });
    }
    let (old, new) = (expiring(before), expiring(after));
    if let Some((reason, said)) = new
        && old.map(|(reason, _)| reason) != Some(reason)
    {
        let note = note(said, pointer::heading(reason, None));
        found.push(Warning { reason: reason.as_str(), note, about: None });
    }
    for step in &after.steps {
        let known = before.steps.iter().find(|old| old.name == step.name).and_then(|old| old.trouble);
        if let (Some(trouble), Some(message)) = (step.trouble, &step.message)
            && known != Some(trouble)
        {
            let about = step.pod.clone().map(About::Pod);
            let note = note(message, Some(trouble.as_str()));
            found.push(Warning { reason: trouble.as_str(), note, about });
        }
    }
    found
}

fn about(reason: Reason, status: &PipelineStatus) -> Option<About> {
    let missing = |of: &dyn Fn(&ReferenceStatus) -> bool| {
        let row = status.references.iter().find(|row| named(row) && !good(row) && of(row))?;
        Some(match row.kind {
            None => About::Secret(row.name.clone()),
            Some(kind) => About::Object(kind, row.name.clone()),
        })
    };
    match reason {
        Reason::SecretForbidden | Reason::SecretMissing => missing(&|row| row.kind.is_none()),
        Reason::VolumeForbidden => missing(&|row| row.kind.is_some()),
        Reason::MissingSecretTimeout => missing(&|_| true),
        Reason::PodFailed | Reason::InvalidInput => {
            let failed = status.steps.iter().find(|step| step.state == StepState::Failed);
            // A Service is never over.
            let failed = failed.or_else(|| status.steps.first().filter(|_| reason == Reason::InvalidInput));
            failed.and_then(|step| step.pod.clone()).map(About::Pod)
        }
        _ => None,
    }
}

fn ready(status: &PipelineStatus) -> Option<(Reason, &str)> {
    said_by(status, ConditionType::Ready)
}

fn expiring(status: &PipelineStatus) -> Option<(Reason, &str)> {
    said_by(status, ConditionType::CredentialExpiring)
}

fn said_by(status: &PipelineStatus, kind: ConditionType) -> Option<(Reason, &str)> {
    let condition = status.conditions.iter().find(|c| c.type_ == kind.as_str())?;
    let reason = Reason::ALL.iter().copied().find(|reason| reason.as_str() == condition.reason)?;
    Some((reason, &condition.message))
}

/// Waiting for a Secret is no warning: it is what the Pipeline was told to do, and its status says it.
pub(super) fn is_warning(reason: Reason) -> bool {
    match reason {
        Reason::SecretForbidden
        | Reason::ExpiresSoon
        | Reason::Expired
        | Reason::ExpiryUnreadable
        | Reason::VolumeForbidden
        | Reason::SecretMissing
        | Reason::MissingSecretTimeout
        | Reason::InvalidSpec
        | Reason::Unreadable
        | Reason::PodRefused
        | Reason::QuotaExceeded
        | Reason::PodSecurityRefused
        | Reason::NameConflict
        | Reason::PodFailed
        | Reason::InvalidInput
        | Reason::RetryBackoff
        | Reason::TimedOut
        | Reason::RollStuck => true,
        Reason::AllResolved
        | Reason::WaitingForSecrets
        | Reason::WaitingForVolumes
        | Reason::ServiceAccountNotFound
        | Reason::NotRead
        | Reason::SecretsNotLookedAt
        | Reason::PodsStarting
        | Reason::EndingOldRun
        | Reason::PodsRunning
        | Reason::Rolling
        | Reason::Succeeded
        | Reason::Suspended
        | Reason::WriteFailed => false,
    }
}
