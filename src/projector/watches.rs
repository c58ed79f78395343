//! The watches: each feeds the state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::core::Resource;
use kube::{Api, Client};
use kube_runtime::watcher::{self, Event};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::info;

use super::metrics::Metrics;
use super::plan::Source;
use super::state::{Shared, State, Watch};
use super::wire::{WireCopy, WireNamespace, WirePipeline, WireRegistry, WireSource};
use crate::controller::cache::Cache;
use crate::controller::key::{ObjectKey, version};
use crate::controller::object::WireSecret;
use crate::model::secret::{HELM_RELEASE_TYPE, PULL_SECRET_TYPES};
use crate::model::world::PROJECTED_SECRET;
use crate::watch::{self, config};

/// A watch that was refused and then quiet for so long is granted: it is begun anew within 20 s, and a refusal tried again within 3 s.
const MENDED_AFTER: Duration = Duration::from_secs(30);
/// The same after a list that was granted.
const LISTED_AFTER: Duration = Duration::from_secs(1);

/// Whether a watch is refused, and until when that is believed.
#[derive(Default)]
struct Refusal {
    until: Mutex<Option<Instant>>,
    changed: Notify,
}

impl Refusal {
    /// A refusal was heard. Returns whether it is the first.
    fn heard(&self, believed: Duration) -> bool {
        let before = self.lock().replace(Instant::now() + believed);
        self.changed.notify_one();
        before.is_none()
    }

    /// Something was heard that speaks against it.
    fn is_doubtful(&self, believed: Duration) {
        if let Some(until) = self.lock().as_mut() {
            *until = (*until).min(Instant::now() + believed);
            self.changed.notify_one();
        }
    }

