//! The book of Secret facts: what is known of each Secret that a Pipeline names, and when it ceases to be known.
//!
//! One metadata watch on Secrets is the doorbell. It stores nothing: a ring for a name that nobody uses is dropped, one
//! that is used drops the fact, so that it is read again. No IO here; [`super::reader`] reads.
//!
//! Rules (design section 4):
//! - A ring of the same uid and no newer version than the fact's is no news.
//! - A read is kept if its version is at least that of every ring heard since it began.
//! - A NotFound is dropped if any ring was heard since it began.
//! - A relist confirms a fact by uid and version and an absence by absence; all else is dropped.
//! - Nothing is called missing before the first list is complete: nobody would hear it arrive.

use std::collections::{HashMap, HashSet};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::key::{ObjectKey, version};
use crate::model::backoff::{TRANSIENT, UNANNOUNCED};
use crate::model::secret::{SecretFacts, SecretKnowledge};

/// What the doorbell tells of a Secret: which object, which version, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The Secret.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub version: u64,
}

/// What a read of a Secret came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It is there.
    Found(SecretFacts),
    /// 404.
    NotFound,
    /// 403.
    Forbidden,
    /// Anything else; why.
    Failed(String),
}

/// Whether a read was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It stands in the book.
    Yes,
    /// It was out of date when it came: read again.
    ReadAgain,
}

/// Which read a result belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// The book.
#[derive(Debug, Default)]
pub struct FactBook {
    slots: HashMap<ObjectKey, Slot>,
    relisted: Option<HashSet<ObjectKey>>,
    synced: bool,
    last_ticket: u64,
}

#[derive(Debug, Default)]
struct Slot {
    state: SlotState,
    /// When the last read began.
    read_at: Option<Timestamp>,
    failures: u32,
}

#[derive(Debug, Default)]
enum SlotState {
    #[default]
    Unknown,
    Reading {
        ticket: Ticket,
        heard: Option<u64>,
        doubted: bool,
    },
    Settled(SecretKnowledge),
}

impl FactBook {
    /// Whether the doorbell is heard: its first list was seen to the end.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// What is known of a Secret at this time; `None`: it has to be read.
    #[must_use]
    pub fn look_up(&self, key: &ObjectKey, now: Timestamp) -> Option<SecretKnowledge> {
        let SlotState::Settled(known) = &self.slots.get(key)?.state else {
            return None;
        };
        match known {
            SecretKnowledge::Absent if !self.synced => Some(SecretKnowledge::Unread {
                why: "the watch on Secrets has not begun".into(),
                retry_at: now.checked_add(SignedDuration::from_secs(5)).unwrap_or(now),
            }),
            SecretKnowledge::Forbidden { retry_at } | SecretKnowledge::Unread { retry_at, .. } if *retry_at <= now => {
                None
            }
            known => Some(known.clone()),
        }
    }

    /// Begins a read. `None`: one is under way, or there is nothing to read.
    pub fn begin(&mut self, key: &ObjectKey, now: Timestamp) -> Option<Ticket> {
        if self.look_up(key, now).is_some() {
            return None;
        }
        let slot = self.slots.entry(key.clone()).or_default();
        if matches!(slot.state, SlotState::Reading { .. }) {
            return None;
        }
        slot.read_at = Some(now);
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        slot.state = SlotState::Reading { ticket, heard: None, doubted: false };
        Some(ticket)
    }

    /// A read ended. Where it is not kept the same ticket goes on with a fresh read.
    pub fn finish(&mut self, key: &ObjectKey, ticket: Ticket, outcome: ReadOutcome, now: Timestamp) -> Kept {
        let Some(slot) = self.slots.get_mut(key) else {
            return Kept::Yes;
        };
        let SlotState::Reading { ticket: current, heard, doubted } = &mut slot.state else {
            return Kept::Yes;
        };
        if *current != ticket {
            return Kept::Yes;
        }
        let stale = match &outcome {
            ReadOutcome::Found(facts) => {
                *doubted || heard.is_some_and(|heard| version(&facts.resource_version) < heard)
            }
            ReadOutcome::NotFound => *doubted || heard.is_some(),
            ReadOutcome::Forbidden | ReadOutcome::Failed(_) => false,
        };
        if stale {
            *heard = None;
            *doubted = false;
            slot.read_at = Some(now);
            return Kept::ReadAgain;
        }
        let failed = matches!(outcome, ReadOutcome::Forbidden | ReadOutcome::Failed(_));
        slot.failures = if failed { slot.failures.saturating_add(1) } else { 0 };
        let seed = key.to_string();
        slot.state = SlotState::Settled(match outcome {
            ReadOutcome::Found(facts) => SecretKnowledge::Present(facts),
            ReadOutcome::NotFound => SecretKnowledge::Absent,
            ReadOutcome::Forbidden => {
                SecretKnowledge::Forbidden { retry_at: UNANNOUNCED.next(now, slot.failures, &seed) }
            }
            ReadOutcome::Failed(why) => {
                SecretKnowledge::Unread { why, retry_at: TRANSIENT.next(now, slot.failures, &seed) }
            }
        });
        Kept::Yes
    }

