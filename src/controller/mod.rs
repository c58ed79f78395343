//! The shell: everything that waits, reads or writes. It decides nothing.
//!
//! `streams` feed `state` and wake `queue`; workers take from the queue and `reconcile`: `observe` reads, `plan` (pure)
//! decides, `apply` writes, `report` (pure) says what is true and `write` writes it.

mod apply;
mod cache;
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
mod write;

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tracing::info;

use context::Context;

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

/// Runs the controller until `stop` completes.
///
/// The client has to come without kube's default retries: a POST is repeated here under its deterministic name, with a
/// pause of our own.
pub async fn run(client: Client, limits: Limits, stop: impl Future<Output = ()>) {
    let Limits { workers, pod_creates_per_second } = limits;
    let context = Arc::new(Context::new(client, pod_creates_per_second));
    let streams = tokio::spawn(streams::run(Arc::clone(&context)));
    let at_work = tokio::spawn({
        let context = Arc::clone(&context);
        async move {
            // A decision before every list is complete would call things missing that are there.
            streams::wait_until(&context, state::State::is_synced).await;
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
