//! `lockgate secret inspect --reveal KEY`: the one place where a value is printed, and at a terminal only.

use std::io::{self, IsTerminal, Write};

use kube::Client;

use super::inspect;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::{self, SecretValue};

/// Refuses where output does not go to a terminal: it would stay in a file or a log.
pub(super) fn at_a_terminal_only() -> Result<(), Error> {
    if io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Error::Usage(
        "--reveal shows a value at a terminal only, and output goes elsewhere; for a script: kubectl get secret NAME -o json".into(),
    ))
}

/// Reads the value of one key, with the caller's rights.
pub(super) async fn read(client: &Client, namespace: &str, name: &str, key: &str) -> Result<SecretValue, Error> {
    let secret = values::read(client, namespace, name).await?.ok_or_else(|| inspect::not_found(namespace, name))?;
    let keys = secret.data.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut data = secret.data;
    data.remove(key).ok_or_else(|| Error::NotFound(format!("Secret {name} has no key {key}; it has: {keys}")))
}

/// Shows it, line by line, what would act on the terminal as escapes.
pub(super) fn show(out: &mut impl Write, key: &str, value: &SecretValue) -> Result<(), Error> {
    let Ok(text) = std::str::from_utf8(value.expose()) else {
        let size = value.expose().len();
        return Err(Error::Findings(format!("the {size} bytes of {key} are no text, and are not shown")));
    };
    text.lines().try_for_each(|line| writeln!(out, "{}", printable(line)))?;
    Ok(())
}
