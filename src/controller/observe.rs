//! Observe: the only room that sees stores and makes reads. A Pipeline's name in, a [`World`] out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;
use kube::core::ObjectMeta;
use tracing::Instrument;

use super::context::Context;
use super::index::Uses;
use super::key::ObjectKey;
use super::object::{StoredPipeline, WirePipeline};
use super::reader;
use super::state::{State, StoredPod};
use super::streams::stored_pod;
use crate::api::status::StepStatus;
use crate::model::attached::secret_names;
use crate::model::registry::Host;
use crate::model::secret::{AccountKnowledge, SecretAccess};
use crate::model::volume::ObjectRef;
use crate::model::work::Work;
use crate::model::world::{PodFacts, WorkState, World};
use crate::ops::spans::{self, Call};

/// Looks at everything that a decision about this Pipeline may need.
///
/// # Errors
/// A read of a Pod that the watch lost sight of failed. A Secret that cannot be read is no error: it is part of the
/// world.
pub(super) async fn observe(context: &Arc<Context>, stored: &StoredPipeline) -> Result<World, kube::Error> {
    let key = stored.key();
    let namespace = stored.subject.namespace.as_str();
    let work = match &stored.work {
        // A finished run has no use for Secrets any more: it neither reads them nor hears of them.
        WorkState::Valid(work) if !is_finished(stored) => Some(work),
        _ => None,
    };
    let objects: BTreeSet<ObjectRef> = work.map(|work| work.objects()).unwrap_or_default();
    let in_namespace = |name: &str| ObjectKey::new(namespace, name);
    let hosts: BTreeSet<Host> = work
        .map(|work| work.steps.iter().flat_map(|step| step.hosts(&context.defaults.helper)).collect())
        .unwrap_or_default();
    let (accounts, registries, names) = context.with_state(|state| {
        let accounts = work.map(|work| accounts(state, namespace, work)).unwrap_or_default();
        let looked_at = work.filter(|_| context.secret_access == SecretAccess::Metadata);
        let registries = state.registries_of(namespace, &hosts);
        let names = looked_at.map(|work| secret_names(work, &registries, &accounts, &context.defaults));
        let names = names.unwrap_or_default();
        let uses = Uses {
            secrets: names.iter().map(|name| in_namespace(name.as_str())).collect(),
            accounts: accounts.keys().map(|name| in_namespace(name)).collect(),
            objects: objects.iter().map(|object| (object.kind, in_namespace(object.name.as_str()))).collect(),
        };
        state.depends_on(&key, uses);
        (accounts, registries, names)
    });
    let keys: Vec<ObjectKey> = names.iter().map(|name| ObjectKey::new(namespace, name.as_str())).collect();
    reader::ensure_known(context, &keys).await;

    let now = Timestamp::now();
    let mut world = context.with_state(|state| World {
        now,
        subject: stored.subject.clone(),
        work: stored.work.clone(),
        run_key: stored.run_key.clone(),
        recorded: stored.status.clone(),
        defaults: Arc::clone(&context.defaults),
        secret_access: context.secret_access,
        docs: context.docs.clone(),
        secrets: names
            .into_iter()
            .zip(&keys)
            .filter_map(|(name, key)| Some((name, state.book.look_up(key, now)?)))
            .collect(),
        objects: objects
            .into_iter()
            .map(|object| {
                let known = state.objects.of(object.kind).look_up(&in_namespace(object.name.as_str()));
                (object, known)
            })
            .collect(),
        accounts,
        registries,
        pods: state.pods_of(&stored.subject.uid),
        setback: state.setbacks.get(&key).map(|(setback, _)| setback.clone()),
    });
    if work.is_some() {
        find_lost_pods(context, &mut world).await?;
    } else if is_finished(stored) {
        // What its Pods came to is recorded.
        context.with_state(|state| state.tombstones.remove(&stored.subject.uid));
    }
    Ok(world)
}

/// Whether the result of what the spec asks for stands in status.
fn is_finished(stored: &StoredPipeline) -> bool {
    stored.status.run.as_ref().is_some_and(|run| run.key == stored.run_key && run.result.is_some())
}

fn accounts(state: &State, namespace: &str, work: &Work) -> BTreeMap<String, AccountKnowledge> {
    work.steps
        .iter()
        .map(|step| {
            let name = step.service_account_name();
            let known = match state.accounts.get(&ObjectKey::new(namespace, name)) {
                Some(pull_secrets) => AccountKnowledge::Present { pull_secrets: pull_secrets.clone() },
                None => AccountKnowledge::Absent,
            };
            (name.to_owned(), known)
        })
        .collect()
}

