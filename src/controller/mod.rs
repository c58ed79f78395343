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
mod realms;
mod reconcile;
mod sightings;
mod state;
mod streams;
mod table;
mod write;

use std::collections::BTreeSet;
use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tracing::info;

use context::Shared;
use realms::Realms;
use state::State;

use crate::model::secret::SecretAccess;

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

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Only these namespaces; none: all.
    pub namespaces: BTreeSet<String>,
    /// Whether Secrets are.
    pub secret_access: SecretAccess,
}

/// Runs the controller until `stop` completes.
///
/// The client has to come without kube's default retries: a POST is repeated here under its deterministic name, with a
/// pause of our own.
pub async fn run(client: Client, limits: Limits, reach: Reach, stop: impl Future<Output = ()>) {
    let Limits { workers, pod_creates_per_second } = limits;
    let Reach { namespaces, secret_access } = reach;
    let shared = Shared::new(client, pod_creates_per_second, secret_access);
    let realms = Arc::new(Realms::new(&shared, &namespaces));
    let streams: Vec<_> = realms.iter().map(|context| tokio::spawn(streams::run(Arc::clone(context)))).collect();
    let at_work = tokio::spawn({
        let (realms, queue) = (Arc::clone(&realms), Arc::clone(&shared.queue));
        async move {
            // A decision before every list is complete would call things missing that are there.
            for context in realms.iter() {
                streams::wait_until(context, State::has_answer).await;
                if !context.with_state(|state| state.is_synced()) {
                    tokio::spawn(streams::wake_when_synced(Arc::clone(context)));
                }
            }
            info!(workers = workers.get(), "ready");
            let work = || tokio::spawn(reconcile::work(Arc::clone(&queue), Arc::clone(&realms)));
            futures::future::join_all((0..workers.get()).map(|_| work())).await;
        }
    });
    stop.await;
    info!("stopping");
    shared.queue.close();
    // Whatever is cut off here is found and finished at the next start.
    let _ = tokio::time::timeout(LAST_WORDS, at_work).await;
    streams.iter().for_each(tokio::task::JoinHandle::abort);
}
