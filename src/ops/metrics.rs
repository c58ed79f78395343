//! Metrics: every name, label and meaning in one place (docs/metrics.md lists them, a test compares).
//!
//! What controller-runtime and client-go would count has their names, so that dashboards and alerts for them work. Every
//! label but the host and the Lease's name is a word of this program's text: no name of a Pipeline or of what it uses, no
//! namespace and no message can become one.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use super::calls::CallCounts;
use super::process::Process;
pub use super::words::{LookResult, ReadResult, Watched};
use super::words::{SETBACKS, setback_word};
use crate::api::reason::{Phase, ReferenceState};
use crate::model::world::SetbackKind;

/// Names and values of labels.
pub(crate) type Labels<const N: usize> = [(&'static str, &'static str); N];
/// Counters by labels.
pub(crate) type Counts<const N: usize> = Family<Labels<N>, Counter>;
/// Gauges by labels.
pub(crate) type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
type Seconds = Gauge<f64, AtomicU64>;

/// The phase of a Pipeline of which no status was written yet.
const UNSEEN: &str = "Unseen";

/// controller-runtime's buckets for a reconcile.
const LOOK_SECONDS: [f64; 38] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
    1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 60.0,
];
/// From one round trip to a long turn under `--pod-creates-per-second`.
const GATE_SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// From a Secret that came a moment later to one that took a week.
const WAITED_SECONDS: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0, 604_800.0];

/// What is true at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// How many Pipelines stand in each phase; `None`: no status yet.
    pub pipelines: Vec<(Option<Phase>, u64)>,
    /// How many references stand in each state.
    pub references: Vec<(ReferenceState, u64)>,
    /// How many references are stale.
    pub stale: u64,
    /// How long the Pipeline that waits longest has waited, in seconds.
    pub longest_wait: i64,
    /// How long all that wait have waited, in seconds.
    pub all_waits: i64,
    /// How many Pipelines are in the queue.
    pub depth: usize,
    /// How many are looked at.
    pub working: usize,
    /// How long the looks that are under way have taken, together.
    pub unfinished: Duration,
    /// How long the longest of them has taken.
    pub longest_look: Duration,
    /// How many Pipelines wait for their turn to create a Pod.
    pub put_off: usize,
}

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    looks: Looks,
    queue: QueueCounts,
    calls: CallCounts,
    pipelines: Gauges<1>,
    references: Gauges<1>,
    stale: Gauge,
    longest_wait: Gauge,
    all_waits: Gauge,
    waited: Histogram,
    gate_open: Histogram,
    pods_created: Counter,
    pod_failures: Counts<1>,
    put_off: Gauge,
    secret_reads: Counts<1>,
    watch_failures: Counts<1>,
    leads: Family<[(&'static str, String); 1], Gauge>,
}

/// What controller-runtime counts of reconciles.
#[derive(Debug)]
struct Looks {
    total: Counts<1>,
    errors: Counter,
    panics: Counter,
    timeouts: Counter,
    seconds: Histogram,
    most: Gauge,
    active: Gauge,
}

impl Looks {
    fn of(r: &mut Registry) -> Self {
        let (seconds, results) = (Histogram::new(LOOK_SECONDS), LookResult::ALL.map(LookResult::as_str));
        let looks = "Looks at Pipelines, by how they ended";
        Self {
            total: put_counts(r, "controller_runtime_reconcile", looks, "result", results),
            errors: put(r, "controller_runtime_reconcile_errors", "Looks that failed"),
            panics: put(r, "controller_runtime_reconcile_panics", "Looks that broke off by a defect"),
            timeouts: put(r, "controller_runtime_reconcile_timeouts", "Looks that were given up after 60 s"),
            seconds: put_this(r, "controller_runtime_reconcile_time_seconds", "How long looks took", seconds),
            most: put(r, "controller_runtime_max_concurrent_reconciles", "The value of --concurrency"),
            active: put(r, "controller_runtime_active_workers", "Pipelines that are being looked at"),
        }
    }
}

/// What client-go counts of a queue.
#[derive(Debug)]
struct QueueCounts {
    depth: Gauge,
    adds: Counter,
    retries: Counter,
    queued: Histogram,
    worked: Histogram,
    unfinished: Seconds,
    longest: Seconds,
}

impl QueueCounts {
    fn of(r: &mut Registry) -> Self {
        // client-go's buckets: 10 ns to 1000 s.
        let seconds = || Histogram::new(exponential_buckets(10e-9, 10.0, 12));
        let in_queue = "How long Pipelines were in the queue before a look";
        let unfinished = "How long the looks that are under way have taken, together";
        let longest = "How long the longest look that is under way has taken";
        Self {
            depth: put(r, "workqueue_depth", "Pipelines that are to be looked at"),
            adds: put(r, "workqueue_adds", "Pipelines that were put into the queue"),
            retries: put(r, "workqueue_retries", "Looks that failed and are tried again"),
            queued: put_this(r, "workqueue_queue_duration_seconds", in_queue, seconds()),
            worked: put_this(r, "workqueue_work_duration_seconds", "How long looks took", seconds()),
            unfinished: put(r, "workqueue_unfinished_work_seconds", unfinished),
            longest: put(r, "workqueue_longest_running_processor_seconds", longest),
        }
    }
}

/// The metrics that every server process of ours has: its own figures, its version, and what it asks the API server for.
pub(crate) fn of_any_process(api_server: &str) -> (Registry, CallCounts) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process::now()));
    let build: Gauges<1> = put(&mut registry, "lockgate_build_info", "Which Lockgate this is; always 1");
    build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
    let calls = CallCounts::of(&mut registry, api_server);
    (registry, calls)
}

