//! `lockgate delete pipeline NAME`: as `kubectl delete`, it asks nothing; what owns nothing else goes with it.

use std::io::Write;

use clap::{Args, ValueEnum};
use kube::ResourceExt;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};

use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg};
use super::error::Error;
use super::pipelines::{KIND, SelectArgs, Selected};

/// Flags of `lockgate delete pipeline`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lockgate delete pipeline edges
  lockgate delete pipeline -l team=a
  lockgate delete pipeline edges --ignore-not-found

Its Pods go with it; Secrets are left alone. Nothing is asked, as with kubectl and pachctl.
Exit codes: 0 deleted, 3 the cluster refuses, 4 one of the names is not there (the others are deleted).")]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    select: SelectArgs,

    /// A name that is not there is no error.
    #[arg(long)]
    ignore_not_found: bool,

    /// What becomes of its Pods: background: they go after it, foreground: before it, orphan: they stay.
    #[arg(long, value_enum, value_name = "HOW", default_value = "background")]
    cascade: Cascade,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cascade {
    Background,
    Foreground,
    Orphan,
}

/// Deletes them, each as it was found.
pub(super) fn run(args: &DeleteArgs) -> Result<(), Error> {
    let how = match args.cascade {
        Cascade::Background => PropagationPolicy::Background,
        Cascade::Foreground => PropagationPolicy::Foreground,
        Cascade::Orphan => PropagationPolicy::Orphan,
    };
    block_on(async {
        let connection = args.cluster.connect().await?;
        let Selected { api, namespace, found } = args.select.read(&connection, &args.namespace).await?;
        let mut missing = None;
        for found in found {
            let pipeline = match found {
                Ok(pipeline) => pipeline,
                Err(Error::NotFound(_)) if args.ignore_not_found => continue,
                Err(error) => {
                    if let Some(before) = missing.replace(error) {
                        eprintln!("lockgate: {before}");
                    }
                    continue;
                }
            };
            // One of the same name that somebody made meanwhile is another.
            let preconditions = Preconditions { uid: pipeline.uid(), resource_version: None };
            let params = DeleteParams {
                propagation_policy: Some(how.clone()),
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            api.delete(&pipeline.name_any(), &params).await?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{KIND} \"{}\" deleted from {namespace} namespace", pipeline.name_any())?;
        }
        missing.map_or(Ok(()), Err)
    })
}
