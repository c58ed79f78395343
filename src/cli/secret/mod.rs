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

/// The name of a Secret, as an argument.
fn secret_name(text: &str) -> Result<String, &'static str> {
    if is_dns_subdomain(text) {
        Ok(text.to_owned())
    } else {
        Err("give the name of a Secret: lower-case letters, digits, '-' and '.'")
    }
}
