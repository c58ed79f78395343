//! The queue, one rule each.

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("team-a", name)
}

fn of_pace(per_second: u32) -> Queue {
    Queue::new(NonZeroU32::new(per_second).unwrap(), Arc::new(Metrics::new("api.test")))
}

fn queue() -> Queue {
    of_pace(1)
}

#[tokio::test]
async fn a_key_is_handed_out_once_however_often_it_was_woken() {
    let queue = queue();
    queue.wake(key("a"), Watched::Pods);
    queue.wake(key("a"), Watched::Pods);
    queue.wake(key("b"), Watched::Pods);
    assert_eq!(queue.next().await, Some(key("a")));
    assert_eq!(queue.next().await, Some(key("b")));
    assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
}

#[tokio::test]
async fn a_key_woken_while_it_is_worked_on_comes_again_and_never_twice_at_once() {
    let queue = queue();
    queue.wake(key("a"), Watched::Pods);
    assert_eq!(queue.next().await, Some(key("a")));
    queue.wake(key("a"), Watched::Pods);
    assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
    queue.done(&key("a"), None);
    assert_eq!(queue.next().await, Some(key("a")));
}

#[tokio::test]
async fn a_timer_wakes_and_the_next_look_replaces_it() {
    let queue = queue();
    queue.wake(key("a"), Watched::Pods);
    queue.next().await;
    let soon = Instant::now() + Duration::from_millis(30);
    queue.done(&key("a"), Some(soon));
    assert_eq!(queue.next().await, Some(key("a")));
    assert!(Instant::now() >= soon);
    // Looked at again before the timer: it is gone with that look.
    queue.done(&key("a"), Some(Instant::now() + Duration::from_millis(30)));
    queue.wake(key("a"), Watched::Pods);
    queue.next().await;
    queue.done(&key("a"), None);
    assert!(tokio::time::timeout(Duration::from_millis(60), queue.next()).await.is_err());
}

#[tokio::test]
async fn namespaces_take_turns() {
    let queue = queue();
    for name in ["1", "2", "3"] {
        queue.wake(ObjectKey::new("big", name), Watched::Pods);
    }
    queue.wake(key("only"), Watched::Pods);
    assert_eq!(queue.next().await, Some(ObjectKey::new("big", "1")));
    assert_eq!(queue.next().await, Some(key("only")));
    assert_eq!(queue.next().await, Some(ObjectKey::new("big", "2")));
}

/// Uses the pace up: a Pod was created a moment ago, and there is one per second.
async fn busy() -> Queue {
    let queue = queue();
    queue.wake(key("before"), Watched::Pods);
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
    queue.wake(key("a"), Watched::Pods);
    assert_eq!(queue.next().await, Some(key("a")));
    assert_eq!(queue.may_create(&key("a")), Turn::Later);
    queue.done(&key("a"), None);
    // Who creates nothing does not wait.
    queue.wake(key("b"), Watched::Pods);
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
        queue.wake(key(name), Watched::Pods);
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
    let queue = of_pace(2);
    queue.with(|inner| {
        let now = Instant::now();
        for name in ["done-1", "done-2", "late-1", "late-2", "late-3"] {
            inner.pace.may_create(&key(name), now);
            inner.pace.answered(&key(name), Answer::Created, now);
        }
        for name in ["look-1", "look-2", "look-3"] {
            inner.wake(key(name), Some(Watched::Pods), now);
        }
        let later = now + Duration::from_secs(1);
        let order: Vec<String> = std::iter::from_fn(|| inner.take(later)).map(|key| key.name).collect();
        assert_eq!(order, ["late-1", "look-1", "late-2", "look-2", "look-3"]);
    });
}

#[tokio::test]
async fn its_turn_and_a_wake_at_once_are_two_looks_one_after_the_other() {
    let queue = busy().await;
    queue.wake(key("a"), Watched::Pods);
    assert_eq!(queue.next().await, Some(key("a")));
    assert_eq!(queue.may_create(&key("a")), Turn::Later);
    queue.done(&key("a"), None);
    permit(&queue).await;
    queue.wake(key("a"), Watched::Pods);
    assert_eq!(queue.next().await, Some(key("a")), "its turn");
    assert!(tokio::time::timeout(Duration::from_millis(10), queue.next()).await.is_err());
    queue.done(&key("a"), None);
    assert_eq!(queue.next().await, Some(key("a")), "the wake");
}

#[tokio::test]
async fn who_sleeps_notes_nothing() {
    let queue = queue();
    queue.sleep();
    queue.wake(key("before"), Watched::Pods);
    queue.rise();
    queue.wake(key("after"), Watched::Pods);
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

#[tokio::test]
async fn a_look_knows_the_last_event_that_it_is_for_and_none_if_a_timer_asked_for_it() {
    let queue = queue();
    queue.wake(key("a"), Watched::Pods);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let last = Instant::now();
    queue.wake(key("a"), Watched::Secrets);
    queue.next().await;
    assert!(queue.event_at(&key("a")).unwrap() >= last);
    assert_eq!(queue.cause(&key("a")), Some(Watched::Secrets));
    // What comes meanwhile is for the next look.
    let later = Instant::now();
    queue.wake(key("a"), Watched::Pods);
    assert!(queue.event_at(&key("a")).unwrap() < later);
    queue.done(&key("a"), Some(Instant::now()));
    queue.next().await;
    assert!(queue.event_at(&key("a")).unwrap() >= later);
    assert_eq!(queue.cause(&key("a")), Some(Watched::Pods));
    queue.done(&key("a"), Some(Instant::now()));
    assert_eq!(queue.next().await, Some(key("a")));
    assert_eq!((queue.event_at(&key("a")), queue.cause(&key("a"))), (None, None), "the timer's look");
}

#[test]
fn work_that_nobody_takes_and_a_look_that_does_not_end_show() {
    let queue = queue();
    let begin = Instant::now();
    let after = |seconds| begin + Duration::from_secs(seconds);
    let state = |seconds| queue.state(after(seconds));
    assert_eq!(state(1000), QueueState::default(), "at rest nothing is idle");
    for name in ["a", "b"] {
        queue.with(|inner| inner.wake(key(name), Some(Watched::Pods), begin));
    }
    assert_eq!((state(100).depth, state(100).idle), (2, Duration::from_secs(100)));
    queue.with(|inner| inner.take(after(100)));
    let one_left = state(130);
    assert_eq!((one_left.depth, one_left.working, one_left.idle), (1, 1, Duration::from_secs(30)));
    queue.with(|inner| inner.take(after(130)));
    let both = state(230);
    assert_eq!((both.depth, both.idle), (0, Duration::ZERO), "all is taken");
    assert_eq!((both.longest_look.as_secs(), both.unfinished.as_secs()), (130, 230));
}
