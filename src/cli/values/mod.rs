//! The one place of the command line where values of Secrets are: read with the user's own rights, and gone when they are dropped.
//! None of the types here can be printed, and nothing here is given to a child process.

mod draft;
mod file;
mod forms;
mod mask;
mod read;
mod send;
#[cfg(test)]
mod tests;
mod tree;
mod written;

use clap::builder::{OsStringValueParser, TypedValueParser};

pub(super) use crate::values::{Form, Login, PullEntry, PullFile, SecretValue};
pub(super) use draft::Draft;
pub(super) use file::{manifests, read_file, read_stdin};
pub(super) use mask::{Masker, Patterns};
pub(super) use read::{Secret, read};
pub(super) use send::{Write, create, patch};
pub(super) use tree::Tree;
pub(super) use written::{compact, json, yaml};

/// A value in the command line. Takes any argument: clap shows those that its parsers refuse.
pub(super) fn argument() -> impl TypedValueParser<Value = SecretValue> {
    OsStringValueParser::new().map(|text| SecretValue::new(text.into_encoded_bytes()))
}
