//! What can be wrong with a ClusterRegistry, in words that name the mend and hold no value.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Obstacle, Wants};
use crate::api::reason::ClusterRegistryReason as Reason;
use crate::model::registry::Fault;
use crate::model::world::PROJECTED_SECRET;

/// So many names are told, the others are counted.
const MOST_NAMED: usize = 3;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its spec cannot be read: why.
    Invalid(String),
    /// See the reason.
    SourceNamespaceNotAllowed,
    /// See the reason.
    SourceForbidden,
    /// See the reason.
    SecretNotFound,
    /// See the reason.
    WrongType,
    /// Nothing for the host alone; what may be wrong with the file.
    NoEntryForHost(Option<Fault>),
    /// The whole file cannot be read.
    FileMalformed(Fault),
    /// These entries, by the images that they are for, and why each is left out.
    EntryMalformed(Vec<(String, Fault)>),
    /// A stranger's Secret in this namespace.
    NameConflict(String),
    /// A write in this namespace.
    CopyFailed {
        /// Where.
        namespace: String,
        /// Why.
        obstacle: Obstacle,
    },
    /// An older ClusterRegistry in this namespace.
    Shadowed {
        /// Its name.
        by: String,
        /// Where.
        namespace: String,
    },
}

impl Why {
    /// The word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::Invalid,
            Self::SourceNamespaceNotAllowed => Reason::SourceNamespaceNotAllowed,
            Self::SourceForbidden => Reason::SourceForbidden,
            Self::SecretNotFound => Reason::SecretNotFound,
            Self::WrongType => Reason::WrongType,
            Self::NoEntryForHost(_) => Reason::NoEntryForHost,
            Self::FileMalformed(_) | Self::EntryMalformed(_) => Reason::EntryMalformed,
            Self::NameConflict(_) => Reason::NameConflict,
            Self::CopyFailed { .. } => Reason::CopyFailed,
            Self::Shadowed { .. } => Reason::Shadowed,
        }
    }
}

/// Everything that is wrong, as sentences with their mend; the worst first. `allowed` are the source namespaces.
pub(super) fn sentences(troubles: &[Why], wants: Option<&Wants>, allowed: &BTreeSet<&str>) -> String {
    let (mut said, mut conflicts) = (BTreeSet::new(), BTreeSet::new());
    let mut failed: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut shadowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for why in troubles {
        match why {
            Why::NameConflict(namespace) => drop(conflicts.insert(namespace.as_str())),
            Why::CopyFailed { namespace, obstacle } => {
                failed.entry(obstacle_words(obstacle)).or_default().insert(namespace.as_str());
            }
            Why::Shadowed { by, namespace } => drop(shadowed.entry(by).or_default().insert(namespace.as_str())),
            Why::Invalid(why) => drop(said.insert((order(Reason::Invalid), format!("spec cannot be used: {why}")))),
            why => drop(said.insert((order(why.reason()), of_source(why, wants, allowed)))),
        }
    }
    let mut all: Vec<String> = said.into_iter().map(|(_, sentence)| sentence).collect();
    if !conflicts.is_empty() {
        all.push(format!(
            "{} a Secret {PROJECTED_SECRET} that is not the projector's, and it is left alone: rename or delete it there",
            has(&conflicts)
        ));
    }
    for (words, namespaces) in &failed {
        all.push(format!("the copy in {} {words}", names(namespaces)));
    }
    for (by, namespaces) in &shadowed {
        all.push(format!(
            "in {} the older ClusterRegistry {by} gives credentials for the same images, and its are used: delete one of the two, or give each its own namespace_selector",
            names(namespaces)
        ));
    }
    all.join("; ")
}

/// The place of a reason in the closed set.
fn order(reason: Reason) -> Option<usize> {
    Reason::ALL.iter().position(|other| *other == reason)
}

fn of_source(why: &Why, wants: Option<&Wants>, allowed: &BTreeSet<&str>) -> String {
    let Some(Wants { host, secret, .. }) = wants else { return String::new() };
    let (namespace, name) = (&secret.namespace, &secret.name);
    let make = format!("lockgate secret create {name} -n {namespace} --docker-server {host} …");
    match why {
        Why::SourceNamespaceNotAllowed => format!(
            "the projector copies nothing from namespace {namespace}: move the Secret to {}, or add the namespace to --source-namespaces with its Role (Helm: projector.sourceNamespaces)",
            names(allowed)
        ),
        Why::SourceForbidden => format!(
            "the projector may not list and watch Secrets in namespace {namespace}: give it its Role there (deploy/components/projector/sources, Helm: projector.sourceNamespaces); what was copied stays"
        ),
        Why::SecretNotFound => format!("namespace {namespace} has no Secret {name}: {make}"),
        Why::WrongType => {
            format!("Secret {namespace}/{name} is no pull secret, and a type cannot be changed: delete it, then {make}")
        }
        Why::NoEntryForHost(fault) => format!(
            "Secret {namespace}/{name} {}has no entry for {host} alone (one with * is for more hosts than that, and is not copied): lockgate secret create {name} -n {namespace} --add --docker-server {host} …",
            fault.map(|fault| format!("{}, and ", fault.message())).unwrap_or_default()
        ),
        Why::FileMalformed(fault) => {
            format!("Secret {namespace}/{name} {}: {}", fault.message(), fault.fix())
        }
        Why::EntryMalformed(entries) => {
            let told = entries.iter().take(MOST_NAMED).map(|(key, fault)| {
                format!(
                    "entry {key} of Secret {namespace}/{name} {}, and is left out: {}",
                    fault.message(),
                    fault.fix()
                )
            });
            let more = entries.len().saturating_sub(MOST_NAMED);
            let rest = (more > 0).then(|| format!("and {more} more are left out"));
            told.chain(rest).collect::<Vec<_>>().join("; ")
        }
        Why::Invalid(_) | Why::NameConflict(_) | Why::CopyFailed { .. } | Why::Shadowed { .. } => String::new(),
    }
}

fn obstacle_words(obstacle: &Obstacle) -> String {
    let words = match obstacle {
        Obstacle::Behind | Obstacle::Ending => "is being looked at anew",
        Obstacle::Quota => "was refused by a ResourceQuota: raise it by one Secret there; it is tried again by itself",
        Obstacle::Forbidden => {
            "was refused for want of a right: give the projector its ClusterRole (deploy/components/projector/rbac.yaml); it is tried again by itself"
        }
        Obstacle::TooLarge => {
            "would be larger than the 1 MiB that a Secret may have, and what stands there stays: take entries that are not needed out of the sources, or give fewer ClusterRegistries to one namespace by their namespace_selector"
        }
        Obstacle::Fixed => "cannot be changed and is made anew",
        Obstacle::Refused(answer) => {
            return format!(
                "was refused ({answer}), as an admission policy does: allow the projector's account there; it is tried again by itself"
            );
        }
        Obstacle::Unreachable => {
            "could not be written, since the API server did not answer; it is tried again by itself"
        }
    };
    words.to_owned()
}

/// `namespace a`, or `namespaces a, b, c and 2 more`.
fn names(all: &BTreeSet<&str>) -> String {
    let told: Vec<&str> = all.iter().take(MOST_NAMED).copied().collect();
    let rest = all.len().saturating_sub(MOST_NAMED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("namespace{} {}{more}", if all.len() == 1 { "" } else { "s" }, told.join(", "))
}

fn has(all: &BTreeSet<&str>) -> String {
    format!("{} {}", names(all), if all.len() == 1 { "has" } else { "have" })
}
