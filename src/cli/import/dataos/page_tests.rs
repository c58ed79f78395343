//! docs/coming-from/dataos.md names every field that is mapped, and every one that has no counterpart.

use std::collections::BTreeSet;

use super::work::{CONTAINER_LOST, SERVING_LOST};
use super::*;
use crate::cli::import::page_tests::{fields_of, missing};

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

#[test]
fn the_page_names_every_field_and_every_type() {
    let mut known: BTreeSet<String> = READ.iter().map(ToString::to_string).collect();
    known.extend(ELSEWHERE.iter().chain(&CONTAINER_LOST).chain(&SERVING_LOST).map(|(name, _)| (*name).to_owned()));
    fields_of("dataos", &WHOLE, &mut known);
    assert!(known.len() > 60, "the documents were not found");
    let missing = missing(PAGE, &known, &UNKNOWN);
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
