//! Everything that a decision about copies may look at, the time included. Equal worlds give equal plans.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;

use super::source::Source;
use crate::api::registry::{ClusterRegistryStatus, Scope, SecretOfNamespace};
use crate::model::docs::Docs;
use crate::model::registry::Host;
use crate::reach::{Labels, Selector};

/// Everything that a decision may look at. Without `Debug`: sources hold values.
pub(in crate::projector) struct World {
    /// The time of the observation.
    pub now: Timestamp,
    /// Where messages send their readers.
    pub docs: Docs,
    /// All ClusterRegistries, the oldest first.
    pub registries: Vec<Arc<Registry>>,
    /// Namespaces that have Pipelines or a Secret of our name.
    pub places: BTreeMap<String, Place>,
    /// The namespaces from which Secrets may be copied.
    pub sources: BTreeMap<String, SourceNamespace>,
}

/// A ClusterRegistry.
#[derive(Clone, Debug)]
pub(in crate::projector) struct Registry {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Which version of it was seen.
    pub resource_version: String,
    /// Its generation.
    pub generation: i64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What it asks for, or why that cannot be read.
    pub wants: Result<Wants, String>,
    /// What was last written about it.
    pub status: ClusterRegistryStatus,
}

/// What a ClusterRegistry asks for.
#[derive(Clone, Debug)]
pub(in crate::projector) struct Wants {
    /// Whose images it is for.
    pub host: Host,
    /// What copies are made of.
    pub secret: SecretOfNamespace,
    /// Which namespaces it is for.
    pub scope: Scope,
    /// Which of those.
    pub selector: Option<Selector>,
}

/// A namespace.
#[derive(Clone, Default)]
pub(in crate::projector) struct Place {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Whether it is being deleted, or gone already.
    pub ending: bool,
    /// Where the images of its Pipelines come from.
    pub hosts: BTreeSet<Host>,
    /// The Secret there that has our name.
    pub copy: Option<Copy>,
    /// Until when the copy is left as it is: another wrote it, who may know more.
    pub settles_at: Option<Timestamp>,
    /// The last write there, if it did not succeed.
    pub setback: Option<Setback>,
}

/// A Secret that has our name, without what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::projector) struct Copy {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    /// Whether it has our marks: if not, it is a stranger's.
    pub marked: bool,
    /// What it was made of, in our words: see [`super::recipe`].
    pub recipe: Option<String>,
    /// Uids of the ClusterRegistries whose credentials are in it.
    pub owners: BTreeSet<String>,
    /// Whether nobody else has written its data.
    pub intact: bool,
    /// Whether its deletion was asked for.
    pub deleting: bool,
}

/// A namespace from which Secrets may be copied.
#[derive(Clone, Default)]
pub(in crate::projector) struct SourceNamespace {
    /// Whether its list was seen to the end once.
    pub listed: bool,
    /// Whether the right to see it is missing now.
    pub forbidden: bool,
    /// Its Secrets.
    pub secrets: BTreeMap<String, Arc<Source>>,
}

/// A write that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::projector) struct Setback {
    /// What stood in the way.
    pub kind: Obstacle,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again.
    pub retry_at: Timestamp,
}

/// What stood in the way of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::projector) enum Obstacle {
    /// Somebody wrote in between: the watch tells what.
    Behind,
    /// The namespace is being deleted.
    Ending,
    /// A `ResourceQuota`.
    Quota,
    /// The projector lacks a right.
    Forbidden,
    /// The API server's rules forbid to change it: it is immutable, or of another type.
    Fixed,
    /// More than one Secret may hold.
    TooLarge,
    /// Another refusal: code and reason.
    Refused(String),
    /// The API server did not answer, or failed.
    Unreachable,
}
