//! Standard input: an annotation of the Pod that becomes a file, from which a shell starts the command.
//!
//! The kubelet writes a single annotation into the file byte by byte (`pkg/volume/downwardapi`, `pkg/fieldpath`) and
//! expands no `$(NAME)` there, as it would in the command.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, DownwardAPIVolumeSource, ObjectFieldSelector, Volume, VolumeMount,
};

use crate::model::names::OUR_PATH;
use crate::model::pod::STDIN_ANNOTATION;
use crate::model::work::Step;

/// The volume's name. No other volume can have it: theirs end with a hash.
const VOLUME: &str = "lockgate-stdin";

/// The file below [`OUR_PATH`].
const FILE: &str = "stdin";

/// The container's command. The words stand behind the script as they are, so that no shell reads them, and `exec`
/// leaves the command as the process that signals reach.
pub(super) fn command(step: &Step) -> Vec<String> {
    let script = || ["/bin/sh".to_owned(), "-c".to_owned(), format!("exec \"$0\" \"$@\" < {OUR_PATH}/{FILE}")];
    let shell = step.stdin.iter().flat_map(|_| script());
    shell.chain(step.command.iter().cloned()).collect()
}

/// The volume and its mount, where the step has a standard input.
pub(super) fn volume(step: &Step) -> Option<(Volume, VolumeMount)> {
    step.stdin.as_ref()?;
    let file = DownwardAPIVolumeFile {
        path: FILE.to_owned(),
        field_ref: Some(ObjectFieldSelector {
            api_version: None,
            field_path: format!("metadata.annotations['{STDIN_ANNOTATION}']"),
        }),
        ..DownwardAPIVolumeFile::default()
    };
    let volume = Volume {
        name: VOLUME.to_owned(),
        downward_api: Some(DownwardAPIVolumeSource {
            // Whatever user the image runs as.
            default_mode: Some(0o444),
            items: Some(vec![file]),
        }),
        ..Volume::default()
    };
    let mount = VolumeMount {
        name: VOLUME.to_owned(),
        // The one file, not the folder: an input may lie beside it.
        mount_path: format!("{OUR_PATH}/{FILE}"),
        sub_path: Some(FILE.to_owned()),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    Some((volume, mount))
}
