//! The wake queue: which Pipelines to look at, each at most once at a time, now, at a time, or when a Pod may be created.
//! Namespaces take turns.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::fair::FairLine;
use super::key::ObjectKey;
use super::pace::{Answer, Pace, Turn};

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
    working: HashSet<ObjectKey>,
    again: HashSet<ObjectKey>,
    timers: BTreeSet<(Instant, ObjectKey)>,
    timer_of: HashMap<ObjectKey, Instant>,
    asleep: bool,
    closed: bool,
}

impl Inner {
    fn wake(&mut self, key: ObjectKey) -> bool {
        if self.asleep {
            return false;
        }
        if self.working.contains(&key) {
            self.again.insert(key);
            return false;
        }
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
            self.wake(key);
        }
    }

    /// Who may create a Pod now and who is only looked at, in turns where there are both: an API server that is slower
    /// than the pace holds nobody's status back, and ten thousand looks hold no creation back.
    fn take(&mut self, now: Instant) -> Option<ObjectKey> {
        if self.took_paced {
            self.take_ready().or_else(|| self.take_paced(now))
        } else {
            self.take_paced(now).or_else(|| self.take_ready())
        }
    }

    fn take_paced(&mut self, now: Instant) -> Option<ObjectKey> {
        let working = &self.working;
        let key = self.pace.pop(now, |key| !working.contains(key))?;
        self.working.insert(key.clone());
        self.took_paced = true;
        Some(key)
    }

    fn take_ready(&mut self) -> Option<ObjectKey> {
        loop {
            let key = self.ready.pop()?;
            if self.working.insert(key.clone()) {
                self.took_paced = false;
                return Some(key);
            }
            // It was woken, and then its turn to create came first.
            self.again.insert(key);
        }
    }

    fn has_more(&mut self, now: Instant) -> bool {
        let working = &self.working;
        !self.ready.is_empty() || self.pace.has_next(now, |key| !working.contains(key))
    }

    fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at).into_iter().chain(self.pace.more_at()).min()
    }
}

