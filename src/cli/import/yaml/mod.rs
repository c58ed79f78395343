//! Objects as YAML with comments, in the order in which people write them.
//!
//! serde-saphyr writes comments only where a type declares them, and theirs stand where the object says. Quoting is for readers of YAML
//! 1.1, as kubectl is one: what could be anything else than a text there is quoted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::draft::Draft;
use super::finding::child;
use crate::cli::output::printable;

/// Fields that stand before others, in this order; the others follow by name.
const ORDER: [&str; 52] = [
    "apiVersion",
    "kind",
    "name",
    "namespace",
    "env_var",
    "env_prefix",
    "key",
    "as",
    "path",
    "mode",
    "parallelism",
    "needs",
    "transform",
    "steps",
    "image",
    "cmd",
    "args",
    "stdin",
    "env",
    "secrets",
    "image_pull_secrets",
    "input",
    "volumes",
    "claim",
    "config_map",
    "scratch",
    "mount_path",
    "format",
    "items",
    "sub_path",
    "working_dir",
    "user",
    "group",
    "fs_group",
    "ports",
    "readiness_probe",
    "liveness_probe",
    "max_surge",
    "max_unavailable",
    "retries",
    "timeout",
    "resource_requests",
    "resource_limits",
    "image_pull_policy",
    "service_account_name",
    "scheduling_spec",
    "tolerations",
    "on_missing_secret",
    "security",
    "suspend",
    "metadata",
    "spec",
];

/// Lines longer than this are broken: lists become blocks, comments several lines.
const WIDTH: usize = 110;

/// One document, without the `---` between documents.
#[must_use]
pub fn write(draft: &Draft) -> String {
    let mut writer = Writer { lines: Vec::new(), comments: &draft.comments };
    writer.comments("", 0);
    match &draft.object {
        Value::Object(fields) if !fields.is_empty() => writer.fields(fields, "", 0),
        other => writer.line(0, flow(other)),
    }
    writer.lines.concat()
}

struct Writer<'a> {
    lines: Vec<String>,
    comments: &'a BTreeMap<String, Vec<String>>,
}

impl Writer<'_> {
    fn line(&mut self, indent: usize, text: impl AsRef<str>) {
        self.lines.push(format!("{}{}\n", " ".repeat(indent), text.as_ref()));
    }

    fn comments(&mut self, pointer: &str, indent: usize) {
        for comment in self.comments.get(pointer).into_iter().flatten() {
            for line in wrapped(&printable(comment), WIDTH.saturating_sub(indent)) {
                self.line(indent, format!("# {line}"));
            }
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>, pointer: &str, indent: usize) {
        for (name, value) in sorted(fields) {
            let at = child(pointer, name);
            self.comments(&at, indent);
            self.value(&scalar_text(name, true), value, &at, indent, indent);
        }
    }

    /// A value behind its name, or behind nothing as an element of a list; lists stand as deep as their name.
    fn value(&mut self, name: &str, value: &Value, pointer: &str, indent: usize, list_indent: usize) {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                self.line(indent, format!("{name}:"));
                self.fields(inner, pointer, indent.saturating_add(2));
            }
            Value::Array(items) if !self.fits(name, value, pointer, indent) => {
                self.line(indent, format!("{name}:"));
                for (index, item) in items.iter().enumerate() {
                    self.item(item, &child(pointer, index), list_indent);
                }
            }
            Value::String(text) if is_block(text) => {
                let chomp = if text.ends_with('\n') { "|" } else { "|-" };
                self.line(indent, format!("{name}: {chomp}"));
                self.block(text, indent.saturating_add(2));
            }
            scalar => self.line(indent, format!("{name}: {}", flow(scalar))),
        }
    }

    fn item(&mut self, item: &Value, pointer: &str, indent: usize) {
        self.comments(pointer, indent);
        match item {
            Value::Object(fields) if !fields.is_empty() => {
                let begin = self.lines.len();
                self.fields(fields, pointer, indent.saturating_add(2));
                // The dash stands before the first field, below that field's comments.
                let is_field = |line: &&mut String| !line.trim_start().starts_with("# ");
                if let Some(first) = self.lines.iter_mut().skip(begin).find(is_field) {
                    *first = format!("{}- {}", " ".repeat(indent), first.trim_start());
                }
            }
            Value::String(text) if is_block(text) => {
                let chomp = if text.ends_with('\n') { "|" } else { "|-" };
                self.line(indent, format!("- {chomp}"));
                self.block(text, indent.saturating_add(2));
            }
            other => self.line(indent, format!("- {}", flow(other))),
        }
    }

    fn block(&mut self, text: &str, indent: usize) {
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            let indent = if line.is_empty() { 0 } else { indent };
            self.line(indent, line);
        }
    }

    /// Whether a list can stand behind its name.
    fn fits(&self, name: &str, value: &Value, pointer: &str, indent: usize) -> bool {
        let Value::Array(items) = value else { return false };
        let is_inner = |item: &Value| item.is_object() || item.is_array() || item.as_str().is_some_and(is_block);
        let has_comments = self
            .comments
            .range(format!("{pointer}/")..)
            .next()
            .is_some_and(|(at, _)| at.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/')));
        items.is_empty()
            || !items.iter().any(is_inner)
                && !has_comments
                && indent.saturating_add(name.len()).saturating_add(flow(value).chars().count()) < WIDTH
    }
}

