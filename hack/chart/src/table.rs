//! The table of values in the chart's README.

use std::fmt::Write as _;

use serde_json::Value;

use crate::values::Entry;

/// Between these lines the README is ours.
const BEGIN: &str = "<!-- values: written by `make generate` from the comments in values.yaml -->\n";
const END: &str = "<!-- end of values -->\n";

/// The README with a fresh table.
pub(crate) fn renew(readme: &str, entries: &[Entry]) -> Result<String, String> {
    let missing = |what: &str| format!("README.md has no line {}", what.trim_end());
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| missing(END))?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table(entries)))
}

fn table(entries: &[Entry]) -> String {
    let mut text = String::from("| value | default | what it is |\n| --- | --- | --- |\n");
    for entry in entries.iter().filter(|entry| !entry.description.is_empty()) {
        let default = match &entry.default {
            _ if entry.is_group => String::new(),
            Value::Null => String::new(),
            Value::String(empty) if empty.is_empty() => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let mut what = entry.description.replace('|', "\\|");
        if let Some(Value::Array(words)) = entry.schema.get("enum") {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).filter(|word| !word.is_empty()).collect();
            let _ = write!(what, " One of `{}`.", words.join("`, `"));
        }
        let _ = writeln!(text, "| `{}` | {default} | {what} |", entry.path.join("."));
    }
    text
}
