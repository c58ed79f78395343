//! The other word order, which pachctl and kubectl have: `lockgate create secret` is `lockgate secret create`.

use clap::{Args, Subcommand};

use super::error::Error;
use super::{import, secret};

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
    /// Create Pipelines from files of any system that `import` reads. None of them may be there.
    Pipeline(Box<import::PipelineArgs>),
}

/// `lockgate update …`.
#[derive(Args)]
pub(super) struct UpdateArgs {
    #[command(subcommand)]
    command: UpdateCommand,
}

#[derive(Subcommand)]
enum UpdateCommand {
    /// Change Pipelines from files of any system that `import` reads. All of them have to be there.
    Pipeline(Box<import::PipelineArgs>),
}

/// `lockgate pipeline …`.
#[derive(Args)]
pub(super) struct PipelineArgs {
    #[command(subcommand)]
    command: PipelineCommand,
}

#[derive(Subcommand)]
enum PipelineCommand {
    /// The same as `lockgate create pipeline`.
    Create(Box<import::PipelineArgs>),
    /// The same as `lockgate update pipeline`.
    Update(Box<import::PipelineArgs>),
}

/// Runs it.
pub(super) fn create(args: CreateArgs) -> Result<(), Error> {
    match args.command {
        CreateCommand::Secret(args) => secret::create::run(&args),
        CreateCommand::Pipeline(args) => import::create(&args),
    }
}

/// Runs it.
pub(super) fn update(args: UpdateArgs) -> Result<(), Error> {
    let UpdateCommand::Pipeline(args) = args.command;
    import::update(&args)
}

/// Runs it.
pub(super) fn pipeline(args: PipelineArgs) -> Result<(), Error> {
    match args.command {
        PipelineCommand::Create(args) => import::create(&args),
        PipelineCommand::Update(args) => import::update(&args),
    }
}
