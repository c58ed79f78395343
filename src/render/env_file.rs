//! A variable in a file that the kubelet reads (`fileKeyRef`, KEP-3721): one line `NAME='…'`. Between the quotation marks the
//! kubelet knows no escapes, and it reads no line that is longer than its buffer.

use std::fmt;

use crate::values::SecretText;

/// The longest line, its end included: what Go's `bufio.Scanner` takes.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// The line is longer than [`MAX_LINE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "what is rendered is longer than the {MAX_LINE} bytes that a variable can have: use mount_path instead of env_var"
        )
    }
}

/// The line for a variable whose value is this JSON.
///
/// # Errors
/// [`TooLong`].
pub(crate) fn line(name: &str, json: &SecretText) -> Result<SecretText, TooLong> {
    // Compact JSON has quotation marks of this kind only within strings, and there this is the same text.
    let quoted = json.expose().replace('\'', "\\u0027");
    let line = format!("{name}='{quoted}'\n");
    if line.len() > MAX_LINE { Err(TooLong) } else { Ok(SecretText::new(line)) }
}
