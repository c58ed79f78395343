//! What the controller shows of itself: whether it lives, whether it is ready, and how things stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::context::Context;
use super::queue::QueueState;
use super::reconcile::DEADLINE;
use super::state::State;
use crate::api::reason::ObjectKind;
use crate::ops::http::{Check, View};
use crate::ops::metrics::{Now, Watched};

/// A look ends by [`DEADLINE`], and then its worker takes another. After so much more something hangs.
const GRACE: Duration = Duration::from_secs(30);

/// Which parts run.
#[derive(Debug, Default)]
pub(super) struct Running {
    working: AtomicBool,
    deaf: AtomicBool,
}

impl Running {
    /// The workers take from the queue from now on.
    pub(super) fn work_begins(&self) {
        self.working.store(true, Ordering::Relaxed);
    }

    /// The watches run until this is dropped: they end only by a defect, or when the operator stops.
    pub(super) fn watching(&self) -> Watching<'_> {
        Watching(self)
    }
}

/// Told when the watches end.
pub(super) struct Watching<'a>(&'a Running);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.deaf.store(true, Ordering::Relaxed);
    }
}

/// The view.
pub(super) struct Window {
    context: Arc<Context>,
    running: Arc<Running>,
}

impl Window {
    pub(super) fn new(context: Arc<Context>, running: Arc<Running>) -> Self {
        Self { context, running }
    }
}

impl View for Window {
    fn live(&self) -> Vec<Check> {
        let queue = self.context.queue.state(Instant::now());
        // A look that hangs may hold the state: then this hangs, too, and the probe's own deadline tells.
        self.context.with_state(|_| ());
        vitals(queue, self.running.working.load(Ordering::Relaxed), self.running.deaf.load(Ordering::Relaxed))
    }

    fn ready(&self) -> Vec<Check> {
        let stopping = self.context.queue.state(Instant::now()).closed;
        let mut checks = self.context.with_state(|state| lists(state));
        checks.push(Check { name: "shutdown", problem: stopping.then(|| "it is being stopped".to_owned()) });
        checks
    }

    fn metrics(&self) -> String {
        let queue = self.context.queue.state(Instant::now());
        let second = Timestamp::now().as_second();
        let now = self.context.with_state(|state| {
            let census = state.pipelines.tally();
            let (longest_wait, all_waits) = census.waits(second);
            Now {
                pipelines: census.phases(),
                references: census.references(),
                stale: census.stale(),
                longest_wait,
                all_waits,
                depth: queue.depth,
                working: queue.working,
                unfinished: queue.unfinished,
                longest_look: queue.longest_look,
                put_off: queue.put_off,
            }
        });
        self.context.metrics.scrape(&now)
    }
}

/// What only a restart mends. An API server that does not answer is nothing of that kind.
fn vitals(queue: QueueState, working: bool, deaf: bool) -> Vec<Check> {
    let most = DEADLINE + GRACE;
    let hangs = queue.longest_look > most;
    // Before the lists are complete nobody takes any, and when it stops nobody does any more.
    let stands = working && !queue.closed && queue.idle > most;
    vec![
        Check {
            name: "looks",
            problem: hangs.then(|| {
                format!(
                    "a look has lasted {} s, and none may last {} s",
                    queue.longest_look.as_secs(),
                    DEADLINE.as_secs()
                )
            }),
        },
        Check {
            name: "queue",
            problem: stands.then(|| {
                format!(
                    "{} Pipelines are to be looked at, and no worker took any for {} s",
                    queue.depth,
                    queue.idle.as_secs()
                )
            }),
        },
        Check {
            name: "watches",
            problem: (deaf && !queue.closed).then(|| "they ended; this is a defect of Lockgate".to_owned()),
        },
    ]
}

/// Whether every list is complete, or refused: that is an answer, too.
fn lists(state: &State) -> Vec<Check> {
    let check = |what: Watched, done: bool| Check {
        name: what.as_str(),
        problem: (!done).then(|| "the first list is not complete yet".to_owned()),
    };
    let mut checks = vec![
        check(Watched::Pipelines, state.pipelines.is_synced()),
        check(Watched::Pods, state.pods.is_synced()),
        check(Watched::ServiceAccounts, state.accounts.is_synced()),
        check(Watched::Secrets, state.book.is_synced() || state.doorbell_refused),
    ];
    checks.extend(
        ObjectKind::ALL.iter().map(|kind| check(Watched::Objects(*kind), state.objects.of(*kind).has_answer())),
    );
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(queue: QueueState, working: bool, deaf: bool) -> Vec<&'static str> {
        let checks = vitals(queue, working, deaf);
        checks.iter().filter(|check| check.problem.is_some()).map(|check| check.name).collect()
    }

    fn state(longest_look: u64, idle: u64) -> QueueState {
        let (longest_look, idle) = (Duration::from_secs(longest_look), Duration::from_secs(idle));
        QueueState { longest_look, idle, depth: usize::from(idle > Duration::ZERO), ..QueueState::default() }
    }

    #[test]
    fn a_look_past_its_deadline_a_queue_that_stands_and_watches_that_ended_are_no_life() {
        let none: [&str; 0] = [];
        assert_eq!(bad(state(0, 0), true, false), none);
        assert_eq!(bad(state(60, 60), true, false), none, "a look may last as long as its deadline");
        assert_eq!(bad(state(91, 0), true, false), ["looks"]);
        assert_eq!(bad(state(0, 91), true, false), ["queue"]);
        assert_eq!(bad(state(0, 1000), false, false), none, "without an API server a restart mends nothing");
        assert_eq!(bad(state(0, 0), true, true), ["watches"]);
        assert_eq!(bad(QueueState { closed: true, ..state(0, 91) }, true, true), none, "it is being stopped");
    }

    #[test]
    fn it_is_ready_when_every_list_is_complete_or_refused() {
        let mut state = State::default();
        let missing = |state: &State| {
            let checks = lists(state);
            checks.iter().filter(|check| check.problem.is_some()).map(|check| check.name).collect::<Vec<_>>()
        };
        let all = ["pipelines", "pods", "serviceaccounts", "secrets", "configmaps", "persistentvolumeclaims"];
        assert_eq!(missing(&state), all);
        assert_eq!(missing(&state).is_empty(), state.is_synced());
        state.pipelines.init_done();
        state.pods.init_done();
        state.accounts.init_done();
        assert_eq!(missing(&state), all[3..]);
        state.doorbell_refused = true;
        for kind in ObjectKind::ALL {
            state.objects.of_mut(*kind).forbid();
        }
        assert!(missing(&state).is_empty() && state.is_synced(), "the workers begin when it is ready");
    }

    #[test]
    fn watches_that_break_off_are_noticed() {
        let running = Running::default();
        drop(running.watching());
        assert!(running.deaf.load(Ordering::Relaxed));
    }
}
