//! What jq gave, as compact JSON. jaq's values are more than JSON: what has no form in it is refused, where jq would write
//! something else in its place.

use std::fmt;

use jaq_json::{Num, Val};

/// How many arrays and objects of a result may stand in each other: readers of JSON take about as many.
pub(crate) const MAX_RESULT_DEPTH: usize = 100;

/// Why a value is not written. Without the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// More than so many bytes would be written.
    TooLong,
    /// More than [`MAX_RESULT_DEPTH`] arrays and objects stand in each other.
    TooDeep,
    /// Bytes, or a string that is no UTF-8.
    Bytes,
    /// Infinite, or no number.
    NotFinite,
    /// A key that is no string.
    Key,
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the result is too long"),
            Self::TooDeep => {
                write!(f, "more than {MAX_RESULT_DEPTH} arrays and objects of its result stand in each other")
            }
            Self::Bytes => f.write_str("its result has bytes in it that are no UTF-8, which JSON has no form for"),
            Self::NotFinite => {
                f.write_str("its result has a number in it that is infinite or NaN, which JSON has no form for")
            }
            Self::Key => {
                f.write_str("its result has an object in it with a key that is no string, which JSON has no form for")
            }
        }
    }
}

/// Text that grows up to a limit.
pub(super) struct Bounded {
    text: String,
    limit: usize,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), Unwritten> {
        if self.text.len() + text.len() > self.limit {
            return Err(Unwritten::TooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// A string of JSON, with its quotation marks.
    pub(super) fn push_string(&mut self, text: &str) -> Result<(), Unwritten> {
        // Before a copy is made.
        if self.text.len() + text.len() > self.limit {
            return Err(Unwritten::TooLong);
        }
        self.push(&serde_json::Value::from(text).to_string())
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// Writes a value as JSON.
pub(super) fn write(value: &Val, out: &mut Bounded) -> Result<(), Unwritten> {
    write_at(value, out, 0)
}

fn write_at(value: &Val, out: &mut Bounded, depth: usize) -> Result<(), Unwritten> {
    match value {
        Val::Arr(_) | Val::Obj(_) if depth == MAX_RESULT_DEPTH => Err(Unwritten::TooDeep),
        Val::Null => out.push("null"),
        Val::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Val::Num(number) => write_number(number, out),
        Val::BStr(_) => Err(Unwritten::Bytes),
        Val::TStr(_) => out.push_string(text(value).ok_or(Unwritten::Bytes)?),
        Val::Arr(items) => {
            let mut separator = "[";
            for item in items.iter() {
                out.push(separator)?;
                write_at(item, out, depth + 1)?;
                separator = ",";
            }
            out.push(if items.is_empty() { "[]" } else { "]" })
        }
        Val::Obj(fields) => {
            let mut separator = "{";
            for (key, field) in fields.iter() {
                out.push(separator)?;
                let Val::TStr(_) = key else { return Err(Unwritten::Key) };
                out.push_string(text(key).ok_or(Unwritten::Bytes)?)?;
                out.push(":")?;
                write_at(field, out, depth + 1)?;
                separator = ",";
            }
            out.push(if fields.is_empty() { "{}" } else { "}" })
        }
    }
}

/// A string, if this is one, and UTF-8.
pub(super) fn text(value: &Val) -> Option<&str> {
    match value {
        Val::TStr(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Digit by digit as jaq has it: integers are of any size, and a decimal that was not calculated with is as it was written.
fn write_number(number: &Num, out: &mut Bounded) -> Result<(), Unwritten> {
    match number {
        Num::Float(float) if !float.is_finite() => Err(Unwritten::NotFinite),
        Num::Dec(written) => out.push(&decimal(written)),
        other => out.push(&other.to_string()),
    }
}

/// JSON has neither a plus sign nor zeros before a number; jq takes both.
fn decimal(written: &str) -> String {
    let unsigned = written.trim_start_matches(['-', '+']);
    let mut digits = unsigned.trim_start_matches('0');
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        // The last of the zeros was the number's own.
        digits = unsigned.get(unsigned.len() - digits.len() - 1..).unwrap_or(digits);
    }
    let sign = if written.starts_with('-') { "-" } else { "" };
    format!("{sign}{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_written_as_json_has_it() {
        for (written, expected) in [
            ("1.50", "1.50"),
            ("01.5", "1.5"),
            ("000.5", "0.5"),
            ("0.5", "0.5"),
            ("0e1", "0e1"),
            ("+1.5", "1.5"),
            ("-00.5", "-0.5"),
            ("-0.0", "-0.0"),
            ("00e5", "0e5"),
            ("1E400", "1E400"),
            ("3.141592653589793238462643383279", "3.141592653589793238462643383279"),
        ] {
            assert_eq!(decimal(written), expected);
        }
    }
}
