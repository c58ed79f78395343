//! What is mounted besides Secrets: claims, ConfigMaps, scratch space.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use sha2::{Digest, Sha256};

use crate::model::run::short_hash;
use crate::model::volume::{VolumeSource, VolumeUse};
use crate::model::work::Step;

/// The Pod's volumes and the container's mounts, in the order of the spec.
pub(super) fn mounts(step: &Step) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut volumes: Vec<Volume> = Vec::new();
    for volume in step.volumes.iter().map(|usage| volume(step, usage)) {
        if !volumes.iter().any(|other| other.name == volume.name) {
            volumes.push(volume);
        }
    }
    (volumes, step.volumes.iter().map(mount).collect())
}

/// The name of the volume behind a mount: a DNS label, which an object's name need not be.
///
/// A claim that is mounted several times is one volume: of two volumes of one claim the kubelet mounts one, and waits for
/// ever for the other (kubernetes/kubernetes#132921). The others are a volume for each path.
pub(crate) fn mount_name(usage: &VolumeUse) -> String {
    let hash = |text: &str| short_hash(&Sha256::digest(text.as_bytes()));
    match &usage.source {
        VolumeSource::Claim { name, .. } => format!("claim-{}", hash(name.as_str())),
        VolumeSource::ConfigMap { .. } => format!("config-{}", hash(usage.path.as_str())),
        VolumeSource::Scratch { .. } => format!("scratch-{}", hash(usage.path.as_str())),
    }
}

fn volume(step: &Step, usage: &VolumeUse) -> Volume {
    let base = Volume { name: mount_name(usage), ..Volume::default() };
    match &usage.source {
        VolumeSource::Claim { name, .. } => Volume {
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: name.to_string(),
                // Some storage is attached to many nodes only where none of them may write.
                read_only: step
                    .volumes
                    .iter()
                    .all(|other| mount_name(other) != base.name || is_read_only(other))
                    .then_some(true),
            }),
            ..base
        },
        VolumeSource::ConfigMap { name, key, optional } => Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: name.to_string(),
                // Named here, a key that is not there is told by the kubelet; it would make a folder of that name otherwise.
                items: key.as_ref().map(|key| vec![KeyToPath { key: key.clone(), path: key.clone(), mode: None }]),
                optional: optional.then_some(true),
                default_mode: None,
            }),
            ..base
        },
        VolumeSource::Scratch { size, memory } => Volume {
            empty_dir: Some(EmptyDirVolumeSource {
                medium: memory.then(|| "Memory".to_owned()),
                size_limit: size.clone().map(Quantity),
            }),
            ..base
        },
    }
}

fn is_read_only(usage: &VolumeUse) -> bool {
    match &usage.source {
        VolumeSource::Claim { read_only, .. } => *read_only,
        VolumeSource::ConfigMap { .. } => true,
        VolumeSource::Scratch { .. } => false,
    }
}

fn mount(usage: &VolumeUse) -> VolumeMount {
    let sub_path = match &usage.source {
        VolumeSource::Claim { sub_path, .. } => sub_path.clone(),
        VolumeSource::ConfigMap { key, .. } => key.clone(),
        VolumeSource::Scratch { .. } => None,
    };
    VolumeMount {
        name: mount_name(usage),
        mount_path: usage.path.to_string(),
        sub_path,
        read_only: is_read_only(usage).then_some(true),
        ..VolumeMount::default()
    }
}