/// Registers a metric that begins at nothing.
pub(crate) fn put<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    put_this(registry, name, help, M::default())
}

/// Registers this metric.
pub(crate) fn put_this<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// A family in which every word of a closed set is there from the start: a rate over it has a beginning.
pub(crate) fn put_counts(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    words: impl IntoIterator<Item = &'static str>,
) -> Counts<1> {
    let counts: Counts<1> = put(registry, name, help);
    for word in words {
        drop(counts.get_or_create(&[(label, word)]));
    }
    counts
}

fn set(gauge: &Gauge, to: usize) {
    gauge.set(i64::try_from(to).unwrap_or(i64::MAX));
}

impl Metrics {
    /// The metrics of an operator that talks to this host.
    #[must_use]
    pub fn new(api_server: &str) -> Self {
        let pair = |label: &'static str, value: &str| (Cow::Borrowed(label), Cow::Owned(value.to_owned()));
        let (mut registry, calls) = of_any_process(api_server);

        let queue =
            registry.sub_registry_with_labels([pair("name", "pipeline"), pair("controller", "pipeline")].into_iter());
        let queue = QueueCounts::of(queue);
        let looks = Looks::of(registry.sub_registry_with_label(pair("controller", "pipeline")));

        let r = &mut registry;
        Self {
            looks,
            queue,
            calls,
            pipelines: put(r, "lockgate_pipelines", "Pipelines, by phase"),
            references: put(r, "lockgate_references", "References of all Pipelines, by state"),
            stale: put(r, "lockgate_stale_references", "References whose running container has an old value"),
            longest_wait: put(r, "lockgate_waiting_seconds", "How long the Pipeline that waits longest has waited"),
            all_waits: put(r, "lockgate_waiting_all_seconds", "How long all Pipelines that wait have waited, together"),
            waited: put_this(
                r,
                "lockgate_waited_seconds",
                "How long Pipelines waited whose wait is over",
                Histogram::new(WAITED_SECONDS),
            ),
            gate_open: put_this(
                r,
                "lockgate_gate_open_seconds",
                "From the event that completed a waiting Pipeline to the answer to its first Pod's creation",
                Histogram::new(GATE_SECONDS),
            ),
            pods_created: put(r, "lockgate_pods_created", "Pods that were created"),
            pod_failures: put_counts(
                r,
                "lockgate_pod_creation_failures",
                "Creations of Pods that did not succeed",
                "reason",
                SETBACKS.map(setback_word),
            ),
            put_off: put(r, "lockgate_pod_creations_put_off", "Pipelines that wait for --pod-creates-per-second"),
            secret_reads: put_counts(
                r,
                "lockgate_secret_reads",
                "Reads of a Secret's names, by how they ended",
                "result",
                ReadResult::ALL.map(ReadResult::as_str),
            ),
            watch_failures: put_counts(
                r,
                "lockgate_watch_failures",
                "Watches that failed and were begun anew",
                "kind",
                Watched::ALL.map(Watched::as_str),
            ),
            leads: put(r, "leader_election_master_status", "Whether this process leads: 1, or 0 while it stands by"),
            registry,
        }
    }

