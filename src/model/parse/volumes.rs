//! `volumes` and `memory_volume`: each a mount with a place of its own.

use super::amounts;
use super::report::Report;
use super::secrets::Lists;
use crate::api::pipeline::Quantity;
use crate::api::rules;
use crate::api::volume::{Scratch, VolumeEntry};
use crate::model::names::{self, MountPath, ObjectName, SecretKey};
use crate::model::volume::{MEMORY_VOLUME_PATH, VolumeSource, VolumeUse};

/// Entries of one container.
const MAX_VOLUMES: usize = 32;

/// Parses a container's volumes, and checks their places against each other and the Secrets'.
pub(super) fn parse(lists: &Lists<'_>, report: &mut Report) -> Vec<VolumeUse> {
    let list = format!("{}.volumes", lists.base);
    let entries = &lists.own.volumes;
    report.at_most(entries.len(), MAX_VOLUMES, &list);
    let mut volumes = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        volumes.extend(parse_entry(&format!("{list}[{index}]"), entry, report));
    }
    check_places(lists, &list, report);
    if lists.own.memory_volume {
        let at = format!("{}.memory_volume", lists.base);
        let path = report.keep(at, MountPath::parse(MEMORY_VOLUME_PATH));
        let source = VolumeSource::Scratch { size: None, memory: true };
        volumes.extend(path.map(|path| VolumeUse { path, source }));
    }
    volumes
}

fn parse_entry(at: &str, entry: &VolumeEntry, report: &mut Report) -> Option<VolumeUse> {
    let field = |name: &str| format!("{at}.{name}");
    let given = [entry.claim.is_some(), entry.config_map.is_some(), entry.scratch.is_some()];
    report.require(given.iter().filter(|given| **given).count() == 1, at, rules::VOLUME_ONE_SOURCE);
    let scratch = entry.scratch.is_some();
    report.require(!entry.read_only || !scratch, &field("read_only"), rules::VOLUME_READ_ONLY);
    report.require(!entry.optional || entry.config_map.is_some(), &field("optional"), rules::VOLUME_OPTIONAL);
    if let Some(sub_path) = &entry.sub_path {
        let at = field("sub_path");
        report.require(!scratch, &at, rules::VOLUME_SUB_PATH_SCRATCH);
        report.require(names::item_path(sub_path).is_ok(), &at, rules::VOLUME_SUB_PATH);
        let is_key = entry.config_map.is_none() || SecretKey::parse(sub_path).is_ok();
        report.require(is_key, &at, rules::VOLUME_SUB_PATH_KEY);
    }
    let path = report.keep(field("mount_path"), MountPath::parse(&entry.mount_path));
    let claim = name(&field("claim"), entry.claim.as_ref(), rules::CLAIM_NAME, report);
    let config_map = name(&field("config_map"), entry.config_map.as_ref(), rules::CONFIG_MAP_NAME, report);
    let size = size(&field("scratch.size"), entry.scratch.as_ref(), report);
    let source = match (claim, config_map, &entry.scratch) {
        (Some(name), _, _) => {
            VolumeSource::Claim { name, sub_path: entry.sub_path.clone(), read_only: entry.read_only }
        }
        (_, Some(name), _) => VolumeSource::ConfigMap { name, key: entry.sub_path.clone(), optional: entry.optional },
        (_, _, Some(scratch)) => VolumeSource::Scratch { size, memory: scratch.memory },
        (None, None, None) => return None,
    };
    path.map(|path| VolumeUse { path, source })
}

fn name(field: &str, text: Option<&String>, message: &str, report: &mut Report) -> Option<ObjectName> {
    text.and_then(|text| report.keep(field, ObjectName::parse(text).map_err(|_| message.to_owned())))
}

fn size(field: &str, scratch: Option<&Scratch>, report: &mut Report) -> Option<String> {
    let size = scratch?.size.as_ref()?;
    let is_above_zero = match size {
        Quantity::Number(number) => *number > 0,
        Quantity::Text(text) => {
            let number = text.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
            number.contains(|c| matches!(c, '1'..='9'))
        }
    };
    let parsed = amounts::quantity(size).filter(|_| is_above_zero);
    report.require(parsed.is_some(), field, rules::VOLUME_SIZE);
    parsed
}

/// No volume at, below or above another mount. Each is reported once.
fn check_places(lists: &Lists<'_>, list: &str, report: &mut Report) {
    let of_secrets = lists.entries().into_iter().flat_map(|(_, entries)| entries);
    let secrets: Vec<&str> = of_secrets.filter_map(|entry| entry.mount_path.as_deref()).collect();
    let volumes: Vec<&str> = lists.own.volumes.iter().map(|entry| entry.mount_path.as_str()).collect();
    for (index, path) in volumes.iter().enumerate() {
        let mut others = secrets.iter().chain(volumes.iter().take(index));
        let apart = others.all(|other| are_apart(path, other));
        report.require(apart, &format!("{list}[{index}].mount_path"), rules::VOLUMES_APART);
    }
    if lists.own.memory_volume {
        let mut others = secrets.iter().chain(&volumes);
        let apart = others.all(|other| are_apart(MEMORY_VOLUME_PATH, other));
        report.require(apart, &format!("{}.memory_volume", lists.base), rules::MEMORY_VOLUME_APART);
    }
}

/// Whether neither path is the other, nor lies below it.
pub(super) fn are_apart(a: &str, b: &str) -> bool {
    let (a, b) = (format!("{a}/"), format!("{b}/"));
    !a.starts_with(&b) && !b.starts_with(&a)
}
