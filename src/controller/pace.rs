//! The pace at which Pods are created, for the whole operator: a cap per second, and whose turn it is.
//!
//! A look that finds a Pod to create asks first. A "no" costs nobody anything: the look ends without a write and gives
//! its worker back, and its key stands in a line of its own, in which the namespaces take turns. A worker that looks
//! for work takes from that line as soon as a permit is free, before all else, and the look is made afresh: what
//! changed meanwhile counts. So there is neither a worker that sleeps on a permit nor a timer per Pipeline, and who comes
//! late with one Pipeline does not stand behind slots that ten thousand others reserved.
//!
//! Only a Pod that was created uses a permit up. A refusal (quota, admission) gives it back, so that namespaces whose
//! Pods are refused take nothing from the others; that they do not storm the API server instead, refusals have a cap of
//! their own, and a namespace that was refused lately keeps to it.
//!
//! No clock in here: the time is an argument.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use super::fair::FairLine;
use super::key::ObjectKey;

/// Permits come in portions, ten times a second: a worker is not woken for each.
const PORTIONS_PER_SECOND: u32 = 10;

/// What the API server said to a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The Pod is there, or nobody knows.
    Created,
    /// No: nothing was created.
    Refused,
}

/// When a Pipeline may send a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At once.
    Now,
    /// It has to wait, and stands in line from now on.
    Later,
    /// It has to wait, and stood in line already.
    StillLater,
}

/// The pace.
#[derive(Debug)]
pub struct Pace {
    permits: Permits,
    line: FairLine,
}

impl Pace {
    /// So many creations per second; after a rest one second's worth at once.
    #[must_use]
    pub fn new(per_second: NonZeroU32) -> Self {
        let permits = Permits {
            creations: Bucket::new(per_second),
            refusals: Bucket::new(per_second),
            held: HashMap::new(),
            refusing: HashSet::new(),
        };
        Self { permits, line: FairLine::default() }
    }

    /// Whether this Pipeline, which is being looked at, may send one creation now.
    pub fn may_create(&mut self, key: &ObjectKey, now: Instant) -> Turn {
        let Self { permits, line } = self;
        if permits.held.contains_key(key) {
            return Turn::Now;
        }
        permits.fill(now);
        // Who stands in line goes first.
        if permits.allow(key) && !line.any(|waiting| permits.allow(waiting)) {
            permits.give(key, now);
            return Turn::Now;
        }
        if line.push(key.clone()) { Turn::Later } else { Turn::StillLater }
    }

    /// The API server answered the creation.
    pub fn answered(&mut self, key: &ObjectKey, answer: Answer, now: Instant) {
        let Permits { creations, refusals, held, refusing } = &mut self.permits;
        // Without a permit it was not asked for: then nothing is given back.
        let Some(doubtful) = held.remove(key) else { return };
        match (answer, doubtful) {
            (Answer::Created, true) => refusals.put_back(),
            (Answer::Created, false) => {}
            (Answer::Refused, true) => creations.put_back(),
            (Answer::Refused, false) => {
                creations.put_back();
                refusals.take(now);
            }
        }
        match answer {
            Answer::Created => refusing.remove(&key.namespace),
            Answer::Refused => refusing.insert(key.namespace.clone()),
        };
    }

    /// How many Pipelines stand in line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// The look at this Pipeline ended: a permit that it did not use is free again.
    pub fn looked(&mut self, key: &ObjectKey) {
        let Permits { creations, refusals, held, .. } = &mut self.permits;
        let Some(doubtful) = held.remove(key) else { return };
        creations.put_back();
        if doubtful {
            refusals.put_back();
        }
    }

    /// Takes the next Pipeline that is free out of the line, with a permit, if there is one.
    pub fn pop(&mut self, now: Instant, is_free: impl Fn(&ObjectKey) -> bool) -> Option<ObjectKey> {
        let Self { permits, line } = self;
        permits.fill(now);
        let key = line.pop_if(|key| is_free(key) && permits.allow(key))?;
        permits.give(&key, now);
        Some(key)
    }

    /// Whether [`pop`](Self::pop) would find one.
    pub fn has_next(&mut self, now: Instant, is_free: impl Fn(&ObjectKey) -> bool) -> bool {
        let Self { permits, line } = self;
        permits.fill(now);
        line.any(|key| is_free(key) && permits.allow(key))
    }

    /// When there will be more permits for those in line.
    #[must_use]
    pub fn more_at(&self) -> Option<Instant> {
        if self.line.is_empty() {
            return None;
        }
        let Permits { creations, refusals, .. } = &self.permits;
        creations.more_at().into_iter().chain(refusals.more_at()).min()
    }
}

/// Who may send a creation.
#[derive(Debug)]
struct Permits {
    creations: Bucket,
    refusals: Bucket,
    /// Who has a permit and was not answered yet, and whether it counts among the refusals until then.
    held: HashMap<ObjectKey, bool>,
    /// Namespaces in which a Pod was refused lately.
    refusing: HashSet<String>,
}

impl Permits {
    fn fill(&mut self, now: Instant) {
        self.creations.fill(now);
        self.refusals.fill(now);
        if self.refusals.is_full() {
            self.refusing.clear();
        }
    }

    fn allow(&self, key: &ObjectKey) -> bool {
        self.creations.level > 0 && (self.refusals.level > 0 || !self.refusing.contains(&key.namespace))
    }

    fn give(&mut self, key: &ObjectKey, now: Instant) {
        let doubtful = self.refusing.contains(&key.namespace);
        self.creations.take(now);
        if doubtful {
            self.refusals.take(now);
        }
        self.held.insert(key.clone(), doubtful);
    }
}

/// A token bucket that holds one second's worth.
#[derive(Debug)]
struct Bucket {
    level: u32,
    most: u32,
    portion: u32,
    period: Duration,
    /// When the last portion came; `None`: it is full.
    filled_at: Option<Instant>,
}

impl Bucket {
    fn new(per_second: NonZeroU32) -> Self {
        let most = per_second.get();
        let portion = most.div_ceil(PORTIONS_PER_SECOND);
        let period = Duration::from_secs(u64::from(portion)) / most;
        Self { level: most, most, portion, period, filled_at: None }
    }

    fn is_full(&self) -> bool {
        self.filled_at.is_none()
    }

    fn fill(&mut self, now: Instant) {
        let Some(filled_at) = self.filled_at else { return };
        let portions = now.saturating_duration_since(filled_at).as_nanos() / self.period.as_nanos().max(1);
        let portions = u32::try_from(portions).unwrap_or(u32::MAX);
        self.level = self.level.saturating_add(self.portion.saturating_mul(portions)).min(self.most);
        self.filled_at =
            if self.level == self.most { None } else { filled_at.checked_add(self.period.saturating_mul(portions)) };
    }

    fn take(&mut self, now: Instant) {
        self.fill(now);
        self.filled_at.get_or_insert(now);
        self.level = self.level.saturating_sub(1);
    }

    fn put_back(&mut self) {
        self.level = self.level.saturating_add(1).min(self.most);
    }

    fn more_at(&self) -> Option<Instant> {
        self.filled_at?.checked_add(self.period)
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
