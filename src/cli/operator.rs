//! `lockgate operator`: runs the controller until SIGTERM or SIGINT.

use super::election::ElectionArgs;
use super::error::Error;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};

use crate::controller::leader::{Election, Fence, Settings};
use crate::controller::{self, Limits};
use crate::ops::telemetry::{self, LogFormat};

/// A connection is made within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes come within this time or the connection is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(25);

/// Flags of `lockgate operator`. Each may also be given by environment.
#[derive(Debug, Args)]
pub(super) struct OperatorArgs {
    /// Path of a kubeconfig. Absent: `KUBECONFIG`, else the ServiceAccount of the Pod that this runs in.
    #[arg(long, env = "LOCKGATE_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,

    /// How many Pipelines are looked at at once.
    #[arg(long, env = "LOCKGATE_CONCURRENCY", default_value = "16")]
    concurrency: NonZeroUsize,

    /// How many Pods are created per second, for all Pipelines together; after a rest as many at once. The default is what
    /// a kube-scheduler with default flags binds per second.
    #[arg(
        long,
        env = "LOCKGATE_POD_CREATES_PER_SECOND",
        default_value = "50",
        value_name = "NUMBER",
        value_parser = pod_creates_per_second,
    )]
    pod_creates_per_second: NonZeroU32,

    #[command(flatten)]
    election: ElectionArgs,

    /// How log lines are written.
    #[arg(long, env = "LOCKGATE_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,

    /// What is logged, as in `info` or `lockgate=debug`. What could hold an answer about a Secret is never logged.
    #[arg(long, env = "LOCKGATE_LOG_LEVEL", default_value = "info")]
    log_level: String,
}

fn pod_creates_per_second(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "give a whole number of 1 or more (0 would start no Pod; 100000 is as good as no cap)")
}

/// Runs the operator.
pub(super) fn run(args: OperatorArgs) -> Result<(), Error> {
    let OperatorArgs { kubeconfig, concurrency, pod_creates_per_second, election, log_format, log_level } = args;
    telemetry::init(log_format, &log_level)?;
    let election = election.settings()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let (client, election) = clients(config(kubeconfig).await?, election)?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        controller::run(client, Limits { workers: concurrency, pod_creates_per_second }, election, stop).await?;
        Ok(())
    })
}

/// The client of the work, and this process's part in the election with a client of its own: renewals neither wait behind
/// other requests nor pass the fence.
fn clients(mut config: Config, settings: Option<Settings>) -> Result<(Client, Option<Election>), Error> {
    let identity = settings.as_ref().map(|settings| format!(" ({})", settings.identity));
    let name = format!("lockgate/{}{}", env!("CARGO_PKG_VERSION"), identity.unwrap_or_default());
    // Two replicas share a ServiceAccount: in the audit log this tells them apart.
    config.headers.extend(HeaderValue::try_from(name).map(|name| (USER_AGENT, name)));
    let Some(settings) = settings else { return Ok((Client::try_from(config)?, None)) };
    let fence = Fence::new(settings.timing.renew_deadline);
    let election = Election::new(Client::try_from(config.clone())?, settings, fence.clone());
    Ok((ClientBuilder::try_from(config)?.with_layer(&fence).build(), Some(election)))
}

async fn config(path: Option<PathBuf>) -> Result<Config, Error> {
    let mut config = match path {
        Some(path) => {
            Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    // A watch is silent for 20 s at most, so whatever is silent longer is dead: without this a list that is never
    // answered would be waited for without end.
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    // Counted from the last byte, not from the request (`reset_reader_on_write`): connections that lay idle when all of
    // them died must not each cost another wait. A request that is cut off by it is repeated as after any other failure.
    // kube repeats a POST on 503 and 504 up to 15 times by itself; the controller has its own pauses and deadlines.
    config.default_retry = false;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};
    use kube::client::Body;

    use super::*;
    use crate::controller::leader::{FenceClosed, Timing};

    #[tokio::test]
    async fn in_an_election_the_work_is_behind_the_fence() {
        // Nobody listens there: what is let through fails otherwise.
        let config = || Config::new("http://127.0.0.1:1".parse().unwrap());
        let seconds = Duration::from_secs;
        let timing = Timing { lease_duration: seconds(15), renew_deadline: seconds(10), retry_period: seconds(2) };
        let elects = Settings { namespace: "n".into(), name: "l".into(), identity: "me".into(), timing };
        for (settings, method, held_back) in [
            (Some(elects.clone()), Method::POST, true),
            (Some(elects), Method::GET, false),
            (None, Method::POST, false),
        ] {
            let (client, _election) = clients(config(), settings).unwrap();
            let request = Request::builder().method(&method).uri("/").body(Body::empty()).unwrap();
            let error = client.send(request).await.unwrap_err();
            let fenced = matches!(&error, kube::Error::Service(inner) if inner.is::<FenceClosed>());
            assert_eq!(fenced, held_back, "{method}: {error:?}");
        }
    }
}