    /// Completes when it is over.
    async fn mended(&self) {
        loop {
            let until = *self.lock();
            let changed = self.changed.notified();
            match until {
                Some(until) if until <= Instant::now() => {
                    *self.lock() = None;
                    return;
                }
                Some(until) => {
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
                None => changed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who watches what, and for whom.
#[derive(Clone)]
pub(super) struct Watcher {
    /// The API server.
    pub client: Client,
    /// What is fed.
    pub shared: Arc<Shared>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Watcher {
    /// Runs every watch. Ends only when it is dropped.
    pub async fn run(self) {
        let namespaces: Vec<String> = self.shared.look(|state| state.sources.keys().cloned().collect());
        let sources = namespaces.iter().flat_map(|namespace| {
            let of_type = |list: usize| self.sources(namespace, list);
            [of_type(0), of_type(1)]
        });
        let sources = futures::future::join_all(sources);
        let others = futures::future::join_all(namespaces.iter().map(|namespace| self.others(namespace)));
        tokio::join!(self.registries(), self.pipelines(), self.namespaces(), self.copies(), sources, others);
    }

    /// Feeds a kind's events to the state, where `feed` says whether they are news; `refused` notes whether the right is missing.
    async fn feed<K>(
        &self,
        what: Watch,
        api: Api<K>,
        config: watcher::Config,
        place: &str,
        refused: impl Fn(&mut State, bool),
        mut feed: impl FnMut(&mut State, Event<K>) -> bool,
    ) where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
    {
        let refusal = Refusal::default();
        let on_error = |code: Option<u16>| {
            self.metrics.watch_failed(what);
            if code == Some(403) && refusal.heard(MENDED_AFTER) {
                self.shared.change(|state| {
                    refused(state, true);
                    true
                });
            }
        };
        let mut stream = std::pin::pin!(watch::events(api, config, place.to_owned(), false, on_error));
        loop {
            let event = tokio::select! {
                event = stream.next() => event,
                () = refusal.mended() => {
                    self.shared.change(|state| {
                        refused(state, false);
                        true
                    });
                    continue;
                }
            };
            let Some(event) = event else { return };
            let is_whole = matches!(event, Event::InitDone);
            if is_whole {
                // The list is granted; whether the watch is, shows at once.
                refusal.is_doubtful(LISTED_AFTER);
            } else if matches!(event, Event::Apply(_) | Event::Delete(_)) {
                refusal.is_doubtful(Duration::ZERO);
            }
            self.shared.change(|state| feed(state, event) || is_whole);
            if is_whole {
                info!(namespace = place, "the list of {} is complete", what.as_str());
            }
        }
    }

    async fn registries(&self) {
        let api = self.all::<WireRegistry>();
        let refused = |state: &mut State, is_so: bool| note(state, Watch::Registries, is_so);
        self.feed(Watch::Registries, api, config(), "all", refused, |state, event| {
            fill(&mut state.registries, event, |wire| Arc::new(wire.kept()))
        })
        .await;
    }

    async fn pipelines(&self) {
        let api = self.all::<WirePipeline>();
        let refused = |state: &mut State, is_so: bool| note(state, Watch::Pipelines, is_so);
        self.feed(Watch::Pipelines, api, config(), "all", refused, |state, event| {
            // Most events of a Pipeline tell of its status.
            let same = match &event {
                Event::Apply(wire) => state.pipelines.get(&key_of(wire).0) == Some(&wire.needs),
                _ => false,
            };
            fill(&mut state.pipelines, event, |wire| wire.needs) && !same
        })
        .await;
    }

    async fn namespaces(&self) {
        let api = self.all::<WireNamespace>();
        let refused = |state: &mut State, is_so: bool| note(state, Watch::Namespaces, is_so);
        self.feed(Watch::Namespaces, api, config(), "all", refused, |state, event| {
            fill(&mut state.namespaces, event, |wire| wire.kept)
        })
        .await;
    }

    async fn copies(&self) {
        let config = config().fields(&format!("metadata.name={PROJECTED_SECRET}"));
        let refused = |state: &mut State, is_so: bool| note(state, Watch::Copies, is_so);
        self.feed(Watch::Copies, self.all::<WireCopy>(), config, "all", refused, |state, event| {
            let namespace = |wire: &WireCopy| wire.meta().namespace.clone().unwrap_or_default();
            match event {
                Event::Init => {
                    state.copies.init();
                    false
                }
                Event::InitApply(wire) => state.copy_seen(&namespace(&wire), wire.kept, true, Timestamp::now()),
                Event::Apply(wire) => state.copy_seen(&namespace(&wire), wire.kept, false, Timestamp::now()),
                Event::Delete(wire) => state.copy_gone(&namespace(&wire), key_of(&wire).1),
                Event::InitDone => !state.copies.init_done().is_empty(),
            }
        })
        .await;
    }

    /// Pull secrets of one type in a source namespace, with their values.
    async fn sources(&self, namespace: &str, list: usize) {
        let type_ = PULL_SECRET_TYPES.get(list).copied().unwrap_or_default();
        let config = config().fields(&format!("type={type_}"));
        self.source_list::<WireSource>(namespace, list, config, |wire| wire.kept).await;
    }

    /// All other Secrets there, as names.
    async fn others(&self, namespace: &str) {
        let others = PULL_SECRET_TYPES.iter().chain([&HELM_RELEASE_TYPE]);
        let not: Vec<String> = others.map(|type_| format!("type!={type_}")).collect();
        let config = config().fields(&not.join(","));
        self.source_list::<WireSecret>(namespace, PULL_SECRET_TYPES.len(), config, |_| Arc::new(Source::OtherType))
            .await;
    }

    async fn source_list<K>(
        &self,
        namespace: &str,
        list: usize,
        config: watcher::Config,
        kept: impl Fn(K) -> Arc<Source>,
    ) where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned
            + Send
            + 'static,
    {
        let api = Api::<K>::namespaced(self.client.clone(), namespace);
        let refused = |state: &mut State, is_so: bool| {
            let source = state.sources.get_mut(namespace);
            if let Some(forbidden) = source.and_then(|source| source.forbidden.get_mut(list)) {
                *forbidden = is_so;
            }
        };
        self.feed(Watch::Sources, api, config, namespace, refused, |state, event| {
            let source = state.sources.get_mut(namespace);
            source.and_then(|source| source.lists.get_mut(list)).is_some_and(|list| fill(list, event, &kept))
        })
        .await;
    }

    /// The projector's work is with all namespaces; which of them a copy reaches is decided by the plan.
    fn all<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.client.clone())
    }
}

fn note(state: &mut State, watch: Watch, is_refused: bool) {
    if is_refused {
        state.refused.insert(watch);
    } else {
        state.refused.remove(&watch);
    }
}

fn key_of<K: Resource>(object: &K) -> (ObjectKey, u64) {
    let meta = object.meta();
    let name = meta.name.clone().unwrap_or_default();
    let at = version(meta.resource_version.as_deref().unwrap_or_default());
    (ObjectKey::new(meta.namespace.clone().unwrap_or_default(), name), at)
}

/// Puts an event into a store. Returns whether it is news.
fn fill<K: Resource, V>(cache: &mut Cache<V>, event: Event<K>, kept: impl Fn(K) -> V) -> bool {
    match event {
        Event::Init => {
            cache.init();
            false
        }
        Event::InitApply(wire) => {
            let (key, at) = key_of(&wire);
            cache.init_apply(key, at, kept(wire))
        }
        Event::Apply(wire) => {
            let (key, at) = key_of(&wire);
            cache.apply(key, at, kept(wire))
        }
        Event::Delete(wire) => {
            let (key, at) = key_of(&wire);
            cache.delete(&key, at).is_some()
        }
        Event::InitDone => !cache.init_done().is_empty(),
    }
}
