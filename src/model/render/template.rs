//! The template of an input: any JSON. Its strings, at whatever depth, are what may hold expressions; keys are never rendered.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::scan::{self, Expression, Fault, Piece};

/// The largest template, in bytes of compact JSON.
pub const MAX_TEMPLATE: usize = 32 * 1024;
/// How many arrays and objects may stand in each other.
pub const MAX_DEPTH: usize = 64;
/// How many expressions a template may have.
pub const MAX_EXPRESSIONS: usize = 256;

/// A string of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// Where it stands: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The string.
    pub text: &'a str,
}

/// An expression of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The string that it stands in: a JSON pointer.
    pub pointer: String,
    /// The expression.
    pub expression: Expression<'a>,
}

/// Why a template is not rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has more than [`MAX_TEMPLATE`] bytes: this many.
    TooLarge(usize),
    /// More than [`MAX_DEPTH`] arrays and objects stand in each other.
    TooDeep,
    /// It has more than [`MAX_EXPRESSIONS`] expressions: this many.
    TooMany(usize),
    /// A string has an expression that is none.
    Expression {
        /// The string: a JSON pointer.
        pointer: String,
        /// What is wrong, and where in it.
        fault: Fault,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => {
                write!(f, "the template has {bytes} bytes as compact JSON, and at most {MAX_TEMPLATE} are rendered")
            }
            Self::TooDeep => write!(f, "more than {MAX_DEPTH} arrays and objects of the template stand in each other"),
            Self::TooMany(count) => {
                write!(f, "the template has {count} expressions, and at most {MAX_EXPRESSIONS} are rendered")
            }
            Self::Expression { pointer, fault } => {
                write!(f, "{}, character {}: {}", Place(pointer), fault.at, fault.problem)
            }
        }
    }
}

/// A JSON pointer as people read it, in one line and not too long.
pub struct Place<'a>(pub &'a str);

/// This many characters are shown of a pointer.
const SHOWN: usize = 200;

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("template"),
            pointer => {
                f.write_str("template at ")?;
                for c in pointer.chars().take(SHOWN) {
                    if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
                }
                if pointer.chars().nth(SHOWN).is_some() { f.write_char('…') } else { Ok(()) }
            }
        }
    }
}

/// All expressions of a template, in its order.
///
/// # Errors
/// All that keeps it from being rendered.
pub fn expressions(template: &Value) -> Result<Vec<Found<'_>>, Vec<Refusal>> {
    let (found, refused) = look(template);
    if refused.is_empty() { Ok(found) } else { Err(refused) }
}

/// The expressions of a template that are such, and all that keeps it from being rendered: its size or depth, or else of every string
/// the first fault, or else how many there are.
#[must_use]
pub fn look(template: &Value) -> (Vec<Found<'_>>, Vec<Refusal>) {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    let texts = texts(template).unwrap_or_else(|refusal| {
        refused.push(refusal);
        Vec::new()
    });
    for Text { pointer, text } in texts {
        match scan::pieces(text) {
            Ok(pieces) => found.extend(pieces.into_iter().filter_map(|piece| match piece {
                Piece::Text(_) => None,
                Piece::Expression(expression) => Some(Found { pointer: pointer.clone(), expression }),
            })),
            Err(fault) => refused.push(Refusal::Expression { pointer, fault }),
        }
    }
    if refused.is_empty() && found.len() > MAX_EXPRESSIONS {
        refused.push(Refusal::TooMany(found.len()));
    }
    (found, refused)
}

/// All strings of a template but its keys, in its order.
///
/// # Errors
/// [`Refusal::TooLarge`] and [`Refusal::TooDeep`].
pub fn texts(template: &Value) -> Result<Vec<Text<'_>>, Refusal> {
    let bytes = template.to_string().len();
    if bytes > MAX_TEMPLATE {
        return Err(Refusal::TooLarge(bytes));
    }
    let mut found = Vec::new();
    walk(template, String::new(), 0, &mut found)?;
    Ok(found)
}

/// The keys of a template in which an expression stands as text, since keys are not rendered: JSON pointers. Of a template that has its
/// bounds.
#[must_use]
pub fn keys_as_written(template: &Value) -> Vec<String> {
    fields_that(template, |key, _| !matches!(scan::pieces(key).as_deref(), Ok([] | [Piece::Text(_)])))
}

/// The keys of a template whose value is null: JSON pointers. Of a template that has its bounds.
#[must_use]
pub fn nulls(template: &Value) -> Vec<String> {
    fields_that(template, |_, value| value.is_null())
}

/// The keys of objects that are so, with their values.
fn fields_that(template: &Value, are_so: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), template)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(index, item)| (format!("{pointer}/{index}"), item)));
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    let pointer = format!("{pointer}/{}", escaped(key));
                    if are_so(key, field) {
                        found.push(pointer.clone());
                    }
                    open.push((pointer, field));
                }
            }
            _ => {}
        }
    }
    found
}

