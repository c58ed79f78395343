//! The other word order, which pachctl and kubectl have: `lockgate list secret` is `lockgate secret list`.

use clap::{Args, Subcommand};

use super::error::Error;
use super::{delete, describe, get, import, registry, secret};

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
    /// Create a Registry and its Secret; the same as `lockgate registry create`.
    Registry(Box<registry::CreateArgs>),
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
    /// The same as `lockgate get pipelines`.
    List(Box<get::ListArgs>),
    /// The same as `lockgate describe`.
    Inspect(Box<describe::DescribeArgs>),
    /// Delete Pipelines, and their Pods with them.
    Delete(Box<delete::DeleteArgs>),
}

/// Runs it.
pub(super) fn create(args: CreateArgs) -> Result<(), Error> {
    match args.command {
        CreateCommand::Secret(args) => secret::create::run(&args),
        CreateCommand::Registry(args) => registry::create(&args),
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
        PipelineCommand::List(args) => get::list_pipelines(&args.names, &args.flags),
        PipelineCommand::Inspect(args) => describe::run(&args),
        PipelineCommand::Delete(args) => delete::run(&args),
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

/// `lockgate list …`.
#[derive(Args)]
pub(super) struct ListArgs {
    #[command(subcommand)]
    command: ListCommand,
}

#[derive(Subcommand)]
enum ListCommand {
    /// List Secrets; the same as `lockgate secret list`.
    #[command(visible_alias = "secrets")]
    Secret(Box<secret::list::ListArgs>),
    /// List Registries; the same as `lockgate registry list`.
    #[command(visible_aliases = ["registries", "lgr"])]
    Registry(Box<registry::ListArgs>),
    /// List Pipelines; the same as `lockgate get pipelines`.
    #[command(visible_aliases = ["pipelines", "lgp"])]
    Pipeline(Box<get::ListArgs>),
    /// List runs, which pachctl calls jobs; the same as `lockgate get runs`.
    #[command(visible_aliases = ["jobs", "run", "runs"])]
    Job(Box<get::ListArgs>),
}

/// Runs it.
pub(super) fn list(args: ListArgs) -> Result<(), Error> {
    match args.command {
        ListCommand::Secret(args) => secret::list::run(&args),
        ListCommand::Registry(args) => registry::list(&args),
        ListCommand::Pipeline(args) => get::list_pipelines(&args.names, &args.flags),
        ListCommand::Job(args) => get::list_runs(&args.names, &args.flags),
    }
}

/// `lockgate inspect …`.
#[derive(Args)]
pub(super) struct InspectArgs {
    #[command(subcommand)]
    command: InspectCommand,
}

#[derive(Subcommand)]
enum InspectCommand {
    /// Show one Secret; the same as `lockgate secret inspect`.
    #[command(visible_alias = "secrets")]
    Secret(Box<secret::inspect::InspectArgs>),
    /// Show one Registry; the same as `lockgate registry inspect`.
    #[command(visible_alias = "lgr")]
    Registry(Box<registry::InspectArgs>),
    /// Show one Pipeline; the same as `lockgate describe`.
    #[command(visible_alias = "lgp")]
    Pipeline(Box<describe::DescribeArgs>),
}

/// Runs it.
pub(super) fn inspect(args: InspectArgs) -> Result<(), Error> {
    match args.command {
        InspectCommand::Secret(args) => secret::inspect::run(&args),
        InspectCommand::Registry(args) => registry::inspect(&args),
        InspectCommand::Pipeline(args) => describe::run(&args),
    }
}

/// `lockgate delete …`.
#[derive(Args)]
pub(super) struct DeleteArgs {
    #[command(subcommand)]
    command: DeleteCommand,
}

#[derive(Subcommand)]
enum DeleteCommand {
    /// Delete Secrets that no Pipeline uses; the same as `lockgate secret delete`.
    #[command(visible_alias = "secrets")]
    Secret(Box<secret::delete::DeleteArgs>),
    /// Delete Registries; the same as `lockgate registry delete`.
    #[command(visible_aliases = ["registries", "lgr"])]
    Registry(Box<registry::DeleteArgs>),
    /// Delete Pipelines, and their Pods with them.
    #[command(visible_aliases = ["pipelines", "lgp"])]
    Pipeline(Box<delete::DeleteArgs>),
}

/// Runs it.
pub(super) fn delete(args: DeleteArgs) -> Result<(), Error> {
    match args.command {
        DeleteCommand::Secret(args) => secret::delete::run(&args),
        DeleteCommand::Registry(args) => registry::delete(&args),
        DeleteCommand::Pipeline(args) => delete::run(&args),
    }
}
