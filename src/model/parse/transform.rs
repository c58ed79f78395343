//! The container: image, command, literal variables, user; and the fields that we refuse with a reason.

use std::collections::{BTreeMap, BTreeSet};

use super::amounts;
use super::report::Report;
use crate::api::rules;
use crate::api::transform::Transform;
use crate::model::image::Image;
use crate::model::names::EnvVarName;

/// A transform's own fields, without its Secrets.
pub(super) struct Container {
    pub(super) image: String,
    pub(super) command: Vec<String>,
    pub(super) args: Vec<String>,
    pub(super) stdin: Option<String>,
    pub(super) accepted_codes: BTreeSet<i32>,
    pub(super) env: BTreeMap<EnvVarName, String>,
    pub(super) working_dir: Option<String>,
    pub(super) user: Option<i64>,
    pub(super) group: Option<i64>,
    pub(super) fs_group: Option<i64>,
}

/// The longest argument or value: Linux's `MAX_ARG_STRLEN`.
const MAX_TEXT: usize = 131_072;

/// Lines of `stdin`.
const MAX_LINES: usize = 8192;
/// Bytes of `stdin`, together with the template of an input: the annotations of a Pod have 256 KiB in all (`TotalAnnotationSizeLimitB`), and ours and the
/// user's need some of them.
pub(super) const MAX_STDIN: usize = 204_800;

/// Parses the container's fields.
///
/// `base` is where they stand, as in `spec.transform`.
pub(super) fn parse(base: &str, transform: &Transform, report: &mut Report) -> Container {
    let at = |field: &str| format!("{base}.{field}");
    report.length(&transform.image, 1, 512, &at("image"));
    report.keep(at("image"), Image::parse(&transform.image).map_err(Into::into));
    for (field, texts) in [("cmd", &transform.cmd), ("args", &transform.args)] {
        report.at_most(texts.len(), 1024, &at(field));
        for (index, text) in texts.iter().enumerate() {
            report.length(text, 0, MAX_TEXT, &at(&format!("{field}[{index}]")));
        }
    }
    if let Some(directory) = &transform.working_dir {
        report.length(directory, 1, 4096, &at("working_dir"));
    }
    let stdin = stdin(&at("stdin"), transform, report);
    let accepted_codes = accepted_codes(&at("accept_return_code"), transform, report);
    let env = env(&at("env"), transform, report);
    refuse(base, transform, report);

    let mut id = |field: &str, text: Option<&String>, message: &str| {
        let parsed = text.map(|text| amounts::numeric_id(text));
        report.require(parsed != Some(None), &at(field), message);
        parsed.flatten()
    };
    let user = id("user", transform.user.as_ref(), rules::USER);
    let group = id("group", transform.group.as_ref(), rules::GROUP);
    let fs_group = id("fs_group", transform.fs_group.as_ref(), rules::GROUP);
    Container {
        image: transform.image.clone(),
        command: transform.cmd.clone(),
        args: transform.args.clone(),
        stdin,
        accepted_codes,
        env,
        working_dir: transform.working_dir.clone(),
        user,
        group,
        // A file of mode 0400 that belongs to root can be read by its group only where it is the user's.
        fs_group: fs_group.or(user),
    }
}

/// The whole text, as Pachyderm feeds it: a newline after each line, the last one too.
fn stdin(field: &str, transform: &Transform, report: &mut Report) -> Option<String> {
    let lines = &transform.stdin;
    if lines.is_empty() {
        return None;
    }
    report.at_most(lines.len(), MAX_LINES, field);
    for (index, line) in lines.iter().enumerate() {
        report.length(line, 0, MAX_STDIN, &format!("{field}[{index}]"));
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    report.require(text.len() <= MAX_STDIN, field, rules::STDIN_SIZE);
    report.require(!transform.cmd.is_empty(), field, rules::STDIN_NEEDS_CMD);
    Some(text)
}

fn accepted_codes(field: &str, transform: &Transform, report: &mut Report) -> BTreeSet<i32> {
    report.at_most(transform.accept_return_code.len(), 256, field);
    let mut codes = BTreeSet::new();
    for (index, code) in transform.accept_return_code.iter().enumerate() {
        match u8::try_from(*code) {
            Ok(code) => codes.extend([i32::from(code)]),
            Err(_) => report.add(format!("{field}[{index}]"), "should be from 0 to 255: no program ends with another"),
        }
    }
    codes
}

fn env(field: &str, transform: &Transform, report: &mut Report) -> BTreeMap<EnvVarName, String> {
    report.at_most(transform.env.len(), 128, field);
    let mut env = BTreeMap::new();
    for (name, value) in &transform.env {
        report.length(value, 0, MAX_TEXT, &format!("{field}.{name}"));
        if let Some(name) = report.keep(field, EnvVarName::parse(name)) {
            env.insert(name, value.clone());
        }
    }
    env
}

/// Pachyderm's fields that we do not do. Empty ones are what Pachyderm itself writes, and mean nothing.
fn refuse(base: &str, transform: &Transform, report: &mut Report) {
    let mut refuse = |present: bool, field: &str, message: &str| {
        report.require(!present, &format!("{base}.{field}"), message);
    };
    refuse(!transform.err_cmd.is_empty(), "err_cmd", rules::NO_ERR_CMD);
    refuse(!transform.err_stdin.is_empty(), "err_stdin", rules::NO_ERR_STDIN);
    refuse(transform.debug, "debug", rules::NO_DEBUG);
    refuse(transform.dockerfile.as_deref().is_some_and(|text| !text.is_empty()), "dockerfile", rules::NO_DOCKERFILE);
    refuse(transform.datum_batching, "datum_batching", rules::NO_DATUM_BATCHING);
}
