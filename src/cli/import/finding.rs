//! What is said of a source: what was mapped otherwise, what has no counterpart, what has to be mended first.

use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It was mapped, and behaves otherwise than before.
    Note,
    /// It has no counterpart and is not in what came out. `--strict` makes it an error.
    Lost,
    /// What came out cannot be applied.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Lost => "lost",
            Self::Error => "error",
        })
    }
}

/// One thing to know of a source, with its place and what to do. It holds no value of the source: one may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// The file, as it was given.
    pub file: String,
    /// The line of the field, from 1, or of what is nearest to it.
    pub line: Option<usize>,
    /// Which object of the file, as in `pipeline edges`; empty: the file itself.
    pub object: String,
    /// The field in the source, as in `input.pfs.repo`; empty: the object itself.
    pub path: String,
    /// What is so, and what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, file, line, object, path, text } = self;
        write!(f, "{severity}: {file}")?;
        if let Some(line) = line {
            write!(f, ":{line}")?;
        }
        for part in [object, path].into_iter().filter(|part| !part.is_empty()) {
            write!(f, ": {part}")?;
        }
        write!(f, ": {text}")
    }
}

/// A JSON pointer as people write a path: `/input/cross/0/pfs` is `input.cross[0].pfs`.
#[must_use]
pub fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            path.extend(["[", &part, "]"]);
        } else {
            let dot = if path.is_empty() { "" } else { "." };
            path.extend([dot, &part]);
        }
    }
    path
}

/// The pointer of a field, or of an element by its number.
#[must_use]
pub fn child(pointer: &str, name: impl fmt::Display) -> String {
    format!("{pointer}/{}", name.to_string().replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_shown_as_a_path() {
        assert_eq!(path_of(""), "");
        assert_eq!(path_of("/input/cross/0/pfs"), "input.cross[0].pfs");
        assert_eq!(path_of(&child("/metadata/labels", "a.io/b")), "metadata.labels.a.io/b");
        assert_eq!(path_of(&child("/a", 3)), "a[3]");
    }
}
