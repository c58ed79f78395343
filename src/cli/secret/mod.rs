//! `lockgate secret`: Secrets as people make them, see them and take them away; values are shown by none of these.

pub(super) mod create;

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
}

/// Runs it.
pub(super) fn run(args: SecretArgs) -> Result<(), Error> {
    match args.command {
        SecretCommand::Create(args) => create::run(&args),
    }
}
