//! The shell: everything that waits, reads or writes. It decides nothing.
//!
//! `streams` feed `state` and wake `queue`; workers take from the queue and `reconcile`: `observe` reads, `plan` (pure)
//! decides, `apply` writes, `report` (pure) says what is true and `write` writes it.

mod apply;
pub(crate) mod cache;
mod census;
mod context;
mod events;
pub(crate) mod facts;
mod fair;
mod index;
pub(crate) mod key;
pub mod leader;
pub(crate) mod object;
mod observe;
mod pace;
mod patch;
mod presence;
mod queue;
pub(crate) mod reader;
mod realms;
mod reconcile;
mod registries;
mod second_look;
mod sightings;
mod state;
mod streams;
mod table;
mod view;
mod write;

use std::collections::BTreeSet;
use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::task::JoinHandle;
use tracing::info;

use context::{Context, Shared};
use leader::{Election, Lost};
use queue::Queue;
use realms::Realms;
use state::State;
use view::Running;

use crate::model::defaults::Defaults;
use crate::model::docs::Docs;
use crate::model::secret::SecretAccess;
use crate::ops::http::View;
use crate::ops::metrics::Metrics;

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

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Only these namespaces; none: all.
    pub namespaces: BTreeSet<String>,
    /// Whether Secrets are.
    pub secret_access: SecretAccess,
}

/// The controller, before it runs.
pub struct Controller {
    shared: Shared,
    realms: Arc<Realms>,
    workers: NonZeroUsize,
    running: Arc<Running>,
}

impl Controller {
    /// A controller that knows nothing yet.
    ///
    /// The client has to come without kube's default retries: a POST is repeated here under its deterministic name, with
    /// a pause of our own. With an election it has to be behind the election's fence.
    #[must_use]
    pub fn new(
        client: Client,
        limits: Limits,
        reach: &Reach,
        docs: Docs,
        defaults: Defaults,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Limits { workers, pod_creates_per_second } = limits;
        metrics.may_work(workers.get());
        let shared =
            Shared::new(client, pod_creates_per_second, reach.secret_access, docs, Arc::new(defaults), metrics);
        let realms = Arc::new(Realms::new(&shared, &reach.namespaces));
        Self { shared, realms, workers, running: Arc::default() }
    }

    /// What it shows of itself, before and while it runs.
    #[must_use]
    pub fn view(&self) -> impl View + use<> {
        view::Window::new(self.shared.clone(), Arc::clone(&self.realms), Arc::clone(&self.running))
    }

    /// Runs until `stop` completes.
    ///
    /// # Errors
    /// The leadership was lost. The process has to end: looks may be under way that began as a leader's.
    pub async fn run(self, mut election: Option<Election>, stop: impl Future<Output = ()>) -> Result<(), Lost> {
        let Self { shared, realms, workers, running } = self;
        let queue = Arc::clone(&shared.queue);
        if election.is_some() {
            queue.sleep();
        }
        let streams: Vec<_> =
            realms.iter().map(|context| tokio::spawn(watch(Arc::clone(context), Arc::clone(&running)))).collect();
        let cluster_wide = tokio::spawn(watch_the_cluster(shared.clone(), Arc::clone(&realms), Arc::clone(&running)));
        let streams: Vec<JoinHandle<()>> = streams.into_iter().chain([cluster_wide]).collect();
        let stop_watching = || streams.iter().for_each(JoinHandle::abort);
        let mut stop = std::pin::pin!(stop);
        let leads = match &mut election {
            None => true,
            Some(election) => tokio::select! {
                () = stand_by(&queue, &realms, election) => true,
                () = &mut stop => false,
            },
        };
        if !leads {
            stop_watching();
            release(election).await;
            return Ok(());
        }
        let at_work = tokio::spawn(lead(Arc::clone(&queue), realms, workers, running, election.is_some()));
        let lost = async {
            match &mut election {
                Some(election) => election.hold().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop => {}
            lost = lost => {
                stop_watching();
                return Err(lost);
            }
        }
        info!("stopping");
        queue.close();
        // Whatever is cut off here is found and finished at the next start.
        let _ = tokio::time::timeout(LAST_WORDS, at_work).await;
        stop_watching();
        release(election).await;
        Ok(())
    }
}

async fn release(election: Option<Election>) {
    if let Some(election) = election {
        election.release().await;
    }
}

/// Watches one scope.
async fn watch(context: Arc<Context>, running: Arc<Running>) {
    let _watching = running.watching();
    Box::pin(streams::run(context)).await;
}

/// Watches what is in no namespace, for all scopes.
async fn watch_the_cluster(shared: Shared, realms: Arc<Realms>, running: Arc<Running>) {
    let _watching = running.watching();
    Box::pin(registries::cluster_registries(&shared, &realms)).await;
}

/// Works, once the watches have told enough.
async fn lead(queue: Arc<Queue>, realms: Arc<Realms>, workers: NonZeroUsize, running: Arc<Running>, elected: bool) {
    // A decision before every list is complete would call things missing that are there.
    for context in realms.iter() {
        streams::wait_until(context, |state| state.has_answer(elected)).await;
        if !context.with_state(|state| state.is_ready(elected)) {
            tokio::spawn(streams::wake_when_ready(Arc::clone(context), elected));
        }
    }
    let registries = realms.iter().map(|context| registries::write(Arc::clone(context), elected));
    let registries = futures::future::join_all(registries);
    running.work_begins();
    info!(workers = workers.get(), "ready");
    let work = || tokio::spawn(reconcile::work(Arc::clone(&queue), Arc::clone(&realms), elected));
    let work = futures::future::join_all((0..workers.get()).map(|_| work()));
    // What is said of Registries has no end of its own.
    futures::future::select(work, Box::pin(registries)).await;
}

/// Watches until this process leads, and then asks for the Pipelines once more: a watch may be silent while the one that
/// led before wrote a result, and what has a result must not be begun again.
async fn stand_by(queue: &Queue, realms: &Realms, election: &mut Election) {
    let forget = async {
        loop {
            tokio::time::sleep(RECORDED_BY).await;
            for context in realms.iter() {
                context.with_state(State::forget_old_tombstones);
            }
        }
    };
    tokio::select! {
        () = election.win() => {}
        () = forget => {}
    }
    queue.rise();
    for context in realms.iter() {
        context.relist.notify_one();
    }
}

#[cfg(test)]
mod runbook_tests;
