//! What the watches have told, and which Pipelines have to hear of it. Synchronous; the streams and writes feed it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::cache::Cache;
use super::census::Tallies;
use super::facts::FactBook;
use super::index::{UseIndex, Uses};
use super::key::ObjectKey;
use super::object::StoredPipeline;
use super::presence::Objects;
use super::registries::{Agenda, Change, Registries};
use crate::model::registry::Host;
use crate::model::world::{PodFacts, RegistryFacts, RegistryKind, Setback};

/// The state.
#[derive(Debug, Default)]
pub struct State {
    /// Pipelines, parsed.
    pub pipelines: Cache<Arc<StoredPipeline>, Tallies>,
    /// Our Pods, by name.
    pub pods: Cache<StoredPod>,
    /// ServiceAccounts and the pull secrets that they list.
    pub accounts: Cache<Vec<String>>,
    /// Registries.
    pub registries: Registries,
    /// ClusterRegistries.
    pub cluster_registries: Registries,
    /// Which Registries something has to be said of.
    pub agenda: Agenda,
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
    /// Whether a list of Pipelines is complete that was asked for when this process began to lead.
    pub relisted: bool,
    /// When the event came that completed a Pipeline whose Pod is not created yet.
    pub opening: HashMap<ObjectKey, Instant>,
    /// Whether the watch on Secrets is refused: then nothing is known of them but what a read answers. Or there is none.
    pub doorbell_refused: bool,
    /// Whether a watch was refused without which nothing can be decided, so that others need not wait for it.
    pub refused: bool,
    failed_looks: HashMap<ObjectKey, u32>,
    pods_of: HashMap<String, BTreeSet<ObjectKey>>,
    mount_failures: HashMap<String, String>,
    old_tombstones: HashSet<String>,
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
            && self.registries.have_answer()
            && self.cluster_registries.have_answer()
            && (self.book.is_synced() || self.doorbell_refused)
            && self.objects.have_answers()
    }

    /// Whether Pipelines may be looked at: who was elected decides nothing by a list that began before.
    #[must_use]
    pub fn is_ready(&self, elected: bool) -> bool {
        self.is_synced() && (self.relisted || !elected)
    }

    /// Whether it is ready, or has a 403 that nobody should wait for.
    #[must_use]
    pub fn has_answer(&self, elected: bool) -> bool {
        self.refused || self.is_ready(elected)
    }

    /// Notes a Pod, from the watch or from a write of ours. Returns whom to wake.
    pub fn pod_seen(&mut self, key: &ObjectKey, pod: &StoredPod) -> ObjectKey {
        self.pods_of.entry(pod.owner_uid.clone()).or_default().insert(key.clone());
        pod.owner.clone()
    }

    /// Notes that a Pod is gone, or ours no more; its last state stands until it was recorded. Returns whom to wake.
    pub fn pod_gone(&mut self, key: &ObjectKey, pod: StoredPod) -> ObjectKey {
        if let Some(pods) = self.pods_of.get_mut(&pod.owner_uid) {
            pods.remove(key);
            if pods.is_empty() {
                self.pods_of.remove(&pod.owner_uid);
            }
        }
        self.mount_failures.remove(&pod.facts.uid);
        // Of a Pipeline that is gone nothing is recorded any more. Before the first list none is known to be gone.
        let owner = self.pipelines.get(&pod.owner);
        if owner.map_or(!self.pipelines.is_synced(), |owner| owner.subject.uid == pod.owner_uid) {
            self.tombstones.entry(pod.owner_uid).or_default().push(pod.facts);
        }
        pod.owner
    }

    /// The Pods that the Pipeline of this uid controls.
    #[must_use]
    pub fn pods_of(&self, owner_uid: &str) -> Vec<PodFacts> {
        let keys = self.pods_of.get(owner_uid).into_iter().flatten();
        keys.filter_map(|key| self.pods.get(key))
            .filter(|pod| pod.owner_uid == owner_uid)
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

    /// Forgets the last states that were kept when this was called before. For who only watches: the leader has recorded
    /// them by then, and they would pile up.
    pub fn forget_old_tombstones(&mut self) {
        let old = std::mem::take(&mut self.old_tombstones);
        self.tombstones.retain(|_, pods| {
            pods.retain(|pod| !old.contains(&pod.uid));
            !pods.is_empty()
        });
        self.old_tombstones = self.tombstones.values().flatten().map(|pod| pod.uid.clone()).collect();
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

    /// Notes a Pipeline, from the watch. Its name may have been another's of whose end the watch did not tell.
    pub fn pipeline_seen(&mut self, key: &ObjectKey, uid: &str) {
        let before = self.pipelines.get(key).map(|known| known.subject.uid.clone());
        if let Some(before) = before.filter(|before| before != uid) {
            self.pipeline_gone(key, &before);
        }
    }

    /// Forgets a Pipeline that is gone.
    pub fn pipeline_gone(&mut self, key: &ObjectKey, uid: &str) {
        self.tombstones.remove(uid);
        self.at_rest(key);
    }

    /// Forgets what is kept for the next look at a Pipeline: there is nothing to do for it any more.
    pub fn at_rest(&mut self, key: &ObjectKey) {
        self.setbacks.remove(key);
        self.failed_looks.remove(key);
        self.opening.remove(key);
        self.depends_on(key, Uses::default());
    }

    /// Notes what a Pipeline depends on.
    pub fn depends_on(&mut self, key: &ObjectKey, uses: Uses) {
        for unused in self.users.set(key, uses) {
            self.forget_unnamed(&unused);
        }
    }

    /// Forgets a Secret if nobody names it.
    pub fn forget_unnamed(&mut self, secret: &ObjectKey) {
        if self.registries.of_secret(secret).next().is_none() && self.users.of_secret(secret).is_empty() {
            self.book.forget(secret);
        }
    }

    /// Notes that these Secrets are known no more. Returns the Pipelines to wake; the Registries are on the agenda then.
    pub fn secrets_rang(&mut self, secrets: &[ObjectKey]) -> Vec<ObjectKey> {
        let now = Instant::now();
        for registry in secrets.iter().flat_map(|secret| self.registries.of_secret(secret)) {
            self.agenda.wake(registry.clone(), now);
        }
        secrets.iter().flat_map(|secret| self.users.of_secret(secret)).collect()
    }

    /// Those of one kind.
    pub fn registries_mut(&mut self, kind: RegistryKind) -> &mut Registries {
        match kind {
            RegistryKind::Registry => &mut self.registries,
            RegistryKind::ClusterRegistry => &mut self.cluster_registries,
        }
    }

    /// Notes a change of Registries. Returns the Pipelines to wake: those with an image of a host that it concerns.
    pub fn registry_changed(&mut self, kind: RegistryKind, change: &Change) -> BTreeSet<ObjectKey> {
        let hosts = &self.pipelines.tally().hosts;
        // What is said of a ClusterRegistry is the projector's.
        if kind == RegistryKind::ClusterRegistry {
            return change.hosts.iter().flat_map(|(_, host)| hosts.users(host, None)).collect();
        }
        let now = Instant::now();
        for key in &change.keys {
            if change.gone.contains(key) {
                self.agenda.forget(key);
            } else {
                self.agenda.wake(key.clone(), now);
            }
        }
        for (namespace, host) in &change.hosts {
            for (_, other) in self.registries.of_host(namespace, host) {
                self.agenda.wake(ObjectKey::new(namespace.as_str(), other.name.as_str()), now);
            }
        }
        let woken = change.hosts.iter().flat_map(|(namespace, host)| hosts.users(host, Some(namespace))).collect();
        for secret in &change.dropped {
            self.forget_unnamed(secret);
        }
        woken
    }

    /// The Registries that concern these hosts in a namespace, those of the cluster among them, the oldest first.
    #[must_use]
    pub fn registries_of(&self, namespace: &str, hosts: &BTreeSet<Host>) -> Vec<RegistryFacts> {
        let own = hosts.iter().flat_map(|host| self.registries.of_host(namespace, host));
        let all = own.chain(hosts.iter().flat_map(|host| self.cluster_registries.of_host("", host)));
        let mut all: Vec<_> = all.collect();
        all.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
        all.into_iter().map(|(_, facts)| facts.clone()).collect()
    }

    /// The Registries whose time has come to be looked at, and when that of the next comes.
    pub fn registries_due(&mut self, now: Instant) -> (Vec<ObjectKey>, Option<Instant>) {
        let changed = self.pipelines.tally_mut().hosts.take_changed();
        if !changed.is_empty() {
            for key in self.registries.cache.keys().filter(|key| changed.contains(&key.namespace)) {
                self.agenda.wake(key.clone(), now);
            }
        }
        self.agenda.take(now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::object::WirePipeline;

    const UID: &str = "uid-edges";

    fn key() -> ObjectKey {
        ObjectKey::new("team-a", "edges")
    }

    fn pipeline(uid: &str) -> Arc<StoredPipeline> {
        let wire = json!({"metadata": {"name": "edges", "namespace": "team-a", "uid": uid}, "spec": {}});
        Arc::new(StoredPipeline::of(serde_json::from_value::<WirePipeline>(wire).unwrap()))
    }

    fn pod(owner_uid: &str) -> StoredPod {
        let facts = PodFacts { name: "edges-main-1".into(), uid: "uid-pod".into(), ..PodFacts::default() };
        StoredPod { owner_uid: owner_uid.into(), owner: key(), facts }
    }

    /// A state in which the lists are complete and hold this Pipeline.
    fn state(uid: &str) -> State {
        let mut state = State::default();
        state.pipelines.init();
        state.pipelines.init_apply(key(), 1, pipeline(uid));
        state.pipelines.init_done();
        state
    }

    #[test]
    fn the_last_state_of_a_pod_is_kept_for_its_pipeline_and_for_no_other() {
        let of = |state: &State| state.tombstones.keys().cloned().collect::<Vec<_>>();
        let mut there = state(UID);
        there.pod_gone(&key(), pod(UID));
        assert_eq!(of(&there), [UID]);
        // Its Pods go after it; nobody would ever clear them away.
        there.pipeline_gone(&key(), UID);
        there.pipelines.delete(&key(), 2);
        there.pod_gone(&key(), pod(UID));
        assert!(of(&there).is_empty());
        let mut made_anew = state("uid-of-another");
        made_anew.pod_gone(&key(), pod(UID));
        assert!(of(&made_anew).is_empty());
        // Nobody is known to be gone before the first list is complete.
        let mut early = State::default();
        early.pod_gone(&key(), pod(UID));
        assert_eq!(of(&early), [UID]);
    }

    #[test]
    fn who_only_watches_keeps_last_states_for_a_while() {
        let mut state = state(UID);
        state.forget_old_tombstones();
        state.pod_gone(&key(), pod(UID));
        state.forget_old_tombstones();
        assert_eq!(state.tombstones.len(), 1, "the leader may have died before it recorded this");
        state.forget_old_tombstones();
        assert!(state.tombstones.is_empty());
    }

    #[test]
    fn a_pipeline_in_the_place_of_another_inherits_nothing() {
        let mut state = state(UID);
        state.pod_gone(&key(), pod(UID));
        state.looked(&key(), true);
        let used = BTreeSet::from([ObjectKey::new("team-a", "db")]);
        state.depends_on(&key(), Uses { secrets: used, ..Uses::default() });
        state.pipeline_seen(&key(), UID);
        assert_eq!(state.tombstones.len(), 1, "it is the same");
        state.pipeline_seen(&key(), "uid-of-another");
        assert!(state.tombstones.is_empty());
        assert!(state.users.of_secret(&ObjectKey::new("team-a", "db")).is_empty());
        assert_eq!(state.looked(&key(), true), 1);
    }

    #[test]
    fn a_pod_that_another_pipeline_controls_now_is_not_counted() {
        let mut state = state(UID);
        for (version, owner) in [(1, UID), (2, "uid-of-another")] {
            state.pods.apply(key(), version, pod(owner));
            state.pod_seen(&key(), &pod(owner));
        }
        assert!(state.pods_of(UID).is_empty());
        assert_eq!(state.pods_of("uid-of-another").len(), 1);
    }
}
