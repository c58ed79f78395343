//! `lockgate registry`: Registries and ClusterRegistries as people make them, see them and take them away; and whether a registry takes
//! a login.

mod answer;
mod challenge;
mod create;
mod link;
mod list;
mod names;
pub(super) mod seen;
mod test;
mod url;
mod visit;

use clap::{Args, Subcommand};

use super::error::Error;

pub(super) use create::CreateArgs;
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
    /// Log in with the entries of a pull Secret, and say what the registry answers.
    ///
    /// With --image: the entries that the kubelet would offer for that image, in its order, until one is taken; the image's manifest
    /// is asked for, and nothing is pulled. Where no entry is for the image it is asked for without a login, as the kubelet does.
    /// Without --image: the registry of each entry is asked whether the login is good.
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
        RegistryCommand::Test(args) => test::run(&args),
    }
}

/// Runs `lockgate create registry`.
pub(super) fn create(args: &CreateArgs) -> Result<(), Error> {
    create::run(args)
}

/// Runs `lockgate list registry`.
pub(super) fn list(args: &ListArgs) -> Result<(), Error> {
    list::run(args)
}
