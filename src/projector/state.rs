//! What the watches told, and what our own writes returned before they told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::needs::Needs;
use super::plan::{Copy, Obstacle, Place, Registry, Setback, Source, SourceNamespace, World};
use super::wire::NamespaceFacts;
use crate::controller::cache::Cache;
use crate::controller::key::{ObjectKey, version};
use crate::model::backoff::{TRANSIENT, UNANNOUNCED};
use crate::model::docs::Docs;
use crate::model::registry::Host;
use crate::model::world::PROJECTED_SECRET;

/// A copy that somebody else wrote is left as it is for so long after it was first seen. That may have been a projector that is
/// being replaced or was started twice, which has heard already what we have not yet: the watches of one client do not keep step.
/// Far more than they differ, and less than a removal may take (5 s).
const SETTLES: SignedDuration = SignedDuration::from_secs(2);

/// All of it. Looked at and changed under a lock that is never held across an await.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told at every news.
    pub news: Notify,
}

impl Shared {
    /// Nothing is known yet.
    pub fn new(source_namespaces: &BTreeSet<String>) -> Self {
        let sources = source_namespaces.iter().map(|name| (name.clone(), SourceState::default())).collect();
        Self { state: Mutex::new(State { sources, ..State::default() }), news: Notify::new() }
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it; what returns `true` is news.
    pub fn change(&self, change: impl FnOnce(&mut State) -> bool) {
        if change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.news.notify_one();
        }
    }
}

/// What is known. Without `Debug`: sources hold values.
#[derive(Default)]
pub(super) struct State {
    /// By name.
    pub registries: Cache<Arc<Registry>>,
    /// What is needed.
    pub pipelines: Cache<Needs>,
    /// By name.
    pub namespaces: Cache<Arc<NamespaceFacts>>,
    /// The Secrets that have our name.
    pub copies: Cache<Copy>,
    /// By namespace.
    pub sources: BTreeMap<String, SourceState>,
    /// Watches to which the right is missing now.
    pub refused: BTreeSet<Watch>,
    setbacks: BTreeMap<String, Setback>,
    /// By namespace: the version of the copy that we did not write, and when it was first seen.
    of_others: BTreeMap<String, (String, Timestamp)>,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Watch {
    /// ClusterRegistries.
    Registries,
    /// Pipelines.
    Pipelines,
    /// Namespaces.
    Namespaces,
    /// Secrets that have our name.
    Copies,
    /// Secrets of source namespaces.
    Sources,
}

impl Watch {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Registries, Self::Pipelines, Self::Namespaces, Self::Copies, Self::Sources];

    /// As checks and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registries => "clusterregistries",
            Self::Pipelines => "pipelines",
            Self::Namespaces => "namespaces",
            Self::Copies => "copies",
            Self::Sources => "sources",
        }
    }
}

/// The lists of one source namespace: pull secrets of both types with their values, and the names of all others.
#[derive(Default)]
pub(super) struct SourceState {
    /// One list for each.
    pub lists: [Cache<Arc<Source>>; 3],
    /// Which of them the right is missing to now.
    pub forbidden: [bool; 3],
}

impl State {
    /// Whether every list was seen to its end; those of source namespaces may also have been refused, which is told.
    pub fn is_ready(&self) -> bool {
        Watch::ALL.iter().all(|watch| self.has_answer(*watch))
    }

    /// Whether that much is known of it.
    pub fn has_answer(&self, watch: Watch) -> bool {
        match watch {
            Watch::Registries => self.registries.is_synced(),
            Watch::Pipelines => self.pipelines.is_synced(),
            Watch::Namespaces => self.namespaces.is_synced(),
            Watch::Copies => self.copies.is_synced(),
            Watch::Sources => self.sources.values().all(|source| {
                source.lists.iter().zip(source.forbidden).all(|(list, forbidden)| list.is_synced() || forbidden)
            }),
        }
    }

    /// Everything that a decision may look at.
    pub fn world(&self, now: Timestamp, docs: &Docs, helper: Option<&Host>) -> World {
        let mut registries: Vec<Arc<Registry>> =
            self.registries.iter().map(|(_, registry)| Arc::clone(registry)).collect();
        registries.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        for (key, needs) in self.pipelines.iter() {
            let hosts = &mut self.place(&mut places, &key.namespace).hosts;
            hosts.extend(needs.hosts.iter().cloned());
            hosts.extend(helper.filter(|_| needs.helper).cloned());
        }
        for (key, copy) in self.copies.iter() {
            let place = self.place(&mut places, &key.namespace);
            let of_others = self.of_others.get(&key.namespace).filter(|(version, _)| *version == copy.resource_version);
            place.settles_at = of_others.and_then(|(_, seen)| seen.checked_add(SETTLES).ok());
            place.copy = Some(copy.clone());
        }
        let sources = self.sources.iter().map(|(name, source)| (name.clone(), source.seen())).collect();
        World { now, docs: docs.clone(), registries, places, sources }
    }