    /// A Secret was made or changed. Returns whether its users have to be woken.
    pub fn ring(&mut self, ring: &Ring) -> bool {
        let Some(slot) = self.slots.get_mut(&ring.key) else {
            return false;
        };
        match &mut slot.state {
            SlotState::Unknown => true,
            SlotState::Reading { heard, .. } => {
                *heard = Some(heard.unwrap_or_default().max(ring.version));
                false
            }
            SlotState::Settled(SecretKnowledge::Present(facts))
                if facts.uid == ring.uid && ring.version > 0 && version(&facts.resource_version) >= ring.version =>
            {
                false
            }
            SlotState::Settled(_) => {
                slot.state = SlotState::Unknown;
                true
            }
        }
    }

    /// A Secret was deleted. Returns whether its users have to be woken.
    pub fn deleted(&mut self, ring: &Ring) -> bool {
        let Some(slot) = self.slots.get_mut(&ring.key) else {
            return false;
        };
        match &mut slot.state {
            SlotState::Settled(SecretKnowledge::Absent) => false,
            SlotState::Settled(SecretKnowledge::Present(facts)) => {
                // A Secret of that name that was made since is another one.
                if facts.uid != ring.uid && version(&facts.resource_version) > ring.version {
                    return false;
                }
                slot.state = SlotState::Settled(SecretKnowledge::Absent);
                true
            }
            _ => self.ring(ring),
        }
    }

    /// The doorbell's list begins.
    pub fn init(&mut self) {
        self.relisted = Some(HashSet::new());
    }

    /// A Secret of the list. Returns whether its users have to be woken.
    pub fn init_apply(&mut self, ring: &Ring) -> bool {
        if self.slots.contains_key(&ring.key) {
            self.relisted.get_or_insert_default().insert(ring.key.clone());
        }
        self.ring(ring)
    }

    /// The doorbell's list is complete. Returns the Secrets whose users have to be woken.
    pub fn init_done(&mut self) -> Vec<ObjectKey> {
        let relisted = self.relisted.take().unwrap_or_default();
        let first = !std::mem::replace(&mut self.synced, true);
        let mut woken = Vec::new();
        for (key, slot) in &mut self.slots {
            let listed = relisted.contains(key);
            match &mut slot.state {
                SlotState::Settled(SecretKnowledge::Present(_)) if listed => {}
                SlotState::Settled(SecretKnowledge::Absent) if !listed => {
                    if first {
                        woken.push(key.clone());
                    }
                }
                SlotState::Reading { doubted, .. } => *doubted |= !listed,
                SlotState::Unknown => woken.push(key.clone()),
                SlotState::Settled(_) => {
                    slot.state = SlotState::Unknown;
                    woken.push(key.clone());
                }
            }
        }
        woken
    }

    /// The doorbell was taken away: nothing that is known will be told to have changed.
    pub fn deafen(&mut self) -> Vec<ObjectKey> {
        self.synced = false;
        self.relisted = None;
        let mut woken = Vec::new();
        for (key, slot) in &mut self.slots {
            match &mut slot.state {
                SlotState::Reading { doubted, .. } => *doubted = true,
                SlotState::Settled(SecretKnowledge::Present(_) | SecretKnowledge::Absent) => {
                    slot.state = SlotState::Unknown;
                    woken.push(key.clone());
                }
                SlotState::Unknown | SlotState::Settled(_) => {}
            }
        }
        woken
    }

    /// What is known of a Secret has to be as of this time or later: else it is read again, though nothing was heard of it. Who
    /// doubts wakes the others if it was otherwise: the bell that tells of it brings no news then.
    pub fn doubt(&mut self, key: &ObjectKey, since: Timestamp) {
        let Some(slot) = self.slots.get_mut(key).filter(|slot| slot.read_at.is_none_or(|read_at| read_at < since))
        else {
            return;
        };
        match &mut slot.state {
            SlotState::Reading { doubted, .. } => *doubted = true,
            SlotState::Settled(SecretKnowledge::Present(_) | SecretKnowledge::Absent) => {
                slot.state = SlotState::Unknown;
            }
            SlotState::Unknown | SlotState::Settled(_) => {}
        }
    }

    /// Nobody names the Secret any more.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.slots.remove(key);
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
