//! The one place where values of Secrets are: read with the user's own rights, and gone when they are dropped.
//!
//! [`SecretValue`] has neither `Debug` nor `Display` nor `Serialize`, so that no log line, error or output can hold one by
//! accident. Freed memory is wiped by the process's allocator (`src/main.rs`). Nothing here is given to a child process.

mod docker;
mod forms;
mod json;
mod mask;
mod read;

pub(super) use docker::{Form, Login, PullEntry, PullFile};
pub(super) use mask::{Masker, Patterns};
pub(super) use read::{Secret, read};

/// A value of a Secret.
pub(super) struct SecretValue(Vec<u8>);

impl SecretValue {
    /// Takes the bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves: for what has to look into them, and for nothing that prints.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}
