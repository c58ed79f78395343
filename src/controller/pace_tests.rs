use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn key(namespace: &str, number: usize) -> ObjectKey {
    ObjectKey::new(namespace, number.to_string())
}

fn pace(per_second: u32) -> Pace {
    Pace::new(NonZeroU32::new(per_second).unwrap())
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Everybody is free to be looked at.
fn pop(pace: &mut Pace, now: Instant) -> Option<ObjectKey> {
    pace.pop(now, |_| true)
}

/// So many of a namespace ask; those that may create at once are answered at once.
fn ask(pace: &mut Pace, namespace: &str, many: usize, now: Instant) -> usize {
    let may = |pace: &mut Pace, number| {
        let key = key(namespace, number);
        let turn = pace.may_create(&key, now);
        if turn == Turn::Now {
            pace.answered(&key, Answer::Created, now);
        }
        turn == Turn::Now
    };
    (0..many).filter(|number| may(pace, *number)).count()
}

#[test]
fn after_a_rest_one_second_s_worth_goes_at_once_and_then_a_tenth_of_it_every_tenth_of_a_second() {
    let (mut pace, t) = (pace(50), Instant::now());
    assert_eq!(ask(&mut pace, "a", 80, t), 50);
    assert_eq!(pop(&mut pace, t + ms(99)), None);
    assert_eq!(pace.more_at(), Some(t + ms(100)));
    for tenth in 1..=6 {
        let now = t + ms(100 * tenth);
        let mut popped = 0;
        while let Some(key) = pop(&mut pace, now) {
            assert_eq!(pace.may_create(&key, now), Turn::Now);
            pace.answered(&key, Answer::Created, now);
            popped += 1;
        }
        assert_eq!(popped, 5, "after {tenth} tenths");
    }
    assert_eq!(pace.more_at(), None, "nobody waits");
    // After a long rest no more than a second's worth.
    assert_eq!(ask(&mut pace, "a", 80, t + ms(60_000)), 50);
}

#[test]
fn a_small_cap_is_kept_as_well() {
    let (mut pace, t) = (pace(1), Instant::now());
    assert_eq!(ask(&mut pace, "a", 3, t), 1);
    assert_eq!(pop(&mut pace, t + ms(999)), None);
    let next = pop(&mut pace, t + ms(1000)).unwrap();
    assert_eq!(pop(&mut pace, t + ms(1000)), None, "its permit is held");
    pace.answered(&next, Answer::Created, t + ms(1300));
    assert_eq!(pop(&mut pace, t + ms(1999)), None);
    assert!(pop(&mut pace, t + ms(2000)).is_some());
}

#[test]
fn a_permit_counts_from_when_it_was_given() {
    let (mut pace, t) = (pace(2), Instant::now());
    assert_eq!(pace.may_create(&key("a", 0), t), Turn::Now);
    assert_eq!(pace.may_create(&key("a", 0), t), Turn::Now, "it has one");
    assert_eq!(pace.may_create(&key("a", 1), t), Turn::Now);
    assert_eq!(pace.may_create(&key("a", 2), t), Turn::Later, "two requests are under way");
    assert_eq!(pace.may_create(&key("a", 2), t), Turn::StillLater, "it stands in line once");
}

#[test]
fn a_permit_that_a_look_did_not_use_is_the_next_one_s() {
    let (mut pace, t) = (pace(1), Instant::now());
    assert_eq!(ask(&mut pace, "a", 3, t), 1);
    let first = pop(&mut pace, t + ms(1000)).unwrap();
    pace.looked(&first);
    assert_eq!(pop(&mut pace, t + ms(1000)), Some(key("a", 2)));
}

#[test]
fn who_stands_in_line_goes_before_who_comes() {
    let (mut pace, t) = (pace(1), Instant::now());
    assert_eq!(ask(&mut pace, "a", 2, t), 1);
    let later = t + ms(1000);
    assert_eq!(pace.may_create(&key("b", 0), later), Turn::Later);
    assert_eq!(pop(&mut pace, later), Some(key("a", 1)));
}

#[test]
fn one_that_is_being_looked_at_is_not_handed_out() {
    let (mut pace, t) = (pace(1), Instant::now());
    assert_eq!(ask(&mut pace, "a", 2, t), 1);
    assert_eq!(pace.may_create(&key("b", 0), t), Turn::Later);
    let later = t + ms(1000);
    assert_eq!(pace.pop(later, |key| key.namespace != "a"), Some(key("b", 0)));
    pace.looked(&key("b", 0));
    assert!(pace.has_next(later, |_| true) && !pace.has_next(later, |_| false));
    assert_eq!(pop(&mut pace, later), Some(key("a", 1)));
}

#[test]
fn a_namespace_with_one_does_not_wait_for_ten_thousand_of_another() {
    let (mut pace, t) = (pace(10), Instant::now());
    ask(&mut pace, "big", 10_000, t);
    assert_eq!(ask(&mut pace, "small", 1, t), 0);
    let mut order = Vec::new();
    for tenth in 1..=3 {
        let now = t + ms(100 * tenth);
        while let Some(key) = pop(&mut pace, now) {
            pace.answered(&key, Answer::Created, now);
            order.push(key.namespace);
        }
    }
    assert_eq!(order, ["big", "small", "big"]);
}

/// Plays a worker every millisecond until all of `healthy` have their Pod; `refused` never get one and ask again as often
/// as they may. Returns when each of the healthy got its Pod, and how often any of the others was refused.
fn play(healthy: usize, refused: usize, namespaces_of_refused: usize) -> (Vec<u64>, Vec<u64>) {
    let (mut pace, start) = (pace(50), Instant::now());
    let keys: Vec<ObjectKey> = (0..refused)
        .map(|number| key(&format!("refused-{}", number % namespaces_of_refused), number))
        .chain((0..healthy).map(|number| key("healthy", number)))
        .collect();
    let (mut created, mut refusals) = (Vec::new(), Vec::new());
    let mut answer = |pace: &mut Pace, key: &ObjectKey, at: u64| {
        let now = start + ms(at);
        if key.namespace == "healthy" {
            pace.answered(key, Answer::Created, now);
            created.push(at);
            return created.len();
        }
        pace.answered(key, Answer::Refused, now);
        refusals.push(at);
        if pace.may_create(key, now) == Turn::Now {
            pace.looked(key);
            assert_ne!(pace.may_create(key, now), Turn::StillLater);
            pace.looked(key);
        }
        0
    };
    for key in &keys {
        if pace.may_create(key, start) == Turn::Now {
            answer(&mut pace, key, 0);
        }
    }
    for at in 1..100_000 {
        for _ in 0..16 {
            let Some(key) = pop(&mut pace, start + ms(at)) else { break };
            if answer(&mut pace, &key, at) == healthy {
                return (created, refusals);
            }
        }
    }
    panic!("only {} of {healthy} were created", created.len());
}

#[test]
fn namespaces_that_are_refused_take_nothing_from_the_others_pace() {
    let (alone, _) = play(300, 0, 1);
    assert_eq!(*alone.last().unwrap(), 5_000, "50 at once, then 50 per second");
    for namespaces in [1, 3, 40] {
        let (among_refused, refusals) = play(300, 2_000, namespaces);
        assert_eq!(among_refused, alone, "with {namespaces} namespaces that are refused");
        // They have their own pace: one second's worth, then as many per second; each namespace's first costs nothing.
        let most = 50 + 5 * 50 + namespaces;
        assert!((200..=most).contains(&refusals.len()), "{} refusals", refusals.len());
    }
}

#[test]
fn a_namespace_that_is_refused_no_more_is_as_any_other() {
    let (mut pace, t) = (pace(10), Instant::now());
    assert_eq!(ask(&mut pace, "b", 10, t), 10);
    for number in 0..12 {
        assert_eq!(pace.may_create(&key("a", number), t), Turn::Later);
    }
    // Ten refusals use the pace of refusals up: the eleventh waits though there is a permit.
    let second = t + ms(1000);
    for _ in 0..10 {
        let refused = pop(&mut pace, second).unwrap();
        pace.answered(&refused, Answer::Refused, second);
    }
    assert_eq!(pop(&mut pace, second), None);
    // It is let through with the next, and created: then all of its namespace may go.
    let after = second + ms(100);
    let mended = pop(&mut pace, after).unwrap();
    assert_eq!(pop(&mut pace, after), None);
    pace.answered(&mended, Answer::Created, after);
    assert_eq!(pop(&mut pace, after), Some(key("a", 11)));
}

proptest! {
    #[test]
    fn never_more_than_the_cap_and_one_second_s_worth(
        per_second in 1..300_u32,
        // Milliseconds until the next thing happens, who asks, how long the answer takes.
        steps in proptest::collection::vec((0..40_u64, 0..6_usize, 0..80_u64), 1..400),
    ) {
        let (mut pace, start) = (pace(per_second), Instant::now());
        let mut at = 0;
        let mut sent: Vec<u64> = Vec::new();
        let mut under_way: BTreeSet<(u64, ObjectKey)> = BTreeSet::new();
        for (number, (pause, namespace, takes)) in steps.into_iter().enumerate() {
            at += pause;
            let now = start + ms(at);
            let answered: Vec<(u64, ObjectKey)> = under_way.iter().take_while(|(due, _)| *due <= at).cloned().collect();
            for (due, key) in answered {
                pace.answered(&key, Answer::Created, start + ms(due));
                under_way.remove(&(due, key));
            }
            let asks = key(&namespace.to_string(), number);
            let mut go: Vec<ObjectKey> = std::iter::from_fn(|| pace.pop(now, |_| true)).collect();
            if pace.may_create(&asks, now) == Turn::Now {
                go.push(asks);
            }
            for key in go {
                sent.push(at);
                under_way.insert((at + takes, key));
            }
        }
        let cap = u64::from(per_second);
        for (i, first) in sent.iter().enumerate() {
            for (j, last) in sent.iter().enumerate().skip(i) {
                let most = cap + (cap * (last - first)).div_ceil(1000) + cap.div_ceil(10);
                prop_assert!(((j - i + 1) as u64) <= most, "{} in {} ms", j - i + 1, last - first);
            }
        }
    }
}
