//! For people: `file:line:column`, what is wrong, and the line with a mark under what is meant.

use std::io::{self, Write};

use crate::cli::check::Checked;
use crate::cli::check::finding::Finding;
use crate::cli::output::printable;

/// Prints the findings, or that there are none.
pub(in crate::cli::check) fn text(out: &mut impl Write, findings: &[Finding], checked: Checked) -> io::Result<()> {
    for finding in findings {
        let place = finding.place.as_ref().map(|at| format!("{}:{}:{}: ", printable(&at.file), at.line, at.column));
        let place = place.unwrap_or_default();
        let sentence = finding.sentence();
        let (severity, rule) = (finding.severity.word(), finding.rule.id());
        writeln!(out, "{place}{severity}: {} [{rule}]", printable(&sentence))?;
        if let Some((at, shown)) = finding.place.as_ref().and_then(|at| Some((at, at.shown.as_ref()?))) {
            let margin = at.line.to_string();
            writeln!(out, "  {margin} | {}", shown.text)?;
            let mark = "^".repeat(shown.width);
            writeln!(out, "  {:margin$} | {:before$}{mark}", "", "", margin = margin.len(), before = shown.before)?;
        }
    }
    if findings.is_empty() {
        let Checked { pipelines, registries } = checked;
        let count = |number, one, more| format!("{number} {}", if number == 1 { one } else { more });
        let mut counts = vec![count(pipelines, "Pipeline", "Pipelines")];
        if registries > 0 {
            counts.push(count(registries, "Registry", "Registries"));
            counts.retain(|count| !count.starts_with("0 "));
        }
        writeln!(out, "{} checked, nothing found", counts.join(" and "))?;
    }
    Ok(())
}
