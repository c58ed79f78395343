//! How many Pipelines stand where, kept by difference: a change costs what one Pipeline has, and a scrape reads it off.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cache::Tally;
use super::object::StoredPipeline;
use super::registries::Hosts;
use crate::api::reason::{Phase, ReferenceState};
use crate::api::status::PipelineStatus;

/// The counts.
#[derive(Debug, Default)]
pub struct Census {
    phases: HashMap<Option<Phase>, u64>,
    references: HashMap<ReferenceState, u64>,
    stale: u64,
    /// Since when (in seconds since 1970) how many have waited.
    waiting: BTreeMap<i64, u64>,
    waiting_count: u64,
    waiting_sum: i128,
}

/// All that is kept of Pipelines by difference.
#[derive(Debug, Default)]
pub struct Tallies {
    /// How many stand where.
    pub census: Census,
    /// Who has an image of which host.
    pub hosts: Hosts,
}

impl Tally<Arc<StoredPipeline>> for Tallies {
    fn replace(&mut self, old: Option<&Arc<StoredPipeline>>, new: Option<&Arc<StoredPipeline>>) {
        self.census.replace(old, new);
        self.hosts.replace(old.map(AsRef::as_ref), new.map(AsRef::as_ref));
    }
}

impl Tally<Arc<StoredPipeline>> for Census {
    fn replace(&mut self, old: Option<&Arc<StoredPipeline>>, new: Option<&Arc<StoredPipeline>>) {
        if let Some(old) = old {
            self.count(&old.status, u64::saturating_sub);
            self.wait(&old.status, false);
        }
        if let Some(new) = new {
            self.count(&new.status, u64::saturating_add);
            self.wait(&new.status, true);
        }
    }
}

/// Since when a Pipeline waits.
#[must_use]
pub fn waits_since(status: &PipelineStatus) -> Option<i64> {
    let since = status.waiting_since.as_ref()?;
    (status.phase == Some(Phase::Waiting)).then(|| since.0.as_second())
}

impl Census {
    fn count(&mut self, status: &PipelineStatus, step: impl Fn(u64, u64) -> u64) {
        let phase = self.phases.entry(status.phase).or_default();
        *phase = step(*phase, 1);
        for row in &status.references {
            let state = self.references.entry(row.state).or_default();
            *state = step(*state, 1);
            if row.stale == Some(true) {
                self.stale = step(self.stale, 1);
            }
        }
    }

    fn wait(&mut self, status: &PipelineStatus, begins: bool) {
        let Some(since) = waits_since(status) else { return };
        let count = self.waiting.entry(since).or_default();
        if begins {
            *count += 1;
            self.waiting_count += 1;
            self.waiting_sum += i128::from(since);
        } else {
            *count = count.saturating_sub(1);
            self.waiting_count = self.waiting_count.saturating_sub(1);
            self.waiting_sum -= i128::from(since);
            if *count == 0 {
                self.waiting.remove(&since);
            }
        }
    }

    /// How many Pipelines stand in each phase; `None`: no status was written yet.
    #[must_use]
    pub fn phases(&self) -> Vec<(Option<Phase>, u64)> {
        let all = Phase::ALL.iter().copied().map(Some).chain([None]);
        all.map(|phase| (phase, self.phases.get(&phase).copied().unwrap_or_default())).collect()
    }

    /// How many references stand in each state.
    #[must_use]
    pub fn references(&self) -> Vec<(ReferenceState, u64)> {
        let of = |state| self.references.get(&state).copied().unwrap_or_default();
        ReferenceState::ALL.iter().map(|state| (*state, of(*state))).collect()
    }

    /// How many references are stale.
    #[must_use]
    pub fn stale(&self) -> u64 {
        self.stale
    }

