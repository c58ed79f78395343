//! Each rule of the book as one small story.

use std::collections::BTreeSet;

use super::*;
use crate::model::secret::Keys;

fn key() -> ObjectKey {
    ObjectKey::new("team-a", "db")
}

fn ring(uid: &str, version: u64) -> Ring {
    Ring { key: key(), uid: uid.into(), version }
}

fn facts(uid: &str, version: u64) -> SecretFacts {
    SecretFacts {
        uid: uid.into(),
        resource_version: version.to_string(),
        type_: "Opaque".into(),
        keys: Keys::Known(BTreeSet::new()),
        data_changed_at: None,
        touched_since: false,
        expires_on: None,
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn synced() -> FactBook {
    let mut book = FactBook::default();
    book.init();
    book.init_done();
    book
}

/// A book that read the Secret and came to this.
fn with(outcome: ReadOutcome) -> FactBook {
    let mut book = synced();
    let ticket = book.begin(&key(), now()).unwrap();
    assert_eq!(book.finish(&key(), ticket, outcome, now()), Kept::Yes);
    book
}

fn known(book: &FactBook) -> Option<SecretKnowledge> {
    book.look_up(&key(), now())
}

#[test]
fn a_fact_is_kept_until_the_bell_rings() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    assert!(known(&book).is_some());
    assert!(book.begin(&key(), now()).is_none());
    assert!(book.ring(&ring("a", 6)));
    assert_eq!(known(&book), None);
}

#[test]
fn a_ring_for_the_version_that_is_known_is_no_news() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    assert!(!book.ring(&ring("a", 5)));
    assert!(!book.ring(&ring("a", 4)));
    assert!(known(&book).is_some());
}

#[test]
fn a_ring_of_another_object_is_news_at_any_version() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    assert!(book.ring(&ring("b", 4)));
}

#[test]
fn a_ring_for_a_name_that_nobody_uses_is_dropped() {
    let mut book = synced();
    assert!(!book.ring(&ring("a", 5)));
    assert!(!book.init_apply(&ring("a", 5)));
    assert!(book.slots.is_empty() && book.relisted.as_ref().is_none_or(HashSet::is_empty));
}

#[test]
fn a_read_older_than_a_ring_is_read_again() {
    let mut book = synced();
    let ticket = book.begin(&key(), now()).unwrap();
    book.ring(&ring("a", 7));
    assert_eq!(book.finish(&key(), ticket, ReadOutcome::Found(facts("a", 6)), now()), Kept::ReadAgain);
    assert_eq!(book.finish(&key(), ticket, ReadOutcome::Found(facts("a", 7)), now()), Kept::Yes);
}

#[test]
fn a_read_as_new_as_the_ring_is_kept() {
    let mut book = synced();
    let ticket = book.begin(&key(), now()).unwrap();
    book.ring(&ring("a", 7));
    assert_eq!(book.finish(&key(), ticket, ReadOutcome::Found(facts("a", 7)), now()), Kept::Yes);
}

#[test]
fn a_not_found_with_a_ring_in_between_is_read_again() {
    let mut book = synced();
    let ticket = book.begin(&key(), now()).unwrap();
    book.ring(&ring("a", 1));
    assert_eq!(book.finish(&key(), ticket, ReadOutcome::NotFound, now()), Kept::ReadAgain);
}

#[test]
fn nothing_is_missing_before_the_first_list_is_complete() {
    let mut book = FactBook::default();
    let ticket = book.begin(&key(), now()).unwrap();
    book.finish(&key(), ticket, ReadOutcome::NotFound, now());
    assert!(matches!(known(&book), Some(SecretKnowledge::Unread { .. })));
    book.init();
    assert_eq!(book.init_done(), [key()]);
    assert_eq!(known(&book), Some(SecretKnowledge::Absent));
}

#[test]
fn a_deletion_makes_it_absent_without_a_read() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    assert!(book.deleted(&ring("a", 8)));
    assert_eq!(known(&book), Some(SecretKnowledge::Absent));
    assert!(!book.deleted(&ring("a", 8)));
}

#[test]
fn the_deletion_of_an_earlier_object_says_nothing_of_a_later_one() {
    let mut book = with(ReadOutcome::Found(facts("b", 9)));
    assert!(!book.deleted(&ring("a", 8)));
    assert!(matches!(known(&book), Some(SecretKnowledge::Present(_))));
}

#[test]
fn a_relist_confirms_by_uid_and_version() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    book.init();
    assert!(!book.init_apply(&ring("a", 5)));
    assert!(book.init_done().is_empty());
    assert!(known(&book).is_some());
}

#[test]
fn a_relist_without_it_drops_the_fact() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    book.init();
    assert_eq!(book.init_done(), [key()]);
    assert_eq!(known(&book), None);
}

#[test]
fn a_relist_confirms_an_absence_by_absence_only() {
    let mut book = with(ReadOutcome::NotFound);
    book.init();
    assert!(book.init_done().is_empty());
    book.init();
    assert!(book.init_apply(&ring("a", 5)));
    assert_eq!(known(&book), None);
}

#[test]
fn a_read_that_began_before_a_relist_without_it_is_doubted() {
    let mut book = synced();
    let ticket = book.begin(&key(), now()).unwrap();
    book.init();
    book.init_done();
    assert_eq!(book.finish(&key(), ticket, ReadOutcome::Found(facts("a", 5)), now()), Kept::ReadAgain);
}

#[test]
fn a_403_is_read_again_after_a_while_or_when_the_bell_is_heard_again() {
    let mut book = with(ReadOutcome::Forbidden);
    assert!(matches!(known(&book), Some(SecretKnowledge::Forbidden { .. })));
    let later = now().checked_add(SignedDuration::from_secs(301)).unwrap();
    assert_eq!(book.look_up(&key(), later), None);
    book.init();
    assert_eq!(book.init_done(), [key()]);
}

#[test]
fn what_has_to_be_certain_is_read_again_unless_it_was_read_since() {
    let mut book = with(ReadOutcome::NotFound);
    book.doubt(&key(), now());
    assert_eq!(known(&book), Some(SecretKnowledge::Absent));
    book.doubt(&key(), now().checked_add(SignedDuration::from_millis(1)).unwrap());
    assert_eq!(known(&book), None);
    // One that the watch told to be gone was not read.
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    book.deleted(&ring("a", 6));
    assert_eq!(known(&book), Some(SecretKnowledge::Absent));
    book.doubt(&key(), now().checked_add(SignedDuration::from_millis(1)).unwrap());
    assert_eq!(known(&book), None);
}

#[test]
fn without_the_bell_nothing_stays_known() {
    let mut book = with(ReadOutcome::Found(facts("a", 5)));
    assert_eq!(book.deafen(), [key()]);
    assert_eq!(known(&book), None);
}
