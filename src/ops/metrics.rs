//! Metrics: every name, label and meaning in one place (docs/metrics.md lists them, a test compares).
//!
//! What controller-runtime and client-go would count has their names, so that dashboards and alerts for them work. Every
//! label of [`Labels`] is a word of this program's text: no name of an object, no namespace and no message can become one.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use super::process::Process;
use crate::api::reason::{ObjectKind, Phase, ReferenceState};
use crate::model::world::SetbackKind;

/// Names and values of labels.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];
pub(super) type Counts<const N: usize> = Family<Labels<N>, Counter>;
type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
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

/// How a look at a Pipeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookResult {
    /// All is said and done until an event comes.
    Success,
    /// Something could not be read or written.
    Error,
    /// All is said and done until a time comes.
    RequeueAfter,
}

impl LookResult {
    const ALL: [Self; 3] = [Self::Success, Self::Error, Self::RequeueAfter];

    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::RequeueAfter => "requeue_after",
        }
    }
}

/// How a read of a Secret ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadResult {
    /// It is there.
    Found,
    /// It is not there.
    NotFound,
    /// The right is missing.
    Forbidden,
    /// Anything else.
    Failed,
}

impl ReadResult {
    const ALL: [Self; 4] = [Self::Found, Self::NotFound, Self::Forbidden, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Failed => "failed",
        }
    }
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Pipelines.
    Pipelines,
    /// Our Pods.
    Pods,
    /// Metadata of Secrets.
    Secrets,
    /// ServiceAccounts.
    ServiceAccounts,
    /// Objects of which only their being there counts.
    Objects(ObjectKind),
    /// Events about volumes that cannot be mounted.
    Events,
}

impl Watched {
    /// Everything that is watched.
    pub const ALL: [Self; 7] = [
        Self::Pipelines,
        Self::Pods,
        Self::Secrets,
        Self::ServiceAccounts,
        Self::Objects(ObjectKind::ConfigMap),
        Self::Objects(ObjectKind::PersistentVolumeClaim),
        Self::Events,
    ];

    /// The resource's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipelines => "pipelines",
            Self::Pods => "pods",
            Self::Secrets => "secrets",
            Self::ServiceAccounts => "serviceaccounts",
            Self::Objects(ObjectKind::ConfigMap) => "configmaps",
            Self::Objects(ObjectKind::PersistentVolumeClaim) => "persistentvolumeclaims",
            Self::Events => "events",
        }
    }
}

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
    looks: Counts<1>,
    look_errors: Counter,
    look_panics: Counter,
    look_timeouts: Counter,
    look_seconds: Histogram,
    most_workers: Gauge,
    active_workers: Gauge,
    depth: Gauge,
    adds: Counter,
    retries: Counter,
    queued_seconds: Histogram,
    work_seconds: Histogram,
    unfinished: Seconds,
    longest_look: Seconds,
    pub(super) rest_requests: Counts<2>,
    pub(super) api_requests: Counts<3>,
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
}

fn put<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    put_this(registry, name, help, M::default())
}

fn put_this<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// A family in which every word of a closed set is there from the start: a rate over it has a beginning.
fn put_counts(
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

fn setback_word(kind: SetbackKind) -> &'static str {
    match kind {
        SetbackKind::Quota => "quota",
        SetbackKind::PodSecurity => "pod_security",
        SetbackKind::Refused => "refused",
        SetbackKind::NameConflict => "name_conflict",
        SetbackKind::Io => "unreachable",
    }
}

const SETBACKS: [SetbackKind; 5] =
    [SetbackKind::Quota, SetbackKind::PodSecurity, SetbackKind::Refused, SetbackKind::NameConflict, SetbackKind::Io];

impl Metrics {
    /// The metrics of an operator that talks to this host.
    #[must_use]
    pub fn new(api_server: &str) -> Self {
        let pair = |label: &'static str, value: &str| (Cow::Borrowed(label), Cow::Owned(value.to_owned()));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::now()));
        let build: Gauges<1> = put(&mut registry, "lockgate_build_info", "Which Lockgate this is; always 1");
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);

