//! The loop: look, decide, write, and look again until nothing is left to be done; then say what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio::time::Instant;

use super::metrics::{Ended, Metrics};
use super::plan::{Notice, Obstacle, Write, plan, report};
use super::state::{Shared, State};
use super::wire::WireRegistry;
use super::write::{self, Done};
use crate::controller::key::{ObjectKey, version};
use crate::model::backoff::UNANNOUNCED;
use crate::model::docs::Docs;
use crate::model::registry::Host;

/// Writes at once: kube speaks HTTP/1.1, so each has a connection of its own.
const MOST_WRITES: usize = 16;
/// Decisions take at most this part of the time, whatever comes in.
const ONE_IN: u32 = 4;

/// What the loop works with.
pub(super) struct Worker {
    /// The API server.
    pub client: Client,
    /// What is known.
    pub shared: Arc<Shared>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where messages send their readers.
    pub docs: Docs,
    /// Where the helper image comes from.
    pub helper: Option<Host>,
    /// Whether the loop goes round.
    pub pulse: Arc<Pulse>,
}

/// When the loop last went round, and whether it is under way.
#[derive(Debug, Default)]
pub(super) struct Pulse(std::sync::Mutex<Option<Instant>>);

impl Pulse {
    /// A turn begins.
    fn begins(&self) {
        self.set(Some(Instant::now()));
    }

    /// It waits for news.
    fn rests(&self) {
        self.set(None);
    }

    fn set(&self, to: Option<Instant>) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to;
    }

    /// How long the turn that is under way has taken.
    pub fn turn(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// What came to its end.
enum End {
    Copy(String, Done),
    Status(String, Result<Option<Box<WireRegistry>>, Obstacle>),
}

/// What is under way.
#[derive(Default)]
struct UnderWay {
    ends: FuturesUnordered<BoxFuture<'static, End>>,
    namespaces: BTreeSet<String>,
    statuses: BTreeSet<String>,
}

impl Worker {
    /// Works until it is dropped. What is cut off then is found and finished at the next start.
    pub async fn run(self) {
        let mut under_way = UnderWay::default();
        let mut todo: BTreeMap<String, Write> = BTreeMap::new();
        let mut refused: BTreeMap<String, (u32, Timestamp)> = BTreeMap::new();
        // Since when there has been something to be done.
        let mut since: Option<Instant> = None;
        let mut stale = true;
        let mut retry_at: Option<Timestamp> = None;
        let mut not_before = Instant::now();
        loop {
            if stale && Instant::now() >= not_before && self.shared.look(State::is_ready) {
                self.pulse.begins();
                let begun = Instant::now();
                stale = false;
                let world = self.shared.look(|state| state.world(Timestamp::now(), &self.docs, self.helper.as_ref()));
                let plan = plan(&world);
                let report = report(&world, &plan);
                self.metrics.stand(&report.counts);
                retry_at = plan.retry_at;
                todo = plan.writes;
                todo.retain(|namespace, _| !under_way.namespaces.contains(namespace));
                if !todo.is_empty() {
                    since.get_or_insert(begun);
                } else if under_way.namespaces.is_empty() {
                    if let Some(since) = since.take() {
                        self.metrics.spread(since.elapsed());
                    }
                    // Said when it is so, and not once for every copy on the way there.
                    let later = self.say(report.notices, &mut under_way, &refused, world.now);
                    retry_at = retry_at.into_iter().chain(later).min();
                }
                not_before = Instant::now() + begun.elapsed() * ONE_IN;
                self.pulse.rests();
            }
            while under_way.ends.len() < MOST_WRITES {
                let Some((namespace, write)) = todo.pop_first() else { break };
                self.begin(namespace, write, &mut under_way);
            }
            let pause = pause(stale, not_before, retry_at);
            tokio::select! {
                () = self.shared.news.notified() => stale = true,
                Some(end) = under_way.ends.next() => {
                    self.note(end, &mut under_way, &mut refused);
                    stale = true;
                }
                () = pause => stale = true,
            }
        }
    }

    fn begin(&self, namespace: String, write: Write, under_way: &mut UnderWay) {
        self.shared.change(|state| {
            state.writing(&namespace);
            false
        });
        under_way.namespaces.insert(namespace.clone());
        let client = self.client.clone();
        under_way.ends.push(Box::pin(async move {
            let done = write::copy(&client, &namespace, write).await;
            End::Copy(namespace, done)
        }));
    }

    /// Sends the statuses that are due; when the next of the others is.
    fn say(
        &self,
        notices: Vec<Notice>,
        under_way: &mut UnderWay,
        refused: &BTreeMap<String, (u32, Timestamp)>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut later = None;
        for notice in notices {
            let retry_at = refused.get(&notice.name).map(|(_, at)| *at).filter(|at| *at > now);
            later = later.into_iter().chain(retry_at).min();
            if retry_at.is_some() || !under_way.statuses.insert(notice.name.clone()) {
                continue;
            }
            let client = self.client.clone();
            under_way.ends.push(Box::pin(async move {
                let written = write::status(&client, &notice).await;
                if matches!(written, Ok(Some(_))) {
                    write::event(&client, &notice).await;
                }
                End::Status(notice.name, written.map(|wire| wire.map(Box::new)))
            }));
        }
        later
    }

    fn note(&self, end: End, under_way: &mut UnderWay, refused: &mut BTreeMap<String, (u32, Timestamp)>) {
        let now = Timestamp::now();
        match end {
            End::Copy(namespace, done) => {
                under_way.namespaces.remove(&namespace);
                self.metrics.wrote(match &done {
                    Done::Applied(_) => Ended::Applied,
                    Done::Removed => Ended::Removed,
                    Done::Not(Obstacle::Behind | Obstacle::Ending) => Ended::Behind,
                    Done::Not(Obstacle::Unreachable) => Ended::Failed,
                    Done::Not(_) => Ended::Refused,
                });
                self.shared.change(|state| {
                    match done {
                        Done::Applied(copy) => state.wrote(&namespace, copy),
                        Done::Removed => state.removed(&namespace),
                        Done::Not(obstacle) => state.set_back(&namespace, obstacle, now),
                    }
                    false
                });
            }
            End::Status(name, written) => {
                under_way.statuses.remove(&name);
                let Ok(wire) = written else {
                    let failures = refused.get(&name).map_or(1, |(failures, _)| failures.saturating_add(1));
                    let at = UNANNOUNCED.next(now, failures, &name);
                    refused.insert(name, (failures, at));
                    return;
                };
                refused.remove(&name);
                if let Some(registry) = wire.map(|wire| wire.kept()) {
                    let at = version(&registry.resource_version);
                    let key = ObjectKey::new("", registry.name.as_str());
                    self.shared.change(|state| state.registries.apply(key, at, Arc::new(registry)));
                }
            }
        }
    }
}

/// Until the next decision is due though no news comes.
async fn pause(stale: bool, not_before: Instant, retry_at: Option<Timestamp>) {
    if stale && Instant::now() < not_before {
        return tokio::time::sleep_until(not_before).await;
    }
    match retry_at {
        Some(at) => {
            let left = at.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}
