//! `lockgate operator`: runs the controller until SIGTERM or SIGINT.

use super::error::Error;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};

use crate::controller::{self, Limits, Reach};
use crate::model::secret::SecretAccess;
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

    /// Only these namespaces, separated by commas: nothing is asked of the cluster as a whole. Absent: all namespaces.
    #[arg(
        long,
        env = "LOCKGATE_WATCH_NAMESPACES",
        value_name = "NAMESPACE,...",
        value_delimiter = ',',
        value_parser = namespace,
    )]
    watch_namespaces: Vec<String>,

    /// What is looked at of Secrets.
    #[arg(long, env = "LOCKGATE_SECRET_ACCESS", value_enum, default_value = "metadata")]
    secret_access: Access,

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

/// What is looked at of Secrets.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Access {
    /// Names, types, keys and versions.
    Metadata,
    /// Nothing: Pods start at once, and the kubelet's verdict is told.
    None,
}

fn namespace(text: &str) -> Result<String, &'static str> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    let good = text.len() <= 63
        && ends.iter().all(|end| end.is_some_and(letter))
        && text.bytes().all(|byte| letter(byte) || byte == b'-');
    let say = "give names of namespaces, separated by commas and without spaces, or leave it out for all namespaces";
    if good { Ok(text.to_owned()) } else { Err(say) }
}

/// Runs the operator.
pub(super) fn run(args: OperatorArgs) -> Result<(), Error> {
    let OperatorArgs {
        kubeconfig,
        concurrency,
        pod_creates_per_second,
        watch_namespaces,
        secret_access,
        log_format,
        log_level,
    } = args;
    telemetry::init(log_format, &log_level)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let client = Client::try_from(config(kubeconfig).await?)?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let secret_access = match secret_access {
            Access::Metadata => SecretAccess::Metadata,
            Access::None => SecretAccess::None,
        };
        let reach = Reach { namespaces: watch_namespaces.into_iter().collect(), secret_access };
        controller::run(client, Limits { workers: concurrency, pod_creates_per_second }, reach, stop).await;
        Ok(())
    })
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
