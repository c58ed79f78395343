//! The flags of `lockgate registry create`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use crate::cli::connect::{ClusterArgs, namespace};
use crate::cli::output::Format;
use crate::cli::values::{SecretValue, argument};
use crate::cli::writes::{DryRunArg, FIELD_MANAGER};

/// Flags of `lockgate registry create`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CreateArgs {
    /// What it is to be called. Absent: the host with a hash of it behind, so that no two hosts share a name.
    #[arg(value_name = "NAME")]
    pub(super) words: Vec<OsString>,

    /// The registry's address: with or without https://, with its port if it has one. It is for a whole host, not for a path. Of
    /// Docker Hub any address will do.
    #[arg(long, value_name = "URL", required = true)]
    pub(super) url: String,

    /// The login, as `USER:TOKEN`; the token is what stands behind the first ':', and may be anything. `-` reads it from standard
    /// input and `@FILE` from a file: both are better, since others on this machine can read a command line in the list of
    /// processes, and your shell may keep it. A user that begins with `@` is written with two.
    #[arg(
        long, value_name = "USER:TOKEN|-|@FILE", value_parser = argument(), allow_hyphen_values = true,
        conflicts_with_all = ["data_stdin", "username"], help_heading = "Login"
    )]
    pub(super) data: Option<SecretValue>,

    /// The same as `--data -`.
    #[arg(long, conflicts_with = "username", help_heading = "Login")]
    pub(super) data_stdin: bool,

    /// The user, where the token alone comes from standard input, as with docker login.
    #[arg(long, value_name = "USER", requires = "password_stdin", help_heading = "Login")]
    pub(super) username: Option<String>,

    /// Read the token from standard input; a line break at its end does not count.
    #[arg(long, requires = "username", help_heading = "Login")]
    pub(super) password_stdin: bool,

    /// A pull Secret that is there already, and to make none. Several Registries may name one.
    #[arg(
        long, value_name = "NAME", value_parser = super::super::test::secret_name,
        conflicts_with_all = ["data", "data_stdin", "username"], help_heading = "Login"
    )]
    pub(super) secret: Option<String>,

    /// Whose images get the login: of this `namespace` (a Registry), of all (`global`), or of the platform's own (`global-private`:
    /// those with the label lockgate.dev/system=true). The last two make a `ClusterRegistry`, which takes an administrator, and a
    /// cluster where `lockgate projector` is installed.
    #[arg(long, value_enum, value_name = "SCOPE", default_value = "namespace")]
    pub(super) scope: ScopeWord,

    /// With a global scope: only namespaces with these labels, as in team=vision,tier!=test,audited,!sandbox.
    #[arg(long, value_name = "LABELS")]
    pub(super) namespace_selector: Option<String>,

    /// With a global scope: where its Secret is. It has to be one of those that the projector may read (Helm:
    /// projector.sourceNamespaces). Absent: lockgate-system.
    #[arg(long, value_name = "NAME", value_parser = namespace)]
    pub(super) secret_namespace: Option<String>,

    /// Where they are there already: the new login for the Secret that this command made, the new host for the Registry.
    #[arg(long)]
    pub(super) replace: bool,

    #[command(flatten)]
    pub(super) dry: DryRunArg,

    /// Who owns the fields that are written.
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    pub(super) field_manager: String,

    /// How it is printed: `json` and `yaml` show the login with --dry-run, and only then.
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(super) output: Option<Format>,

    /// The namespace. Given several times: they are made in each. Absent: the context's.
    #[arg(short, long, value_name = "NAME", value_parser = namespace, help_heading = "Cluster")]
    pub(super) namespace: Vec<String>,

    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// `--scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ScopeWord {
    /// A Registry.
    Namespace,
    /// A `ClusterRegistry` for all.
    Global,
    /// A `ClusterRegistry` for the platform's own.
    GlobalPrivate,
}

const EXAMPLES: &str = "\
Examples:
  # Every image of Docker Hub in this namespace is pulled with this login from now on
  lockgate registry create --url https://index.docker.io --data - < user-and-token

  # The same in the form that Direktiv has; a shell may keep the token
  lockgate registry create --url https://index.docker.io --data 'user:token'

  # The token from a program that prints it, in two namespaces
  pass registry | lockgate registry create harbor --url https://harbor.example.com --username ci --password-stdin -n team-a -n team-b

  # A Secret that another tool makes
  lockgate registry create harbor --url harbor.example.com --secret harbor-login

  # For all namespaces of one team
  lockgate registry create harbor --url harbor.example.com --data @login --scope global --namespace-selector team=vision

The Secret is made first. Where the Registry is refused then, what stands is said, and how to go on with it. A pull Secret that a
Pipeline names itself is offered before a Registry's: docs/registries.md.
Exit codes: 1 the login cannot be used, 2 the flags, 3 the cluster refuses, 5 one of that name is there (--replace).";
