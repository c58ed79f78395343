//! Values of Secrets, where a process has to see them: the command line with the user's own rights, what renders inputs in the user's Pods, and the projector. The operator
//! has none.
//!
//! [`SecretValue`] has neither `Debug` nor `Display` nor `Serialize`, so that no log line, error or output can hold one by
//! accident; nor has what is made of it. Freed memory is wiped by the process's allocator (`src/main.rs`).

mod docker;
mod node;
mod text;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

pub(crate) use docker::{Form, Login, PullEntry, PullFile};
pub(crate) use text::SecretText;

/// A value of a Secret.
#[derive(Clone)]
pub(crate) struct SecretValue(Vec<u8>);

/// What Go takes for base64, and with it the API server: canonical or not in its last bits.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

impl SecretValue {
    /// Takes the bytes.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves: for what has to look into them, and for nothing that prints.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8: for what has to look into them.
    pub(crate) fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The value in base64, as `data` has it.
    pub(crate) fn to_base64(&self) -> Self {
        Self(BASE64.encode(&self.0).into_bytes())
    }

    /// What base64 stands for; line breaks in it do not count, as for Go. `None`: it is none.
    pub(crate) fn decoded(&self) -> Option<Self> {
        let text: Vec<u8> = self.0.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
        BASE64.decode(text).ok().map(Self)
    }
}
