//! `lockgate projector`: copies of the pull secrets that ClusterRegistries name, where a Pipeline needs them, and nowhere else.
//!
//! A process of its own with an account of its own: the only one of ours in a cluster that asks for values of Secrets, and only for
//! those of its source namespaces. `watches` feed `state`; `work` makes a `World` of it, `plan` (pure) decides, `write` writes.

mod metrics;
mod needs;
mod plan;
mod state;
mod view;
mod watches;
mod wire;
mod work;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kube::Client;
use tracing::info;

use crate::model::attached::host_of;
use crate::model::docs::Docs;
use crate::ops::calls::CallCounts;
use crate::ops::http::View;
use metrics::Metrics;
use state::Shared;
use watches::Watcher;
use work::{Pulse, Worker};

/// What a projector is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespaces whose Secrets may be copied.
    pub source_namespaces: BTreeSet<String>,
    /// The image that renders inputs.
    pub helper_image: String,
    /// Where messages send their readers.
    pub docs: Docs,
}

/// The projector, before it runs.
pub struct Projector {
    settings: Settings,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    pulse: Arc<Pulse>,
    ended: Arc<AtomicBool>,
}

impl Projector {
    /// One that knows nothing yet, and will talk to this host.
    #[must_use]
    pub fn new(settings: Settings, api_server: &str) -> Self {
        let shared = Arc::new(Shared::new(&settings.source_namespaces));
        let metrics = Arc::new(Metrics::new(api_server));
        Self { settings, shared, metrics, pulse: Arc::default(), ended: Arc::default() }
    }

    /// What is counted of requests.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.metrics.calls()
    }

    /// What it shows of itself, before and while it runs.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        view::Window {
            shared: Arc::clone(&self.shared),
            metrics: Arc::clone(&self.metrics),
            pulse: Arc::clone(&self.pulse),
            ended: Arc::clone(&self.ended),
        }
    }

    /// Runs until `stop` completes. The client has to come without kube's default retries.
    pub async fn run(self, client: Client, stop: impl Future<Output = ()>) {
        let Self { settings: Settings { source_namespaces, helper_image, docs }, shared, metrics, pulse, ended } = self;
        info!(?source_namespaces, "copies come from these namespaces");
        let watcher = Watcher { client: client.clone(), shared: Arc::clone(&shared), metrics: Arc::clone(&metrics) };
        let worker = Worker { client, shared, metrics, docs, helper: host_of(&helper_image), pulse };
        let both = async {
            let watches = tokio::spawn(async move { Box::pin(watcher.run()).await });
            let works = tokio::spawn(async move { Box::pin(worker.run()).await });
            let _ = futures::future::select(watches, works).await;
            // Neither ends but by a defect; the probe tells, and Kubernetes begins anew.
            ended.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = stop => {}
            () = both => {}
        }
        info!("stopping");
    }
}
