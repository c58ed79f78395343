//! The shell: everything that waits, reads or writes. It decides nothing.
//!
//! `streams` feed `state` and wake `queue`; workers take from the queue and `reconcile`: `observe` reads, `plan` (pure)
//! decides, `apply` writes, `report` (pure) says what is true and `write` writes it.

mod apply;
mod cache;
mod census;
mod context;
mod facts;
mod fair;
mod index;
mod key;
mod object;
mod observe;
mod pace;
mod presence;
mod queue;
mod reader;
mod reconcile;
mod sightings;
mod state;
mod streams;
mod table;
mod view;
mod write;

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tracing::info;

use context::Context;
use view::Running;

use crate::ops::http::View;
use crate::ops::metrics::Metrics;

/// What is under way when the operator is told to stop may take so long to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How much is done at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// So many Pipelines are looked at at once.
    pub workers: NonZeroUsize,
    /// So many Pods are created per second, for all Pipelines together.
    pub pod_creates_per_second: NonZeroU32,
}

/// The controller, before it runs.
pub struct Controller {
    context: Arc<Context>,
    workers: NonZeroUsize,
    running: Arc<Running>,
}

impl Controller {
    /// A controller that knows nothing yet.
    ///
    /// The client has to come without kube's default retries: a POST is repeated here under its deterministic name, with
    /// a pause of our own.
    #[must_use]
    pub fn new(client: Client, limits: Limits, metrics: Arc<Metrics>) -> Self {
        let Limits { workers, pod_creates_per_second } = limits;
        metrics.may_work(workers.get());
        let context = Arc::new(Context::new(client, pod_creates_per_second, metrics));
        Self { context, workers, running: Arc::default() }
    }

    /// What it shows of itself, before and while it runs.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        view::Window::new(Arc::clone(&self.context), Arc::clone(&self.running))
    }

    /// Runs until `stop` completes.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { context, workers, running } = self;
        let streams = tokio::spawn({
            let (context, running) = (Arc::clone(&context), Arc::clone(&running));
            async move {
                let _watching = running.watching();
                Box::pin(streams::run(context)).await;
            }
        });
        let at_work = tokio::spawn({
            let context = Arc::clone(&context);
            async move {
                // A decision before every list is complete would call things missing that are there.
                streams::wait_until(&context, state::State::is_synced).await;
                running.work_begins();
                info!(workers = workers.get(), "ready");
                let workers = (0..workers.get()).map(|_| tokio::spawn(reconcile::work(Arc::clone(&context))));
                futures::future::join_all(workers).await;
            }
        });
        stop.await;
        info!("stopping");
        context.queue.close();
        // Whatever is cut off here is found and finished at the next start.
        let _ = tokio::time::timeout(LAST_WORDS, at_work).await;
        streams.abort();
    }
}
