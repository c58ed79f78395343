//! What the projector shows of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::metrics::Metrics;
use super::state::{Shared, Watch};
use super::work::Pulse;
use crate::ops::http::{Check, View};

/// A turn of the loop waits for nothing, so one that takes so long hangs.
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// The view.
pub(super) struct Window {
    /// What is known.
    pub shared: Arc<Shared>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether the loop goes round.
    pub pulse: Arc<Pulse>,
    /// Whether a part of it ended, which none does.
    pub ended: Arc<AtomicBool>,
}

impl View for Window {
    fn live(&self) -> Vec<Check> {
        let turn = self.pulse.turn();
        let hangs = turn > LONGEST_TURN;
        let ended = self.ended.load(Ordering::Relaxed);
        vec![
            Check { name: "loop", problem: hangs.then(|| format!("a decision has taken {} s", turn.as_secs())) },
            Check { name: "watches", problem: ended.then(|| "they ended; this is a defect of Lockgate".to_owned()) },
        ]
    }

    /// No namespace is named: whoever reaches the port reads this.
    fn ready(&self) -> Vec<Check> {
        self.shared.look(|state| {
            let problem = |watch: Watch| match (state.has_answer(watch), state.refused.contains(&watch)) {
                (_, true) => Some("the right to list and watch them is missing".to_owned()),
                (false, false) => Some("the first list is not complete yet".to_owned()),
                (true, false) => None,
            };
            Watch::ALL.iter().map(|watch| Check { name: watch.as_str(), problem: problem(*watch) }).collect()
        })
    }

    fn metrics(&self) -> String {
        let copies = self.shared.look(|state| state.copies.iter().filter(|(_, copy)| copy.marked).count());
        self.metrics.scrape(copies)
    }
}
