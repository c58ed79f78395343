//! docs/coming-from/dataos.md names every field that is mapped, and every one that has no counterpart.

use std::collections::BTreeSet;
use std::path::Path;

use super::work::{CONTAINER_LOST, SERVING_LOST};
use super::*;
use crate::cli::manifest;

const PAGE: &str = include_str!("../../../../docs/coming-from/dataos.md");

/// What stands below these are people's own names, or is left out as a whole.
const WHOLE: [&str; 15] = [
    "envs",
    "configs",
    "data",
    "files",
    "environmentVars",
    "topology",
    "ingress",
    "policy",
    "volume",
    "cluster",
    "postgresql",
    "stackSpecValueSchema",
    "dependencyConditions",
    "inputs",
    "job",
];

/// Fields of the documents that are no field of DataOS, or of a stack's own.
const UNKNOWN: [&str; 11] =
    ["surprise", "stage", "inputs", "job", "warehouse", "initialState", "postgresql", "mode", "level", "cpu", "memory"];

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
    let mut known: BTreeSet<String> = READ.iter().map(ToString::to_string).collect();
    known.extend(ELSEWHERE.iter().chain(&CONTAINER_LOST).chain(&SERVING_LOST).map(|(name, _)| (*name).to_owned()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/dataos");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for path in files {
        let documents = manifest::read(&std::fs::read_to_string(path).unwrap()).unwrap_or_default();
        for document in &documents {
            fields(document, &mut known);
        }
    }
    assert!(known.len() > 60, "the documents were not found");
    let words = words();
    let missing: Vec<_> =
        known.iter().filter(|name| !words.contains(name.as_str()) && !UNKNOWN.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "docs/coming-from/dataos.md does not name {missing:?}");
}

#[test]
fn variables_of_dataos_ctl_are_found() {
    for (text, found) in [
        ("$HOME", true),
        ("a ${B}", true),
        ("{{ x }}", true),
        ("$_x", true),
        ("$(A)", false),
        ("$1", false),
        ("5$", false),
        ("{x}", false),
        ("", false),
        ("$$", false),
    ] {
        assert_eq!(is_interpolated(text), found, "{text}");
    }
}
