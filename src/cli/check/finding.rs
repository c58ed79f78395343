//! A finding: what is to be mended, and where it stands.

use super::rules::Rule;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// The API server refuses it, or no Pod could start.
    Error,
    /// It is accepted, and probably not what was meant.
    Warning,
    /// Nothing is to be mended.
    Note,
}

impl Severity {
    /// As people and SARIF write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked for.
    pub(super) rule: Rule,
    /// How bad it is.
    pub(super) severity: Severity,
    /// Where it stands in a file; nowhere where it is about something in the cluster.
    pub(super) place: Option<Location>,
    /// The object, as in `Pipeline edges`; empty where it is about a whole file.
    pub(super) object: String,
    /// The field, as in `spec.transform.secrets[0].key`; empty where it is about the whole object.
    pub(super) field: String,
    /// What is wrong, and what to write instead. Never a value of a Secret.
    pub(super) message: String,
}

impl Finding {
    /// Object, field and message in one sentence.
    pub(super) fn sentence(&self) -> String {
        let parts = [self.object.as_str(), &self.field, &self.message];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

/// A place in a file. Lines and columns are counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    /// The file, as it was named.
    pub(super) file: String,
    /// The line.
    pub(super) line: usize,
    /// The column.
    pub(super) column: usize,
    /// Behind the last character of what is meant.
    pub(super) end_column: usize,
    /// What may be shown of that line.
    pub(super) shown: Option<Shown>,
}

/// What may be shown of a line: never what stands beside that which is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown {
    /// The text.
    pub(super) text: String,
    /// How many characters stand in it before that which is meant.
    pub(super) before: usize,
    /// How many characters that has.
    pub(super) width: usize,
}

/// Puts findings in the order of their places, each once; those without a place come last.
pub(super) fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.place.is_none(), finding.place.clone(), finding.severity, finding.rule);
        key(a).cmp(&key(b)).then_with(|| (&a.object, &a.field, &a.message).cmp(&(&b.object, &b.field, &b.message)))
    });
    findings.dedup();
}
