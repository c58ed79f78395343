//! What the controller shows of itself: whether it lives, whether it is ready, and how things stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::census::Census;
use super::context::Shared;
use super::queue::QueueState;
use super::realms::Realms;
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
    shared: Shared,
    realms: Arc<Realms>,
    running: Arc<Running>,
}

impl Window {
    pub(super) fn new(shared: Shared, realms: Arc<Realms>, running: Arc<Running>) -> Self {
        Self { shared, realms, running }
    }
}

impl View for Window {
    fn live(&self) -> Vec<Check> {
        let queue = self.shared.queue.state(Instant::now());
        // A look that hangs may hold a state: then this hangs, too, and the probe's own deadline tells.
        self.realms.iter().for_each(|context| context.with_state(|_| ()));
        vitals(queue, self.running.working.load(Ordering::Relaxed), self.running.deaf.load(Ordering::Relaxed))
    }

    fn ready(&self) -> Vec<Check> {
        let stopping = self.shared.queue.state(Instant::now()).closed;
        let mut checks = lists(&self.realms);
        checks.push(Check { name: "shutdown", problem: stopping.then(|| "it is being stopped".to_owned()) });
        checks
    }

    fn metrics(&self) -> String {
        let queue = self.shared.queue.state(Instant::now());
        let second = Timestamp::now().as_second();
        let mut now = Now {
            depth: queue.depth,
            working: queue.working,
            unfinished: queue.unfinished,
            longest_look: queue.longest_look,
            put_off: queue.put_off,
            ..Now::default()
        };
        for context in self.realms.iter() {
            context.with_state(|state| count(&mut now, &state.pipelines.tally().census, second));
        }
        self.shared.metrics.scrape(&now)
    }
}

/// Counts the Pipelines of one more scope.
fn count(now: &mut Now, census: &Census, second: i64) {
    add(&mut now.pipelines, census.phases());
    add(&mut now.references, census.references());
    now.stale += census.stale();
    let (longest_wait, all_waits) = census.waits(second);
    now.longest_wait = now.longest_wait.max(longest_wait);
    now.all_waits = now.all_waits.saturating_add(all_waits);
}

