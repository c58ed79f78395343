//! The one place where values of Secrets are: read with the user's own rights, and gone when they are dropped.
//!
//! [`SecretValue`] has neither `Debug` nor `Display` nor `Serialize`, so that no log line, error or output can hold one by
//! accident; nor has what is made of it. Freed memory is wiped by the process's allocator (`src/main.rs`). Nothing here is
//! given to a child process.

mod docker;
mod draft;
mod file;
mod forms;
mod mask;
mod node;
mod read;
mod send;
#[cfg(test)]
mod tests;
mod tree;
mod written;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use clap::builder::{OsStringValueParser, TypedValueParser};

pub(super) use docker::{Form, Login, PullEntry, PullFile};
pub(super) use draft::Draft;
pub(super) use file::{manifests, read_file, read_stdin};
pub(super) use mask::{Masker, Patterns};
pub(super) use read::{Secret, read};
pub(super) use send::{Write, create, patch};
pub(super) use tree::Tree;
pub(super) use written::{compact, json, yaml};

/// A value of a Secret.
#[derive(Clone)]
pub(super) struct SecretValue(Vec<u8>);

/// What Go takes for base64, and with it the API server: canonical or not in its last bits.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

impl SecretValue {
    /// Takes the bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves: for what has to look into them, and for nothing that prints.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8: for what has to look into them.
    pub(super) fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The value in base64, as `data` has it.
    pub(super) fn to_base64(&self) -> Self {
        Self(BASE64.encode(&self.0).into_bytes())
    }

    /// What base64 stands for; line breaks in it do not count, as for Go. `None`: it is none.
    pub(super) fn decoded(&self) -> Option<Self> {
        let text: Vec<u8> = self.0.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
        BASE64.decode(text).ok().map(Self)
    }
}

/// A value in the command line. Takes any argument: clap shows those that its parsers refuse.
pub(super) fn argument() -> impl TypedValueParser<Value = SecretValue> {
    OsStringValueParser::new().map(|text| SecretValue::new(text.into_encoded_bytes()))
}