    /// A namespace among those, with what is known of itself. One that is not known is gone.
    fn place<'a>(&self, places: &'a mut BTreeMap<String, Place>, name: &str) -> &'a mut Place {
        places.entry(name.to_owned()).or_insert_with(|| {
            let setback = self.setbacks.get(name).cloned();
            match self.namespaces.get(&ObjectKey::new("", name)) {
                Some(facts) => {
                    Place { labels: Arc::clone(&facts.labels), ending: facts.ending, setback, ..Place::default() }
                }
                None => Place { ending: true, setback, ..Place::default() },
            }
        })
    }

    /// A Secret of our name was seen at this time. `false`: that is no news.
    pub fn copy_seen(&mut self, namespace: &str, copy: Copy, listed: bool, now: Timestamp) -> bool {
        let key = copy_key(namespace);
        let known = self.copies.get(&key).filter(|known| known.resource_version == copy.resource_version);
        // What is known of our own write is more than the watch tells: that this version has what we wrote.
        let copy = known.cloned().unwrap_or(copy);
        let at = version(&copy.resource_version);
        let resource_version = copy.resource_version.clone();
        let news = if listed { self.copies.init_apply(key, at, copy) } else { self.copies.apply(key, at, copy) };
        if news {
            self.forget_conflict(namespace);
            self.of_others.insert(namespace.to_owned(), (resource_version, now));
        }
        news
    }

    /// A Secret of our name is gone.
    pub fn copy_gone(&mut self, namespace: &str, at: u64) -> bool {
        self.forget_conflict(namespace);
        let gone = self.copies.delete(&copy_key(namespace), at).is_some();
        if gone {
            self.of_others.remove(namespace);
        }
        gone
    }

    /// The watch has told what a write met.
    fn forget_conflict(&mut self, namespace: &str) {
        if self.setbacks.get(namespace).is_some_and(|setback| setback.kind == Obstacle::Behind) {
            self.setbacks.remove(namespace);
        }
    }

    /// A write begins.
    pub fn writing(&mut self, namespace: &str) {
        self.copies.writing(copy_key(namespace));
    }

    /// We wrote the copy, and this came of it.
    pub fn wrote(&mut self, namespace: &str, copy: Copy) {
        self.setbacks.remove(namespace);
        let at = version(&copy.resource_version);
        // The watch may have told of it before the answer was read.
        if self.of_others.get(namespace).is_some_and(|(version, _)| *version == copy.resource_version) {
            self.of_others.remove(namespace);
        }
        self.copies.wrote(copy_key(namespace), at, Copy { intact: true, ..copy });
    }

    /// Our copy is gone, as we asked for.
    pub fn removed(&mut self, namespace: &str) {
        self.setbacks.remove(namespace);
        self.copies.not_written(&copy_key(namespace));
        self.copies.delete(&copy_key(namespace), 0);
        self.of_others.remove(namespace);
    }

    /// A write failed; when it is tried again.
    pub fn set_back(&mut self, namespace: &str, kind: Obstacle, now: Timestamp) {
        self.copies.not_written(&copy_key(namespace));
        let before = self.setbacks.get(namespace).filter(|setback| setback.kind == kind);
        let failures = before.map_or(1, |setback| setback.failures.saturating_add(1));
        let pause = match kind {
            Obstacle::Behind | Obstacle::Unreachable => TRANSIENT,
            _ => UNANNOUNCED,
        };
        let retry_at = pause.next(now, failures, namespace);
        self.setbacks.insert(namespace.to_owned(), Setback { kind, failures, retry_at });
    }
}

fn copy_key(namespace: &str) -> ObjectKey {
    ObjectKey::new(namespace, PROJECTED_SECRET)
}

impl SourceState {
    fn seen(&self) -> SourceNamespace {
        let secrets = self.lists.iter().flat_map(Cache::iter);
        SourceNamespace {
            listed: self.lists.iter().all(Cache::is_synced),
            forbidden: self.forbidden.contains(&true),
            secrets: secrets.map(|(key, source)| (key.name.clone(), Arc::clone(source))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(version: &str) -> Copy {
        Copy { resource_version: version.to_owned(), marked: true, ..Copy::default() }
    }

    fn settles_at(state: &State) -> Option<Timestamp> {
        state.world(Timestamp::UNIX_EPOCH, &Docs::default(), None).places["team"].settles_at
    }

    #[test]
    fn what_others_wrote_settles_and_what_we_wrote_is_settled() {
        let seen = Timestamp::UNIX_EPOCH;
        let later = Some(seen + SETTLES);
        let told = |state: &mut State, version: &str| state.copy_seen("team", copy(version), false, seen);

        let mut state = State::default();
        state.copies.init();
        assert!(state.copy_seen("team", copy("1"), true, seen));
        state.copies.init_done();
        assert_eq!(settles_at(&state), later, "a start finds it");
        assert!(!state.copy_seen("team", copy("1"), false, seen + SETTLES), "no news");
        assert_eq!(settles_at(&state), later, "it is not seen for the first time again");

        state.writing("team");
        state.wrote("team", copy("2"));
        assert_eq!(settles_at(&state), None, "our own");
        assert!(!told(&mut state, "2"));
        assert_eq!(settles_at(&state), None, "the watch tells of our own");

        state.writing("team");
        assert!(told(&mut state, "3"));
        state.wrote("team", copy("3"));
        assert_eq!(settles_at(&state), None, "the watch told of our own before the answer came");

        assert!(told(&mut state, "4"));
        assert_eq!(settles_at(&state), later, "another wrote");
        state.copy_gone("team", 5);
        state.writing("team");
        state.wrote("team", copy("6"));
        assert_eq!(settles_at(&state), None, "a new one of ours");
    }
}
