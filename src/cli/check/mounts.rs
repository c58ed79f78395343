//! Mounts over directories that images fill themselves, and mounts that are there twice.

use std::collections::BTreeSet;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::offline::containers;
use super::rules::Rule;
use crate::api::pipeline::PipelineSpec;
use crate::api::transform::SecretEntry;

/// Directories and what images have in them. A path below one of them hides nothing but itself.
const DIRECTORIES: [(&str, &str); 27] = [
    ("/bin", "the shell and the basic commands"),
    ("/boot", "the boot files"),
    ("/dev", "the devices, without which no container starts"),
    ("/etc", "users, name resolution, certificates and all other settings"),
    ("/etc/pki", "the certificates of the authorities"),
    ("/etc/ssl", "the certificates of the authorities"),
    ("/etc/ssl/certs", "the certificates of the authorities"),
    ("/home", "the users' directories"),
    ("/lib", "the libraries that every program needs"),
    ("/lib64", "the libraries that every program needs"),
    ("/opt", "the programs that images install there"),
    ("/proc", "the kernel's view of processes, without which no container starts"),
    ("/root", "root's directory"),
    ("/run", "sockets and files of running programs"),
    ("/sbin", "the commands of the system"),
    ("/srv", "what images serve"),
    ("/sys", "the kernel's view of devices, without which no container starts"),
    (
        "/tmp",
        "the directory for temporary files, which programs write to: what is mounted of a Secret cannot be written",
    ),
    ("/usr", "nearly all programs and libraries"),
    ("/usr/bin", "nearly all programs"),
    ("/usr/lib", "nearly all libraries"),
    ("/usr/local", "the programs that images install there"),
    ("/usr/local/bin", "the programs that images install there"),
    ("/usr/sbin", "the commands of the system"),
    ("/usr/share", "data of all programs"),
    ("/var", "what programs keep and log"),
    ("/var/lib", "what programs keep"),
];

/// What is to be mended in the mounts of a Pipeline.
pub(super) fn findings(pipeline: &Object<'_>, spec: &PipelineSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut secrets = |list: &str, entries: &[SecretEntry]| {
        found.extend(of_entries(pipeline, list, entries));
    };
    secrets("spec.secrets", &spec.secrets);
    let containers = containers(spec);
    for (base, container) in &containers {
        secrets(&format!("{base}.secrets"), &container.secrets);
    }
    for (base, container) in &containers {
        for (index, volume) in container.volumes.iter().enumerate() {
            // What is empty or writable hides as much, but /tmp and /run are what people mount scratch space at.
            let is_usual = volume.scratch.is_some() && matches!(volume.mount_path.as_str(), "/tmp" | "/run" | "/var");
            if volume.sub_path.is_none() && !is_usual {
                let field = format!("{base}.volumes[{index}].mount_path");
                found.extend(hidden(pipeline, &field, &volume.mount_path));
            }
        }
    }
    found
}

fn of_entries(pipeline: &Object<'_>, list: &str, entries: &[SecretEntry]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(path) = entry.mount_path.as_deref().filter(|_| entry.sub_path.is_none()) else { continue };
        let field = format!("{list}[{index}].mount_path");
        found.extend(hidden(pipeline, &field, path));
        // Items and properties files are compared by a rule of the schema.
        if entry.items.is_empty() && entry.format.is_none() && !seen.insert((entry.name.as_str(), path)) {
            let message = format!(
                "the Secret {} is mounted at {path} by another entry, whole: leave one of them out",
                entry.name
            );
            found.push(pipeline.finding(Rule::MountedTwice, Severity::Warning, &field, message));
        }
    }
    found
}

fn hidden(pipeline: &Object<'_>, field: &str, path: &str) -> Option<Finding> {
    let what = hides(path)?;
    let message = format!("hides what the image has in {path} ({what}): mount at a directory of its own below it");
    Some(pipeline.finding(Rule::HiddenDirectory, Severity::Warning, field, message))
}

fn hides(path: &str) -> Option<&'static str> {
    DIRECTORIES.iter().find(|(directory, _)| *directory == path).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_directory_of_the_image_is_named_and_one_below_it_is_not() {
        assert_eq!(hides("/etc"), Some("users, name resolution, certificates and all other settings"));
        for path in ["/etc/db", "/secrets", "/usr/local/etc/app", "/var/run/secrets/db", "/pfs"] {
            assert_eq!(hides(path), None, "{path}");
        }
        assert!(DIRECTORIES.is_sorted());
    }
}
