//! What may be said of an error of jq: its kind and the types of the values in it, never a value.
//!
//! jaq's errors show the values that they are about, and those may be values of Secrets. Only what stands in the tables here is
//! said. How an error looks is taken from its text as it is written, piece by piece, so that no copy of a value is made.

use std::fmt::{self, Write};

use jaq_json::{Error, Val};

/// Kinds of errors that jaq tells as one text: what it begins with and has in it, and what is said instead.
const TEXTS: [(&str, &str, &str); 10] = [
    ("cannot parse ", " as JSON: ", "what is read as JSON is none"),
    ("cannot parse as number", "", "what is read as a number is none"),
    ("cannot parse as boolean", "", "what is read as a boolean is none"),
    ("invalid regex flag: ", "", "there is no such flag of a regular expression"),
    ("invalid regex: ", "", "a regular expression cannot be read"),
    ("index ", " out of bounds", "an index is outside of its array"),
    ("cannot use ", " as character", "a number is no code point of a character"),
    ("cannot convert ", " to bytes", "a value cannot be turned into bytes"),
    ("cannot convert ", " to time", "a value cannot be read as a time"),
    // Of a definition of ours.
    ("no cell", "", "an array or object stands in a row of @csv or @tsv"),
];

/// What a value can be used as, in jaq's words.
const TYPES: [&str; 7] =
    ["integer", "number", "string", "array", "boolean", "iterable (array or object)", "rangeable (array or string)"];

/// What is said of an error in an expression.
pub(super) fn of(error: Error, expression: &str) -> String {
    let mut reader = Reader::default();
    // It stops where it has seen enough.
    let _ = write!(reader, "{error}");
    if let Some(words) = reader.words() {
        return words;
    }
    let Val::TStr(text) = error.into_val() else { return failed() };
    let Ok(text) = std::str::from_utf8(&text) else { return failed() };
    // What the author wrote into the expression to be said.
    if let Ok(literal) = serde_json::to_string(text)
        && expression.contains(&format!("error({literal})"))
    {
        return format!("it ends with error({})", cut(&literal));
    }
    let kind = TEXTS.iter().find(|(begin, within, _)| text.starts_with(begin) && text.contains(within));
    kind.map_or_else(failed, |(_, _, words)| (*words).to_owned())
}

fn failed() -> String {
    "it fails; how is not shown, since that can have values of Secrets in it".to_owned()
}

/// A part of an expression, fit for a line.
pub(super) fn quoted(part: &str) -> String {
    cut(&serde_json::to_string(part).unwrap_or_default())
}

/// At most this many characters are shown of a part of an expression.
const SHOWN: usize = 80;

/// The begin of a text.
pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let mut begin: String = text.chars().take(SHOWN).collect();
    begin.push('…');
    begin
}

/// The forms of jaq's errors that have values in them.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Use,
    Calculate,
    Index,
    Path,
}

const FORMS: [(&str, Form); 4] = [
    ("cannot use ", Form::Use),
    ("cannot calculate ", Form::Calculate),
    ("cannot index ", Form::Index),
    ("invalid path expression with input ", Form::Path),
];

/// Reads the text of an error as it is written: a form, and in it values, of which only the types are kept.
#[derive(Default)]
struct Reader {
    /// Text that is no value, since the last value.
    text: String,
    form: Option<Form>,
    /// The type of the first value.
    left: Option<&'static str>,
    /// The type of the second.
    right: Option<&'static str>,
    /// The value that is being written.
    value: Option<Open>,
}

/// A value of which the end was not seen yet.
#[derive(Default)]
struct Open {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Write for Reader {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        piece.chars().try_for_each(|c| self.read(c))
    }
}

impl Reader {
    fn read(&mut self, c: char) -> fmt::Result {
        if let Some(open) = &mut self.value {
            match open.goes_on(c) {
                Some(true) => {}
                Some(false) => self.value = None,
                // A number or word has no end of its own: this is what stands behind it.
                None => {
                    self.value = None;
                    self.text.push(c);
                }
            }
            return Ok(());
        }
        let expects_value = match self.form {
            None => false,
            Some(_) if self.left.is_none() => true,
            Some(form) => self.right.is_none() && self.second_begins(form),
        };
        if expects_value {
            let (kind, open) = begins(c);
            if self.left.is_none() {
                self.left = Some(kind);
            } else {
                self.right = Some(kind);
            }
            self.value = open;
            return Ok(());
        }
        self.text.push(c);
        if self.form.is_none() {
            let found = FORMS.iter().find(|(text, _)| *text == self.text);
            if let Some((_, form)) = found {
                self.form = Some(*form);
                self.text.clear();
            } else if !FORMS.iter().any(|(text, _)| text.starts_with(&self.text)) {
                return Err(fmt::Error);
            }
        }
        // No text between values is as long.
        if self.text.len() > 64 { Err(fmt::Error) } else { Ok(()) }
    }

    /// Whether what was read behind the first value ends before the second.
    fn second_begins(&self, form: Form) -> bool {
        match form {
            Form::Index => self.text == " with ",
            Form::Calculate => self.operator().is_some(),
            Form::Use | Form::Path => false,
        }
    }

    fn operator(&self) -> Option<&str> {
        let operator = self.text.strip_prefix(' ')?.strip_suffix(' ')?;
        matches!(operator, "+" | "-" | "*" | "/" | "%").then_some(operator)
    }

    /// What can be said.
    fn words(&self) -> Option<String> {
        let left = self.left?;
        match self.form? {
            Form::Use => {
                let wanted = self.text.strip_prefix(" as ")?;
                let wanted = TYPES.iter().find(|name| **name == wanted)?;
                Some(format!("{left} cannot be used as {wanted}"))
            }
            Form::Calculate => Some(format!("{left} {} {} cannot be calculated", self.operator()?, self.right?)),
            Form::Index => Some(format!("{left} cannot be indexed with {}", self.right?)),
            Form::Path => Some(format!("a path is wanted, and this is none, with {left} as its input")),
        }
    }
}

/// The type of the value that begins so; and, if it goes on, its state.
fn begins(c: char) -> (&'static str, Option<Open>) {
    let open = Open::default();
    match c {
        '"' => ("a string", Some(Open { in_string: true, ..open })),
        // Bytes: b"…".
        'b' => ("bytes", Some(open)),
        '[' => ("an array", Some(Open { depth: 1, ..open })),
        '{' => ("an object", Some(Open { depth: 1, ..open })),
        't' | 'f' => ("a boolean", Some(open)),
        'n' => ("null", Some(open)),
        _ => ("a number", Some(open)),
    }
}

impl Open {
    /// Whether the value goes on behind this character, which is part of it; `None`: the character is no part of it.
    fn goes_on(&mut self, c: char) -> Option<bool> {
        if self.in_string {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return Some(self.in_string || self.depth > 0);
        }
        match c {
            '"' => self.in_string = true,
            '[' | '{' => self.depth += 1,
            ']' | '}' => self.depth = self.depth.saturating_sub(1),
            ' ' if self.depth == 0 => return None,
            _ => return Some(true),
        }
        Some(self.in_string || self.depth > 0)
    }
}
