//! Where the operator works: everywhere, or in some namespaces. Each of those is a world of its own, with its own watches and
//! its own state, so that nothing is asked of the cluster as a whole, and one that cannot be seen holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::context::{Context, Shared};

/// The contexts of an operator.
pub struct Realms {
    everywhere: Option<Arc<Context>>,
    of: BTreeMap<String, Arc<Context>>,
}

impl Realms {
    /// One context for all namespaces, or one for each of these.
    #[must_use]
    pub fn new(shared: &Shared, namespaces: &BTreeSet<String>) -> Self {
        let context = |namespace: Option<String>| Arc::new(Context::new(shared.clone(), namespace));
        Self {
            everywhere: namespaces.is_empty().then(|| context(None)),
            of: namespaces.iter().map(|name| (name.clone(), context(Some(name.clone())))).collect(),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Context>> {
        self.everywhere.iter().chain(self.of.values())
    }

    /// The context of a namespace; `None`: nothing is looked at there.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<&Arc<Context>> {
        self.of.get(namespace).or(self.everywhere.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use kube::{Client, Config};
    use std::num::NonZeroU32;
    use tokio::time::Instant;

    use super::*;
    use crate::api::reason::ObjectKind;
    use crate::controller::facts::{ReadOutcome, Ring};
    use crate::controller::key::ObjectKey;
    use crate::controller::object::{StoredPipeline, WirePipeline};
    use crate::controller::presence::Sighting;
    use crate::controller::queue::QueueState;
    use crate::controller::{reconcile, streams};
    use crate::model::docs::Docs;
    use crate::model::secret::SecretAccess;
    use crate::ops::metrics::{Metrics, Now, Watched};

    /// A client that is never used.
    fn shared(access: SecretAccess) -> Shared {
        let client = Client::try_from(Config::new("http://localhost:1".parse().unwrap())).unwrap();
        Shared::new(
            client,
            NonZeroU32::MIN,
            access,
            Docs::default(),
            Arc::default(),
            Arc::new(Metrics::new("api.test")),
        )
    }

    fn realms(names: &[&str]) -> Realms {
        Realms::new(&shared(SecretAccess::Metadata), &names.iter().map(|&name| name.to_owned()).collect())
    }

    /// It is being deleted, so that a look at it asks the API server nothing.
    fn stored(namespace: &str) -> Arc<StoredPipeline> {
        let deleted = "2026-01-01T00:00:00Z";
        let meta =
            serde_json::json!({"name": "edges", "namespace": namespace, "uid": "u", "deletionTimestamp": deleted});
        let wire = serde_json::json!({"metadata": meta, "spec": {}});
        Arc::new(StoredPipeline::of(serde_json::from_value::<WirePipeline>(wire).unwrap()))
    }

    /// Every list of this namespace is complete, and holds what is given.
    fn list(context: &Context, pipelines: &[&str]) {
        context.with_state(|state| {
            state.pipelines.init();
            for namespace in pipelines {
                state.pipelines.init_apply(ObjectKey::new(*namespace, "edges"), 1, stored(namespace));
            }
            state.pipelines.init_done();
            state.pods.init();
            state.pods.init_done();
            state.accounts.init();
            state.accounts.init_done();
            state.book.init();
            state.book.init_done();
            state.registries.refused();
            state.cluster_registries.refused();
            for kind in ObjectKind::ALL {
                let objects = state.objects.of_mut(*kind);
                objects.init();
                objects.init_apply(Sighting { key: ObjectKey::new("team-a", "data"), leaving: false });
                objects.init_done(std::iter::empty());
            }
        });
    }

    fn knows(realms: &Realms, namespace: &str) -> bool {
        let key = ObjectKey::new(namespace, "edges");
        realms.of(namespace).unwrap().with_state(|state| state.pipelines.get(&key).is_some())
    }

    #[tokio::test]
    async fn without_names_one_context_serves_all_namespaces() {
        let realms = realms(&[]);
        assert_eq!(realms.iter().count(), 1);
        assert!(Arc::ptr_eq(realms.of("team-a").unwrap(), realms.of("team-b").unwrap()));
    }

    #[tokio::test]
    async fn a_namespace_that_is_not_named_is_nobodys_business() {
        let realms = realms(&["team-a", "team-b"]);
        assert_eq!(realms.iter().count(), 2);
        assert!(realms.of("team-c").is_none());
        assert_eq!(realms.of("team-b").unwrap().namespace.as_deref(), Some("team-b"));
    }

    #[tokio::test]
    async fn a_list_that_begins_anew_in_one_namespace_drops_nothing_of_another() {
        let realms = realms(&["team-a", "team-b"]);
        let [a, b] = ["team-a", "team-b"].map(|name| realms.of(name).unwrap());
        list(a, &["team-a"]);
        list(b, &["team-b"]);
        // The Secret of team-a is known; team-b's doorbell is taken away, and then lists anew.
        let key = ObjectKey::new("team-a", "db");
        let now = k8s_openapi::jiff::Timestamp::UNIX_EPOCH;
        a.with_state(|state| {
            let ticket = state.book.begin(&key, now).unwrap();
            state.book.finish(&key, ticket, ReadOutcome::NotFound, now);
        });
        b.with_state(|state| state.book.deafen());
        list(b, &[]);
        assert!(knows(&realms, "team-a") && !knows(&realms, "team-b"));
        assert!(a.with_state(|state| state.book.look_up(&key, now)).is_some());
        let ring = Ring { key: ObjectKey::new("team-b", "db"), uid: "u".into(), version: 5 };
        assert!(!b.with_state(|state| state.book.ring(&ring)), "nobody names it");
    }

    #[tokio::test]
    async fn each_namespace_is_ready_by_itself_and_a_refused_one_holds_up_no_other() {
        let realms = realms(&["team-a", "team-b"]);
        let [a, b] = ["team-a", "team-b"].map(|name| realms.of(name).unwrap());
        let answers = || realms.iter().filter(|context| context.with_state(|state| state.has_answer(false))).count();
        assert_eq!(answers(), 0);
        list(a, &[]);
        assert_eq!(answers(), 1, "no answer yet to team-b's lists: the API server may only be slow");
        b.refused();
        assert_eq!(answers(), 2);
        assert!(a.with_state(|state| state.is_synced()) && !b.with_state(|state| state.is_synced()));
        // A 403 to an operator of the whole cluster leaves nothing to go on with.
        let whole = Realms::new(&shared(SecretAccess::Metadata), &BTreeSet::new());
        whole.of("team-a").unwrap().refused();
        assert!(!whole.of("team-a").unwrap().with_state(|state| state.has_answer(false)));
    }

    #[tokio::test]
    async fn who_was_elected_decides_nothing_in_a_namespace_by_a_list_that_began_before() {
        let realms = realms(&["team-a", "team-b"]);
        let [a, b] = ["team-a", "team-b"].map(|name| realms.of(name).unwrap());
        list(a, &[]);
        list(b, &[]);
        let of = |context: &Context, elected| {
            context.with_state(|state| (state.is_ready(elected), state.has_answer(elected)))
        };
        assert_eq!((of(a, false), of(a, true)), ((true, true), (false, false)));
        a.with_state(|state| state.relisted = true);
        assert_eq!((of(a, true), of(b, true)), ((true, true), (false, false)), "each has a list of its own");
        // It was refused once, while another led: nobody waits for it, and nobody looks there before the new list.
        b.refused();
        assert_eq!(of(b, true), (false, true));
    }

    #[tokio::test]
    async fn who_is_woken_before_its_namespace_is_ready_is_looked_at_when_it_is() {
        let shared = shared(SecretAccess::Metadata);
        let realms = Arc::new(Realms::new(&shared, &BTreeSet::from(["team-a".to_owned()])));
        let context = realms.of("team-a").unwrap();
        list(context, &["team-a"]);
        let queue = Arc::clone(&shared.queue);
        let woken = tokio::spawn(streams::wake_when_ready(Arc::clone(context), true));
        queue.wake(ObjectKey::new("team-a", "edges"), Watched::Pipelines);
        let workers = tokio::spawn(reconcile::work(Arc::clone(&queue), Arc::clone(&realms), true));
        let rest = async || {
            while queue.state(Instant::now()) != QueueState::default() {
                tokio::task::yield_now().await;
            }
        };
        rest().await;
        let looks = || {
            let text = shared.metrics.scrape(&Now::default());
            let of = |line: &&str| line.starts_with("controller_runtime_reconcile_total") && !line.ends_with(" 0");
            text.lines().filter(of).count()
        };
        assert_eq!(looks(), 0);
        context.with_state(|state| state.relisted = true);
        context.synced.notify_waiters();
        woken.await.unwrap();
        rest().await;
        assert_eq!(looks(), 1);
        queue.close();
        workers.await.unwrap();
    }

    #[tokio::test]
    async fn without_access_to_secrets_nobody_waits_for_a_list_of_them() {
        let ready = |access| {
            let realms = Realms::new(&shared(access), &BTreeSet::new());
            let context = realms.of("team-a").unwrap();
            context.with_state(|state| {
                state.pipelines.init_done();
                state.pods.init_done();
                state.accounts.init_done();
                state.registries.refused();
                state.cluster_registries.refused();
                for kind in ObjectKind::ALL {
                    state.objects.of_mut(*kind).forbid();
                }
                state.is_synced()
            })
        };
        assert!(ready(SecretAccess::None) && !ready(SecretAccess::Metadata));
    }
}