    /// What is counted of requests.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.calls.clone()
    }

    /// Whether this process holds the Lease of that name. The label is client-go's; where there is no election there is no
    /// series.
    pub fn leads(&self, lease: &str, leads: bool) {
        self.leads.get_or_create(&[("name", lease.to_owned())]).set(i64::from(leads));
    }

    /// So many Pipelines may be looked at at once.
    pub fn may_work(&self, workers: usize) {
        set(&self.looks.most, workers);
    }

    /// A look at a Pipeline ended.
    pub fn looked(&self, result: LookResult, took: Duration) {
        self.looks.total.get_or_create(&[("result", result.as_str())]).inc();
        self.looks.seconds.observe(took.as_secs_f64());
        if result == LookResult::Error {
            self.looks.errors.inc();
            self.queue.retries.inc();
        }
    }

    /// A look broke off.
    pub fn panicked(&self) {
        self.looks.panics.inc();
    }

    /// A look took too long.
    pub fn timed_out(&self) {
        self.looks.timeouts.inc();
    }

    /// A Pipeline was put into the queue.
    pub fn queued(&self) {
        self.queue.adds.inc();
    }

    /// A Pipeline was taken from the queue after so long.
    pub fn taken(&self, after: Duration) {
        self.queue.queued.observe(after.as_secs_f64());
    }

    /// A worker is done with a Pipeline after so long.
    pub fn worked(&self, took: Duration) {
        self.queue.worked.observe(took.as_secs_f64());
    }

    /// A Pipeline waits no more, after so many seconds.
    pub fn waited(&self, seconds: f64) {
        self.waited.observe(seconds);
    }

    /// The first Pod of a Pipeline that had waited was created, so long after the event that completed it.
    pub fn gate_opened(&self, after: Duration) {
        self.gate_open.observe(after.as_secs_f64());
    }

    /// A Pod was created.
    pub fn pod_created(&self) {
        self.pods_created.inc();
    }

    /// A Pod was not created.
    pub fn pod_not_created(&self, why: SetbackKind) {
        self.pod_failures.get_or_create(&[("reason", setback_word(why))]).inc();
    }

    /// A read of a Secret ended.
    pub fn secret_read(&self, result: ReadResult) {
        self.secret_reads.get_or_create(&[("result", result.as_str())]).inc();
    }

    /// A watch failed.
    pub fn watch_failed(&self, what: Watched) {
        self.watch_failures.get_or_create(&[("kind", what.as_str())]).inc();
    }

    /// All of it as OpenMetrics text.
    #[must_use]
    pub fn scrape(&self, now: &Now) -> String {
        for (phase, count) in &now.pipelines {
            let gauge = self.pipelines.get_or_create(&[("phase", phase.map_or(UNSEEN, Phase::as_str))]);
            gauge.set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        for (state, count) in &now.references {
            let gauge = self.references.get_or_create(&[("state", state.as_str())]);
            gauge.set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        self.stale.set(i64::try_from(now.stale).unwrap_or(i64::MAX));
        self.longest_wait.set(now.longest_wait);
        self.all_waits.set(now.all_waits);
        set(&self.queue.depth, now.depth);
        set(&self.looks.active, now.working);
        self.queue.unfinished.set(now.unfinished.as_secs_f64());
        self.queue.longest.set(now.longest_look.as_secs_f64());
        set(&self.put_off, now.put_off);
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
