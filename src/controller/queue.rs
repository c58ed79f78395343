//! The wake queue: which Pipelines to look at, each at most once at a time, now, at a time, or when a Pod may be created.
//! Namespaces take turns.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::fair::FairLine;
use super::key::ObjectKey;
use super::pace::{Answer, Pace, Turn};
use crate::ops::metrics::{Metrics, Watched};

/// The queue. A key that is woken while it is worked on comes again afterwards.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug)]
struct Inner {
    ready: FairLine,
    pace: Pace,
    /// The last that was handed out may create a Pod.
    took_paced: bool,
    working: HashMap<ObjectKey, Look>,
    again: HashMap<ObjectKey, Wake>,
    /// Of those that are ready.
    wakes: HashMap<ObjectKey, Wake>,
    /// Since when there has been somebody ready of whom no worker took any.
    idle_since: Option<Instant>,
    metrics: Arc<Metrics>,
    timers: BTreeSet<(Instant, ObjectKey)>,
    timer_of: HashMap<ObjectKey, Instant>,
    asleep: bool,
    closed: bool,
}

/// Since when a Pipeline wants a look.
#[derive(Clone, Copy, Debug)]
struct Wake {
    /// When it was woken first.
    at: Instant,
    /// The last event that concerns it; `None`: it was woken by a timer only.
    event: Option<News>,
}

/// An event.
#[derive(Clone, Copy, Debug)]
struct News {
    at: Instant,
    about: Watched,
}

/// Of two wakes of one Pipeline: woken with the first, and for the last event.
fn merge(wakes: &mut HashMap<ObjectKey, Wake>, key: ObjectKey, wake: Wake) {
    let merged = wakes.entry(key).or_insert(wake);
    merged.at = merged.at.min(wake.at);
    merged.event = merged.event.into_iter().chain(wake.event).max_by_key(|event| event.at);
}

/// A look that is under way.
#[derive(Clone, Copy, Debug)]
struct Look {
    since: Instant,
    event: Option<News>,
}

/// How the queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// How many are ready to be looked at.
    pub depth: usize,
    /// How many are looked at.
    pub working: usize,
    /// How long the looks that are under way have taken, together.
    pub unfinished: Duration,
    /// How long the longest of them has taken.
    pub longest_look: Duration,
    /// How many wait for their turn to create a Pod.
    pub put_off: usize,
    /// For how long somebody has been ready and no worker took any.
    pub idle: Duration,
    /// No more work is handed out.
    pub closed: bool,
}

impl Inner {
    fn wake(&mut self, key: ObjectKey, event: Option<Watched>, now: Instant) -> bool {
        if self.asleep {
            return false;
        }
        let working = self.working.contains_key(&key);
        let wakes = if working { &mut self.again } else { &mut self.wakes };
        let wake = wakes.entry(key.clone()).or_insert_with(|| {
            self.metrics.queued();
            Wake { at: now, event: None }
        });
        wake.event = event.map(|about| News { at: now, about }).or(wake.event);
        !working && self.make_ready(key, now)
    }

    fn make_ready(&mut self, key: ObjectKey, now: Instant) -> bool {
        self.idle_since.get_or_insert(now);
        self.ready.push(key)
    }

    fn set_timer(&mut self, key: &ObjectKey, at: Option<Instant>) {
        if let Some(old) = self.timer_of.remove(key) {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.timer_of.insert(key.clone(), at);
            self.timers.insert((at, key.clone()));
        }
    }

    fn fire_timers(&mut self, now: Instant) {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                break;
            }
            self.set_timer(&key, None);
            self.wake(key, None, now);
        }
    }

    /// Who may create a Pod now and who is only looked at, in turns where there are both: an API server that is slower
    /// than the pace holds nobody's status back, and ten thousand looks hold no creation back.
    fn take(&mut self, now: Instant) -> Option<ObjectKey> {
        if self.took_paced {
            self.take_ready(now).or_else(|| self.take_paced(now))
        } else {
            self.take_paced(now).or_else(|| self.take_ready(now))
        }
    }

    fn take_paced(&mut self, now: Instant) -> Option<ObjectKey> {
        let working = &self.working;
        let key = self.pace.pop(now, |key| !working.contains_key(key))?;
        self.working.insert(key.clone(), Look { since: now, event: None });
        self.took_paced = true;
        Some(key)
    }

    fn take_ready(&mut self, now: Instant) -> Option<ObjectKey> {
        loop {
            let key = self.ready.pop()?;
            self.idle_since = (!self.ready.is_empty()).then_some(now);
            let wake = self.wakes.remove(&key).unwrap_or(Wake { at: now, event: None });
            if !self.working.contains_key(&key) {
                self.metrics.taken(now.saturating_duration_since(wake.at));
                self.working.insert(key.clone(), Look { since: now, event: wake.event });
                self.took_paced = false;
                return Some(key);
            }
            // It was woken, and then its turn to create came first.
            merge(&mut self.again, key, wake);
        }
    }

    fn has_more(&mut self, now: Instant) -> bool {
        let working = &self.working;
        !self.ready.is_empty() || self.pace.has_next(now, |key| !working.contains_key(key))
    }

    fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at).into_iter().chain(self.pace.more_at()).min()
    }
}

