//! The closed sets of which labels are made.

use crate::api::reason::ObjectKind;
use crate::model::world::SetbackKind;

/// How a look at a Pipeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookResult {
    /// All is said and done until an event comes.
    Success,
    /// Something could not be read or written.
    Error,
    /// All is said and done until a time comes.
    RequeueAfter,
}

impl LookResult {
    pub(super) const ALL: [Self; 3] = [Self::Success, Self::Error, Self::RequeueAfter];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::RequeueAfter => "requeue_after",
        }
    }
}

/// How a read of a Secret ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadResult {
    /// It is there.
    Found,
    /// It is not there.
    NotFound,
    /// The right is missing.
    Forbidden,
    /// Anything else.
    Failed,
}

impl ReadResult {
    pub(super) const ALL: [Self; 4] = [Self::Found, Self::NotFound, Self::Forbidden, Self::Failed];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Failed => "failed",
        }
    }
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Pipelines.
    Pipelines,
    /// Our Pods.
    Pods,
    /// Metadata of Secrets.
    Secrets,
    /// ServiceAccounts.
    ServiceAccounts,
    /// Objects of which only their being there counts.
    Objects(ObjectKind),
    /// Registries.
    Registries,
    /// ClusterRegistries.
    ClusterRegistries,
    /// Events about volumes that cannot be mounted.
    Events,
}

impl Watched {
    /// Everything that is watched.
    pub(super) const ALL: [Self; 9] = [
        Self::Pipelines,
        Self::Pods,
        Self::Secrets,
        Self::ServiceAccounts,
        Self::Objects(ObjectKind::ConfigMap),
        Self::Objects(ObjectKind::PersistentVolumeClaim),
        Self::Registries,
        Self::ClusterRegistries,
        Self::Events,
    ];

    /// The resource's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipelines => "pipelines",
            Self::Pods => "pods",
            Self::Secrets => "secrets",
            Self::ServiceAccounts => "serviceaccounts",
            Self::Objects(ObjectKind::ConfigMap) => "configmaps",
            Self::Objects(ObjectKind::PersistentVolumeClaim) => "persistentvolumeclaims",
            Self::Registries => "registries",
            Self::ClusterRegistries => "clusterregistries",
            Self::Events => "events",
        }
    }
}

/// Why a Pod was not created.
#[must_use]
pub fn setback_word(kind: SetbackKind) -> &'static str {
    match kind {
        SetbackKind::Quota => "quota",
        SetbackKind::PodSecurity => "pod_security",
        SetbackKind::Refused => "refused",
        SetbackKind::NameConflict => "name_conflict",
        SetbackKind::Io => "unreachable",
    }
}

/// Every reason.
pub(super) const SETBACKS: [SetbackKind; 5] =
    [SetbackKind::Quota, SetbackKind::PodSecurity, SetbackKind::Refused, SetbackKind::NameConflict, SetbackKind::Io];
