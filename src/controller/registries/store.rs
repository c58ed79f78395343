//! The Registries that a watch has told of, by name, by host and by Secret. Synchronous; the watch and our own writes feed it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube_runtime::watcher::Event;

use super::wire::StoredRegistry;
use crate::controller::cache::{Cache, Tally};
use crate::controller::key::ObjectKey;
use crate::model::registry::Host;
use crate::model::world::RegistryFacts;

/// The Registries, or the ClusterRegistries.
#[derive(Debug, Default)]
pub struct Registries {
    /// By name.
    pub cache: Cache<Arc<StoredRegistry>, Index>,
}

/// Where an object stands among those of its host: the oldest first, and of one second the first name.
type Rank = (Timestamp, String);

/// Those that count, by host and by Secret.
#[derive(Debug, Default)]
pub struct Index {
    by_host: HashMap<(String, Host), BTreeMap<Rank, RegistryFacts>>,
    by_secret: HashMap<ObjectKey, BTreeSet<ObjectKey>>,
}

fn rank(stored: &StoredRegistry) -> Rank {
    (stored.created, stored.key.name.clone())
}

fn place(stored: &StoredRegistry) -> Option<((String, Host), ObjectKey)> {
    let RegistryFacts { host, secret, .. } = stored.facts()?;
    let namespace = stored.key.namespace.as_str();
    Some(((namespace.to_owned(), host), ObjectKey::new(namespace, secret.as_str())))
}

impl Tally<Arc<StoredRegistry>> for Index {
    fn replace(&mut self, old: Option<&Arc<StoredRegistry>>, new: Option<&Arc<StoredRegistry>>) {
        if let Some((old, (host, secret))) = old.and_then(|old| Some((old, place(old)?))) {
            if let Some(ranks) = self.by_host.get_mut(&host) {
                ranks.remove(&rank(old));
                if ranks.is_empty() {
                    self.by_host.remove(&host);
                }
            }
            if let Some(users) = self.by_secret.get_mut(&secret) {
                users.remove(&old.key);
                if users.is_empty() {
                    self.by_secret.remove(&secret);
                }
            }
        }
        if let Some((new, (host, secret))) = new.and_then(|new| Some((new, place(new)?))) {
            self.by_secret.entry(secret).or_default().insert(new.key.clone());
            if let Some(facts) = new.facts() {
                self.by_host.entry(host).or_default().insert(rank(new), facts);
            }
        }
    }
}

/// What an event changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The objects themselves.
    pub keys: BTreeSet<ObjectKey>,
    /// Those of them that are gone.
    pub gone: BTreeSet<ObjectKey>,
    /// Namespace and host whose images get other credentials now.
    pub hosts: BTreeSet<(String, Host)>,
    /// Secrets that one of them named before.
    pub dropped: BTreeSet<ObjectKey>,
}

impl Change {
    fn note(&mut self, old: Option<&StoredRegistry>, new: Option<&StoredRegistry>) {
        let Some(key) = new.or(old).map(|stored| stored.key.clone()) else { return };
        if new.is_none() {
            self.gone.insert(key.clone());
        }
        self.keys.insert(key);
        let facts = |stored: Option<&StoredRegistry>| stored.and_then(StoredRegistry::facts);
        if facts(old) == facts(new) {
            return;
        }
        let (before, after) = (old.and_then(place), new.and_then(place));
        let secret_after = after.as_ref().map(|(_, secret)| secret.clone());
        self.dropped
            .extend(before.iter().map(|(_, secret)| secret.clone()).filter(|old| Some(old) != secret_after.as_ref()));
        self.hosts.extend(before.into_iter().chain(after).map(|(host, _)| host));
    }
}

impl Registries {
    /// Whether there is an answer: a list, or a refusal.
    #[must_use]
    pub fn have_answer(&self) -> bool {
        self.cache.is_synced()
    }

    /// What the watch tells. Returns what that changed.
    pub fn hear(&mut self, event: Event<Arc<StoredRegistry>>) -> Change {
        let mut change = Change::default();
        match event {
            Event::Init => self.cache.init(),
            Event::Apply(new) | Event::InitApply(new) if new.key.name.is_empty() => {}
            Event::Apply(new) => {
                let old = self.cache.get(&new.key).cloned();
                if self.cache.apply(new.key.clone(), new.version(), Arc::clone(&new)) {
                    change.note(old.as_deref(), Some(&new));
                }
            }
            Event::InitApply(new) => {
                let old = self.cache.get(&new.key).cloned();
                if self.cache.init_apply(new.key.clone(), new.version(), Arc::clone(&new)) {
                    change.note(old.as_deref(), Some(&new));
                }
            }
            Event::Delete(gone) => {
                let old = self.cache.delete(&gone.key, gone.version());
                change.note(old.as_deref(), None);
            }
            Event::InitDone => {
                for (_, old) in self.cache.init_done() {
                    change.note(Some(&old), None);
                }
            }
        }
        change
    }

    /// The API server does not tell of any: not allowed, or it does not know the kind. That is an answer, and what was known
    /// before is known no more.
    pub fn refused(&mut self) -> Change {
        self.cache.init();
        self.hear(Event::InitDone)
    }

    /// Those of a host, the oldest first, each with its age; in no namespace (`""`) the ClusterRegistries.
    pub fn of_host(&self, namespace: &str, host: &Host) -> impl Iterator<Item = (Timestamp, &RegistryFacts)> {
        let ranks = self.cache.tally().by_host.get(&(namespace.to_owned(), host.clone()));
        ranks.into_iter().flatten().map(|((created, _), facts)| (*created, facts))
    }

    /// Those that name this Secret.
    pub fn of_secret(&self, secret: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.cache.tally().by_secret.get(secret).into_iter().flatten()
    }
}