impl Queue {
    /// An empty queue that lets so many Pods per second be created.
    #[must_use]
    pub fn new(pod_creates_per_second: NonZeroU32) -> Self {
        let inner = Inner {
            ready: FairLine::default(),
            pace: Pace::new(pod_creates_per_second),
            took_paced: false,
            working: HashSet::new(),
            again: HashSet::new(),
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

    /// Asks for a look at this Pipeline.
    pub fn wake(&self, key: ObjectKey) {
        if self.with(|inner| inner.wake(key)) {
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
            inner.working.remove(key);
            inner.pace.looked(key);
            inner.set_timer(key, again_at);
            if inner.again.remove(key) {
                inner.wake(key.clone());
            }
        });
        self.changed.notify_one();
    }

    /// No more work is handed out.
    pub fn close(&self) {
        self.with(|inner| inner.closed = true);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("team-a", name)
    }

    fn queue() -> Queue {
        Queue::new(NonZeroU32::MIN)
    }

    #[tokio::test]
    async fn a_key_is_handed_out_once_however_often_it_was_woken() {
        let queue = queue();
        queue.wake(key("a"));
        queue.wake(key("a"));
        queue.wake(key("b"));
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(queue.next().await, Some(key("b")));
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
    }

    #[tokio::test]
    async fn a_key_woken_while_it_is_worked_on_comes_again_and_never_twice_at_once() {
        let queue = queue();
        queue.wake(key("a"));
        assert_eq!(queue.next().await, Some(key("a")));
        queue.wake(key("a"));
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
        queue.done(&key("a"), None);
        assert_eq!(queue.next().await, Some(key("a")));
    }

    #[tokio::test]
    async fn a_timer_wakes_and_the_next_look_replaces_it() {
        let queue = queue();
        queue.wake(key("a"));
        queue.next().await;
        let soon = Instant::now() + Duration::from_millis(30);
        queue.done(&key("a"), Some(soon));
        assert_eq!(queue.next().await, Some(key("a")));
        assert!(Instant::now() >= soon);
        // Looked at again before the timer: it is gone with that look.
        queue.done(&key("a"), Some(Instant::now() + Duration::from_millis(30)));
        queue.wake(key("a"));
        queue.next().await;
        queue.done(&key("a"), None);
        assert!(tokio::time::timeout(Duration::from_millis(60), queue.next()).await.is_err());
    }

    #[tokio::test]
    async fn namespaces_take_turns() {
        let queue = queue();
        for name in ["1", "2", "3"] {
            queue.wake(ObjectKey::new("big", name));
        }
        queue.wake(key("only"));
        assert_eq!(queue.next().await, Some(ObjectKey::new("big", "1")));
        assert_eq!(queue.next().await, Some(key("only")));
        assert_eq!(queue.next().await, Some(ObjectKey::new("big", "2")));
    }

    /// Uses the pace up: a Pod was created a moment ago, and there is one per second.
    async fn busy() -> Queue {
        let queue = queue();
        queue.wake(key("before"));
        queue.next().await;
        assert_eq!(queue.may_create(&key("before")), Turn::Now);
        queue.answered(&key("before"), Answer::Created);
        queue.done(&key("before"), None);
        queue
    }

    /// Waits until there is a permit again.
    async fn permit(queue: &Queue) {
        while !queue.with(|inner| inner.pace.has_next(Instant::now(), |_| true)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn what_may_not_create_yet_comes_again_when_it_may_and_holds_nobody_up() {
        let queue = busy().await;
        queue.wake(key("a"));
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(queue.may_create(&key("a")), Turn::Later);
        queue.done(&key("a"), None);
        // Who creates nothing does not wait.
        queue.wake(key("b"));
        assert_eq!(queue.next().await, Some(key("b")));
        queue.done(&key("b"), None);
        let before = Instant::now();
        assert_eq!(queue.next().await, Some(key("a")));
        assert!(Instant::now() > before, "a permit came");
        assert_eq!(queue.may_create(&key("a")), Turn::Now);
    }

    #[tokio::test]
    async fn what_may_create_now_does_not_wait_behind_what_is_only_looked_at() {
        let queue = busy().await;
        for name in ["a", "b", "c"] {
            queue.wake(key(name));
        }
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(queue.may_create(&key("a")), Turn::Later);
        permit(&queue).await;
        // Not while it is looked at.
        assert_eq!(queue.next().await, Some(key("b")));
        queue.done(&key("a"), None);
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(queue.next().await, Some(key("c")));
    }

    #[test]
    fn what_may_create_and_what_is_only_looked_at_take_turns() {
        let queue = Queue::new(NonZeroU32::new(2).unwrap());
        queue.with(|inner| {
            let now = Instant::now();
            for name in ["done-1", "done-2", "late-1", "late-2", "late-3"] {
                inner.pace.may_create(&key(name), now);
                inner.pace.answered(&key(name), Answer::Created, now);
            }
            for name in ["look-1", "look-2", "look-3"] {
                inner.wake(key(name));
            }
            let later = now + Duration::from_secs(1);
            let order: Vec<String> = std::iter::from_fn(|| inner.take(later)).map(|key| key.name).collect();
            assert_eq!(order, ["late-1", "look-1", "late-2", "look-2", "look-3"]);
        });
    }

    #[tokio::test]
    async fn its_turn_and_a_wake_at_once_are_two_looks_one_after_the_other() {
        let queue = busy().await;
        queue.wake(key("a"));
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(queue.may_create(&key("a")), Turn::Later);
        queue.done(&key("a"), None);
        permit(&queue).await;
        queue.wake(key("a"));
        assert_eq!(queue.next().await, Some(key("a")), "its turn");
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
        queue.done(&key("a"), None);
        assert_eq!(queue.next().await, Some(key("a")), "the wake");
    }

    #[tokio::test]
    async fn who_sleeps_notes_nothing() {
        let queue = queue();
        queue.sleep();
        queue.wake(key("before"));
        queue.rise();
        queue.wake(key("after"));
        assert_eq!(queue.next().await, Some(key("after")));
        queue.done(&key("after"), None);
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
    }

    #[tokio::test]
    async fn closing_ends_every_worker() {
        let queue = std::sync::Arc::new(queue());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = std::sync::Arc::clone(&queue);
                tokio::spawn(async move { queue.next().await })
            })
            .collect();
        queue.close();
        for worker in workers {
            assert_eq!(worker.await.unwrap(), None);
        }
    }
}
