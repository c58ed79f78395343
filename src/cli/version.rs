//! `lockgate version`.

use std::io::Write;

use clap::Args;
use kube::Resource;
use serde_json::json;

use super::error::Error;
use super::output::{self, Format, OutputArgs};
use crate::api::pipeline::Pipeline;

/// Flags of `lockgate version`.
#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// Prints the version of this program; the operator's is told by `lockgate doctor`.
pub(super) fn run(args: &VersionArgs) -> Result<(), Error> {
    let version = env!("CARGO_PKG_VERSION");
    let crd = Pipeline::api_version(&());
    let all = json!({"version": version, "apiVersion": crd});
    let mut out = std::io::stdout().lock();
    match args.output.output.map(|format| format.one_of(&[Format::Json, Format::Yaml])).transpose()? {
        Some(Format::Json) => output::json(&mut out, &all),
        Some(_) => output::yaml(&mut out, &all),
        None => Ok(writeln!(out, "lockgate {version}")?),
    }
}
