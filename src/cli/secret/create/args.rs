//! The flags of `lockgate secret create`: kubectl's with their meaning and defaults, and more.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::cli::connect::{ClusterArgs, namespace};
use crate::cli::output::Format;
use crate::cli::values::{SecretValue, argument};
use crate::cli::writes::{DryRunArg, FIELD_MANAGER};

/// Flags of `lockgate secret create`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CreateArgs {
    /// The type (`generic`, `tls` or `docker-registry`) and the name. Without a type it is `docker-registry` where a flag of that is
    /// given, else `generic`.
    #[arg(value_name = "TYPE NAME")]
    pub(super) words: Vec<OsString>,

    /// A manifest of Secrets, YAML or JSON, several documents or Lists, or `-` for standard input. May be given several times.
    #[arg(short, long = "filename", alias = "file", value_name = "FILE", help_heading = "From manifests")]
    pub(super) filename: Vec<PathBuf>,

    /// A key and its value. Others on this machine can read it in the list of processes, and your shell may keep it:
    /// `--from-file` is better. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = argument(), allow_hyphen_values = true, help_heading = "generic")]
    pub(super) from_literal: Vec<SecretValue>,

    /// A file, whose name becomes the key unless one is given, or a folder, of which every regular file becomes a key. May be given
    /// several times. With `docker-registry` the key is `.dockerconfigjson` unless one is given.
    #[arg(long, value_name = "[KEY=]PATH", value_delimiter = ',', help_heading = "generic")]
    pub(super) from_file: Vec<OsString>,

    /// A file of lines `KEY=VALUE`; a line `KEY` takes the value of that environment variable. May be given several times.
    #[arg(long, value_name = "PATH", value_delimiter = ',', help_heading = "generic")]
    pub(super) from_env_file: Vec<PathBuf>,

    /// The type of a generic Secret. Absent: Opaque.
    #[arg(long = "type", value_name = "TYPE", help_heading = "generic")]
    pub(super) type_: Option<String>,

    /// The file of the certificate, PEM, with those that it was signed by behind it.
    #[arg(long, value_name = "PATH", help_heading = "tls")]
    pub(super) cert: Option<PathBuf>,

    /// The file of its private key, PEM, without a passphrase.
    #[arg(long, value_name = "PATH", help_heading = "tls")]
    pub(super) key: Option<PathBuf>,

    /// The registry. For several registries in one Secret give this and the flags below once for each: the first belong together,
    /// the second, and so on. Absent: <https://index.docker.io/v1/>
    #[arg(long, value_name = "SERVER", help_heading = "docker-registry")]
    pub(super) docker_server: Vec<String>,

    /// The user name, or what the registry wants in its place.
    #[arg(long, value_name = "NAME", help_heading = "docker-registry")]
    pub(super) docker_username: Vec<String>,

    /// The password or token. Others on this machine can read it in the list of processes: `--docker-password-stdin` is better.
    #[arg(
        long,
        value_name = "PASSWORD",
        value_parser = argument(),
        allow_hyphen_values = true,
        help_heading = "docker-registry"
    )]
    pub(super) docker_password: Vec<SecretValue>,

    /// Read the password from standard input; a line break at its end does not count.
    #[arg(long, conflicts_with = "docker_password", help_heading = "docker-registry")]
    pub(super) docker_password_stdin: bool,

    /// The e-mail address. Nothing looks at it.
    #[arg(long, value_name = "ADDRESS", help_heading = "docker-registry")]
    pub(super) docker_email: Vec<String>,

    /// Write `auth` only, and not the user name and the password beside it. Whoever pulls reads `auth`.
    #[arg(long, help_heading = "docker-registry")]
    pub(super) auth_only: bool,

    /// Add these registries to a docker-registry Secret that is there, or replace what it has for them.
    #[arg(long, conflicts_with_all = ["replace", "append_hash", "filename"], help_heading = "docker-registry")]
    pub(super) add: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,

    #[command(flatten)]
    pub(super) limits: super::limits::LimitArgs,

    /// How many Secrets the namespace may have with the new one. Helm's releases and service accounts' tokens do not count. Absent:
    /// what the file of --config says, else no limit.
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(super) max_count: Option<u32>,

    /// The namespace. Given several times: the Secret is created in each. Absent: the context's.
    #[arg(short, long, value_name = "NAME", value_parser = namespace, help_heading = "Cluster")]
    pub(super) namespace: Vec<String>,

    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// What goes with every type.
#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // Each is a flag.
pub(super) struct CommonArgs {
    /// Append a hash of the name, the type and the values to the name, the one that kubectl makes.
    #[arg(
        long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value_t = false, hide_possible_values = true, hide_default_value = true
    )]
    pub(super) append_hash: bool,

    /// Nobody may change the values any more; the Secret can only be deleted. The kubelet does not watch such a Secret.
    #[arg(long)]
    pub(super) immutable: bool,

    /// If a Secret of that name is there, replace its values by these. Its labels and annotations stay, and its type has to be the
    /// same.
    #[arg(long)]
    pub(super) replace: bool,

    /// The day on which the values cease to be good, as in 2027-06-30: the label `lockgate.dev/expires-on`, of which Pipelines
    /// that use the Secret warn 14 days before.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = super::day)]
    pub(super) expires_on: Option<String>,

    /// A label. May be given several times, or with several separated by commas.
    #[arg(short, long = "labels", value_name = "KEY=VALUE", value_delimiter = ',')]
    pub(super) labels: Vec<String>,

    #[command(flatten)]
    pub(super) dry: DryRunArg,

    /// Whether fields that a Secret does not have are refused (`strict`), warned of (`warn`) or dropped (`ignore`).
    #[arg(
        long, value_name = "HOW", value_parser = super::validation, default_value = "strict", num_args = 0..=1,
        require_equals = true, default_missing_value = "strict", hide_default_value = true
    )]
    pub(super) validate: &'static str,

    /// Who owns the fields that are written.
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    pub(super) field_manager: String,

    /// kubectl's; refused, since it keeps a copy of the values in an annotation, which more people may read.
    #[arg(
        long, hide = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value_t = false
    )]
    pub(super) save_config: bool,

    /// How it is printed: `json` or `yaml` show the values with --dry-run, and only then.
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(super) output: Option<Format>,
}

const EXAMPLES: &str = "\
Examples:
  # A pull secret; the password does not show in the list of processes
  lockgate secret create docker-registry regcred --docker-server=registry.example.com --docker-username=ci --docker-password-stdin < password

  # One more registry in it
  lockgate secret create regcred --add --docker-server=ghcr.io --docker-username=ci --docker-password-stdin < token

  # A value from a file, one for which Pipelines warn before its end
  lockgate secret create generic db --from-file=password=./password --expires-on=2027-06-30

  # What kubectl prints, in two namespaces
  kubectl create secret generic db --from-file=password --dry-run=client -o json | lockgate secret create -f - -n team-a -n team-b

`lockgate create secret …` is the same. A service account's token is not created here (kubectl create token does that); a
Pipeline may name one that is there.
Limits for the size and the number of Secrets can stand in a file: --config, docs/coming-from/pi.md. Limits that hold for everybody are
policies: docs/policies.md.";
