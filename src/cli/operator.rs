//! `lockgate operator`: runs the controller until SIGTERM or SIGINT.

use super::error::Error;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kube::Config;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::controller::{Controller, Limits};
use crate::ops::calls::CountCalls;
use crate::ops::http::{self, BindAddress, Pages, View};
use crate::ops::level;
use crate::ops::metrics::Metrics;
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

    /// Where `/metrics` is served: `:PORT`, `ADDRESS:PORT`, or `0` for nowhere.
    #[arg(long, env = "LOCKGATE_METRICS_BIND_ADDRESS", default_value = ":8080", value_name = "ADDRESS")]
    metrics_bind_address: BindAddress,

    /// Where `/livez` and `/readyz` are served: `:PORT`, `ADDRESS:PORT`, or `0` for nowhere.
    #[arg(long, env = "LOCKGATE_HEALTH_PROBE_BIND_ADDRESS", default_value = ":8081", value_name = "ADDRESS")]
    health_probe_bind_address: BindAddress,

    /// How log lines are written.
    #[arg(long, env = "LOCKGATE_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,

    /// What is logged, as in `info` or `lockgate=debug`. What could hold an answer about a Secret is never logged.
    #[arg(long, env = "LOCKGATE_LOG_LEVEL", default_value = "info")]
    log_level: String,

    /// A file whose text takes the place of `--log-level` as long as it is there. It is read every 5 seconds.
    #[arg(long, env = "LOCKGATE_LOG_LEVEL_FILE", value_name = "PATH")]
    log_level_file: Option<PathBuf>,
}

fn pod_creates_per_second(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "give a whole number of 1 or more (0 would start no Pod; 100000 is as good as no cap)")
}

/// Runs the operator.
pub(super) fn run(args: OperatorArgs) -> Result<(), Error> {
    let OperatorArgs {
        kubeconfig,
        concurrency,
        pod_creates_per_second,
        metrics_bind_address,
        health_probe_bind_address,
        log_format,
        log_level,
        log_level_file,
    } = args;
    let level = telemetry::init(log_format, &log_level)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let config = config(kubeconfig).await?;
        let metrics = Arc::new(Metrics::new(config.cluster_url.authority().map_or("", |host| host.as_str())));
        let client = ClientBuilder::try_from(config)?.with_layer(&CountCalls(Arc::clone(&metrics))).build();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let controller = Controller::new(client, Limits { workers: concurrency, pod_creates_per_second }, metrics);
        let view = Arc::new(controller.view());
        serve("--metrics-bind-address", metrics_bind_address, Pages::Metrics, &view).await?;
        serve("--health-probe-bind-address", health_probe_bind_address, Pages::Health, &view).await?;
        if let Some(path) = log_level_file {
            tokio::spawn(level::follow(path, log_level, level));
        }
        controller.run(stop).await;
        Ok(())
    })
}

/// Opens a port and answers there for as long as the process lives.
async fn serve(flag: &'static str, address: BindAddress, pages: Pages, view: &Arc<impl View>) -> Result<(), Error> {
    let listener = address.listen().await.map_err(|source| Error::Listen { flag, address, source })?;
    if let Some(listener) = listener {
        info!(address = %listener.local_addr()?, "serving {}", pages.name());
        tokio::spawn(http::serve(listener, pages, Arc::clone(view) as Arc<dyn View>));
    }
    Ok(())
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
