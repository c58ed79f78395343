//! What a step mounts besides Secrets, and what is known of the objects that it names for that.

use super::names::{MountPath, ObjectName};
use crate::api::reason::ObjectKind;

/// Where Pachyderm mounts the volume that `memory_volume` puts into memory (`PPSInputPrefix` in its `src/client`).
pub const MEMORY_VOLUME_PATH: &str = "/pfs";

/// One mount that is no Secret's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeUse {
    /// Where it appears in the container.
    pub path: MountPath,
    /// What appears there.
    pub source: VolumeSource,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeSource {
    /// A PersistentVolumeClaim, or a folder in it.
    Claim {
        /// The claim, in the subject's namespace.
        name: ObjectName,
        /// The folder; the kubelet makes it where it is not there.
        sub_path: Option<String>,
        /// Whether it may only be read.
        read_only: bool,
    },
    /// A ConfigMap's keys as files, or one of them as one file.
    ConfigMap {
        /// The ConfigMap, in the subject's namespace.
        name: ObjectName,
        /// The one key.
        key: Option<String>,
        /// Whether the container starts without it.
        optional: bool,
    },
    /// An empty folder that goes with the Pod.
    Scratch {
        /// How much it may hold, in Kubernetes' notation.
        size: Option<String>,
        /// Whether it is in memory.
        memory: bool,
    },
}

impl VolumeUse {
    /// The object without which there is nothing to mount.
    #[must_use]
    pub fn object(&self) -> Option<ObjectRef> {
        match &self.source {
            VolumeSource::Claim { name, .. } => {
                Some(ObjectRef { kind: ObjectKind::PersistentVolumeClaim, name: name.clone() })
            }
            VolumeSource::ConfigMap { name, .. } => Some(ObjectRef { kind: ObjectKind::ConfigMap, name: name.clone() }),
            VolumeSource::Scratch { .. } => None,
        }
    }

    /// Whether the container starts though the object is not there.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self.source, VolumeSource::ConfigMap { optional: true, .. })
    }
}

/// An object in the subject's namespace of which only its being there counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: ObjectName,
}

/// What the operator knows of such an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKnowledge {
    /// It is there.
    Present,
    /// It is being deleted: a Pod that is made now would find it gone, or is refused by the scheduler.
    Leaving,
    /// There is none of that name.
    Absent,
    /// The API server answers 403 to the watch on its kind. The watch itself goes on asking.
    Forbidden,
    /// Not told yet.
    Unread,
}