        let rest = registry.sub_registry_with_label(pair("host", api_server));
        let rest_requests = put(rest, "rest_client_requests", "Requests to the API server, by method and answer");

        let queue =
            registry.sub_registry_with_labels([pair("name", "pipeline"), pair("controller", "pipeline")].into_iter());
        // client-go's buckets: 10 ns to 1000 s.
        let waits = || Histogram::new(exponential_buckets(10e-9, 10.0, 12));
        let depth = put(queue, "workqueue_depth", "Pipelines that are to be looked at");
        let adds = put(queue, "workqueue_adds", "Pipelines that were put into the queue");
        let retries = put(queue, "workqueue_retries", "Looks that failed and are tried again");
        let queued_seconds = put_this(
            queue,
            "workqueue_queue_duration_seconds",
            "How long Pipelines were in the queue before a look",
            waits(),
        );
        let work_seconds = put_this(queue, "workqueue_work_duration_seconds", "How long looks took", waits());
        let unfinished = put(
            queue,
            "workqueue_unfinished_work_seconds",
            "How long the looks that are under way have taken, together",
        );
        let longest_look = put(
            queue,
            "workqueue_longest_running_processor_seconds",
            "How long the longest look that is under way has taken",
        );

        let looks = registry.sub_registry_with_label(pair("controller", "pipeline"));
        let look_seconds = put_this(
            looks,
            "controller_runtime_reconcile_time_seconds",
            "How long looks took",
            Histogram::new(LOOK_SECONDS),
        );
        let most_workers = put(looks, "controller_runtime_max_concurrent_reconciles", "The value of --concurrency");
        let active_workers = put(looks, "controller_runtime_active_workers", "Pipelines that are being looked at");
        let look_errors = put(looks, "controller_runtime_reconcile_errors", "Looks that failed");
        let look_panics = put(looks, "controller_runtime_reconcile_panics", "Looks that broke off by a defect");
        let look_timeouts = put(looks, "controller_runtime_reconcile_timeouts", "Looks that were given up after 60 s");
        let words = LookResult::ALL.map(LookResult::as_str);
        let looks =
            put_counts(looks, "controller_runtime_reconcile", "Looks at Pipelines, by how they ended", "result", words);

        let r = &mut registry;
        Self {
            looks,
            look_errors,
            look_panics,
            look_timeouts,
            look_seconds,
            most_workers,
            active_workers,
            depth,
            adds,
            retries,
            queued_seconds,
            work_seconds,
            unfinished,
            longest_look,
            rest_requests,
            api_requests: put(r, "lockgate_api_requests", "Requests to the API server, by verb, resource and answer"),
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
            registry,
        }
    }

    /// So many Pipelines may be looked at at once.
    pub fn may_work(&self, workers: usize) {
        set(&self.most_workers, workers);
    }

    /// A look at a Pipeline ended.
    pub fn looked(&self, result: LookResult, took: Duration) {
        self.looks.get_or_create(&[("result", result.as_str())]).inc();
        self.look_seconds.observe(took.as_secs_f64());
        if result == LookResult::Error {
            self.look_errors.inc();
            self.retries.inc();
        }
    }

    /// A look broke off.
    pub fn panicked(&self) {
        self.look_panics.inc();
    }

    /// A look took too long.
    pub fn timed_out(&self) {
        self.look_timeouts.inc();
    }

    /// A Pipeline was put into the queue.
    pub fn queued(&self) {
        self.adds.inc();
    }

    /// A Pipeline was taken from the queue after so long.
    pub fn taken(&self, after: Duration) {
        self.queued_seconds.observe(after.as_secs_f64());
    }

    /// A worker is done with a Pipeline after so long.
    pub fn worked(&self, took: Duration) {
        self.work_seconds.observe(took.as_secs_f64());
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
        set(&self.depth, now.depth);
        set(&self.active_workers, now.working);
        self.unfinished.set(now.unfinished.as_secs_f64());
        self.longest_look.set(now.longest_look.as_secs_f64());
        set(&self.put_off, now.put_off);
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
