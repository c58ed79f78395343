//! A text's documents, as `YAMLOrJSONDecoder` of `k8s.io/apimachinery/pkg/util/yaml` 0.36 splits them.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

use super::error::ReadError;
use super::node::{self, Place};

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Yaml,
    Json,
}

/// One document's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    /// The line of the whole text with which it begins, from 1.
    pub(super) first_line: usize,
    /// What stands before it in that line, in characters.
    pub(super) indent: usize,
    pub(super) form: Form,
}

/// Goes through a text, and counts.
struct Cursor<'a> {
    whole: &'a str,
    at: usize,
    line: usize,
    /// Characters of the line before `at`.
    column: usize,
}

impl<'a> Cursor<'a> {
    fn new(whole: &'a str, at: usize) -> Self {
        let mut cursor = Self { whole, at: 0, line: 1, column: 0 };
        cursor.pass(at);
        cursor
    }

    /// What stands before `to`, which is the next place.
    fn pass(&mut self, to: usize) -> &'a str {
        let passed = self.whole.get(self.at..to).unwrap_or_default();
        self.at = to;
        self.line += lines(passed);
        match passed.rsplit_once('\n') {
            Some((_, rest)) => self.column = rest.chars().count(),
            None => self.column += passed.chars().count(),
        }
        passed
    }

    /// The part before `to`.
    fn part(&mut self, to: usize, form: Form) -> Part<'a> {
        let (first_line, indent) = (self.line, self.column);
        Part { text: self.pass(to), first_line, indent, form }
    }
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Every document's text. `ended` tells whether the last line's end is the text's own.
///
/// # Errors
/// A separator with something behind it, a character that YAML does not have, or a stream of JSON that breaks off.
pub(super) fn parts(whole: &str, ended: bool) -> Result<Vec<Part<'_>>, ReadError> {
    let mut parts = Vec::new();
    let mut from = 0;
    if whole.trim_start().starts_with('{') {
        from = stream(whole, ended, &mut parts)?;
    }
    // Behind such a mark nothing is JSON, for kubectl.
    let whole = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let rest = whole.get(from..).unwrap_or_default();
    check_characters(whole, from)?;
    let mut cursor = Cursor::new(whole, from);
    let mut at = from;
    for line in rest.split_inclusive('\n') {
        if let Some(behind) = line.strip_prefix("---") {
            let comment = behind.trim_start_matches([' ', '\t', '\r', '\n']);
            // kubectl takes `---#` for a separator, and for the first word of the document as well.
            if !comment.is_empty() && (!comment.starts_with('#') || comment.len() == behind.len()) {
                cursor.pass(at);
                let place = Place { line: cursor.line, column: 4 };
                return Err(ReadError::at(
                    place,
                    "nothing but a comment can stand behind the --- that separates documents: begin a new line",
                ));
            }
            parts.push(cursor.part(at, Form::Yaml));
            cursor.pass(at + line.len());
        }
        at += line.len();
    }
    parts.push(cursor.part(at, Form::Yaml));
    Ok(parts)
}

/// JSON values one behind the other, as far as there are any. Where the rest is none, it is YAML's turn: but not any more after
/// the second value.
fn stream<'a>(whole: &'a str, ended: bool, parts: &mut Vec<Part<'a>>) -> Result<usize, ReadError> {
    let mut values = Deserializer::from_str(whole).into_iter::<IgnoredAny>();
    let mut cursor = Cursor::new(whole, 0);
    let mut from = 0;
    loop {
        let begin = from + blank(whole.get(from..).unwrap_or_default());
        match values.next() {
            None => return Ok(whole.len()),
            Some(Ok(_)) => {
                from = values.byte_offset();
                cursor.pass(begin);
                parts.push(cursor.part(from, Form::Json));
            }
            Some(Err(error)) => {
                let rest = whole.get(from..).unwrap_or_default();
                let spaces = rest.get(..blank(rest)).unwrap_or_default();
                let line_end = spaces.find('\n');
                if parts.is_empty() || goes_on_as_yaml(rest, line_end, ended) && parts.len() == 1 {
                    return Ok(from + line_end.map_or(spaces.len(), |end| end + 1));
                }
                let place = Place { line: error.line(), column: error.column().max(1) };
                return Err(ReadError::at(place, "behind JSON only more JSON can stand, or --- and YAML"));
            }
        }
    }
}

/// Whether YAML goes on behind JSON. kubectl turns to it for more than this, but takes a number or a word for JSON first, and
/// looks at four bytes at once.
fn goes_on_as_yaml(rest: &str, line_end: Option<usize>, ended: bool) -> bool {
    let yaml = rest.trim_start();
    let begin = line_end.unwrap_or(rest.len() - yaml.len());
    let looked_at = rest.len().saturating_sub(begin).saturating_sub(usize::from(!ended));
    looked_at >= 4 && (yaml.starts_with("---") || yaml.starts_with('#'))
}

fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The value of a document that is JSON.
///
/// # Errors
/// A number or an escape that has no value.
pub(super) fn json(part: &Part<'_>) -> Result<Value, ReadError> {
    let mut value: Value = serde_json::from_str(part.text).map_err(|error| {
        let indent = if error.line() == 1 { part.indent } else { 0 };
        let line = error.line().max(1) - 1 + part.first_line;
        ReadError::at(Place { line, column: error.column().max(1) + indent }, "JSON has no such value")
    })?;
    whole_numbers(&mut value);
    Ok(value)
}

fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            if let Some(float) = number.as_f64() {
                *value = node::number(float);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Characters that go-yaml refuses, and those that it takes for the end of a line, while everybody else does not.
fn check_characters(whole: &str, from: usize) -> Result<(), ReadError> {
    for (index, line) in whole.split('\n').enumerate().skip(lines(whole.get(..from).unwrap_or_default())) {
        // Together with the line feed.
        let line = line.strip_suffix('\r').unwrap_or(line);
        for (column, character) in line.chars().enumerate() {
            let why = match character {
                '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    "a line break that only some readers know: write it as an escape between double quotes"
                }
                '\t' | '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'.. => {
                    continue;
                }
                _ => "a control character: write it as an escape between double quotes",
            };
            return Err(ReadError::at(Place { line: index + 1, column: column + 1 }, why));
        }
    }
    Ok(())
}
