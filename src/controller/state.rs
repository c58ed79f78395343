//! What the watches have told, and which Pipelines have to hear of it. Synchronous; the streams and writes feed it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::cache::Cache;
use super::facts::FactBook;
use super::index::{UseIndex, Uses};
use super::key::ObjectKey;
use super::object::StoredPipeline;
use super::presence::Objects;
use crate::model::world::{PodFacts, Setback};

/// The state.
#[derive(Debug, Default)]
pub struct State {
    /// Pipelines, parsed.
    pub pipelines: Cache<Arc<StoredPipeline>>,
    /// Our Pods, by name.
    pub pods: Cache<StoredPod>,
    /// ServiceAccounts and the pull secrets that they list.
    pub accounts: Cache<Vec<String>>,
    /// Secrets that are named.
    pub book: FactBook,
    /// Names of ConfigMaps and claims.
    pub objects: Objects,
    /// Who names what of these.
    pub users: UseIndex,
    /// Pods that were seen deleted before their last state was recorded, by owner uid.
    pub tombstones: HashMap<String, Vec<PodFacts>>,
    /// Writes that did not succeed, and how often.
    pub setbacks: HashMap<ObjectKey, (Setback, u32)>,
    /// Whether the watch on Secrets is refused: then nothing is known of them but what a read answers.
    pub doorbell_refused: bool,
    failed_looks: HashMap<ObjectKey, u32>,
    pods_of: HashMap<String, BTreeSet<ObjectKey>>,
    mount_failures: HashMap<String, String>,
}

/// One of our Pods.
#[derive(Clone, Debug)]
pub struct StoredPod {
    /// The uid of the Pipeline that controls it.
    pub owner_uid: String,
    /// The name of the Pipeline that controls it.
    pub owner: ObjectKey,
    /// What is known of it.
    pub facts: PodFacts,
}

impl State {
    /// Whether every watch has told enough to decide by.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.pipelines.is_synced()
            && self.pods.is_synced()
            && self.accounts.is_synced()
            && (self.book.is_synced() || self.doorbell_refused)
            && self.objects.have_answers()
    }

    /// Notes a Pod, from the watch or from a write of ours. Returns whom to wake.
    pub fn pod_seen(&mut self, key: &ObjectKey, pod: &StoredPod) -> ObjectKey {
        self.pods_of.entry(pod.owner_uid.clone()).or_default().insert(key.clone());
        pod.owner.clone()
    }

    /// Notes that a Pod is gone; its last state stands until it was recorded. Returns whom to wake.
    pub fn pod_gone(&mut self, key: &ObjectKey, pod: StoredPod) -> ObjectKey {
        if let Some(pods) = self.pods_of.get_mut(&pod.owner_uid) {
            pods.remove(key);
            if pods.is_empty() {
                self.pods_of.remove(&pod.owner_uid);
            }
        }
        self.mount_failures.remove(&pod.facts.uid);
        self.tombstones.entry(pod.owner_uid).or_default().push(pod.facts);
        pod.owner
    }

    /// The Pods that the Pipeline of this uid controls.
    #[must_use]
    pub fn pods_of(&self, owner_uid: &str) -> Vec<PodFacts> {
        let keys = self.pods_of.get(owner_uid).into_iter().flatten();
        keys.filter_map(|key| self.pods.get(key))
            .map(|pod| PodFacts {
                mount_failure: self.mount_failures.get(&pod.facts.uid).cloned(),
                ..pod.facts.clone()
            })
            .collect()
    }

    /// Notes that a volume of a Pod could not be mounted. Returns whom to wake; `None`: not our Pod, or nothing new.
    pub fn mount_failed(&mut self, pod: &ObjectKey, uid: &str, message: String) -> Option<ObjectKey> {
        let stored = self.pods.get(pod).filter(|stored| stored.facts.uid == uid)?;
        let owner = stored.owner.clone();
        (self.mount_failures.insert(uid.to_owned(), message.clone()) != Some(message)).then_some(owner)
    }

    /// Forgets the last states of Pods that are gone, now that what they came to is recorded.
    pub fn forget_ended(&mut self, owner_uid: &str, recorded: &[PodFacts]) {
        if let Some(tombstones) = self.tombstones.get_mut(owner_uid) {
            tombstones.retain(|pod| !recorded.iter().any(|known| known.gone && known.uid == pod.uid));
            if tombstones.is_empty() {
                self.tombstones.remove(owner_uid);
            }
        }
    }

    /// Notes how a look at a Pipeline ended. Returns how many have failed one after the other.
    pub fn looked(&mut self, key: &ObjectKey, failed: bool) -> u32 {
        if !failed {
            self.failed_looks.remove(key);
            return 0;
        }
        let failures = self.failed_looks.entry(key.clone()).or_default();
        *failures = failures.saturating_add(1);
        *failures
    }

    /// Forgets a Pipeline that is gone.
    pub fn pipeline_gone(&mut self, key: &ObjectKey, uid: &str) {
        self.setbacks.remove(key);
        self.failed_looks.remove(key);
        self.tombstones.remove(uid);
        self.depends_on(key, Uses::default());
    }

    /// Notes what a Pipeline depends on.
    pub fn depends_on(&mut self, key: &ObjectKey, uses: Uses) {
        for unused in self.users.set(key, uses) {
            self.book.forget(&unused);
        }
    }
}
