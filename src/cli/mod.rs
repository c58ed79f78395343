//! The command line: typed arguments in, exit code out.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod connect;
mod crd;
mod defaults;
mod doctor;
mod election;
mod error;
pub mod manifest;
mod operator;

/// Holds a pipeline's Pods back until every Secret that they need is in place.
#[derive(Debug, Parser)]
#[command(name = "lockgate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator until SIGTERM.
    Operator(Box<operator::OperatorArgs>),
    /// Say what is wrong with Pipelines before they are applied. Needs no cluster.
    Check(check::CheckArgs),
    /// Say whether Lockgate is installed as it should be, and what to do where it is not.
    Doctor(doctor::DoctorArgs),
    /// Print the CustomResourceDefinitions as YAML.
    Crd,
}

/// Runs the command that was given. Errors go to stderr.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Operator(args) => operator::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(args),
        Command::Crd => crd::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockgate: {error}");
            ExitCode::FAILURE
        }
    }
}
