//! Inputs, rendered: the one room that knows jq.
//!
//! Expressions are somebody's programs and may do what they like, so this runs where it can harm nobody: in the init container,
//! in a process with limits (`cli/render`), and for `lockgate check` as far as compiling, which is bounded by the bounds of the
//! text. The operator never comes here; `tests/tidy.rs` guards it. What is refused is told in words without any value.

mod data;
pub(crate) mod env_file;
mod functions;
mod json;
mod names;
mod program;
pub(crate) mod properties;
mod stack;
mod template;
mod words;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::values::SecretText;

pub(crate) use data::{Data, Secret};
pub(crate) use program::Syntax;
pub(crate) use stack::{Broken, large};
pub(crate) use template::{Refusal, Site};

use program::Language;

/// What can be said of an expression without running it.
pub(crate) struct Judgement {
    /// What is wrong with it.
    pub(crate) syntax: Option<Syntax>,
    /// What it names of what it is given, as far as that stands there: names from the top down, none is all.
    pub(crate) paths: BTreeSet<Vec<String>>,
}

impl Judgement {
    /// The names behind `.secrets` in it.
    pub(crate) fn secrets(&self) -> BTreeSet<&str> {
        let behind = self.paths.iter().filter(|path| path.first().is_some_and(|first| first == "secrets"));
        behind.filter_map(|path| path.get(1)).map(String::as_str).collect()
    }
}

/// Judges expressions.
///
/// To be called on a [`large`] stack, with what [`crate::model::render::scan`] found.
#[must_use]
pub(crate) fn judge<'a>(expressions: impl IntoIterator<Item = &'a str>) -> Vec<Judgement> {
    let language = Language::new();
    let judged = expressions
        .into_iter()
        .map(|expression| Judgement { syntax: language.compile(expression).err(), paths: names::paths(expression) });
    judged.collect()
}

/// Renders a template to compact JSON. `before` is told of each expression before it is looked at, since one may never end.
///
/// To be called on a [`large`] stack, in a process with limits.
///
/// # Errors
/// What keeps it from being rendered, without any value of a Secret.
pub(crate) fn render(template: &Value, data: &Data, before: &mut dyn FnMut(Site)) -> Result<SecretText, Refusal> {
    template::render(template, data, before)
}

#[cfg(test)]
mod tests;
