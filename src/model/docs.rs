//! Where people read on: each reason has a heading in `docs/troubleshooting.md`, and messages end in its anchor.

use std::fmt;
use std::sync::Arc;

/// The docs as the repository has them: there is no public site yet.
const BASE: &str = "docs";
const PAGE: &str = "troubleshooting.md";
/// A pointer stands in each condition and event; the note of an event holds no more than 1 kB.
const MOST_BASE: usize = 200;

/// The page of the headings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Docs(Arc<str>);

impl Default for Docs {
    fn default() -> Self {
        Self::below(BASE)
    }
}

impl Docs {
    /// The docs at this address.
    ///
    /// # Errors
    /// It is no absolute URL that a pointer could be made of.
    pub fn at(base: &str) -> Result<Self, NoAddress> {
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://")).ok_or(NoAddress)?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'#' | b'?');
        let has_host = rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[');
        if has_host && base.len() <= MOST_BASE && base.bytes().all(plain) {
            Ok(Self::below(base.trim_end_matches('/')))
        } else {
            Err(NoAddress)
        }
    }

    fn below(base: &str) -> Self {
        Self(format!("{base}/{PAGE}").into())
    }

    /// What a message about this reason, trouble or state ends in. The anchor is GitHub's: the heading in lower case.
    #[must_use]
    pub fn pointer(&self, heading: &str) -> String {
        format!(" ({}#{})", self.0, heading.to_ascii_lowercase())
    }
}

/// Why a base is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "give an absolute URL as in https://docs.example.com/lockgate, without query, fragment or parentheses and of at most {MOST_BASE} characters, or leave it out"
        )
    }
}

impl std::error::Error for NoAddress {}

impl std::str::FromStr for Docs {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        Self::at(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_a_path_of_the_repository_or_below_the_address_that_was_given() {
        assert_eq!(Docs::default().pointer("NotFound"), " (docs/troubleshooting.md#notfound)");
        for base in ["https://docs.example.com/lockgate", "https://docs.example.com/lockgate/"] {
            let pointer = " (https://docs.example.com/lockgate/troubleshooting.md#notfound)";
            assert_eq!(Docs::at(base).unwrap().pointer("NotFound"), pointer);
        }
    }

    #[test]
    fn what_is_no_absolute_url_or_would_not_end_where_it_ends_is_refused() {
        let long = format!("https://example.com/{}", "x".repeat(MOST_BASE));
        for base in [
            "",
            "docs",
            "/docs",
            "ftp://a",
            "https://",
            "https:///x",
            "https://a/b c",
            "https://a#b",
            "https://a/(b)",
            "https://ä",
            &long,
        ] {
            assert_eq!(Docs::at(base), Err(NoAddress), "{base}");
        }
    }
}
