//! Which Registries are to be looked at, and when.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::controller::key::ObjectKey;

/// Statuses that differ in nothing but a count are at least so far apart: of ten thousand Pipelines each would be a write.
pub const COUNT_PAUSE: Duration = Duration::from_secs(5);

/// The agenda.
#[derive(Debug, Default)]
pub struct Agenda {
    due: BTreeMap<ObjectKey, Instant>,
    counted: HashMap<ObjectKey, Instant>,
    failures: HashMap<ObjectKey, u32>,
}

impl Agenda {
    /// Asks for a look at that time, or earlier if that was asked for.
    pub fn wake(&mut self, key: ObjectKey, at: Instant) {
        let due = self.due.entry(key).or_insert(at);
        *due = at.min(*due);
    }

    /// Takes those whose time has come, and says when the next one's comes.
    pub fn take(&mut self, now: Instant) -> (Vec<ObjectKey>, Option<Instant>) {
        let ready: Vec<ObjectKey> = self.due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        for key in &ready {
            self.due.remove(key);
        }
        (ready, self.due.values().min().copied())
    }

    /// Whether a status may be written now that differs in its count alone; if not, when.
    pub fn may_count(&self, key: &ObjectKey, now: Instant) -> Result<(), Instant> {
        match self.counted.get(key).map(|at| *at + COUNT_PAUSE) {
            Some(at) if at > now => Err(at),
            _ => Ok(()),
        }
    }

    /// A status was written.
    pub fn wrote(&mut self, key: &ObjectKey, now: Instant) {
        self.counted.insert(key.clone(), now);
    }

    /// A look ended. Returns how many have failed, one after the other.
    pub fn looked(&mut self, key: &ObjectKey, failed: bool) -> u32 {
        if !failed {
            self.failures.remove(key);
            return 0;
        }
        let failures = self.failures.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        *failures
    }

    /// The Registry is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.due.remove(key);
        self.counted.remove(key);
        self.failures.remove(key);
    }
}
