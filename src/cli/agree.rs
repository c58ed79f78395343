//! A question to whoever sits at the terminal.

use std::io::{IsTerminal, Write};

use super::error::Error;

/// Asks on stderr; `None`: there is no terminal to ask at.
pub(super) fn agree(question: &str) -> Result<Option<bool>, Error> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}
