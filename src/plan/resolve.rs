//! Resolve: what a step names and what is known of it -> one row per reference, and why a Pod may not start.

use k8s_openapi::jiff::Timestamp;

use super::advice;
use crate::api::reason::{Reason, ReferenceState, ReferenceUse};
use crate::api::status::ReferenceStatus;
use crate::model::attached::{Attached, Source};
use crate::model::names::SecretName;
use crate::model::secret::{AccountKnowledge, Keys, PULL_SECRET_TYPES, SecretAccess, SecretFacts, SecretKnowledge};
use crate::model::volume::{ObjectKnowledge, ObjectRef, VolumeUse};
use crate::model::work::{DEFAULT_SERVICE_ACCOUNT, SecretUse, Step, Usage};
use crate::model::world::World;

/// The references of a step and what follows for its Pods.
pub(super) struct Resolution {
    /// One row per reference.
    pub rows: Vec<ReferenceStatus>,
    /// Why no Pod may start; `None`: it may.
    pub gate: Option<(Reason, String)>,
    /// Whether something is missing that a person can make, so that `on_missing_secret` speaks of it: a Secret, a key, a
    /// type, a ConfigMap, a claim, a ServiceAccount (but for `default`, which Kubernetes makes).
    pub missing: bool,
    /// When to look again at what no event announces the end of.
    pub look_again: Option<Timestamp>,
}

/// Joins a step's references with what is known.
pub(super) fn resolve(world: &World, step: &Step) -> Resolution {
    let account = step.service_account_name();
    let server = advice::server(&step.image);
    let mut rows: Vec<ReferenceStatus> = step.uses.iter().map(|usage| row(world, step, usage, &server)).collect();
    rows.extend(step.volumes.iter().filter_map(|volume| volume_row(world, step, volume)));
    let named = rows.len();
    rows.extend(world.attached_pull_secrets(step).into_iter().map(|attached| attached_row(world, step, attached)));

    // What is not looked at cannot hold anything back: the kubelet decides.
    let unseen = |row: &ReferenceStatus| row.kind.is_none() && world.secret_access == SecretAccess::None;
    let named_rows = rows.iter().take(named);
    let problems: Vec<&ReferenceStatus> = named_rows.filter(|row| blocks(row.state) && !unseen(row)).collect();
    let any = |state: ReferenceState| problems.iter().any(|row| row.state == state && row.kind.is_none());
    let any_volume = |state: ReferenceState| problems.iter().any(|row| row.state == state && row.kind.is_some());
    let account_missing = matches!(world.accounts.get(account), Some(AccountKnowledge::Absent));
    let missing = any(ReferenceState::NotFound) || any(ReferenceState::KeyMissing) || any(ReferenceState::WrongType);
    let volume_missing = any_volume(ReferenceState::NotFound);

    let mut messages: Vec<String> = problems.iter().filter_map(|row| row.message.clone()).collect();
    if account_missing {
        messages.insert(0, advice::account_missing(&world.subject.namespace, account));
    }
    let reason = if missing {
        Some(Reason::WaitingForSecrets)
    } else if volume_missing {
        Some(Reason::WaitingForVolumes)
    } else if any(ReferenceState::Forbidden) {
        Some(Reason::SecretForbidden)
    } else if any_volume(ReferenceState::Forbidden) {
        Some(Reason::VolumeForbidden)
    } else if account_missing {
        Some(Reason::ServiceAccountNotFound)
    } else if any(ReferenceState::Unchecked)
        || any_volume(ReferenceState::Unchecked)
        || !world.accounts.contains_key(account)
    {
        Some(Reason::NotRead)
    } else {
        None
    };
    // Kubernetes itself makes the account `default`, a moment after its namespace.
    let account_for_us_to_make = account_missing && account != DEFAULT_SERVICE_ACCOUNT;
    Resolution {
        missing: missing || volume_missing || account_for_us_to_make,
        look_again: world.secrets.values().filter_map(retry_at).min(),
        gate: reason.map(|reason| (reason, advice::all(&messages))),
        rows,
    }
}

/// Whether a reference in this state keeps Pods from starting, where Secrets are looked at.
pub(super) fn blocks(state: ReferenceState) -> bool {
    match state {
        ReferenceState::Resolved | ReferenceState::KeyUnverified | ReferenceState::Absent => false,
        ReferenceState::NotFound
        | ReferenceState::KeyMissing
        | ReferenceState::WrongType
        | ReferenceState::Forbidden
        | ReferenceState::Unchecked => true,
    }
}

fn retry_at(known: &SecretKnowledge) -> Option<Timestamp> {
    match known {
        SecretKnowledge::Forbidden { retry_at } | SecretKnowledge::Unread { retry_at, .. } => Some(*retry_at),
        SecretKnowledge::Present(_) | SecretKnowledge::Absent => None,
    }
}

/// `server` is what a command names that makes a pull secret.
fn row(world: &World, step: &Step, usage: &SecretUse, server: &str) -> ReferenceStatus {
    let unread = SecretKnowledge::Unread { why: "not read yet".into(), retry_at: world.now };
    let known = world.secrets.get(&usage.secret).unwrap_or(&unread);
    let (state, message) = match world.secret_access {
        SecretAccess::Metadata => judge(world, usage, known, server),
        SecretAccess::None => (ReferenceState::Unchecked, Some(advice::not_looked_at(usage))),
    };
    let (kind, key) = match &usage.usage {
        Usage::Env { key, .. } => (ReferenceUse::Env, Some(key.to_string())),
        Usage::EnvPrefix { .. } => (ReferenceUse::EnvPrefix, None),
        Usage::Mount { .. } => (ReferenceUse::Mount, None),
        Usage::Input { key, .. } => (ReferenceUse::Input, key.as_ref().map(ToString::to_string)),
        Usage::ImagePull => (ReferenceUse::ImagePull, None),
    };
    ReferenceStatus { key, message, ..bare(step, kind, usage.secret.as_str(), state) }
}

