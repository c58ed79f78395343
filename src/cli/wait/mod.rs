//! `lockgate wait`: until Pipelines have come to a state, by a watch. It ends early where they cannot come to it any more.

mod want;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use futures::{StreamExt, pin_mut};
use kube::Client;
use tokio::time::Instant;

use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg, duration};
use super::error::Error;
use super::output::printable;
use super::pipelines::KIND;
use super::states;
use want::{Verdict, Want};

/// Flags of `lockgate wait`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lockgate wait edges --for=Ready
  lockgate wait edges faces --for=Complete --timeout 1h
  lockgate wait edges --for=phase=Failed
  lockgate wait edges --for=delete

Exit codes: 0 it came, 1 it cannot come any more (the reason is told), 3 the cluster refuses, 4 there is no such Pipeline,
124 it did not come in time (what it waits for is told).")]
pub(super) struct WaitArgs {
    /// Names of Pipelines; pipeline/NAME, too.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// `Ready`, `Complete` or `SecretsResolved`; condition=NAME or condition=NAME=STATUS; phase=PHASE (Waiting, Starting,
    /// Running, Succeeded, Failed, Suspended); create; delete. A Pipeline that failed is not waited for until it is changed.
    #[arg(long = "for", value_name = "STATE", default_value = "Ready")]
    want: Want,

    /// How long all of them are waited for, as in 30s, 5m or 24h; 0 looks once.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    timeout: Duration,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Waits for all of them; the first that does not come to it is the command's end.
pub(super) fn run(args: &WaitArgs) -> Result<(), Error> {
    let names = states::names(&args.names)?;
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let deadline = Instant::now().checked_add(args.timeout);
        let all = names.iter().map(|name| one(&connection.client, &namespace, name, &args.want, deadline));
        let mut failed = join_all(all).await.into_iter().filter_map(Result::err);
        let Some(first) = failed.next() else { return Ok(()) };
        failed.for_each(|other| eprintln!("lockgate: {other}"));
        Err(first)
    })
}

/// Waits for one, and says so when it came.
async fn one(
    client: &Client,
    namespace: &str,
    name: &str,
    want: &Want,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    // A cluster that cannot be reached or refuses is told at once.
    let first = match states::read(client, namespace, name).await {
        Ok(pipeline) => Some(pipeline),
        Err(Error::NotFound(_)) if matches!(want, Want::Create | Want::Delete) => None,
        Err(error) => return Err(error),
    };
    let mut last = want.judge(first.as_ref());
    let states = states::watch(client, namespace, name);
    pin_mut!(states);
    loop {
        match &last {
            Verdict::Met => return Ok(writeln!(std::io::stdout(), "{KIND}/{name} condition met")?),
            Verdict::Never(why) => {
                return Err(Error::Findings(format!("Pipeline {name} cannot come to this: {}", printable(why))));
            }
            Verdict::NotYet(_) => {}
        }
        let next = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, states.next()).await.map_err(|_| late(name, &last))?,
            None => states.next().await,
        };
        let pipeline = next.ok_or_else(|| late(name, &last))??;
        if pipeline.is_none() && !matches!(want, Want::Create | Want::Delete) {
            return Err(Error::NotFound(format!("Pipeline {name} was deleted while it was waited for")));
        }
        last = want.judge(pipeline.as_ref());
    }
}

fn late(name: &str, last: &Verdict) -> Error {
    let (Verdict::NotYet(why) | Verdict::Never(why)) = last else {
        return Error::Timeout(format!("Pipeline {name} did not come to this in time"));
    };
    Error::Timeout(format!("Pipeline {name} did not come to this in time: {}", printable(why)))
}
