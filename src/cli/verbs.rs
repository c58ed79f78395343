//! The other word order, which pachctl and kubectl have: `lockgate create secret` is `lockgate secret create`.

use clap::{Args, Subcommand};

use super::error::Error;
use super::secret;

/// `lockgate create …`.
#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(subcommand)]
    command: CreateCommand,
}

#[derive(Subcommand)]
enum CreateCommand {
    /// Create a Secret; the same as `lockgate secret create`.
    Secret(Box<secret::create::CreateArgs>),
}

/// Runs it.
pub(super) fn create(args: CreateArgs) -> Result<(), Error> {
    match args.command {
        CreateCommand::Secret(args) => secret::create::run(&args),
    }
}

/// `lockgate set …`.
#[derive(Args)]
pub(super) struct SetArgs {
    #[command(subcommand)]
    command: SetCommand,
}

#[derive(Subcommand)]
enum SetCommand {
    /// Change keys of a Secret; the same as `lockgate secret set`.
    Secret(Box<secret::set::SetArgs>),
}

/// Runs it.
pub(super) fn set(args: SetArgs) -> Result<(), Error> {
    match args.command {
        SetCommand::Secret(args) => secret::set::run(&args),
    }
}
