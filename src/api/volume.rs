//! `volumes`: what a container mounts besides Secrets.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::pipeline::Quantity;
use super::{cel, rules};

/// One mount: a claim, a ConfigMap's files, or an empty folder that lives as long as the Pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new(cel::volumes::ONE_SOURCE).message(rules::VOLUME_ONE_SOURCE))]
#[x_kube(validation = Rule::new(cel::volumes::READ_ONLY).message(rules::VOLUME_READ_ONLY).field_path(".read_only"))]
#[x_kube(validation = Rule::new(cel::volumes::OPTIONAL).message(rules::VOLUME_OPTIONAL).field_path(".optional"))]
#[x_kube(validation = Rule::new(cel::volumes::SUB_PATH_SCRATCH).message(rules::VOLUME_SUB_PATH_SCRATCH).field_path(".sub_path"))]
#[x_kube(validation = Rule::new(cel::volumes::SUB_PATH_KEY).message(rules::VOLUME_SUB_PATH_KEY).field_path(".sub_path"))]
pub struct VolumeEntry {
    /// A PersistentVolumeClaim, in the Pipeline's own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::CLAIM_NAME))]
    pub claim: Option<String>,

    /// A ConfigMap, in the Pipeline's own namespace: every key appears as a file that can only be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::CONFIG_MAP_NAME))]
    pub config_map: Option<String>,

    /// An empty folder that goes with the Pod. `{}`: on the node's disk, without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<Scratch>,

    /// Where it appears in the container.
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH).message(rules::MOUNT_PATH))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_TOKEN).message(rules::MOUNT_PATH_TOKEN))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_OURS).message(rules::MOUNT_PATH_OURS))]
    pub mount_path: String,

    /// Of a claim: the folder in it that is mounted. Of a ConfigMap: the one key that becomes the file `mount_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new(cel::ITEM_PATH).message(rules::VOLUME_SUB_PATH))]
    #[x_kube(validation = Rule::new(cel::ITEM_PATH_PARTS).message(rules::VOLUME_SUB_PATH))]
    pub sub_path: Option<String>,

    /// `true`: the container may only read. A ConfigMap can only be read anyway.
    #[serde(default, skip_serializing_if = "super::transform::is_false")]
    pub read_only: bool,

    /// `true`: the container starts without the ConfigMap, or without its key, where it is not there.
    #[serde(default, skip_serializing_if = "super::transform::is_false")]
    pub optional: bool,
}

/// An empty folder that goes with the Pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Scratch {
    /// How much it may hold, as in `1Gi`. Absent: no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(cel::volumes::SIZE).message(rules::VOLUME_SIZE))]
    pub size: Option<Quantity>,

    /// `true`: in memory, where it counts against the container's memory limit. `false`: on the node's disk.
    #[serde(default, skip_serializing_if = "super::transform::is_false")]
    pub memory: bool,
}
