//! The rules between entries: each variable once, each file once, no mount below another.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;
use super::secrets::Lists;
use super::volumes::are_apart;
use crate::api::rules;
use crate::api::transform::{Format, SecretEntry};
use crate::model::render::properties_file;
use crate::model::volume::MEMORY_VOLUME_PATH;

/// Items that entries which share a mount path may have in all; the CEL rule that compares them is quadratic.
const MAX_SHARED_FILES: usize = 256;

/// One entry that mounts files, and where it stands.
struct Mount<'a> {
    at: String,
    path: &'a str,
    entry: &'a SecretEntry,
}

impl Mount<'_> {
    /// The files whose names are known: without items they are the keys'.
    fn files(&self) -> Vec<String> {
        match self.entry.format {
            Some(Format::Properties) => vec![properties_file(&self.entry.name)],
            None => self.entry.items.iter().map(|item| item.path.clone()).collect(),
        }
    }
}

/// Checks the entries against each other.
pub(super) fn check(lists: &Lists<'_>, report: &mut Report) {
    check_env(lists, report);
    let mounts: Vec<Mount<'_>> =
        lists.entries().into_iter().flat_map(|(list, entries)| mounts_of(&list, entries)).collect();
    check_nested(&mounts, report);
    check_shared(&mounts, report);
    check_input(lists, &mounts, report);
}

/// The input is set and mounted where nothing else is.
fn check_input(lists: &Lists<'_>, mounts: &[Mount<'_>], report: &mut Report) {
    let Some(input) = &lists.own.input else { return };
    if let Some(var) = &input.env_var {
        let entries = lists.entries();
        let mut secrets = entries.iter().flat_map(|(_, entries)| entries.iter());
        let twice = lists.own.env.contains_key(var) || secrets.any(|entry| entry.env_var.as_ref() == Some(var));
        report.require(!twice, &format!("{}.input.env_var", lists.base), rules::INPUT_ENV_UNIQUE);
    }
    if let Some(path) = &input.mount_path {
        let memory = lists.own.memory_volume.then_some(MEMORY_VOLUME_PATH);
        let volumes = lists.own.volumes.iter().map(|volume| volume.mount_path.as_str());
        let mut taken = mounts.iter().map(|mount| mount.path).chain(volumes).chain(memory);
        let apart = taken.all(|other| are_apart(path, other));
        report.require(apart, &format!("{}.input.mount_path", lists.base), rules::INPUT_APART);
    }
}

fn mounts_of<'a>(list: &str, entries: &'a [SecretEntry]) -> Vec<Mount<'a>> {
    let mount = |(index, entry): (usize, &'a SecretEntry)| {
        let path = entry.mount_path.as_deref()?;
        Some(Mount { at: format!("{list}[{index}]"), path, entry })
    };
    entries.iter().enumerate().filter_map(mount).collect()
}

fn check_env(lists: &Lists<'_>, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (list, entries) in lists.entries() {
        let mut own = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let Some(var) = entry.env_var.as_deref() else { continue };
            let field = format!("{list}[{index}].env_var");
            report.require(!seen.contains(var), &field, rules::ENV_UNIQUE_SPEC);
            report.require(own.insert(var), &field, rules::ENV_UNIQUE);
        }
        seen.extend(own);
    }
    let twice = lists.own.env.keys().any(|name| seen.contains(name.as_str()));
    report.require(!twice, &format!("{}.env", lists.base), rules::ENV_UNIQUE_LITERAL);
}

/// Each pair is reported once, at the later entry.
fn check_nested(mounts: &[Mount<'_>], report: &mut Report) {
    let below = |path: &str, other: &str| path.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'));
    for (index, mount) in mounts.iter().enumerate() {
        let mut earlier = mounts.iter().take(index);
        let nested = earlier.any(|other| below(mount.path, other.path) || below(other.path, mount.path));
        report.require(!nested, &format!("{}.mount_path", mount.at), rules::MOUNT_PATH_NESTED);
    }
}

/// Entries at one mount path become one projected volume.
fn check_shared(mounts: &[Mount<'_>], report: &mut Report) {
    let mut by_path: BTreeMap<&str, Vec<&Mount<'_>>> = BTreeMap::new();
    for mount in mounts {
        by_path.entry(mount.path).or_default().push(mount);
    }
    by_path.retain(|_, sharing| sharing.len() > 1);
    for sharing in by_path.values() {
        if sharing.iter().any(|mount| mount.entry.sub_path.is_some()) {
            for mount in sharing.iter().skip(1) {
                report.add(format!("{}.mount_path", mount.at), rules::MOUNT_PATH_SUB_PATH);
            }
        }
        check_files(sharing, report);
    }
    let files: usize = by_path.values().flatten().map(|mount| mount.files().len()).sum();
    report.require(files <= MAX_SHARED_FILES, "spec", rules::FILES_AT_MOST);
}

fn check_files(sharing: &[&Mount<'_>], report: &mut Report) {
    let mut taken = BTreeSet::new();
    for mount in sharing {
        // Equal paths within one entry are that entry's own mistake, reported there.
        let own: BTreeSet<String> = mount.files().into_iter().collect();
        let field = if mount.entry.format.is_some() { "format" } else { "items" };
        report.require(own.is_disjoint(&taken), &format!("{}.{field}", mount.at), rules::FILE_UNIQUE);
        taken.extend(own);
    }
}
