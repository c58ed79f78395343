//! Why a text cannot be read.

use granit_parser::{ErrorKind, ScanError};
use thiserror::Error;

use super::narrow::TAB;
use super::node::Place;
use super::split::Part;

/// Where a text cannot be read, and why. It holds nothing of the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {}, column {}: {why}", place.line, place.column)]
pub struct ReadError {
    /// Where.
    pub place: Place,
    /// Why, and what to write instead.
    pub why: String,
}

impl ReadError {
    /// An error at a place.
    pub(super) fn at(place: Place, why: impl Into<String>) -> Self {
        Self { place, why: why.into() }
    }

    /// What the scanner found in a part.
    pub(super) fn scan(error: &ScanError, part: &Part<'_>) -> Self {
        let place = Place::of(error.marker(), part);
        if why(error.kind()) != TAB {
            return Self::at(place, why(error.kind()));
        }
        // The scanner names the value that the line would go on with.
        let lines = part.text.split('\n').enumerate().skip(error.marker().line().saturating_sub(1));
        let tab = lines.filter_map(|(index, line)| {
            let column = line.chars().take_while(|c| matches!(c, ' ' | '-' | '?')).count();
            line.chars().nth(column).filter(|c| *c == '\t')?;
            Some(Place { line: index + part.first_line, column: column + 1 })
        });
        Self::at(tab.min().unwrap_or(place), TAB)
    }
}

/// The scanner's words, or better ones where a mistake is common.
fn why(kind: &ErrorKind) -> String {
    let known = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::InvalidMappingValueWhitespace => TAB,
        ErrorKind::UnknownAnchor => "no anchor of this name stands before this alias: write &NAME at what is meant",
        ErrorKind::UndeclaredTagHandle => "this tag is not known: leave it out",
        ErrorKind::DirectiveDisallowed => "kubectl reads no directives: leave the line out that begins with %",
        ErrorKind::MappingValueNotAllowed => {
            "a second `: ` cannot stand in this value: put the value between quotes, or indent the line as its neighbours"
        }
        ErrorKind::UnclosedQuotedScalar => "this quote is not closed",
        ErrorKind::RecursionLimitExceeded => "this is nested too deeply",
        // It would be shown.
        ErrorKind::UnexpectedCharacter { .. } => "this character cannot begin a value: put the value between quotes",
        kind => return kind.to_string(),
    };
    known.into()
}