    /// How many seconds the one that waits longest, and all that wait together, have waited by then.
    #[must_use]
    pub fn waits(&self, now: i64) -> (i64, i64) {
        let longest = self.waiting.keys().next().map_or(0, |since| now.saturating_sub(*since).max(0));
        let all = i128::from(now) * i128::from(self.waiting_count) - self.waiting_sum;
        (longest, i64::try_from(all.max(0)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::cache::Cache;
    use crate::controller::key::ObjectKey;

    fn pipeline(name: &str, status: &Value) -> Arc<StoredPipeline> {
        let wire = json!({"metadata": {"name": name, "namespace": "a", "uid": name}, "spec": {}, "status": status});
        Arc::new(StoredPipeline::of(serde_json::from_value(wire).unwrap()))
    }

    fn waiting(since: &str) -> Value {
        let row = |state: &str, stale: Option<bool>| json!({"step": "main", "use": "Env", "name": "db", "state": state, "stale": stale});
        json!({
            "phase": "Waiting", "waitingSince": since,
            "references": [row("NotFound", None), row("Resolved", Some(true)), row("Resolved", None)],
        })
    }

    fn some<T: Copy + PartialEq>(all: &[(T, u64)]) -> Vec<(T, u64)> {
        all.iter().copied().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn one_that_waits_is_counted_where_it_stands_and_no_more_when_it_is_gone() {
        let mut cache: Cache<Arc<StoredPipeline>, Census> = Cache::default();
        let key = |name: &str| ObjectKey::new("a", name);
        cache.apply(key("old"), 1, pipeline("old", &waiting("1970-01-01T00:01:00Z")));
        cache.apply(key("new"), 2, pipeline("new", &waiting("1970-01-01T00:01:30Z")));
        cache.apply(key("unseen"), 3, pipeline("unseen", &Value::Null));
        assert_eq!(some(&cache.tally().phases()), [(Some(Phase::Waiting), 2), (None, 1)]);
        assert_eq!(some(&cache.tally().references()), [(ReferenceState::Resolved, 4), (ReferenceState::NotFound, 2)]);
        assert_eq!(cache.tally().stale(), 2);
        assert_eq!(cache.tally().waits(100), (40, 50));

        cache.wrote(key("old"), 4, pipeline("old", &json!({"phase": "Running"})));
        assert_eq!(some(&cache.tally().phases()), [(Some(Phase::Waiting), 1), (Some(Phase::Running), 1), (None, 1)]);
        assert_eq!(cache.tally().waits(100), (10, 10));

        cache.init();
        cache.init_apply(key("unseen"), 3, pipeline("unseen", &Value::Null));
        cache.init_done();
        assert_eq!(some(&cache.tally().phases()), [(None, 1)]);
        assert_eq!((some(&cache.tally().references()), cache.tally().waits(100)), (vec![], (0, 0)));
    }

    proptest! {
        #[test]
        fn what_is_kept_by_difference_is_what_a_scan_would_count(
            events in proptest::collection::vec((0..4_u8, 0..4_u64, 0..3_u8), 0..60)
        ) {
            let mut cache: Cache<Arc<StoredPipeline>, Census> = Cache::default();
            let statuses = [Value::Null, waiting("1970-01-01T00:01:00Z"), json!({"phase": "Running"})];
            for (version, (kind, name, status)) in (1..).zip(events) {
                let key = ObjectKey::new("a", name.to_string());
                let object = || pipeline(&key.name, &statuses[usize::from(status)]);
                match kind {
                    0 => { cache.apply(key.clone(), version, object()); }
                    1 => { cache.wrote(key.clone(), version, object()); }
                    2 => { cache.delete(&key, version); }
                    _ => {
                        cache.init();
                        cache.init_apply(key.clone(), version, object());
                        cache.init_done();
                    }
                }
            }
            let there = (0..4).filter_map(|name| cache.get(&ObjectKey::new("a", name.to_string())));
            let mut scanned = Census::default();
            for pipeline in there {
                scanned.replace(None, Some(pipeline));
            }
            prop_assert_eq!(scanned.phases(), cache.tally().phases());
            prop_assert_eq!(scanned.references(), cache.tally().references());
            prop_assert_eq!(scanned.stale(), cache.tally().stale());
            prop_assert_eq!(scanned.waits(100), cache.tally().waits(100));
        }
    }
}
