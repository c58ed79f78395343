//! `lockgate secret`: Secrets as people make them, see them and take them away; values are shown by none of these.

pub(super) mod create;
mod restarts;
pub(super) mod set;

use clap::{Args, Subcommand};

use super::error::Error;

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
}

/// Runs it.
pub(super) fn run(args: SecretArgs) -> Result<(), Error> {
    match args.command {
        SecretCommand::Create(args) => create::run(&args),
        SecretCommand::Set(args) => set::run(&args),
    }
}
