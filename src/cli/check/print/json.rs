//! For programs: one object, whose fields stay as they are.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::check::Checked;
use crate::cli::check::finding::Finding;
use crate::cli::error::Error;
use crate::cli::output;

/// Prints how many objects were checked and what was found.
pub(in crate::cli::check) fn json(out: &mut impl Write, findings: &[Finding], checked: Checked) -> Result<(), Error> {
    let rows: Vec<Value> = findings.iter().map(row).collect();
    output::json(out, &json!({"pipelines": checked.pipelines, "registries": checked.registries, "findings": rows}))
}

fn row(finding: &Finding) -> Value {
    let place = finding.place.as_ref();
    json!({
        "rule": finding.rule.id(),
        "severity": finding.severity.word(),
        "file": place.map(|place| &place.file),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "object": finding.object,
        "field": finding.field,
        "message": finding.message,
    })
}
