//! Values as text.

use super::SecretValue;

/// A value of a Secret that is UTF-8, or a text that is made of one. It cannot be printed either.
#[derive(Clone)]
pub(crate) struct SecretText(String);

impl SecretText {
    /// Takes a text that something was made of.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself: for what makes something of it, and for nothing that prints.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretValue {
    /// The value as text, if it is UTF-8.
    pub(crate) fn into_text(self) -> Option<SecretText> {
        String::from_utf8(self.0).ok().map(SecretText)
    }
}
