//! `lockgate suspend` and `lockgate resume`: `spec.suspend`, and no other field.

use std::io::Write;

use clap::{Args, Subcommand};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg};
use super::error::Error;
use super::output::printable;
use super::pipelines::{KIND, SelectArgs, managed_by};
use super::writes::FIELD_MANAGER;
use crate::controller::object::WirePipeline;

/// Flags of `lockgate suspend` and `lockgate resume`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
What is so already is said, and is no error.

Examples:
  lockgate suspend edges
  lockgate resume edges
  lockgate suspend -l team=vision
  lockgate resume --all -n team-a")]
pub(super) struct SuspendArgs {
    #[command(flatten)]
    which: SelectArgs,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// `pachctl start pipeline NAME`.
#[derive(Debug, Subcommand)]
pub(super) enum StartWord {
    /// Let suspended Pipelines go on; the same as `lockgate resume`.
    #[command(visible_alias = "pipelines")]
    Pipeline(Box<SuspendArgs>),
}

/// `pachctl stop pipeline NAME`.
#[derive(Debug, Subcommand)]
pub(super) enum StopWord {
    /// Hold back every new Pod of Pipelines; the same as `lockgate suspend`.
    #[command(visible_alias = "pipelines")]
    Pipeline(Box<SuspendArgs>),
}

/// Sets `suspend` of each; whoever has it so already is left alone.
pub(super) fn run(args: &SuspendArgs, suspend: bool) -> Result<(), Error> {
    block_on(Box::pin(set_all(args, suspend)))
}

async fn set_all(args: &SuspendArgs, suspend: bool) -> Result<(), Error> {
    let connection = args.cluster.connect().await?;
    let selected = args.which.read(&connection, &args.namespace).await?;
    if selected.found.is_empty() {
        eprintln!("No Pipelines found in namespace {}.", selected.namespace);
    }
    let done = if suspend { "suspended" } else { "resumed" };
    let mut out = std::io::stdout().lock();
    let mut first = Ok(());
    for found in selected.found {
        let set = match found {
            Ok(pipeline) if is_suspended(&pipeline) == suspend => Ok((pipeline, false)),
            Ok(pipeline) => {
                let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
                let by = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
                let patched = selected.api.patch(&pipeline.name_any(), &by, &patch).await;
                patched.map(|_| (pipeline, true)).map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        match set {
            Ok((pipeline, is_new)) => {
                let state = match (is_new, suspend) {
                    (true, _) => done,
                    (false, true) => "was suspended already",
                    (false, false) => "was not suspended",
                };
                writeln!(out, "{KIND}/{} {state}", printable(&pipeline.name_any()))?;
                if let Some(tool) = managed_by(&pipeline).filter(|_| is_new) {
                    eprintln!(
                        "warning: {tool} manages Pipeline {} and may set this back: set suspend where it has it from, too",
                        pipeline.name_any()
                    );
                }
            }
            // The first one is the command's own; the others are told as they come.
            Err(error) if first.is_ok() => first = Err(error),
            Err(error) => eprintln!("lockgate: {error}"),
        }
    }
    first
}

fn is_suspended(pipeline: &WirePipeline) -> bool {
    pipeline.spec.get("suspend").and_then(Value::as_bool).unwrap_or(false)
}
