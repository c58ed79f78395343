//! The command line: typed arguments in, exit code out.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use error::Error;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod ages;
mod agree;
mod argv;
mod ask;
mod check;
mod completion;
mod config;
mod connect;
mod crd;
mod credentials;
mod defaults;
mod delete;
mod describe;
mod doctor;
mod election;
mod error;
mod explain;
mod follow;
mod get;
mod helper;
pub mod import;
mod installed;
mod logs;
mod man;
pub mod manifest;
mod operator;
mod output;
mod pipelines;
mod plan;
mod projector;
pub mod registry;
mod render;
mod rerun;
mod run;
mod schema;
mod secret;
mod server;
mod states;
mod suspend;
mod users;
mod values;
mod verbs;
mod version;
mod wait;
mod writes;

/// Holds a pipeline's Pods back until every Secret that they need is in place.
#[derive(Parser)]
#[command(name = "lockgate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

// Without Debug: arguments may hold values of Secrets.
#[derive(Subcommand)]
enum Command {
    /// Run the operator until SIGTERM.
    Operator(Box<operator::OperatorArgs>),
    /// Copy the pull secrets of ClusterRegistries to where Pipelines need them, until SIGTERM.
    Projector(Box<projector::ProjectorArgs>),
    /// Say what is wrong with Pipelines and Registries before they are applied. Needs no cluster but for --live.
    Check(Box<check::CheckArgs>),
    /// Print the exact Pods that the operator would create, and what it would wait for and delete.
    Plan(Box<plan::PlanArgs>),
    /// Make a Pipeline of one container and follow it to its end.
    Run(Box<run::RunArgs>),
    /// Ask for another run of an unchanged Pipeline.
    Rerun(Box<rerun::RerunArgs>),
    /// Hold back every new Pod of a Pipeline. What runs is left to finish.
    Suspend(Box<suspend::SuspendArgs>),
    /// Let a suspended Pipeline go on.
    Resume(Box<suspend::SuspendArgs>),
    /// `start pipeline NAME` is `resume NAME`, as pachctl has it.
    #[command(subcommand)]
    Start(suspend::StartWord),
    /// `stop pipeline NAME` is `suspend NAME`, as pachctl has it.
    #[command(subcommand)]
    Stop(suspend::StopWord),
    /// Say whether Lockgate is installed as it should be, and what to do where it is not.
    Doctor(Box<doctor::DoctorArgs>),
    /// Say why a Pipeline is not running, stage by stage, and what mends it.
    Explain(Box<explain::ExplainArgs>),
    /// Create, list, show and delete Secrets, without showing their values.
    #[command(visible_alias = "secrets")]
    Secret(secret::SecretArgs),
    /// List Secrets, Pipelines or jobs: `lockgate list secret` is `lockgate secret list`.
    List(verbs::ListArgs),
    /// Show one Secret or Pipeline: `lockgate inspect secret` is `lockgate secret inspect`.
    Inspect(verbs::InspectArgs),
    /// Delete Secrets or Pipelines: `lockgate delete secret` is `lockgate secret delete`.
    Delete(verbs::DeleteArgs),
    /// Create a Secret, in the word order of kubectl.
    Create(verbs::CreateArgs),
    /// Change a Secret; `set secret` is `secret set`.
    Set(verbs::SetArgs),
    /// Print what the Pods of a Pipeline print, with --mask without the values of its Secrets.
    Logs(Box<logs::LogsArgs>),
    /// Show all that the operator says of a Pipeline.
    Describe(Box<describe::DescribeArgs>),
    /// List Pipelines, or their runs.
    Get(Box<get::GetArgs>),
    /// Wait until Pipelines have come to a state; end early where they cannot any more.
    Wait(Box<wait::WaitArgs>),
    /// Turn pipelines of other systems into Pipelines, and say what has no counterpart. Needs no cluster.
    Import(Box<import::ImportArgs>),
    /// Create, list and delete the logins that registries' images get by themselves; log in as the kubelet would.
    Registry(Box<registry::RegistryArgs>),
    /// Write a step's input, with values of Secrets in it. For the init container that the operator adds.
    #[command(hide = true)]
    Render(Box<render::RenderArgs>),
    /// Change Pipelines that are there, from files of any system that `import` reads.
    Update(verbs::UpdateArgs),
    /// Pipelines, with the verb behind: `pipeline create` is `create pipeline`.
    Pipeline(verbs::PipelineArgs),
    /// Print the CustomResourceDefinitions as YAML.
    Crd(crd::CrdArgs),
    /// Print a script with which a shell completes commands and flags.
    Completion(completion::CompletionArgs),
    /// Print the manual, or write a page for each command.
    Man(man::ManArgs),
    /// Print the JSON Schema of a kind, for editors and validators.
    Schema(schema::SchemaArgs),
    /// Print the version of this program.
    Version(version::VersionArgs),
}

/// The longest line of a help.
const WIDTH: usize = 100;

/// Every command with its flags, as `lockgate`.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command().bin_name("lockgate").max_term_width(WIDTH)
}

/// Parses the command line, program name included, and runs the command. Errors go to stderr.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = argv::flags_last(arguments.into_iter().collect());
    let name = argv::called_as(arguments.first().map(OsString::as_os_str));
    let parsed =
        command().bin_name(name).try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        // To stdout and with 0 where help or the version was asked for, to stderr and with 2 else.
        Err(error) => error.exit(),
    };
    let result = match cli.command {
        Command::Operator(args) => operator::run(*args),
        Command::Projector(args) => projector::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Rerun(args) => rerun::run(&args),
        Command::Suspend(args) | Command::Stop(suspend::StopWord::Pipeline(args)) => suspend::run(&args, true),
        Command::Resume(args) | Command::Start(suspend::StartWord::Pipeline(args)) => suspend::run(&args, false),
        Command::Doctor(args) => doctor::run(*args),
        Command::Explain(args) => explain::run(&args),
        Command::Secret(args) => secret::run(args),
        Command::List(args) => verbs::list(args),
        Command::Inspect(args) => verbs::inspect(args),
        Command::Delete(args) => verbs::delete(args),
        Command::Create(args) => verbs::create(args),
        Command::Set(args) => verbs::set(args),
        Command::Logs(args) => logs::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Wait(args) => wait::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Registry(args) => registry::run(*args),
        Command::Render(args) => render::run(&args),
        Command::Update(args) => verbs::update(args),
        Command::Pipeline(args) => verbs::pipeline(args),
        Command::Crd(args) => crd::run(&args),
        Command::Completion(args) => completion::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Version(args) => version::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as in `lockgate … | head`.
        Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever closed stderr does not want to hear it.
            let _ = writeln!(std::io::stderr(), "lockgate: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// For fuzzing (`hack/fuzz`): what `lockgate secret create` does with a file of any bytes, short of sending it.
///
/// # Panics
/// Where what would be sent is not what was read.
pub fn read_secrets(bytes: &[u8]) {
    secret::create::read_made_up(bytes);
}

/// For fuzzing (`hack/fuzz`): what `lockgate check` does with a string of an input's template.
///
/// # Panics
/// Where the pieces of the string are not the string, or compiling panics.
pub fn judge_expressions(text: &str) {
    check::judge_made_up(text);
}

/// Runs what a command asks of a cluster.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
