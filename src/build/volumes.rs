//! Secrets as volumes: one for each mount path. Several Secrets at one path share a projected volume. Where files are made of
//! them, `helper` does it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    KeyToPath, ProjectedVolumeSource, SecretProjection, SecretVolumeSource, Volume, VolumeMount, VolumeProjection,
};
use sha2::{Digest, Sha256};

use crate::model::names::MountPath;
use crate::model::run::short_hash;
use crate::model::work::{Files, SecretUse, Step, Usage};

/// What is mounted at one path.
struct Mount<'a> {
    sub_path: Option<&'a str>,
    sources: Vec<(&'a SecretUse, &'a Files)>,
}

/// The Pod's volumes and the container's mounts, by path.
pub(super) fn volumes(step: &Step) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut mounts: BTreeMap<&MountPath, Mount<'_>> = BTreeMap::new();
    for usage in &step.uses {
        if let Usage::Mount { path, files, sub_path } = &usage.usage
            && !step.is_rendered(path)
        {
            let mount =
                mounts.entry(path).or_insert_with(|| Mount { sub_path: sub_path.as_deref(), sources: Vec::new() });
            mount.sources.push((usage, files));
        }
    }
    mounts.into_iter().map(|(path, mount)| (volume(path, &mount), volume_mount(path, &mount))).unzip()
}

/// A volume's name is a DNS label and a Secret's need not be one, so it is a hash of the path: unique, since paths are.
pub(crate) fn volume_name(path: &MountPath) -> String {
    format!("secret-{}", short_hash(&Sha256::digest(path.as_str().as_bytes())))
}

fn volume(path: &MountPath, mount: &Mount<'_>) -> Volume {
    let base = Volume { name: volume_name(path), ..Volume::default() };
    match mount.sources.as_slice() {
        [(usage, files)] => Volume {
            secret: Some(SecretVolumeSource {
                secret_name: Some(usage.secret.to_string()),
                items: items(files),
                optional: usage.optional.then_some(true),
                default_mode: None,
            }),
            ..base
        },
        several => Volume {
            projected: Some(ProjectedVolumeSource {
                sources: Some(several.iter().map(|(usage, files)| projection(usage, files)).collect()),
                default_mode: None,
            }),
            ..base
        },
    }
}

fn projection(usage: &SecretUse, files: &Files) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection {
            name: usage.secret.to_string(),
            items: items(files),
            optional: usage.optional.then_some(true),
        }),
        ..VolumeProjection::default()
    }
}

fn items(files: &Files) -> Option<Vec<KeyToPath>> {
    match files {
        Files::All | Files::Properties => None,
        Files::Items(items) => Some(
            items
                .iter()
                .map(|item| KeyToPath { key: item.key.to_string(), path: item.path.clone(), mode: item.mode })
                .collect(),
        ),
    }
}

fn volume_mount(path: &MountPath, mount: &Mount<'_>) -> VolumeMount {
    VolumeMount {
        name: volume_name(path),
        mount_path: path.to_string(),
        sub_path: mount.sub_path.map(ToOwned::to_owned),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}
