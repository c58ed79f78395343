//! docs/coming-from/direktiv.md names every field that is mapped, and every one that has no counterpart.

use std::collections::BTreeSet;

use super::function::FUNCTION_LOST;
use super::*;
use crate::cli::import::page_tests::{fields_of, missing};

const PAGE: &str = include_str!("../../../../docs/coming-from/direktiv.md");

/// What stands below these are people's own names, or a value of another system.
const WHOLE: [&str; 3] = ["headers", "transform", "value"];

/// Fields of the documents that are no fields of Direktiv's: what is sent to their own actions.
const UNKNOWN: [&str; 21] = [
    "a", "b", "after", "all", "basic", "both", "clock", "deep", "empty", "first", "headers", "method", "n", "open",
    "plain", "script", "several", "syntax", "token", "typo", "whole",
];

#[test]
fn the_page_names_every_field_and_every_type() {
    let mut known: BTreeSet<String> =
        LOST.iter().chain(&STATES).chain(&FUNCTION_LOST).map(|(name, _)| (*name).to_owned()).collect();
    fields_of("direktiv", &WHOLE, &mut known);
    assert!(known.len() > 50, "the documents were not found");
    let missing = missing(PAGE, &known, &UNKNOWN);
    assert!(missing.is_empty(), "docs/coming-from/direktiv.md does not name {missing:?}");
}
