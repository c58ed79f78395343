//! The command line: typed arguments in, exit code out.

use std::ffi::OsString;
use std::process::ExitCode;

use error::Error;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod ages;
mod argv;
mod ask;
mod check;
mod connect;
mod crd;
mod defaults;
mod doctor;
mod election;
mod error;
pub mod manifest;
mod operator;
mod output;
mod secret;
mod users;
mod values;
mod verbs;
mod version;

/// Holds a pipeline's Pods back until every Secret that they need is in place.
#[derive(Parser)]
#[command(name = "lockgate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator until SIGTERM.
    Operator(Box<operator::OperatorArgs>),
    /// Say what is wrong with Pipelines before they are applied. Needs no cluster.
    Check(check::CheckArgs),
    /// Say whether Lockgate is installed as it should be, and what to do where it is not.
    Doctor(Box<doctor::DoctorArgs>),
    /// List, show and delete Secrets, without their values.
    #[command(visible_alias = "secrets")]
    Secret(secret::SecretArgs),
    /// List things: `lockgate list secret` is `lockgate secret list`.
    List(verbs::ListArgs),
    /// Show one thing: `lockgate inspect secret` is `lockgate secret inspect`.
    Inspect(verbs::InspectArgs),
    /// Delete things: `lockgate delete secret` is `lockgate secret delete`.
    Delete(verbs::DeleteArgs),
    /// Print the CustomResourceDefinitions as YAML.
    Crd,
    /// Print the version of this program.
    Version(version::VersionArgs),
}

/// Parses the command line, program name included, and runs the command. Errors go to stderr.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = argv::flags_last(arguments.into_iter().collect());
    let name = argv::called_as(arguments.first().map(OsString::as_os_str));
    let command = Cli::command().bin_name(name);
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        // To stdout and with 0 where help or the version was asked for, to stderr and with 2 else.
        Err(error) => error.exit(),
    };
    let result = match cli.command {
        Command::Operator(args) => operator::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(*args),
        Command::Secret(args) => secret::run(args),
        Command::List(args) => verbs::list(args),
        Command::Inspect(args) => verbs::inspect(args),
        Command::Delete(args) => verbs::delete(args),
        Command::Crd => crd::run(),
        Command::Version(args) => version::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as in `lockgate … | head`.
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockgate: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs what a command asks of a cluster.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
