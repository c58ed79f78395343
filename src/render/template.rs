//! A template becomes a text.

use std::fmt;

use serde_json::Value;

use crate::model::render::scan::{self, Expression, Piece};
use crate::model::render::template::{self, Place, escaped};

use crate::values::SecretText;

use super::data::Data;
use super::json::{self, Bounded, Unwritten};
use super::program::{Failure, Language};
use super::words;

/// The largest input, in bytes.
pub(crate) const MAX_RENDERED: usize = 1024 * 1024;

/// Why a template is not rendered. Without any value of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The template cannot be rendered with whatever values.
    Template(template::Refusal),
    /// An expression is none, or gives nothing that can be rendered.
    Expression {
        /// Which, and where: of the expression, or of what is wrong in it.
        site: Site,
        /// What is wrong.
        why: String,
    },
    /// All together has more than [`MAX_RENDERED`] bytes.
    TooLong,
}

/// Where an expression is, in words that can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// The string that it stands in: a JSON pointer.
    pub(crate) pointer: String,
    /// Where in that string, in characters, counted from 1.
    pub(crate) at: usize,
    /// The begin of the expression.
    pub(crate) expression: String,
}

impl Site {
    fn new(pointer: &str, expression: Expression<'_>) -> Self {
        Self { pointer: pointer.to_owned(), at: expression.at, expression: words::cut(expression.text) }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, character {}, jq({})", Place(&self.pointer), self.at, self.expression)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(refusal) => refusal.fmt(f),
            Self::Expression { site, why } => write!(f, "{site}: {why}"),
            Self::TooLong => write!(f, "what is rendered is longer than {MAX_RENDERED} bytes"),
        }
    }
}

/// Renders a template to compact JSON. `before` is called before each expression is looked at, since one may never end.
///
/// # Errors
/// The first that keeps it from being rendered.
pub(super) fn render(template: &Value, data: &Data, before: &mut dyn FnMut(Site)) -> Result<SecretText, Refusal> {
    // The bounds: those of the depth make the recursion below safe.
    template::expressions(template)
        .map_err(|refusals| refusals.into_iter().next().map_or(Refusal::TooLong, Refusal::Template))?;
    let mut work = Work { language: Language::new(), data: data.value(), out: Bounded::new(MAX_RENDERED), before };
    work.render(template, "")?;
    Ok(SecretText::new(work.out.into_text()))
}

struct Work<'a> {
    language: Language,
    data: jaq_json::Val,
    out: Bounded,
    before: &'a mut dyn FnMut(Site),
}

impl Work<'_> {
    fn render(&mut self, template: &Value, pointer: &str) -> Result<(), Refusal> {
        match template {
            Value::String(text) => self.string(text, pointer),
            Value::Array(items) => {
                let mut separator = "[";
                for (index, item) in items.iter().enumerate() {
                    self.push(separator)?;
                    self.render(item, &format!("{pointer}/{index}"))?;
                    separator = ",";
                }
                self.push(if items.is_empty() { "[]" } else { "]" })
            }
            Value::Object(fields) => {
                let mut separator = "{";
                for (key, field) in fields {
                    self.push(separator)?;
                    self.out.push_string(key).map_err(|_| Refusal::TooLong)?;
                    self.push(":")?;
                    self.render(field, &format!("{pointer}/{}", escaped(key)))?;
                    separator = ",";
                }
                self.push(if fields.is_empty() { "{}" } else { "}" })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.push(&template.to_string()),
        }
    }

    fn string(&mut self, text: &str, pointer: &str) -> Result<(), Refusal> {
        let pieces = scan::pieces(text)
            .map_err(|fault| Refusal::Template(template::Refusal::Expression { pointer: pointer.to_owned(), fault }))?;
        // An expression that is the whole string keeps its type.
        if let [Piece::Expression(expression)] = *pieces {
            let result = self.run(expression, pointer)?;
            return json::write(&result, &mut self.out).map_err(|why| unwritten(why, pointer, expression));
        }
        let mut whole = Bounded::new(MAX_RENDERED);
        for piece in pieces {
            match piece {
                Piece::Text(text) => whole.push(text).map_err(|_| Refusal::TooLong)?,
                Piece::Expression(expression) => {
                    let result = self.run(expression, pointer)?;
                    let written = match json::text(&result) {
                        Some(text) => whole.push(text),
                        None => json::write(&result, &mut whole),
                    };
                    written.map_err(|why| unwritten(why, pointer, expression))?;
                }
            }
        }
        self.out.push_string(&whole.into_text()).map_err(|_| Refusal::TooLong)
    }

    fn run(&mut self, expression: Expression<'_>, pointer: &str) -> Result<jaq_json::Val, Refusal> {
        let mut site = Site::new(pointer, expression);
        (self.before)(site.clone());
        let program = self.language.compile(expression.text).map_err(|syntax| {
            site.at += syntax.at - 1;
            Refusal::Expression { site: site.clone(), why: syntax.why }
        })?;
        program
            .run(expression.text, self.data.clone())
            .map_err(|failure: Failure| Refusal::Expression { site, why: failure.to_string() })
    }

    fn push(&mut self, text: &str) -> Result<(), Refusal> {
        self.out.push(text).map_err(|_| Refusal::TooLong)
    }
}

fn unwritten(why: Unwritten, pointer: &str, expression: Expression<'_>) -> Refusal {
    let why = match why {
        Unwritten::TooLong => format!("with its result the input is longer than {MAX_RENDERED} bytes"),
        why => why.to_string(),
    };
    Refusal::Expression { site: Site::new(pointer, expression), why }
}