fn add<T: PartialEq>(sums: &mut Vec<(T, u64)>, counts: Vec<(T, u64)>) {
    for (what, count) in counts {
        match sums.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum += count,
            None => sums.push((what, count)),
        }
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

/// Whether every list of every scope is complete, or refused: that is an answer, too. No namespace is named: whoever reaches
/// the port reads this.
fn lists(realms: &Realms) -> Vec<Check> {
    let all = realms.iter().count();
    let check = |what: Watched| {
        let open = realms.iter().filter(|context| !context.with_state(|state| has_answer(state, what))).count();
        let place = if all > 1 { format!(" in {open} of {all} namespaces") } else { String::new() };
        let problem = (open > 0).then(|| format!("the first list is not complete yet{place}"));
        Check { name: what.as_str(), problem }
    };
    let objects = ObjectKind::ALL.iter().copied().map(Watched::Objects);
    let registries = [Watched::Registries, Watched::ClusterRegistries];
    [Watched::Pipelines, Watched::Pods, Watched::ServiceAccounts, Watched::Secrets]
        .into_iter()
        .chain(objects)
        .chain(registries)
        .map(check)
        .collect()
}

fn has_answer(state: &State, what: Watched) -> bool {
    let told = match what {
        Watched::Pipelines => state.pipelines.is_synced(),
        Watched::Pods => state.pods.is_synced(),
        Watched::ServiceAccounts => state.accounts.is_synced(),
        Watched::Secrets => state.book.is_synced() || state.doorbell_refused,
        Watched::Objects(kind) => state.objects.of(kind).has_answer(),
        Watched::Registries => state.registries.have_answer(),
        Watched::ClusterRegistries => state.cluster_registries.have_answer(),
        // Nothing is decided by them.
        Watched::Events => true,
    };
    // Nobody waits for a namespace that cannot be seen.
    told || state.refused
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use kube::{Client, Config};

    use super::*;
    use crate::api::reason::{Phase, ReferenceState};
    use crate::controller::cache::Tally;
    use crate::controller::object::StoredPipeline;
    use crate::model::docs::Docs;
    use crate::model::secret::SecretAccess;
    use crate::ops::metrics::Metrics;

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

    fn realms(names: &[&str]) -> Realms {
        let client = Client::try_from(Config::new("http://localhost:1".parse().unwrap())).unwrap();
        let metrics = Arc::new(Metrics::new("api.test"));
        let shared =
            Shared::new(client, NonZeroU32::MIN, SecretAccess::Metadata, Docs::default(), Arc::default(), metrics);
        Realms::new(&shared, &names.iter().map(|&name| name.to_owned()).collect())
    }

    fn missing(realms: &Realms) -> Vec<&'static str> {
        lists(realms).iter().filter(|check| check.problem.is_some()).map(|check| check.name).collect()
    }

    const ALL: [&str; 8] = [
        "pipelines",
        "pods",
        "serviceaccounts",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "registries",
        "clusterregistries",
    ];

    fn list(state: &mut State) {
        state.pipelines.init_done();
        state.pods.init_done();
        state.accounts.init_done();
    }

    /// The other lists are refused, and nothing waits for them.
    fn forbid(state: &mut State) {
        state.doorbell_refused = true;
        state.registries.refused();
        state.cluster_registries.refused();
        for kind in ObjectKind::ALL {
            state.objects.of_mut(*kind).forbid();
        }
    }

    #[tokio::test]
    async fn it_is_ready_when_every_list_is_complete_or_refused() {
        let realms = realms(&[]);
        let context = realms.of("team-a").unwrap();
        assert_eq!(missing(&realms), ALL);
        context.with_state(list);
        assert_eq!(missing(&realms), ALL[3..]);
        assert!(!context.with_state(|state| state.is_synced()));
        context.with_state(forbid);
        assert_eq!(missing(&realms), [""; 0]);
        assert!(context.with_state(|state| state.is_synced()), "the workers begin when it is ready");
    }

    #[tokio::test]
    async fn of_several_namespaces_each_is_waited_for_but_one_that_cannot_be_seen() {
        let realms = realms(&["team-a", "team-b"]);
        let [a, b] = ["team-a", "team-b"].map(|name| realms.of(name).unwrap());
        a.with_state(list);
        assert_eq!(missing(&realms), ALL);
        let told = lists(&realms).into_iter().map(|check| check.problem.unwrap()).collect::<Vec<_>>();
        assert_eq!(told[0], "the first list is not complete yet in 1 of 2 namespaces");
        assert!(told[3].ends_with("in 2 of 2 namespaces"));
        b.refused();
        assert_eq!(missing(&realms), ALL[3..]);
        a.with_state(forbid);
        assert_eq!(missing(&realms), [""; 0]);
    }

    #[test]
    fn the_pipelines_of_all_namespaces_are_counted_together() {
        let waits_since = |second: i64| {
            let status = serde_json::json!({
                "phase": "Waiting", "waitingSince": Timestamp::from_second(second).unwrap().to_string(),
                "references": [{"step": "main", "use": "Env", "name": "db", "state": "Resolved", "stale": true}],
            });
            let wire = serde_json::json!({"metadata": {"name": "p", "namespace": "a", "uid": "u"}, "spec": {}, "status": status});
            let mut census = Census::default();
            census.replace(None, Some(&Arc::new(StoredPipeline::of(serde_json::from_value(wire).unwrap()))));
            census
        };
        let mut now = Now::default();
        for second in [60, 90, 80] {
            count(&mut now, &waits_since(second), 100);
        }
        let some = |counts: &[(Option<Phase>, u64)]| {
            counts.iter().copied().filter(|(_, count)| *count > 0).collect::<Vec<_>>()
        };
        assert_eq!(some(&now.pipelines), [(Some(Phase::Waiting), 3)]);
        assert!(now.references.contains(&(ReferenceState::Resolved, 3)));
        assert_eq!((now.stale, now.longest_wait, now.all_waits), (3, 40, 70));
    }

    #[test]
    fn watches_that_break_off_are_noticed() {
        let running = Running::default();
        drop(running.watching());
        assert!(running.deaf.load(Ordering::Relaxed));
    }
}