/// A row with nothing beyond what each has.
fn bare(step: &Step, usage: ReferenceUse, name: &str, state: ReferenceState) -> ReferenceStatus {
    ReferenceStatus {
        step: step.name.clone(),
        usage,
        kind: None,
        name: name.to_owned(),
        key: None,
        via: None,
        state,
        message: None,
        started_with: None,
        stale: None,
        data_changed_at: None,
    }
}

/// A pull secret that the Pipeline does not name.
fn attached_row(world: &World, step: &Step, Attached { name, source, .. }: Attached) -> ReferenceStatus {
    let usage = SecretName::parse(&name).map(|secret| SecretUse { secret, optional: false, usage: Usage::ImagePull });
    let server = match &source {
        Source::Registry(_, host) => host.server().to_owned(),
        _ => advice::server(&step.image),
    };
    let mut row = match usage {
        Ok(usage) => row(world, step, &usage, &server),
        Err(why) => ReferenceStatus {
            message: Some(format!("the name {why}")),
            ..bare(step, ReferenceUse::ImagePull, &name, ReferenceState::NotFound)
        },
    };
    if row.state == ReferenceState::WrongType && matches!(source, Source::ClusterRegistry(_)) {
        row.message = Some(advice::not_the_copy(&world.subject.namespace, &row.name));
    }
    row.via = Some(source.to_string());
    row
}

/// A mount of an object that has to be there; scratch space is always there.
fn volume_row(world: &World, step: &Step, volume: &VolumeUse) -> Option<ReferenceStatus> {
    let object = volume.object()?;
    let known = world.objects.get(&object).copied().unwrap_or(ObjectKnowledge::Unread);
    let (state, message) = judge_object(world, volume, &object, known);
    let row = bare(step, ReferenceUse::Volume, object.name.as_str(), state);
    Some(ReferenceStatus { kind: Some(object.kind), message, ..row })
}

/// One mount against what is known of its object.
fn judge_object(
    world: &World,
    volume: &VolumeUse,
    object: &ObjectRef,
    known: ObjectKnowledge,
) -> (ReferenceState, Option<String>) {
    let namespace = world.subject.namespace.as_str();
    match known {
        ObjectKnowledge::Present => (ReferenceState::Resolved, None),
        ObjectKnowledge::Absent | ObjectKnowledge::Leaving if volume.is_optional() => (ReferenceState::Absent, None),
        ObjectKnowledge::Absent => {
            (ReferenceState::NotFound, Some(advice::object_not_found(namespace, volume, object)))
        }
        ObjectKnowledge::Leaving => (ReferenceState::NotFound, Some(advice::object_leaving(namespace, volume, object))),
        ObjectKnowledge::Forbidden => (ReferenceState::Forbidden, Some(advice::object_forbidden(volume, object))),
        ObjectKnowledge::Unread => (ReferenceState::Unchecked, Some(advice::object_unread(volume, object))),
    }
}

/// One reference against what is known of its Secret.
fn judge(world: &World, usage: &SecretUse, known: &SecretKnowledge, server: &str) -> (ReferenceState, Option<String>) {
    let namespace = world.subject.namespace.as_str();
    match known {
        SecretKnowledge::Present(facts) => judge_present(namespace, usage, facts, server),
        SecretKnowledge::Absent if usage.optional => (ReferenceState::Absent, None),
        SecretKnowledge::Absent => (ReferenceState::NotFound, Some(advice::not_found(namespace, usage, server))),
        SecretKnowledge::Forbidden { .. } => (ReferenceState::Forbidden, Some(advice::forbidden(namespace, usage))),
        SecretKnowledge::Unread { why, .. } => (ReferenceState::Unchecked, Some(advice::unread(usage, why))),
    }
}

fn judge_present(
    namespace: &str,
    usage: &SecretUse,
    facts: &SecretFacts,
    server: &str,
) -> (ReferenceState, Option<String>) {
    if usage.usage == Usage::ImagePull {
        return if PULL_SECRET_TYPES.contains(&facts.type_.as_str()) {
            (ReferenceState::Resolved, None)
        } else {
            (ReferenceState::WrongType, Some(advice::wrong_type(namespace, usage, &facts.type_, server)))
        };
    }
    let needed = usage.required_keys();
    match &facts.keys {
        Keys::Known(keys) => {
            let lacking: Vec<_> = needed.iter().filter(|key| !keys.contains(key.as_str())).collect();
            if lacking.is_empty() {
                (ReferenceState::Resolved, None)
            } else if usage.optional {
                (ReferenceState::Absent, None)
            } else {
                (ReferenceState::KeyMissing, Some(advice::key_missing(namespace, usage, &lacking, keys)))
            }
        }
        Keys::Unknown { .. } if needed.is_empty() => (ReferenceState::Resolved, None),
        Keys::Unknown { .. } => (ReferenceState::KeyUnverified, Some(advice::key_unverified(usage))),
    }
}
