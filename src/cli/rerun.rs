//! `lockgate rerun`: asks for another run of an unchanged Pipeline.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg, duration};
use super::error::Error;
use super::follow::{self, Followed};
use super::pipelines::{KIND, get};
use super::writes::FIELD_MANAGER;
use crate::controller::object::{RUN_REQUESTED_AT, WirePipeline};

/// Flags of `lockgate rerun`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Sets the annotation lockgate.dev/run-requested-at to now, waits until the operator has taken that up, and prints the number of the \
run. Pods of a run that is under way end first; those of a Service are exchanged one after the other. A Pipeline that is suspended \
takes up the request and starts when it is resumed.

With --wait it ends with 0 where the run ended well and with 1 where it failed.

Examples:
  lockgate rerun edges
  lockgate rerun edges --wait")]
pub(super) struct RerunArgs {
    /// The name of the Pipeline.
    name: String,

    /// Follow the run to its end, as `lockgate run` does; of a Service, until its Pods are ready.
    #[arg(short, long)]
    wait: bool,

    /// How long the operator may take to take up the request, as in 10s or 2m; 0 is for ever.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Asks, and waits for the answer.
pub(super) fn run(args: &RerunArgs) -> Result<(), Error> {
    block_on(Box::pin(ask(args)))
}

async fn ask(args: &RerunArgs) -> Result<(), Error> {
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(&args.namespace);
    let api: Api<WirePipeline> = Api::namespaced(connection.client.clone(), &namespace);
    let there = get(&api, &namespace, &args.name).await?;
    let request = Timestamp::now().to_string();
    let patch = json!({"metadata": {
        // One of the same name that was made in between was not meant.
        "uid": there.metadata.uid, "annotations": {RUN_REQUESTED_AT: request},
    }});
    let by = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    api.patch(&args.name, &by, &Patch::Merge(patch)).await?;
    let uid = there.metadata.uid.unwrap_or_default();
    let followed = Followed { client: connection.client, namespace, name: args.name.clone(), uid };
    let taken_up = follow::taken_up(&followed, &request);
    let number = if args.timeout.is_zero() {
        taken_up.await?
    } else {
        tokio::time::timeout(args.timeout, taken_up).await.map_err(|_| late(args))??
    };
    // Before the log of the run, if that follows.
    writeln!(std::io::stdout(), "{KIND}/{} run {number} requested", args.name)?;
    if !args.wait {
        return Ok(());
    }
    let end = tokio::select! {
        end = follow::to_the_end(&followed, number) => end?,
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            return Err(Error::Interrupted(format!("interrupted: run {number} of Pipeline {} goes on", args.name)));
        }
    };
    end.into_result(&args.name)
}

fn late(args: &RerunArgs) -> Error {
    Error::Timeout(format!(
        "the run is asked for, but no operator has taken that up within {:?}: lockgate doctor says whether one runs, and kubectl \
         describe {KIND} {} whether it can be run",
        args.timeout, args.name
    ))
}
