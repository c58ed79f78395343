//! The places where Secrets are named: entries and pull secrets become [`SecretUse`]s.

use std::collections::BTreeSet;

use super::report::Report;
use crate::api::amend::{MAX_STEP_ENTRIES, MAX_STEP_ITEMS};
use crate::api::pipeline::PipelineSpec;
use crate::api::rules;
use crate::api::transform::{Format, Item, SecretEntry, Transform};
use crate::model::names::{self, EnvVarName, MountPath, SecretKey, SecretName};
use crate::model::work::{FileItem, Files, SecretUse, Usage};

const MAX_PULL_SECRETS: usize = 32;

/// The bounds of a list of entries.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    entries: usize,
    items: usize,
}

/// Those of a transform and of the spec.
pub(super) const OF_A_TRANSFORM: Bounds = Bounds { entries: 64, items: 64 };
/// Those of a step.
pub(super) const OF_A_STEP: Bounds = Bounds { entries: MAX_STEP_ENTRIES, items: MAX_STEP_ITEMS };

/// A container's own lists and the spec's, with the places where they stand.
pub(super) struct Lists<'a> {
    /// Where the container stands, as in `spec.transform`.
    pub(super) base: &'a str,
    /// The container.
    pub(super) own: &'a Transform,
    /// The bounds of its own entries.
    pub(super) bounds: Bounds,
    /// The spec, whose lists are given to every container.
    pub(super) spec: &'a PipelineSpec,
}

impl<'a> Lists<'a> {
    /// Where entries stand, and the entries.
    pub(super) fn entries(&self) -> [(String, &'a [SecretEntry]); 2] {
        [(format!("{}.secrets", self.base), &self.own.secrets), ("spec.secrets".to_owned(), &self.spec.secrets)]
    }

    fn pull_secrets(&self) -> [(String, &'a [String]); 2] {
        [
            (format!("{}.image_pull_secrets", self.base), &self.own.image_pull_secrets),
            ("spec.image_pull_secrets".to_owned(), &self.spec.image_pull_secrets),
        ]
    }
}

/// Every use, in the order that `Step::uses` promises.
pub(super) fn parse(lists: &Lists<'_>, report: &mut Report) -> Vec<SecretUse> {
    let mut uses = Vec::new();
    for ((list, entries), bounds) in lists.entries().into_iter().zip([lists.bounds, OF_A_TRANSFORM]) {
        report.at_most(entries.len(), bounds.entries, &list);
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("{list}[{index}]");
            report.at_most(entry.items.len(), bounds.items, &format!("{at}.items"));
            parse_entry(&at, entry, report, &mut uses);
        }
    }
    let mut seen = BTreeSet::new();
    for (field, pull_secrets) in lists.pull_secrets() {
        report.at_most(pull_secrets.len(), MAX_PULL_SECRETS, &field);
        for (index, name) in pull_secrets.iter().enumerate() {
            match SecretName::parse(name) {
                Ok(secret) if seen.insert(secret.clone()) => {
                    uses.push(SecretUse { secret, optional: false, usage: Usage::ImagePull });
                }
                Ok(_) => {}
                Err(_) => report.add(format!("{field}[{index}]"), rules::PULL_SECRET_NAME),
            }
        }
    }
    uses
}

fn parse_entry(at: &str, entry: &SecretEntry, report: &mut Report, uses: &mut Vec<SecretUse>) {
    let field = |name: &str| format!("{at}.{name}");
    check_form(at, entry, report);
    let secret = report.keep(field("name"), SecretName::parse(&entry.name));
    let var = entry.env_var.as_deref().and_then(|var| report.keep(field("env_var"), EnvVarName::parse(var)));
    let key = entry.key.as_deref().and_then(|key| report.keep(field("key"), SecretKey::parse(key)));
    let prefix = entry
        .env_prefix
        .as_deref()
        .and_then(|prefix| report.keep(field("env_prefix"), names::env_prefix(prefix).map(|()| prefix.to_owned())));
    let files = parse_items(at, &entry.items, report);
    let files = if entry.format == Some(Format::Properties) { Files::Properties } else { files };
    let path = entry.mount_path.as_deref().and_then(|path| report.keep(field("mount_path"), MountPath::parse(path)));

    let Some(secret) = secret else { return };
    let env = var.zip(key).map(|(var, key)| Usage::Env { var, key });
    let env_prefix = prefix.map(|prefix| Usage::EnvPrefix { prefix });
    let mount = path.map(|path| Usage::Mount { path, files, sub_path: entry.sub_path.clone() });
    let usages = [env, env_prefix, mount].into_iter().flatten();
    uses.extend(usages.map(|usage| SecretUse { secret: secret.clone(), optional: entry.optional, usage }));
}

/// The rules between the fields of one entry.
fn check_form(at: &str, entry: &SecretEntry, report: &mut Report) {
    let (env_var, key) = (entry.env_var.is_some(), entry.key.is_some());
    let mount = entry.mount_path.is_some();
    let key_field = format!("{at}.key");
    report.require(!env_var || key, &key_field, rules::ENV_VAR_NEEDS_KEY);
    report.require(!key || env_var, &key_field, rules::KEY_NEEDS_ENV_VAR);
    report.require(env_var || mount || entry.env_prefix.is_some(), at, rules::ENTRY_NEEDS_USE);
    report.require(mount || entry.items.is_empty(), &format!("{at}.items"), rules::ITEMS_NEED_MOUNT_PATH);
    let alone = mount && entry.items.is_empty() && entry.sub_path.is_none() && !entry.optional;
    report.require(alone || entry.format.is_none(), &format!("{at}.format"), rules::FORMAT_ALONE);
    let Some(sub_path) = entry.sub_path.as_deref() else {
        return;
    };
    let field = format!("{at}.sub_path");
    report.length(sub_path, 1, 255, &field);
    report.require(mount, &field, rules::SUB_PATH_NEEDS_MOUNT_PATH);
    if entry.items.is_empty() {
        report.require(SecretKey::parse(sub_path).is_ok(), &field, rules::SUB_PATH_IS_A_KEY);
    } else {
        let named = entry.items.iter().any(|item| item.path == sub_path);
        report.require(named, &field, rules::SUB_PATH_IS_AN_ITEM);
    }
}

fn parse_items(at: &str, items: &[Item], report: &mut Report) -> Files {
    let mut files = Vec::new();
    let mut paths = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let field = |name: &str| format!("{at}.items[{index}].{name}");
        let key = report.keep(field("key"), SecretKey::parse(&item.key));
        report.keep(field("path"), names::item_path(&item.path));
        report.require(paths.insert(&item.path), &field("path"), rules::ITEM_PATH_UNIQUE);
        if item.mode.is_some_and(|mode| !(0..=0o777).contains(&mode)) {
            report.add(field("mode"), "should be from 0 to 511 (octal 0777)");
        }
        files.extend(key.map(|key| FileItem { key, path: item.path.clone(), mode: item.mode }));
    }
    if items.is_empty() { Files::All } else { Files::Items(files) }
}