/// Pods that should be there and are not in the store: their last state, or a look at the API server.
///
/// A DELETED event of a Pod whose label was taken away looks like the end of the Pod; only a GET tells.
async fn find_lost_pods(context: &Arc<Context>, world: &mut World) -> Result<(), kube::Error> {
    let uid = world.subject.uid.clone();
    let uid = uid.as_str();
    let tombstones = context.with_state(|state| state.tombstones.get(uid).cloned().unwrap_or_default());
    let open = |step: &&StepStatus| !step.state.is_over();
    let recorded = world.recorded.steps.iter().filter(open).filter_map(|step| {
        Some(PodFacts { name: step.pod.clone()?, uid: step.pod_uid.clone()?, ..PodFacts::default() })
    });
    let mut suspects: Vec<PodFacts> = tombstones;
    for pod in recorded {
        if !suspects.iter().any(|known| known.uid == pod.uid) {
            suspects.push(pod);
        }
    }
    // Of several equal Pods status has the names of some: those that a new try under another name would not meet.
    let of_indexes = world.recorded.steps.iter().filter(open).flat_map(|step| &step.indexes);
    for name in of_indexes.filter_map(|row| row.pod.clone()) {
        let known = |pods: &[PodFacts]| pods.iter().any(|pod| pod.name == name);
        if !known(&suspects) && !known(&world.pods) {
            suspects.push(PodFacts { name, ..PodFacts::default() });
        }
    }
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &world.subject.namespace);
    let mut taken_away = false;
    for suspect in suspects {
        if world.pods.iter().any(|pod| pod.uid == suspect.uid) {
            continue;
        }
        let ended = !suspect.is_live();
        let there = if ended { None } else { get(&api, &world.subject.namespace, &suspect.name).await? };
        let same = |pod: &StoredPod| suspect.uid.is_empty() || pod.facts.uid == suspect.uid;
        let ours = |pod: &StoredPod| same(pod) && pod.owner_uid == uid;
        let is_it = |pod: &Pod| pod.metadata.uid.as_deref() == Some(suspect.uid.as_str());
        let is_ours = |pod: &Pod| stored_pod(pod).is_some_and(|pod| pod.owner_uid == uid);
        taken_away |= there.as_ref().is_some_and(|pod| is_it(pod) && !is_ours(pod));
        match there.as_ref().and_then(stored_pod).filter(ours) {
            Some(found) => world.pods.push(PodFacts {
                identity: found.facts.identity.or(suspect.identity),
                unwatched: true,
                ..found.facts
            }),
            // Nothing but the record speaks of it: the plan knows it from there.
            None if suspect.created_at.is_none() => {}
            None => world.pods.push(PodFacts { gone: true, ..suspect }),
        }
    }
    if taken_away {
        world.subject.deleting = !is_there(context, world).await?;
    }
    Ok(())
}

async fn get(api: &Api<Pod>, namespace: &str, name: &str) -> Result<Option<Pod>, kube::Error> {
    let span = Call::GetPod(name).span(namespace);
    let there = api.get_opt(name).instrument(span.clone()).await;
    let outcome = match &there {
        Ok(Some(_)) => "found",
        Ok(None) => "not_found",
        Err(_) => "failed",
    };
    spans::ended(&span, outcome, there.is_err());
    there
}

/// Whether the Pipeline is there and stays. Who deletes it with `--cascade=orphan` has the garbage collector take its
/// Pods away from it, and the watch on Pods may tell of that before the other tells of the deletion.
async fn is_there(context: &Context, world: &World) -> Result<bool, kube::Error> {
    let api: Api<WirePipeline> = Api::namespaced(context.client.clone(), &world.subject.namespace);
    let only = ListParams::default().fields(&format!("metadata.name={}", world.subject.name));
    let span = Call::ListPipelines(&world.subject.name).span(&world.subject.namespace);
    let found = api.list(&only).instrument(span.clone()).await;
    spans::ended(&span, if found.is_ok() { "listed" } else { "failed" }, found.is_err());
    let found = found?.items.into_iter().map(|pipeline| pipeline.metadata);
    let stays = |meta: &ObjectMeta| {
        meta.uid.as_deref() == Some(world.subject.uid.as_str()) && meta.deletion_timestamp.is_none()
    };
    Ok(found.into_iter().any(|meta| stays(&meta)))
}
