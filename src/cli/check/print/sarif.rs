//! For code scanners: SARIF 2.1.0 (OASIS Standard, 27 March 2020).

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::check::finding::{Finding, Location};
use crate::cli::check::rules::Rule;
use crate::cli::error::Error;
use crate::cli::output;

/// Prints one run with all rules and all findings.
pub(in crate::cli::check) fn sarif(out: &mut impl Write, findings: &[Finding]) -> Result<(), Error> {
    output::json(out, &log(findings))
}

fn log(findings: &[Finding]) -> Value {
    let rules: Vec<Value> =
        Rule::ALL.iter().map(|rule| json!({"id": rule.id(), "shortDescription": {"text": rule.what()}})).collect();
    let driver = json!({"name": "lockgate", "version": env!("CARGO_PKG_VERSION"), "rules": rules});
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    })
}

fn result(finding: &Finding) -> Value {
    let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    let locations: Vec<Value> = finding.place.iter().map(|at| location(at, finding)).collect();
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": index,
        "level": finding.severity.word(),
        "message": {"text": finding.sentence()},
        "locations": locations,
    })
}

fn location(at: &Location, finding: &Finding) -> Value {
    let region = json!({"startLine": at.line, "startColumn": at.column, "endColumn": at.end_column});
    let physical = json!({"artifactLocation": {"uri": uri(&at.file)}, "region": region});
    let name = [finding.object.as_str(), &finding.field].join(" ");
    json!({"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": name.trim()}]})
}

/// A path as a relative reference of a URI, or an absolute one (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            byte => uri.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
    uri
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(uri("deploy/a b%.yaml"), "deploy/a%20b%25.yaml");
        assert_eq!(uri("./ä:b.yaml"), "%C3%A4%3Ab.yaml");
        assert_eq!(uri("/srv/a.yaml"), "file:///srv/a.yaml");
    }
}
