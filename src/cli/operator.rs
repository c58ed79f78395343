//! `lockgate operator`: runs the controller until SIGTERM or SIGINT.

use super::defaults;
use super::election::ElectionArgs;
use super::error::Error;
use super::helper::HelperArgs;
use super::server::{self, namespace, serve};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use ::http::HeaderValue;
use ::http::header::USER_AGENT;
use clap::{Args, ValueEnum};
use kube::client::ClientBuilder;
use kube::{Client, Config};

use crate::controller::leader::{Election, Fence, Settings};
use crate::controller::{Controller, Limits, Reach};
use crate::model::docs::Docs;
use crate::model::secret::SecretAccess;
use crate::ops::calls::CountCalls;
use crate::ops::http::BindAddress;
use crate::ops::level;
use crate::ops::metrics::Metrics;
use crate::ops::telemetry::{self, LogFormat};

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

    /// Where the docs are, as an absolute URL: messages end in a heading of `troubleshooting.md` there. Absent: the path in
    /// Lockgate's repository.
    #[arg(long, env = "LOCKGATE_DOCS_BASE_URL", value_name = "URL")]
    docs_base_url: Option<Docs>,
    /// A file of what every Pod gets: `imagePullSecrets`, `nodeSelector`, `tolerations`, `priorityClassName`, `podLabels`. A
    /// Pipeline's own words win. It is read once, at the start.
    #[arg(long, env = "LOCKGATE_POD_DEFAULTS", value_name = "PATH")]
    pod_defaults: Option<PathBuf>,

    #[command(flatten)]
    helper: HelperArgs,

    #[command(flatten)]
    election: ElectionArgs,

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

/// What is looked at of Secrets.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Access {
    /// Names, types, keys and versions.
    Metadata,
    /// Nothing: Pods start at once, and the kubelet's verdict is told.
    None,
}

/// Runs the operator.
pub(super) fn run(args: OperatorArgs) -> Result<(), Error> {
    let OperatorArgs {
        kubeconfig,
        concurrency,
        pod_creates_per_second,
        watch_namespaces,
        secret_access,
        docs_base_url,
        pod_defaults,
        helper,
        election,
        metrics_bind_address,
        health_probe_bind_address,
        log_format,
        log_level,
        log_level_file,
    } = args;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let (level, traces) = telemetry::init(log_format, &log_level)?;
        let election = election.settings()?;
        let defaults = helper.add_to(pod_defaults.as_deref().map(defaults::read).transpose()?.unwrap_or_default());
        let config = server::config(kubeconfig).await?;
        let metrics = Arc::new(Metrics::new(config.cluster_url.authority().map_or("", |host| host.as_str())));
        let (client, election) = clients(config, election, &metrics)?;
        let stop = server::told_to_stop()?;
        let secret_access = match secret_access {
            Access::Metadata => SecretAccess::Metadata,
            Access::None => SecretAccess::None,
        };
        let reach = Reach { namespaces: watch_namespaces.into_iter().collect(), secret_access };
        let limits = Limits { workers: concurrency, pod_creates_per_second };
        let docs = docs_base_url.unwrap_or_default();
        let controller = Controller::new(client, limits, &reach, docs, defaults, metrics);
        let view = Arc::new(controller.view());
        serve(metrics_bind_address, health_probe_bind_address, &view).await?;
        if let Some(path) = log_level_file {
            tokio::spawn(level::follow(path, log_level, level));
        }
        // Who lost the leadership ends at once, without last words.
        controller.run(election, stop).await?;
        traces.end().await;
        Ok(())
    })
}

/// The client of the work, and this process's part in the election with a client of its own: renewals neither wait behind
/// other requests nor pass the fence. Both are counted.
fn clients(
    mut config: Config,
    settings: Option<Settings>,
    metrics: &Arc<Metrics>,
) -> Result<(Client, Option<Election>), Error> {
    let identity = settings.as_ref().map(|settings| format!(" ({})", settings.identity));
    let name = format!("lockgate/{}{}", env!("CARGO_PKG_VERSION"), identity.unwrap_or_default());
    // Two replicas share a ServiceAccount: in the audit log this tells them apart.
    config.headers.extend(HeaderValue::try_from(name).map(|name| (USER_AGENT, name)));
    let counted = CountCalls(metrics.calls());
    let Some(settings) = settings else {
        return Ok((ClientBuilder::try_from(config)?.with_layer(&counted).build(), None));
    };
    let fence = Fence::new(settings.timing.renew_deadline);
    let own = ClientBuilder::try_from(config.clone())?.with_layer(&counted).build();
    let election = Election::new(own, settings, fence.clone(), Arc::clone(metrics));
    Ok((ClientBuilder::try_from(config)?.with_layer(&counted).with_layer(&fence).build(), Some(election)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::http::{Method, Request};
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
            let (client, _election) = clients(config(), settings, &Arc::new(Metrics::new(""))).unwrap();
            let request = Request::builder().method(&method).uri("/").body(Body::empty()).unwrap();
            let error = client.send(request).await.unwrap_err();
            let fenced = matches!(&error, kube::Error::Service(inner) if inner.is::<FenceClosed>());
            assert_eq!(fenced, held_back, "{method}: {error:?}");
        }
    }
}