impl Queue {
    /// An empty queue that lets so many Pods per second be created.
    #[must_use]
    pub fn new(pod_creates_per_second: NonZeroU32, metrics: Arc<Metrics>) -> Self {
        let inner = Inner {
            ready: FairLine::default(),
            pace: Pace::new(pod_creates_per_second),
            took_paced: false,
            working: HashMap::new(),
            again: HashMap::new(),
            wakes: HashMap::new(),
            idle_since: None,
            metrics,
            timers: BTreeSet::new(),
            timer_of: HashMap::new(),
            asleep: false,
            closed: false,
        };
        Self { inner: Mutex::new(inner), changed: Notify::new() }
    }

    /// Nobody works here yet: what is woken is not noted, or names of Pipelines that are long gone would pile up.
    pub fn sleep(&self) {
        self.with(|inner| inner.asleep = true);
    }

    /// From here on what is woken is noted.
    pub fn rise(&self) {
        self.with(|inner| inner.asleep = false);
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for a look at this Pipeline: an event came that concerns it.
    pub fn wake(&self, key: ObjectKey, about: Watched) {
        if self.with(|inner| inner.wake(key, Some(about), Instant::now())) {
            self.changed.notify_one();
        }
    }

    /// Waits for the next Pipeline to look at. `None`: the queue is closed.
    pub async fn next(&self) -> Option<ObjectKey> {
        loop {
            let changed = self.changed.notified();
            let (taken, more, timer, closed) = self.with(|inner| {
                let now = Instant::now();
                inner.fire_timers(now);
                let taken = if inner.closed { None } else { inner.take(now) };
                (taken, inner.has_more(now), inner.next_timer(), inner.closed)
            });
            if closed || more || (taken.is_some() && timer.is_some()) {
                // Hand the news on: a notification wakes one worker only, and while this one works another has to
                // watch the timers.
                self.changed.notify_one();
            }
            if closed {
                return None;
            }
            if taken.is_some() {
                return taken;
            }
            match timer {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Whether this Pipeline, which is being looked at, may send one creation of a Pod now; the answer has to be told.
    /// If not, it is handed out again when it may.
    pub fn may_create(&self, key: &ObjectKey) -> Turn {
        self.with(|inner| inner.pace.may_create(key, Instant::now()))
    }

    /// The API server answered a creation.
    pub fn answered(&self, key: &ObjectKey, answer: Answer) {
        self.with(|inner| inner.pace.answered(key, answer, Instant::now()));
    }

    /// The look at this Pipeline ended; the next one without an event is at `again_at`.
    pub fn done(&self, key: &ObjectKey, again_at: Option<Instant>) {
        self.with(|inner| {
            let now = Instant::now();
            if let Some(look) = inner.working.remove(key) {
                inner.metrics.worked(now.saturating_duration_since(look.since));
            }
            inner.pace.looked(key);
            inner.set_timer(key, again_at);
            if let Some(wake) = inner.again.remove(key) {
                merge(&mut inner.wakes, key.clone(), wake);
                inner.make_ready(key.clone(), now);
            }
        });
        self.changed.notify_one();
    }

    /// When the event came for which this Pipeline is being looked at, the last if there were several.
    pub fn event_at(&self, key: &ObjectKey) -> Option<Instant> {
        self.with(|inner| Some(inner.working.get(key)?.event?.at))
    }

    /// What that event was about; `None`: a time had come.
    pub fn cause(&self, key: &ObjectKey) -> Option<Watched> {
        self.with(|inner| Some(inner.working.get(key)?.event?.about))
    }

    /// How it stands.
    pub fn state(&self, now: Instant) -> QueueState {
        self.with(|inner| {
            let took = |look: &Look| now.saturating_duration_since(look.since);
            QueueState {
                depth: inner.ready.len(),
                working: inner.working.len(),
                unfinished: inner.working.values().map(took).sum(),
                longest_look: inner.working.values().map(took).max().unwrap_or_default(),
                put_off: inner.pace.waiting(),
                idle: inner.idle_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
                closed: inner.closed,
            }
        })
    }

    /// No more work is handed out.
    pub fn close(&self) {
        self.with(|inner| inner.closed = true);
        self.changed.notify_one();
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
