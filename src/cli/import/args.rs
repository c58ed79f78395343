//! Flags that all ways to import have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Options;
use super::secrets::Extract;
use super::system::System;
use crate::api::pipeline::{OnMissingSecret, Security};
use crate::cli::connect::NamespaceArg;

/// What is imported, and how.
#[derive(Args, Debug)]
pub(in crate::cli) struct SourceArgs {
    /// A file of another system's objects, YAML or JSON, or `-` for standard input. May be given several times.
    #[arg(short, long = "filename", visible_alias = "file", value_name = "FILE", required = true)]
    pub filename: Vec<String>,

    /// Whose objects they are. Absent: told by their shape.
    #[arg(long, value_enum, value_name = "SYSTEM")]
    from: Option<System>,

    /// The Pipeline's name; there must be one only. Absent: the object's own, made good where it has to be.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Pipelines that read each other's results become the steps of one Pipeline, with needs.
    #[arg(long)]
    as_steps: bool,

    /// The security of every Pipeline. Absent: none is written, which means Baseline.
    #[arg(long, value_enum, value_name = "LEVEL")]
    security: Option<SecurityLevel>,

    /// What a missing Secret means to every Pipeline. Absent: none is written, which means Wait. Fail refuses at once, as Pachyderm does.
    #[arg(long, value_enum, value_name = "WHAT")]
    on_missing_secret: Option<Missing>,

    /// Where DataOS' Secrets appear as files. Its older pages say /opt/dataos/secret.
    #[arg(long, value_name = "DIR", default_value = "/etc/dataos/secret")]
    dataos_secret_dir: String,

    /// Move a literal variable into a Secret, by default NAME-env of the Pipeline NAME, under its own name as the key. May be
    /// given several times. Needs --apply, which makes the Secret, or --secret-file.
    #[arg(long = "extract-env", value_name = "VARIABLE[=SECRET/KEY]", value_parser = Extract::parse)]
    pub extract: Vec<Extract>,

    /// Write the Secrets of the files, and those of --extract-env, into this file, which must not be there and which only you can
    /// read. `lockgate secret create -f FILE` makes them.
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// A field without a counterpart is an error: exit code 1, and nothing is applied.
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    pub namespace: NamespaceArg,
}

/// `--security`.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum SecurityLevel {
    /// Seccomp `RuntimeDefault` and nothing else.
    Baseline,
    /// All that the Pod Security level `restricted` asks for.
    Restricted,
}

/// `--on-missing-secret`.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Missing {
    /// Nothing starts until it is there.
    Wait,
    /// The run fails at once.
    Fail,
}

impl SourceArgs {
    /// What is asked for of every object. `-n` is written into objects that name no namespace.
    pub(super) fn options(&self) -> Options {
        Options {
            from: self.from,
            name: self.name.clone(),
            namespace: self.namespace.namespace.clone(),
            security: self.security.map(|level| match level {
                SecurityLevel::Baseline => Security::Baseline,
                SecurityLevel::Restricted => Security::Restricted,
            }),
            on_missing_secret: self.on_missing_secret.map(|what| match what {
                Missing::Wait => OnMissingSecret::Wait,
                Missing::Fail => OnMissingSecret::Fail,
            }),
            as_steps: self.as_steps,
            extract: self.extract.clone(),
            dataos_secret_dir: Some(self.dataos_secret_dir.clone()),
        }
    }
}
