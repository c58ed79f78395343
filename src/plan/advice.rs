//! Words for people: what is wrong, and the command that mends it.

use std::collections::BTreeSet;

use super::resolve::Resolution;
use crate::api::pipeline::{OnMissingSecret, OnSecretChange};
use crate::api::reason::{ObjectKind, ReferenceState, ReferenceUse};
use crate::api::status::ReferenceStatus;
use crate::model::image::Image;
use crate::model::names::SecretKey;
use crate::model::parse::Violation;
use crate::model::volume::{ObjectRef, VolumeSource, VolumeUse};
use crate::model::work::{SecretUse, Usage, Work};

/// More problems than this are counted, not listed: the rows in `status.references` have them all.
const MOST_LISTED: usize = 12;
/// More key names than this are counted, not listed.
const MOST_KEYS: usize = 12;

/// All problems as one text.
pub(super) fn all(messages: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for message in messages {
        if !distinct.contains(&message.as_str()) {
            distinct.push(message);
        }
    }
    let listed = distinct.iter().take(MOST_LISTED).copied().collect::<Vec<_>>().join("; ");
    match distinct.len().saturating_sub(MOST_LISTED) {
        0 => listed,
        more => format!("{listed}; and {more} more, see status.references"),
    }
}

/// All that keeps a run from starting, as `on_missing_secret: Fail` tells it: first each Secret and key in the sentences in
/// which Pachyderm refuses a pipeline, so that what looks for them finds them; then all problems with what mends them.
pub(super) fn refused(lacking: &[&Resolution]) -> String {
    let mut sentences: Vec<String> = Vec::new();
    for row in lacking.iter().flat_map(|resolution| &resolution.rows).filter(|row| row.via.is_none()) {
        sentences.extend(as_pachyderm(row).filter(|sentence| !sentences.contains(sentence)));
    }
    let gates = lacking.iter().filter_map(|resolution| resolution.gate.as_ref());
    let problems = all(&gates.map(|(_, message)| message.clone()).collect::<Vec<_>>());
    if sentences.is_empty() { problems } else { format!("{}. To mend it: {problems}", sentences.join("; ")) }
}

/// Pachyderm's sentence, where it has one: it looks at Secrets that a container uses, and at the keys of variables.
fn as_pachyderm(row: &ReferenceStatus) -> Option<String> {
    match (row.state, row.usage, &row.key) {
        (
            ReferenceState::NotFound,
            ReferenceUse::Env | ReferenceUse::EnvPrefix | ReferenceUse::Mount | ReferenceUse::Input,
            _,
        ) => Some(format!("missing Kubernetes secret {}", row.name)),
        (ReferenceState::KeyMissing, ReferenceUse::Env | ReferenceUse::Input, Some(key)) => {
            Some(format!("Kubernetes secret {} missing key {key}", row.name))
        }
        _ => None,
    }
}

/// The command that makes a pull secret for a registry, as [`server`] names it.
pub(crate) fn create_pull_secret(namespace: &str, name: &str, server: &str) -> String {
    format!(
        "kubectl create secret docker-registry {name} -n {namespace} --docker-server={server} --docker-username=USER --docker-password=PASSWORD"
    )
}

/// The registry of an image, as a pull Secret names it.
pub(super) fn server(image: &str) -> String {
    Image::parse(image).map_or_else(|_| "HOST".to_owned(), |image| image.server().to_owned())
}

pub(super) fn not_found(namespace: &str, usage: &SecretUse, server: &str) -> String {
    let name = usage.secret.as_str();
    let create = if usage.usage == Usage::ImagePull {
        create_pull_secret(namespace, name, server)
    } else {
        let keys = usage.required_keys();
        let named: Vec<&str> = if keys.is_empty() { vec!["KEY"] } else { keys.iter().map(SecretKey::as_str).collect() };
        let literals: Vec<String> = named.iter().map(|key| format!("--from-literal={key}=VALUE")).collect();
        format!("kubectl create secret generic {name} -n {namespace} {}", literals.join(" "))
    };
    format!("Secret {name} ({}) does not exist: {create}", used_as(usage))
}

pub(super) fn key_missing(
    namespace: &str,
    usage: &SecretUse,
    lacking: &[&SecretKey],
    has: &BTreeSet<String>,
) -> String {
    let name = usage.secret.as_str();
    let wanted = lacking.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
    let patch = lacking.iter().map(|key| format!("\"{key}\":\"VALUE\"")).collect::<Vec<_>>().join(",");
    let noun = if lacking.len() == 1 { "key" } else { "keys" };
    format!(
        "Secret {name} ({}) has no {noun} {wanted}, it has {}: kubectl patch secret {name} -n {namespace} -p '{{\"stringData\":{{{patch}}}}}'",
        used_as(usage),
        key_list(has)
    )
}

pub(super) fn key_unverified(usage: &SecretUse) -> String {
    format!(
        "Secret {} ({}) does not say which keys it has (its managedFields are gone), so the kubelet decides",
        usage.secret,
        used_as(usage)
    )
}

pub(super) fn wrong_type(namespace: &str, usage: &SecretUse, type_: &str, server: &str) -> String {
    wrong_pull_secret(
        namespace,
        &format!("{} ({})", usage.secret, used_as(usage)),
        usage.secret.as_str(),
        type_,
        server,
    )
}

/// A pull secret that the kubelet does not read; `what` is its name and what it is used for.
pub(crate) fn wrong_pull_secret(namespace: &str, what: &str, name: &str, type_: &str, server: &str) -> String {
    format!(
        "Secret {what} is of type {type_}, which the kubelet skips; a type cannot be changed, so make it anew: kubectl delete secret {name} -n {namespace} && {}",
        create_pull_secret(namespace, name, server)
    )
}

