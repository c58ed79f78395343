//! What may be shown of a file: the key that is meant and, where that is harmless, its value.

use super::files::File;
use super::finding::{Location, Shown};
use crate::cli::manifest::{Found, Place};
use crate::cli::output::printable;
use crate::model::literals;

/// What of a field is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// Its key; its value is not shown.
    Key,
    /// Its value.
    Value,
}

/// Fields whose values people write credentials into.
const OPEN: [&str; 7] = [".env.", ".cmd", ".args", ".stdin", ".err_cmd", ".err_stdin", ".annotations."];
/// The longest value that is shown.
const MAX_SHOWN: usize = 120;

/// Where a field stands. A field that is not there stands where the last part of its path stands that is.
pub(super) fn locate(file: &File, found: Found<'_>, path: &str, focus: Focus) -> Location {
    // An item of a list is told by its first key.
    let key = found.field.or_else(|| found.node.fields().first());
    let (begin, end) = key.map_or((found.node.place, found.node.end), |field| (field.place, field.end));
    let value = (found.node.place, found.node.end);
    let line = file.text.split('\n').nth(begin.line.saturating_sub(1)).unwrap_or_default().trim_end_matches('\r');
    let in_line = !found.node.has_parts() && value.0.line == begin.line && value.1.line == begin.line;
    let harmless = focus == Focus::Value
        && found.whole
        && !OPEN.iter().any(|open| path.contains(open))
        && value.1.column.saturating_sub(begin.column) <= MAX_SHOWN
        && literals::form_of(line).is_none();
    let (meant, until) = match (in_line && harmless, key) {
        (true, _) => (value, value.1),
        (false, Some(_)) => ((begin, end), end),
        (false, None) => ((begin, Place { column: begin.column + 1, ..begin }), begin),
    };
    let (column, end_column) = (meant.0.column, meant.1.column.max(meant.0.column + 1));
    let shown = show(line, begin.column, until.column, column..end_column);
    Location { file: file.name.clone(), line: begin.line, column, end_column, shown: Some(shown) }
}

/// A line without what stands beside the part from one column to another.
fn show(line: &str, from: usize, until: usize, meant: std::ops::Range<usize>) -> Shown {
    let characters: Vec<char> = line.chars().collect();
    let slice = |from: usize, until: usize| -> String {
        let taken = characters.iter().skip(from.saturating_sub(1)).take(until.saturating_sub(from.max(1)));
        taken.map(|c| if *c == '\t' { ' ' } else { *c }).collect()
    };
    let before = slice(1, from);
    let indents = before.chars().all(|c| matches!(c, ' ' | '-' | '?'));
    let before = if indents { before } else { "… ".to_owned() };
    let part = slice(from, until);
    let after = slice(until, characters.len() + 1);
    let after = match after.trim() {
        "" => "",
        ":" => ":",
        _ if after.starts_with(':') => ": …",
        _ => " …",
    };
    let lead = printable(&slice(from, meant.start)).chars().count();
    let width = printable(&slice(meant.start, meant.end)).chars().count().max(1);
    let before_meant = before.chars().count() + lead;
    Shown { text: format!("{before}{}{after}", printable(&part)), before: before_meant, width }
}
