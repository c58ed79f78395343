//! What every part of the controller shares. Nothing is global: the client comes in from outside.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::{ClusterResourceScope, NamespaceResourceScope, Resource};
use kube::{Api, Client};
use tokio::sync::{Notify, Semaphore};

use super::queue::Queue;
use super::state::State;
use crate::model::attached::host_of;
use crate::model::defaults::Defaults;
use crate::model::docs::Docs;
use crate::model::secret::SecretAccess;
use crate::ops::metrics::Metrics;

/// Reads of Secrets at once.
const MOST_READS: usize = 16;

/// What all contexts of an operator share.
#[derive(Clone)]
pub struct Shared {
    client: Client,
    /// Which Pipelines to look at.
    pub queue: Arc<Queue>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    reads: Arc<Semaphore>,
    secret_access: SecretAccess,
    docs: Docs,
    defaults: Arc<Defaults>,
}

impl Shared {
    /// Nothing is under way yet.
    #[must_use]
    pub fn new(
        client: Client,
        pod_creates_per_second: NonZeroU32,
        secret_access: SecretAccess,
        docs: Docs,
        defaults: Arc<Defaults>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let queue = Arc::new(Queue::new(pod_creates_per_second, Arc::clone(&metrics)));
        Self { client, queue, metrics, reads: Arc::new(Semaphore::new(MOST_READS)), secret_access, docs, defaults }
    }

    /// The API of a kind that is in no namespace.
    #[must_use]
    pub fn cluster_api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = ClusterResourceScope>,
    {
        Api::all(self.client.clone())
    }
}

/// The context of one scope: all namespaces, or one. Each has a state of its own, so that a list that begins anew in one
/// namespace says nothing of another.
pub struct Context {
    /// The namespace; `None`: all.
    pub namespace: Option<String>,
    /// Whether Secrets are looked at.
    pub secret_access: SecretAccess,
    /// Where messages send their readers.
    pub docs: Docs,
    /// What every Pod gets.
    pub defaults: Arc<Defaults>,
    /// The API server.
    pub client: Client,
    /// Which Pipelines to look at.
    pub queue: Arc<Queue>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How many reads of Secrets may be under way: kube speaks HTTP/1.1, so each has a connection of its own.
    pub reads: Arc<Semaphore>,
    /// Told when a read of a Secret ended.
    pub read_done: Notify,
    /// Told when a watch has seen its first list to the end.
    pub synced: Notify,
    /// Asks for a list of Pipelines that begins now.
    pub relist: Notify,
    /// Told when something may have to be said of a Registry.
    pub registry_news: Notify,
    state: Mutex<State>,
}

impl Context {
    /// A context that knows nothing yet.
    #[must_use]
    pub fn new(shared: Shared, namespace: Option<String>) -> Self {
        let Shared { client, queue, metrics, reads, secret_access, docs, defaults } = shared;
        let mut state = State::default();
        // No doorbell will ever be heard: nobody waits for it.
        state.doorbell_refused = secret_access == SecretAccess::None;
        state.pipelines.tally_mut().hosts.helper = host_of(&defaults.helper.image);
        Self {
            namespace,
            secret_access,
            docs,
            defaults,
            client,
            queue,
            metrics,
            reads,
            read_done: Notify::new(),
            synced: Notify::new(),
            relist: Notify::new(),
            registry_news: Notify::new(),
            state: Mutex::new(state),
        }
    }

    /// The API of a kind, as far as this scope reaches.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Notes a 403 without whose end nothing can be decided here. Of several namespaces none waits for another: one may not
    /// exist yet, and then its Role cannot either.
    pub fn refused(&self) {
        if self.namespace.is_some() {
            self.with_state(|state| state.refused = true);
            self.synced.notify_waiters();
        }
    }

    /// Looks at the state or changes it. Never held across an await.
    pub fn with_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
