//! For GitHub Actions: workflow commands, each of which becomes an annotation.

use std::io::{self, Write};

use crate::cli::check::finding::{Finding, Severity};

/// Prints a command for each finding.
pub(in crate::cli::check) fn github(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        let mut properties = Vec::new();
        if let Some(at) = &finding.place {
            properties.push(format!("file={}", property(&at.file)));
            properties.push(format!("line={},col={},endColumn={}", at.line, at.column, at.end_column));
        }
        properties.push(format!("title={}", finding.rule.id()));
        let message = data(&finding.sentence());
        let command = if finding.severity == Severity::Note { "notice" } else { finding.severity.word() };
        writeln!(out, "::{command} {}::{message}", properties.join(","))?;
    }
    Ok(())
}

/// What stands behind `::`, as the runner's toolkit escapes it (`packages/core/src/command.ts`).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50%\r\nof a, b: c"), "50%25%0D%0Aof a, b: c");
        assert_eq!(property("C:\\a,b%\n"), "C%3A\\a%2Cb%25%0A");
    }
}
