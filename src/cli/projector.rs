//! `lockgate projector`: copies pull secrets of ClusterRegistries until SIGTERM or SIGINT.

use std::path::PathBuf;
use std::sync::Arc;

use ::http::HeaderValue;
use ::http::header::USER_AGENT;
use clap::Args;
use kube::client::ClientBuilder;

use super::error::Error;
use super::helper::parse_image;
use super::server::{self, namespace, serve};
use crate::model::defaults::HELPER_IMAGE;
use crate::model::docs::Docs;
use crate::ops::calls::CountCalls;
use crate::ops::http::BindAddress;
use crate::ops::level;
use crate::ops::telemetry::{self, LogFormat};
use crate::projector::{Projector, Settings};

/// Flags of `lockgate projector`. Each may also be given by environment.
#[derive(Debug, Args)]
pub(super) struct ProjectorArgs {
    /// Path of a kubeconfig. Absent: `KUBECONFIG`, else the ServiceAccount of the Pod that this runs in.
    #[arg(long, env = "LOCKGATE_PROJECTOR_KUBECONFIG", value_name = "PATH")]
    kubeconfig: Option<PathBuf>,

    /// The namespaces whose Secrets may be copied, separated by commas. In each it needs a Role to list and watch Secrets.
    /// Absent: the namespace that it runs in, or that of the kubeconfig's context.
    #[arg(
        long,
        env = "LOCKGATE_PROJECTOR_SOURCE_NAMESPACES",
        value_name = "NAMESPACE,...",
        value_delimiter = ',',
        value_parser = namespace,
    )]
    source_namespaces: Vec<String>,

    /// The image of the init container that renders inputs, as the operator has it: its host counts where a step has one.
    #[arg(
        long,
        env = "LOCKGATE_PROJECTOR_HELPER_IMAGE",
        value_name = "IMAGE",
        default_value = HELPER_IMAGE,
        value_parser = parse_image,
    )]
    helper_image: String,

    /// Where the docs are, as an absolute URL: messages end in a heading of `troubleshooting.md` there. Absent: the path in
    /// Lockgate's repository.
    #[arg(long, env = "LOCKGATE_PROJECTOR_DOCS_BASE_URL", value_name = "URL")]
    docs_base_url: Option<Docs>,

    /// Where `/metrics` is served: `:PORT`, `ADDRESS:PORT`, or `0` for nowhere.
    #[arg(long, env = "LOCKGATE_PROJECTOR_METRICS_BIND_ADDRESS", default_value = ":8080", value_name = "ADDRESS")]
    metrics_bind_address: BindAddress,

    /// Where `/livez` and `/readyz` are served: `:PORT`, `ADDRESS:PORT`, or `0` for nowhere.
    #[arg(long, env = "LOCKGATE_PROJECTOR_HEALTH_PROBE_BIND_ADDRESS", default_value = ":8081", value_name = "ADDRESS")]
    health_probe_bind_address: BindAddress,

    /// How log lines are written.
    #[arg(long, env = "LOCKGATE_PROJECTOR_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,

    /// What is logged, as in `info` or `lockgate=debug`. What could hold an answer about a Secret is never logged.
    #[arg(long, env = "LOCKGATE_PROJECTOR_LOG_LEVEL", default_value = "info")]
    log_level: String,

    /// A file whose text takes the place of `--log-level` as long as it is there. It is read every 5 seconds.
    #[arg(long, env = "LOCKGATE_PROJECTOR_LOG_LEVEL_FILE", value_name = "PATH")]
    log_level_file: Option<PathBuf>,
}

/// Runs the projector.
pub(super) fn run(args: ProjectorArgs) -> Result<(), Error> {
    let ProjectorArgs {
        kubeconfig,
        source_namespaces,
        helper_image,
        docs_base_url,
        metrics_bind_address,
        health_probe_bind_address,
        log_format,
        log_level,
        log_level_file,
    } = args;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let (level, traces) = telemetry::init(log_format, &log_level)?;
        let mut config = server::config(kubeconfig).await?;
        let own = config.default_namespace.clone();
        let source_namespaces = if source_namespaces.is_empty() { vec![own] } else { source_namespaces };
        let name = format!("lockgate-projector/{}", env!("CARGO_PKG_VERSION"));
        config.headers.extend(HeaderValue::try_from(name).map(|name| (USER_AGENT, name)));
        let stop = server::told_to_stop()?;
        let settings = Settings {
            source_namespaces: source_namespaces.into_iter().collect(),
            helper_image,
            docs: docs_base_url.unwrap_or_default(),
        };
        let projector = Projector::new(settings, config.cluster_url.authority().map_or("", |host| host.as_str()));
        let client = ClientBuilder::try_from(config)?.with_layer(&CountCalls(projector.calls())).build();
        let view = Arc::new(projector.view());
        serve(metrics_bind_address, health_probe_bind_address, &view).await?;
        if let Some(path) = log_level_file {
            tokio::spawn(level::follow(path, log_level, level));
        }
        projector.run(client, stop).await;
        traces.end().await;
        Ok(())
    })
}
