//! docs/coming-from/direktiv.md names every field that is mapped, and every one that has no counterpart.

use std::collections::BTreeSet;
use std::path::Path;

use super::function::FUNCTION_LOST;
use super::*;
use crate::cli::manifest;

const PAGE: &str = include_str!("../../../../docs/coming-from/direktiv.md");

/// What stands below these are people's own names, or a value of another system.
const WHOLE: [&str; 3] = ["headers", "transform", "value"];

/// Fields of the documents that are no fields of Direktiv's: what is sent to their own actions.
const UNKNOWN: [&str; 21] = [
    "a", "b", "after", "all", "basic", "both", "clock", "deep", "empty", "first", "headers", "method", "n", "open",
    "plain", "script", "several", "syntax", "token", "typo", "whole",
];

/// The words between backticks.
fn words() -> BTreeSet<&'static str> {
    let spans = PAGE.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.flat_map(|span| span.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')).collect()
}

fn fields(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, field) in object {
                found.insert(name.clone());
                if !WHOLE.contains(&name.as_str()) {
                    fields(field, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        _ => {}
    }
}

#[test]
fn the_page_names_every_field_and_every_type() {
    let mut known: BTreeSet<String> =
        LOST.iter().chain(&STATES).chain(&FUNCTION_LOST).map(|(name, _)| (*name).to_owned()).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/direktiv");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for path in files {
        let documents = manifest::read(&std::fs::read_to_string(path).unwrap()).unwrap_or_default();
        for document in &documents {
            fields(document, &mut known);
        }
    }
    assert!(known.len() > 50, "the documents were not found");
    let words = words();
    let missing: Vec<_> =
        known.iter().filter(|name| !words.contains(name.as_str()) && !UNKNOWN.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "docs/coming-from/direktiv.md does not name {missing:?}");
}
