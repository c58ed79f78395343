//! What every part of the controller shares. Nothing is global: the client comes in from outside.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use kube::Client;
use tokio::sync::{Notify, Semaphore};

use super::queue::Queue;
use super::state::State;

/// Reads of Secrets at once.
const MOST_READS: usize = 16;

/// The shared context.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Which Pipelines to look at.
    pub queue: Queue,
    /// How many reads of Secrets may be under way: kube speaks HTTP/1.1, so each has a connection of its own.
    pub reads: Semaphore,
    /// Told when a read of a Secret ended.
    pub read_done: Notify,
    /// Told when a watch has seen its first list to the end.
    pub synced: Notify,
    /// Asks for a list of Pipelines that begins now.
    pub relist: Notify,
    state: Mutex<State>,
}

impl Context {
    /// A context that knows nothing yet.
    #[must_use]
    pub fn new(client: Client, pod_creates_per_second: NonZeroU32) -> Self {
        Self {
            client,
            queue: Queue::new(pod_creates_per_second),
            reads: Semaphore::new(MOST_READS),
            read_done: Notify::new(),
            synced: Notify::new(),
            relist: Notify::new(),
            state: Mutex::new(State::default()),
        }
    }

    /// Looks at the state or changes it. Never held across an await.
    pub fn with_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
