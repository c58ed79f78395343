//! `lockgate secret`: Secrets as people make them, see them and take them away; values are shown by none of these.

pub(super) mod content;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod inspect;
pub(super) mod list;
mod pachctl;
mod restarts;
mod reveal;
pub(super) mod row;
pub(super) mod set;
mod shown;

use clap::{Args, Subcommand};

use super::error::Error;
use super::output::printable;
use crate::model::names::is_dns_subdomain;

/// `lockgate secret …`.
#[derive(Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Subcommand)]
enum SecretCommand {
    /// Create a Secret from values, files, a key pair, registry credentials or manifests.
    Create(Box<create::CreateArgs>),
    /// Change keys of a Secret that is there; all others stay.
    Set(Box<set::SetArgs>),
    /// List Secrets, without their values.
    #[command(visible_alias = "ls")]
    List(Box<list::ListArgs>),
    /// Show one Secret: what is known of it without its values, and who uses it.
    Inspect(Box<inspect::InspectArgs>),
    /// Show one Secret in full; the same as `inspect -o wide`.
    Describe(Box<inspect::InspectArgs>),
    /// Delete Secrets that no Pipeline uses.
    #[command(visible_alias = "rm")]
    Delete(Box<delete::DeleteArgs>),
}

/// Runs it.
pub(super) fn run(args: SecretArgs) -> Result<(), Error> {
    match args.command {
        SecretCommand::Create(args) => create::run(&args),
        SecretCommand::Set(args) => set::run(&args),
        SecretCommand::List(args) => list::run(&args),
        SecretCommand::Inspect(args) => inspect::run(&args),
        SecretCommand::Describe(args) => inspect::describe(*args),
        SecretCommand::Delete(args) => delete::run(&args),
    }
}

/// The names in `secret NAME…`, `secrets NAME…` or `secret/NAME…`, as kubectl and Pi have them behind a verb; `None`: the words are
/// about something else.
pub(super) fn named(words: &[String]) -> Result<Option<Vec<String>>, Error> {
    let is_kind = |word: &str| matches!(word, "secret" | "secrets");
    let names = match words.split_first() {
        Some((first, rest)) if is_kind(first) => rest,
        Some((first, _)) if first.split_once('/').is_some_and(|(kind, _)| is_kind(kind)) => words,
        _ => return Ok(None),
    };
    let name = |word: &String| secret_name(word).map_err(|why| Error::Usage(format!("{}: {why}", printable(word))));
    names.iter().map(name).collect::<Result<_, _>>().map(Some)
}

/// The name of a Secret, as an argument: `NAME`, or `secret/NAME` as `-o name` prints it.
fn secret_name(text: &str) -> Result<String, &'static str> {
    let name = text.strip_prefix("secret/").or_else(|| text.strip_prefix("secrets/")).unwrap_or(text);
    if is_dns_subdomain(name) {
        Ok(name.to_owned())
    } else {
        Err("give the name of a Secret: lower-case letters, digits, '-' and '.'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_before_or_in_a_name_says_that_it_is_a_secret() {
        let read = |line: &str| named(&line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>());
        for (line, meant) in [
            ("secret", Some(&[][..])),
            ("secrets db", Some(&["db"][..])),
            ("secret db secret/tls", Some(&["db", "tls"])),
            ("secret/db secrets/tls regcred", Some(&["db", "tls", "regcred"])),
            ("edges", None),
            ("pipeline/edges", None),
            ("", None),
        ] {
            let names = read(line).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                names.as_deref(),
                meant.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref()
            );
        }
        assert_eq!(read("secret A").err().map(|error| error.exit_code()), Some(2));
    }
}
