//! `lockgate registry`: Registries and `ClusterRegistries` as people make them, see them and take them away; and whether a registry takes
//! a login.

mod answer;
mod challenge;
mod create;
mod delete;
mod fits;
mod inspect;
mod link;
mod list;
mod named;
mod names;
pub(super) mod seen;
mod test;
mod url;
mod uses;
mod visit;

use clap::{Args, Subcommand};

use super::error::Error;

pub(super) use create::{CLUSTER_REGISTRY_LABEL, CreateArgs};
pub(super) use delete::DeleteArgs;
pub(super) use inspect::InspectArgs;
pub(super) use list::ListArgs;
pub(super) use test::faults_of;
pub use test::offered;

/// `lockgate registry`.
#[derive(Args)]
pub(super) struct RegistryArgs {
    #[command(subcommand)]
    command: RegistryCommand,
}

#[derive(Subcommand)]
enum RegistryCommand {
    /// Give a registry's login to all images of its host: a Registry (or `ClusterRegistry`) and its pull Secret in one command.
    Create(Box<CreateArgs>),
    /// List Registries, and `ClusterRegistries` where they can be read.
    #[command(visible_alias = "ls")]
    List(Box<ListArgs>),
    /// Show one: its login's state without a part of it, what else is for its host, and the images that get it.
    #[command(visible_alias = "describe")]
    Inspect(Box<InspectArgs>),
    /// Delete Registries, and with each the Secret that was made for it alone.
    #[command(visible_alias = "rm")]
    Delete(Box<DeleteArgs>),
    /// Log in with a Registry's login, or with the entries of a pull Secret, and say what the registry answers.
    ///
    /// With --image: the entries that the kubelet would offer for that image, in its order, until one is taken; the image's manifest
    /// is asked for, and nothing is pulled. Where no entry is for the image it is asked for without a login, as the kubelet does.
    /// Without --image: the registry of each entry is asked whether the login is good. Of a Registry only the entries that are for
    /// its host are tried, and there.
    ///
    /// The Secret is read with your own rights, and the login is sent to the registry (or to where the registry gives tokens) and to
    /// nobody else. Your machine asks, not a node: another network, other proxies and other trusted certificates may say otherwise there.
    ///
    /// Exit code: 0 where every login is good, or the image can be pulled; 1 where not; 2, 3 and 4 as with all commands.
    Test(Box<test::TestArgs>),
}

/// Runs `lockgate registry`.
pub(super) fn run(args: RegistryArgs) -> Result<(), Error> {
    match args.command {
        RegistryCommand::Create(args) => create::run(&args),
        RegistryCommand::List(args) => list::run(&args),
        RegistryCommand::Inspect(args) => inspect::run(&args),
        RegistryCommand::Delete(args) => delete::run(&args),
        RegistryCommand::Test(args) => test::run(&args),
    }
}

/// Runs `lockgate create registry`.
pub(super) fn create(args: &CreateArgs) -> Result<(), Error> {
    create::run(args)
}

/// Runs `lockgate inspect registry`.
pub(super) fn inspect(args: &InspectArgs) -> Result<(), Error> {
    inspect::run(args)
}

/// Runs `lockgate delete registry`.
pub(super) fn delete(args: &DeleteArgs) -> Result<(), Error> {
    delete::run(args)
}

/// Runs `lockgate list registry`.
pub(super) fn list(args: &ListArgs) -> Result<(), Error> {
    list::run(args)
}
