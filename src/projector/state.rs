//! What the watches told, and what our own writes returned before they told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::jiff::Timestamp;
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
            self.place(&mut places, &key.namespace).copy = Some(copy.clone());
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

    /// A Secret of our name was seen. `false`: that is no news.
    pub fn copy_seen(&mut self, namespace: &str, copy: Copy, listed: bool) -> bool {
        let key = copy_key(namespace);
        let known = self.copies.get(&key).filter(|known| known.resource_version == copy.resource_version);
        // What is known of our own write is more than the watch tells: that this version has what we wrote.
        let copy = known.cloned().unwrap_or(copy);
        let at = version(&copy.resource_version);
        let news = if listed { self.copies.init_apply(key, at, copy) } else { self.copies.apply(key, at, copy) };
        if news {
            self.forget_conflict(namespace);
        }
        news
    }

    /// A Secret of our name is gone.
    pub fn copy_gone(&mut self, namespace: &str, at: u64) -> bool {
        self.forget_conflict(namespace);
        self.copies.delete(&copy_key(namespace), at).is_some()
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
        self.copies.wrote(copy_key(namespace), at, Copy { intact: true, ..copy });
    }

    /// Our copy is gone, as we asked for.
    pub fn removed(&mut self, namespace: &str) {
        self.setbacks.remove(namespace);
        self.copies.not_written(&copy_key(namespace));
        self.copies.delete(&copy_key(namespace), 0);
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
