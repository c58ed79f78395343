//! The name of a namespaced object, and the order of resource versions.

use std::fmt;

/// A namespaced object's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The namespace.
    pub namespace: String,
    /// The name in it.
    pub name: String,
}

impl ObjectKey {
    /// Names an object.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A resource version as a number: comparable within one kind since 1.35 (KEP-5504). One that is no number is the
/// oldest of all, so that it never hides news.
#[must_use]
pub fn version(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