/// The strings below a value that stands at `pointer`, in `depth` others.
fn walk<'a>(value: &'a Value, pointer: String, depth: usize, found: &mut Vec<Text<'a>>) -> Result<(), Refusal> {
    match value {
        Value::String(text) => found.push(Text { pointer, text }),
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => return Err(Refusal::TooDeep),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, format!("{pointer}/{index}"), depth + 1, found)?;
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                walk(field, format!("{pointer}/{}", escaped(key)), depth + 1, found)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// The place of a pointer as fields are named, behind that of the template: `.headers.Authorization`, `.list[0]`.
#[must_use]
pub fn field(template: &Value, pointer: &str) -> String {
    let mut here = Some(template);
    let mut field = String::new();
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        match here {
            Some(Value::Array(items)) => {
                let _ = write!(field, "[{key}]");
                here = key.parse().ok().and_then(|index: usize| items.get(index));
            }
            other => {
                let _ = write!(field, ".{key}");
                here = other.and_then(|value| value.get(&key));
            }
        }
    }
    field
}

/// A key in a JSON pointer.
#[must_use]
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_are_found_wherever_a_value_is_a_string() {
        let template = json!({
            "a/b": {"~": ["x", "jq(.secrets.a) and jq(1)"]},
            "jq(.keys.are.text)": true,
            "plain": "text",
            "z": "jq(.index)",
        });
        let found: Vec<_> = expressions(&template)
            .unwrap()
            .into_iter()
            .map(|found| (found.pointer, found.expression.text, found.expression.at))
            .collect();
        assert_eq!(
            found,
            [
                ("/a~1b/~0/1".to_owned(), ".secrets.a", 4),
                ("/a~1b/~0/1".to_owned(), "1", 23),
                ("/z".to_owned(), ".index", 4)
            ]
        );
        for found in expressions(&template).unwrap() {
            assert!(template.pointer(&found.pointer).unwrap().as_str().unwrap().contains(found.expression.text));
        }
        let whole = json!("jq(.run)");
        let found = expressions(&whole).unwrap();
        assert_eq!(found.first().unwrap().pointer, "");
        assert_eq!(expressions(&json!(7)), Ok(vec![]));
    }

    #[test]
    fn a_key_with_an_expression_is_noticed() {
        let template = json!({"jq(.a)": {"plain": ["x", {"a/jq(": 1, "myjq(.a)": 2, "": 3}]}});
        let mut keys = keys_as_written(&template);
        keys.sort();
        assert_eq!(keys, ["/jq(.a)", "/jq(.a)/plain/1/a~1jq("]);
    }

    #[test]
    fn a_key_without_a_value_is_noticed() {
        let template = json!({"a": null, "b": [null, {"c": null, "d": "null"}]});
        let mut keys = nulls(&template);
        keys.sort();
        assert_eq!(keys, ["/a", "/b/1/c"]);
        assert_eq!(nulls(&json!([null])), [""; 0]);
    }

    #[test]
    fn a_pointer_has_a_field() {
        let template = json!({"a/b": [{"~": ["x"]}], "0": {"1": "y"}});
        for (pointer, expected) in
            [("", ""), ("/a~1b/0/~0/0", ".a/b[0].~[0]"), ("/0/1", ".0.1"), ("/absent/0", ".absent.0")]
        {
            assert_eq!(field(&template, pointer), expected);
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_with_its_place() {
        let refused = expressions(&json!({"a": "jq(", "b": ["ok jq(1)", "jq( )"], "c": "é jq(])"})).unwrap_err();
        let said: Vec<_> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                r#"template at /a, character 4: no ) closes this jq( (for the text "jq(" itself write jq("jq("))"#,
                "template at /b/1, character 4: there is no expression in this jq()",
                "template at /c, character 6: ] closes no bracket that is open here",
            ]
        );
        let refused = expressions(&json!("jq(")).unwrap_err();
        assert!(refused.first().unwrap().to_string().starts_with("template, character 4: no ) closes"));
    }

    #[test]
    fn a_place_is_shown_in_one_line() {
        assert_eq!(Place("/a\nb/\u{7}").to_string(), "template at /a\\nb/\\u{7}");
        assert_eq!(Place(&"/é".repeat(100)).to_string(), format!("template at {}", "/é".repeat(100)));
        assert_eq!(Place(&"/é".repeat(101)).to_string(), format!("template at {}…", "/é".repeat(100)));
    }

    #[test]
    fn the_bounds_are_where_they_are_said_to_be() {
        let text = |bytes: usize| json!("a".repeat(bytes - 2));
        assert!(texts(&text(MAX_TEMPLATE)).is_ok());
        assert_eq!(texts(&text(MAX_TEMPLATE + 1)), Err(Refusal::TooLarge(MAX_TEMPLATE + 1)));

        let many = |count: usize| json!("jq(1)".repeat(count));
        assert_eq!(expressions(&many(MAX_EXPRESSIONS)).unwrap().len(), MAX_EXPRESSIONS);
        assert_eq!(expressions(&many(MAX_EXPRESSIONS + 1)), Err(vec![Refusal::TooMany(MAX_EXPRESSIONS + 1)]));

        let deep = |depth: usize| (0..depth).fold(json!("jq(1)"), |inner, _| json!([inner]));
        assert_eq!(expressions(&deep(MAX_DEPTH)).unwrap().len(), 1);
        assert_eq!(expressions(&deep(MAX_DEPTH + 1)), Err(vec![Refusal::TooDeep]));
    }
}
