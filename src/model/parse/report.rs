//! The list of broken rules while it grows.

use k8s_openapi::jiff::SignedDuration;

use super::{Violation, amounts};
use crate::api::rules;

/// Every rule that was found broken so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    found: Vec<Violation>,
}

impl Report {
    /// Notes a broken rule, once: a list of the spec is looked at for each step.
    pub(super) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let violation = Violation { field: field.into(), message: message.into() };
        if !self.found.contains(&violation) {
            self.found.push(violation);
        }
    }

    /// Whether no rule was found broken.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes the message unless `ok`.
    pub(super) fn require(&mut self, ok: bool, field: &str, message: &str) {
        if !ok {
            self.add(field, message);
        }
    }

    /// Keeps the value, or notes what is wrong with it.
    pub(super) fn keep<T>(&mut self, field: impl Into<String>, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|message| self.add(field, message)).ok()
    }

    /// Notes a list or map that is too long, in the API server's words.
    pub(super) fn at_most(&mut self, count: usize, max: usize, field: &str) {
        if count > max {
            self.add(field, format!("Too many: {count}: must have at most {max} items"));
        }
    }

    /// Parses a duration, where there is one.
    pub(super) fn duration(&mut self, field: &str, text: Option<&str>) -> Option<SignedDuration> {
        let parsed = text.map(amounts::duration)?;
        self.require(parsed.is_some(), field, rules::DURATION);
        parsed
    }

    /// Notes a text whose length is out of bounds. As the API server does, characters are counted.
    pub(super) fn length(&mut self, text: &str, min: usize, max: usize, field: &str) {
        let length = text.chars().count();
        if length > max {
            self.add(field, format!("Too long: may not be more than {max} bytes"));
        }
        if length < min {
            self.add(field, format!("should be at least {min} chars long"));
        }
    }

    /// The value, if no rule is broken.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<Violation>> {
        if self.found.is_empty() { Ok(value) } else { Err(self.found) }
    }
}
