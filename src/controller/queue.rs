//! The wake queue: which Pipelines to look at, each at most once at a time, now or at a time.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::key::ObjectKey;

/// The queue. A key that is woken while it is worked on comes again afterwards.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<ObjectKey>,
    queued: HashSet<ObjectKey>,
    working: HashSet<ObjectKey>,
    again: HashSet<ObjectKey>,
    timers: BTreeSet<(Instant, ObjectKey)>,
    timer_of: HashMap<ObjectKey, Instant>,
    closed: bool,
}

impl Inner {
    fn wake(&mut self, key: ObjectKey) -> bool {
        if self.working.contains(&key) {
            self.again.insert(key);
            return false;
        }
        if !self.queued.insert(key.clone()) {
            return false;
        }
        self.ready.push_back(key);
        true
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

    fn take(&mut self) -> Option<ObjectKey> {
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }
}

impl Queue {
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
                inner.fire_timers(Instant::now());
                let taken = if inner.closed { None } else { inner.take() };
                (taken, !inner.ready.is_empty(), inner.timers.first().map(|(at, _)| *at), inner.closed)
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

    /// The look at this Pipeline ended; the next one without an event is at `again_at`.
    pub fn done(&self, key: &ObjectKey, again_at: Option<Instant>) {
        self.with(|inner| {
            inner.working.remove(key);
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

    #[tokio::test]
    async fn a_key_is_handed_out_once_however_often_it_was_woken() {
        let queue = Queue::default();
        queue.wake(key("a"));
        queue.wake(key("a"));
        queue.wake(key("b"));
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(queue.next().await, Some(key("b")));
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
    }

    #[tokio::test]
    async fn a_key_woken_while_it_is_worked_on_comes_again_and_never_twice_at_once() {
        let queue = Queue::default();
        queue.wake(key("a"));
        assert_eq!(queue.next().await, Some(key("a")));
        queue.wake(key("a"));
        assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
        queue.done(&key("a"), None);
        assert_eq!(queue.next().await, Some(key("a")));
    }

    #[tokio::test]
    async fn a_timer_wakes_and_the_next_look_replaces_it() {
        let queue = Queue::default();
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
    async fn closing_ends_every_worker() {
        let queue = std::sync::Arc::new(Queue::default());
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
