//! The second look: before a Pipeline is given up for what it lacks, the API server itself is asked for that.
//!
//! The watches do not keep step with each other. Of a Pipeline and a ServiceAccount, ConfigMap, claim or Secret that are applied
//! together, the watch on Pipelines may tell first, and a result stands for good. So what is missing is read once more, as of now
//! (without a resource version: <https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list>).

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::context::Context;
use super::key::ObjectKey;
use super::reader;
use super::state::State;
use super::streams::wake_all;
use crate::api::reason::{ObjectKind, ReferenceState};
use crate::model::names::SecretName;
use crate::model::secret::{AccountKnowledge, SecretKnowledge};
use crate::model::volume::ObjectKnowledge;
use crate::model::world::World;
use crate::ops::spans::{self, Call, Watched};
use crate::plan::{Plan, References};

/// Corrects the world: what is there after all is not known yet, and the event that tells of it is on its way. What was read
/// since this time, at which the look began, is certain.
///
/// # Errors
/// A list failed. A Secret that cannot be read is no error: it is part of the world.
pub(super) async fn second_look(
    context: &Arc<Context>,
    world: &mut World,
    plan: &Plan,
    since: Timestamp,
) -> Result<(), kube::Error> {
    let namespace = world.subject.namespace.clone();
    secrets(context, world, plan, since).await;
    for (object, known) in &mut world.objects {
        let name = object.name.as_str();
        let is_there = matches!(known, ObjectKnowledge::Absent | ObjectKnowledge::Leaving)
            && match object.kind {
                ObjectKind::ConfigMap => is_there::<ConfigMap>(context, "list ConfigMaps", &namespace, name).await?,
                ObjectKind::PersistentVolumeClaim => {
                    is_there::<PersistentVolumeClaim>(context, "list PersistentVolumeClaims", &namespace, name).await?
                }
            };
        if is_there {
            *known = ObjectKnowledge::Unread;
        }
    }
    let absent = world.accounts.iter().filter(|(_, known)| matches!(known, AccountKnowledge::Absent));
    for name in absent.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
        if is_there::<ServiceAccount>(context, "list ServiceAccounts", &namespace, &name).await? {
            world.accounts.remove(&name);
        }
    }
    Ok(())
}

/// Reads the Secrets that are said to lack something.
async fn secrets(context: &Arc<Context>, world: &mut World, plan: &Plan, since: Timestamp) {
    let References::Seen { rows, .. } = &plan.references else { return };
    let lacking = |name: &SecretName| {
        rows.iter().any(|row| {
            let lacks =
                matches!(row.state, ReferenceState::NotFound | ReferenceState::KeyMissing | ReferenceState::WrongType);
            row.kind.is_none() && row.name == name.as_str() && lacks
        })
    };
    let names: Vec<SecretName> = world.secrets.keys().filter(|name| lacking(name)).cloned().collect();
    let key = |name: &SecretName| ObjectKey::new(&world.subject.namespace, name.as_str());
    let keys: Vec<ObjectKey> = names.iter().map(key).collect();
    // A task of its own: who waits for these Secrets is woken though this look is given up.
    let reads = tokio::spawn(read_again(Arc::clone(context), keys, since).in_current_span());
    let known = reads.await.unwrap_or_else(|_| vec![None; names.len()]);
    for (name, known) in names.into_iter().zip(known) {
        match known {
            Some(known) => world.secrets.insert(name, known),
            None => world.secrets.remove(&name),
        };
    }
}

/// Reads what was read before this time, and wakes all who use what is otherwise than it was thought to be.
async fn read_again(context: Arc<Context>, keys: Vec<ObjectKey>, since: Timestamp) -> Vec<Option<SecretKnowledge>> {
    let known = |state: &State, now: Timestamp| -> Vec<Option<SecretKnowledge>> {
        keys.iter().map(|key| state.book.look_up(key, now)).collect()
    };
    let before = context.with_state(|state| {
        let before = known(state, since);
        for key in &keys {
            state.book.doubt(key, since);
        }
        before
    });
    reader::ensure_known(&context, &keys).await;
    let now = Timestamp::now();
    let (after, woken) = context.with_state(|state| {
        let after = known(state, now);
        let pairs = keys.iter().zip(before.iter().zip(&after));
        let otherwise: Vec<ObjectKey> =
            pairs.filter(|(_, (before, after))| before != after).map(|(key, _)| key.clone()).collect();
        let woken = state.secrets_rang(&otherwise);
        (after, woken)
    });
    if before != after {
        context.registry_news.notify_one();
    }
    wake_all(&context, Watched::Secrets, woken);
    after
}

/// Whether there is one of that name, and stays.
async fn is_there<K>(context: &Context, call: &'static str, namespace: &str, name: &str) -> Result<bool, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), namespace);
    // `list` is what the operator may do.
    let only = ListParams::default().fields(&format!("metadata.name={name}"));
    let span = Call::ListOne(call, name).span(namespace);
    let found = api.list_metadata(&only).instrument(span.clone()).await;
    spans::ended(&span, if found.is_ok() { "listed" } else { "failed" }, found.is_err());
    Ok(found?.items.iter().any(|object| object.metadata.deletion_timestamp.is_none()))
}