/// A Secret in the place of the copy of ClusterRegistries.
pub(super) fn not_the_copy(namespace: &str, name: &str) -> String {
    format!(
        "Secret {name} (image pull) is no pull secret, and its name is that of the copy of the ClusterRegistries' credentials: if nobody needs it, kubectl delete secret {name} -n {namespace}"
    )
}

pub(super) fn forbidden(namespace: &str, usage: &SecretUse) -> String {
    format!(
        "Lockgate may not get Secret {} ({}) in namespace {namespace}: grant its ServiceAccount get, list and watch on secrets there",
        usage.secret,
        used_as(usage)
    )
}

pub(super) fn unread(usage: &SecretUse, why: &str) -> String {
    format!("Secret {} ({}) could not be read: {why}; it is tried again", usage.secret, used_as(usage))
}

pub(super) fn not_looked_at(usage: &SecretUse) -> String {
    format!(
        "Secret {} ({}) is not looked at (--secret-access=none): the kubelet decides, and what it says is told here",
        usage.secret,
        used_as(usage)
    )
}

/// What of a Pipeline does not work where no Secret is looked at, as far as it asks for it.
pub(crate) fn without_access(work: &Work) -> String {
    let asked = [
        (work.on_missing_secret == OnMissingSecret::Fail, "on_missing_secret: Fail"),
        (work.missing_secret_timeout.is_some(), "missing_secret_timeout"),
        (work.on_secret_change != OnSecretChange::Ignore, "on_secret_change"),
    ];
    let asked: Vec<&str> = asked.into_iter().filter(|(is, _)| *is).map(|(_, field)| field).collect();
    let lost = match asked.as_slice() {
        [] => String::new(),
        fields => format!(
            "; of Secrets this Pipeline's {} cannot be kept: remove it, or install Lockgate with access to the metadata of Secrets",
            fields.join(", ")
        ),
    };
    format!("no Secret is looked at (--secret-access=none): Pods start at once, and the kubelet decides{lost}")
}

pub(super) fn object_not_found(namespace: &str, volume: &VolumeUse, object: &ObjectRef) -> String {
    format!("{} does not exist: {}", mounted(volume, object), create_object(namespace, volume, object))
}

pub(super) fn object_leaving(namespace: &str, volume: &VolumeUse, object: &ObjectRef) -> String {
    format!(
        "{} is being deleted: when it is gone, make it anew: {}",
        mounted(volume, object),
        create_object(namespace, volume, object)
    )
}

pub(super) fn object_forbidden(volume: &VolumeUse, object: &ObjectRef) -> String {
    format!(
        "Lockgate may not see {}: grant its ServiceAccount list and watch on {} wherever it watches Pipelines",
        mounted(volume, object),
        resource(object.kind)
    )
}

pub(super) fn object_unread(volume: &VolumeUse, object: &ObjectRef) -> String {
    format!("{} was not looked at: the watch on {} has not begun", mounted(volume, object), resource(object.kind))
}

/// The command that makes a ConfigMap or a claim.
fn create_object(namespace: &str, volume: &VolumeUse, object: &ObjectRef) -> String {
    let name = &object.name;
    match object.kind {
        ObjectKind::ConfigMap => {
            let key = match &volume.source {
                VolumeSource::ConfigMap { key: Some(key), .. } => key.as_str(),
                _ => "KEY",
            };
            format!("kubectl create configmap {name} -n {namespace} --from-literal={key}=VALUE")
        }
        ObjectKind::PersistentVolumeClaim => format!(
            "echo '{{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{{\"name\":\"{name}\"}},\"spec\":{{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{{\"requests\":{{\"storage\":\"1Gi\"}}}}}}}}' | kubectl apply -n {namespace} -f -"
        ),
    }
}

/// The object and where the container has it.
pub(super) fn mounted(volume: &VolumeUse, object: &ObjectRef) -> String {
    format!("{} {} (mounted at {})", object.kind, object.name, volume.path)
}

/// How `kubectl` and RBAC call the kind.
pub(super) fn resource(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::ConfigMap => "configmaps",
        ObjectKind::PersistentVolumeClaim => "persistentvolumeclaims",
    }
}

pub(crate) fn account_missing(namespace: &str, account: &str) -> String {
    format!("ServiceAccount {account} does not exist: kubectl create serviceaccount {account} -n {namespace}")
}

pub(super) fn invalid(violations: &[Violation]) -> String {
    all(&violations.iter().map(|v| format!("{}: {}", v.field, v.message)).collect::<Vec<_>>())
}

pub(super) fn unreadable(why: &str) -> String {
    format!(
        "this version of Lockgate cannot read the stored object ({why}): correct the field, or install the version that wrote it"
    )
}

/// Where the Secret is used, as people wrote it.
fn used_as(usage: &SecretUse) -> String {
    match &usage.usage {
        Usage::Env { var, .. } => format!("env {var}"),
        Usage::EnvPrefix { prefix } if prefix.is_empty() => "env".to_owned(),
        Usage::EnvPrefix { prefix } => format!("env {prefix}*"),
        Usage::Mount { path, .. } => format!("files in {path}"),
        Usage::Input { called, .. } => format!("input .secrets.{called}"),
        Usage::ImagePull => "image pull".to_owned(),
    }
}

fn key_list(keys: &BTreeSet<String>) -> String {
    if keys.is_empty() {
        return "none".to_owned();
    }
    let listed = keys.iter().take(MOST_KEYS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match keys.len().saturating_sub(MOST_KEYS) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