/// The fields in the order of people.
fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| rank(name));
    sorted
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar_text(text, false),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(in_flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = sorted(fields)
                .into_iter()
                .map(|(name, value)| format!("{}: {}", quoted(name), in_flow(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn in_flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar_text(text, true),
        other => flow(other),
    }
}

/// A text, quoted where it could be read as something else. `narrow`: in a flow list, or as a key.
fn scalar_text(text: &str, narrow: bool) -> String {
    if is_plain(text, narrow) { text.to_owned() } else { quoted(text) }
}

fn is_plain(text: &str, narrow: bool) -> bool {
    /// What YAML 1.1 reads as a switch, as nothing or as a number.
    const WORDS: [&str; 14] =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity", "nil", "none"];
    // A flag, as in `-c` or `--port`.
    let word = text.strip_prefix("--").or_else(|| text.strip_prefix('-')).unwrap_or(text);
    // In `-_0` the sign is a number's: of underscores YAML 1.1 takes no notice there.
    let starts_well = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_' && word == text);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-' | '+' | '@' | '=');
    let wide = |c: char| !narrow && matches!(c, ':' | ' ' | ',' | '$' | '(' | ')');
    if is_amount(text) {
        return true;
    }
    starts_well
        && text.chars().all(|c| known(c) || wide(c))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !WORDS.contains(&word.to_ascii_lowercase().as_str())
}

/// An amount or a duration, as in `500m`, `64Mi` or `1h30m`: it begins like a number and cannot be one.
fn is_amount(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, 'h' | 'm' | 's' | 'k' | 'K' | 'M' | 'G' | 'T' | 'P' | 'i'))
}

/// A text in double quotes; what is not printable is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if !is_printable(c) => quoted.push_str(&escaped(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A character by its number.
fn escaped(c: char) -> String {
    match u32::from(c) {
        number @ ..=0xff => format!("\\x{number:02X}"),
        number @ ..=0xffff => format!("\\u{number:04X}"),
        number => format!("\\U{number:08X}"),
    }
}

/// What may stand in YAML as it is and does nothing to a terminal.
fn is_printable(c: char) -> bool {
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    let is_text = matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}');
    is_text && !breaks && printable(c.encode_utf8(&mut [0; 4])) == c.to_string()
}

/// Whether a text of several lines can stand as it is, behind a `|`.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && !body.ends_with('\n')
        && body.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        // A line of blanks alone would lose them to an editor.
        && body.lines().all(|line| line.is_empty() || !line.trim().is_empty())
}

/// The words in lines of at most this width, or of one word.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count().saturating_add(word.chars().count()) < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
