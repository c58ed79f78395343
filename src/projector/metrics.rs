//! The projector's metrics: every name, label and meaning in one place (docs/metrics.md lists them, a test compares). No name of
//! an object and no namespace is in them.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::state::Watch;
use crate::api::reason::ClusterRegistryReason;
use crate::ops::calls::CallCounts;
use crate::ops::metrics::{Counts, Gauges, of_any_process, put, put_counts, put_this};

/// From one round trip to a quota that somebody raises.
const SPREAD_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// How a write of a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It stands.
    Applied,
    /// It is gone.
    Removed,
    /// Somebody wrote in between, or the namespace goes.
    Behind,
    /// It was refused.
    Refused,
    /// No answer.
    Failed,
}

impl Ended {
    const ALL: [Self; 5] = [Self::Applied, Self::Removed, Self::Behind, Self::Refused, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Removed => "removed",
            Self::Behind => "behind",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// All metrics.
pub(super) struct Metrics {
    registry: Registry,
    calls: CallCounts,
    registries: Gauges<1>,
    copies: Gauge,
    writes: Counts<1>,
    spread: Histogram,
    watch_failures: Counts<1>,
}

impl Metrics {
    /// The metrics of a projector that talks to this host.
    pub fn new(api_server: &str) -> Self {
        let (mut registry, calls) = of_any_process(api_server);
        let r = &mut registry;
        Self {
            calls,
            registries: put(
                r,
                "lockgate_clusterregistries",
                "ClusterRegistries, by the reason of their condition Ready",
            ),
            copies: put(r, "lockgate_projector_copies", "Namespaces that have a copy"),
            writes: put_counts(
                r,
                "lockgate_projector_writes",
                "Writes of copies, by how they ended",
                "result",
                Ended::ALL.map(Ended::as_str),
            ),
            spread: put_this(
                r,
                "lockgate_projector_spread_seconds",
                "From an event to the moment in which every copy that follows from it stands",
                Histogram::new(SPREAD_SECONDS),
            ),
            watch_failures: put_counts(
                r,
                "lockgate_watch_failures",
                "Watches that failed and were begun anew",
                "kind",
                Watch::ALL.map(Watch::as_str),
            ),
            registry,
        }
    }

    /// What is counted of requests.
    pub fn calls(&self) -> CallCounts {
        self.calls.clone()
    }

    /// A watch failed.
    pub fn watch_failed(&self, what: Watch) {
        self.watch_failures.get_or_create(&[("kind", what.as_str())]).inc();
    }

    /// A write ended.
    pub fn wrote(&self, how: Ended) {
        self.writes.get_or_create(&[("result", how.as_str())]).inc();
    }

    /// Everything stands, so long after the event.
    pub fn spread(&self, took: Duration) {
        self.spread.observe(took.as_secs_f64());
    }

    /// How many ClusterRegistries there are of each reason.
    pub fn stand(&self, counts: &[(ClusterRegistryReason, usize)]) {
        for (reason, count) in counts {
            let gauge = self.registries.get_or_create(&[("reason", reason.as_str())]);
            gauge.set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
    }

    /// All of it as OpenMetrics text.
    pub fn scrape(&self, copies: usize) -> String {
        self.copies.set(i64::try_from(copies).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
