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
pub mod leader;
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
use leader::{Election, Lost};

/// What is under way when the operator is told to stop may take so long to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A leader records the end of a Pod within this time; who stands by keeps last states at least so long, at most twice.
const RECORDED_BY: Duration = Duration::from_mins(1);

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
/// pause of our own. With an `election` it has to be behind the election's fence.
///
/// # Errors
/// The leadership was lost. The process has to end: looks may be under way that began as a leader's.
pub async fn run(
    client: Client,
    limits: Limits,
    mut election: Option<Election>,
    stop: impl Future<Output = ()>,
) -> Result<(), Lost> {
    let Limits { workers, pod_creates_per_second } = limits;
    let context = Arc::new(Context::new(client, pod_creates_per_second));
    if election.is_some() {
        context.queue.sleep();
    }
    let streams = tokio::spawn(streams::run(Arc::clone(&context)));
    let mut stop = std::pin::pin!(stop);
    let leads = match &mut election {
        None => true,
        Some(election) => tokio::select! {
            () = stand_by(&context, election) => true,
            () = &mut stop => false,
        },
    };
    if !leads {
        streams.abort();
        release(election).await;
        return Ok(());
    }
    let at_work = tokio::spawn(lead(Arc::clone(&context), workers, election.is_some()));
    let lost = async {
        match &mut election {
            Some(election) => election.hold().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop => {}
        lost = lost => {
            streams.abort();
            return Err(lost);
        }
    }
    info!("stopping");
    context.queue.close();
    // Whatever is cut off here is found and finished at the next start.
    let _ = tokio::time::timeout(LAST_WORDS, at_work).await;
    streams.abort();
    release(election).await;
    Ok(())
}

async fn release(election: Option<Election>) {
    if let Some(election) = election {
        election.release().await;
    }
}

/// Works, once the watches have told enough.
async fn lead(context: Arc<Context>, workers: NonZeroUsize, elected: bool) {
    // A decision before every list is complete would call things missing that are there.
    streams::wait_until(&context, |state| state.is_synced() && (state.relisted || !elected)).await;
    info!(workers = workers.get(), "ready");
    let workers = (0..workers.get()).map(|_| tokio::spawn(reconcile::work(Arc::clone(&context))));
    futures::future::join_all(workers).await;
}

/// Watches until this process leads, and then asks for the Pipelines once more: a watch may be silent while the one that
/// led before wrote a result, and what has a result must not be begun again.
async fn stand_by(context: &Arc<Context>, election: &mut Election) {
    let forget = async {
        loop {
            tokio::time::sleep(RECORDED_BY).await;
            context.with_state(state::State::forget_old_tombstones);
        }
    };
    tokio::select! {
        () = election.win() => {}
        () = forget => {}
    }
    context.queue.rise();
    context.relist.notify_one();
}
