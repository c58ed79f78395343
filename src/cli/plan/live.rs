//! The world as the operator sees it, read with the user's own rights.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::offline;
use crate::api::reason::ObjectKind;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::registry::seen;
use crate::controller::facts::ReadOutcome;
use crate::controller::key::ObjectKey;
use crate::controller::object::{RUN_REQUESTED_AT, WirePipeline};
use crate::controller::reader;
use crate::model::attached::secret_names;
use crate::model::defaults::Defaults;
use crate::model::pod::{MANAGED_BY, MANAGED_BY_LABEL, PIPELINE_LABEL, owner_uid};
use crate::model::secret::{AccountKnowledge, SecretKnowledge};
use crate::model::volume::{ObjectKnowledge, ObjectRef};
use crate::model::work::Work;
use crate::model::world::{PodFacts, WorkState, World};

/// So many reads are under way at once.
const AT_ONCE: usize = 8;

/// What was seen.
pub(in crate::cli) struct Look {
    /// Everything that the operator would look at.
    pub world: World,
    /// The Pods of the Pipeline, whole.
    pub pods: Vec<Pod>,
    /// What this user may not read, and what is taken for good therefore.
    pub unread: Vec<String>,
}

/// The manifest as it would stand in the cluster if it were applied: what runs already keeps its identity and its history.
pub(super) async fn applied(client: &Client, mut wire: WirePipeline) -> Result<WirePipeline, Error> {
    let namespace = wire.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<WirePipeline> = Api::namespaced(client.clone(), namespace);
    let Some(there) = api.get_opt(wire.metadata.name.as_deref().unwrap_or_default()).await? else { return Ok(wire) };
    let mut annotations = there.metadata.annotations.unwrap_or_default();
    annotations.retain(|key, _| key == RUN_REQUESTED_AT);
    annotations.extend(wire.metadata.annotations.take().unwrap_or_default());
    wire.metadata.annotations = Some(annotations);
    wire.metadata.uid = there.metadata.uid;
    wire.metadata.resource_version = there.metadata.resource_version;
    wire.metadata.generation = there.metadata.generation;
    wire.metadata.deletion_timestamp = there.metadata.deletion_timestamp;
    wire.status = there.status;
    Ok(wire)
}

/// Looks at everything that the Pipeline names, and at its Pods.
pub(in crate::cli) async fn look(client: &Client, wire: WirePipeline, defaults: &Arc<Defaults>) -> Result<Look, Error> {
    let mut world = offline::world(wire, defaults, Timestamp::now());
    let mut look = Look { pods: pods(client, &world).await?, unread: Vec::new(), world: world.clone() };
    world.pods = look.pods.iter().map(PodFacts::of).collect();
    if let WorkState::Valid(work) = world.work.clone() {
        accounts(client, &work, &mut world, &mut look.unread).await?;
        objects(client, &work, &mut world, &mut look.unread).await?;
        registries(client, &mut world, &mut look.unread).await?;
        secrets(client, &work, &mut world, &mut look.unread).await;
    }
    look.world = world.assuming_the_best();
    Ok(look)
}

async fn pods(client: &Client, world: &World) -> Result<Vec<Pod>, Error> {
    let subject = &world.subject;
    if subject.uid.is_empty() {
        return Ok(Vec::new());
    }
    let api: Api<Pod> = Api::namespaced(client.clone(), &subject.namespace);
    let ours = format!("{MANAGED_BY_LABEL}={MANAGED_BY},{PIPELINE_LABEL}={}", subject.name);
    let mut pods = api.list(&ListParams::default().labels(&ours)).await?.items;
    pods.retain(|pod| owner_uid(pod) == Some(subject.uid.as_str()));
    Ok(pods)
}

async fn accounts(client: &Client, work: &Work, world: &mut World, unread: &mut Vec<String>) -> Result<(), Error> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &world.subject.namespace);
    for step in &work.steps {
        let name = step.service_account_name();
        if world.accounts.contains_key(name) {
            continue;
        }
        let known = match api.get_opt(name).await {
            Ok(Some(account)) => AccountKnowledge::Present {
                pull_secrets: account.image_pull_secrets.into_iter().flatten().map(|secret| secret.name).collect(),
            },
            Ok(None) => AccountKnowledge::Absent,
            Err(error) if is_forbidden(&error) => {
                let known = AccountKnowledge::Present { pull_secrets: Vec::new() };
                unread.push(format!("ServiceAccount {name}"));
                known
            }
            Err(error) => return Err(error.into()),
        };
        world.accounts.insert(name.to_owned(), known);
    }
    Ok(())
}

async fn objects(client: &Client, work: &Work, world: &mut World, unread: &mut Vec<String>) -> Result<(), Error> {
    for object in work.objects() {
        let namespace = &world.subject.namespace;
        let known = match object.kind {
            ObjectKind::ConfigMap => presence::<ConfigMap>(client, namespace, &object).await,
            ObjectKind::PersistentVolumeClaim => presence::<PersistentVolumeClaim>(client, namespace, &object).await,
        };
        match known {
            Ok(known) => drop(world.objects.insert(object, known)),
            Err(error) if is_forbidden(&error) => unread.push(format!("{} {}", object.kind, object.name)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether it is there; its metadata only.
async fn presence<K>(client: &Client, namespace: &str, object: &ObjectRef) -> kube::Result<ObjectKnowledge>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let there = Api::<K>::namespaced(client.clone(), namespace).get_metadata_opt(object.name.as_str()).await?;
    Ok(match there {
        None => ObjectKnowledge::Absent,
        Some(there) if there.metadata.deletion_timestamp.is_some() => ObjectKnowledge::Leaving,
        Some(_) => ObjectKnowledge::Present,
    })
}

/// Those of the namespace, and the `ClusterRegistries`; the oldest first, as the operator has them. A cluster that serves none has none.
async fn registries(client: &Client, world: &mut World, unread: &mut Vec<String>) -> Result<(), Error> {
    let namespace = world.subject.namespace.clone();
    let (own, of_all) = tokio::try_join!(seen::registries(client, Some(&namespace)), seen::cluster_registries(client))?;
    for (seen, what) in [(&own, "Registries"), (&of_all, "ClusterRegistries")] {
        unread.extend(seen.forbidden().map(|_| what.to_owned()));
    }
    let mut rows: Vec<seen::Row> = own.known().into_iter().chain(of_all.known()).flatten().collect();
    rows.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    world.registries = rows.iter().filter_map(seen::Row::facts).collect();
    Ok(())
}

/// As Tables, without a value.
async fn secrets(client: &Client, work: &Work, world: &mut World, unread: &mut Vec<String>) {
    let names = secret_names(work, &world.registries, &world.accounts, &world.defaults);
    let namespace = world.subject.namespace.clone();
    let reads = names.into_iter().map(|name| {
        let key = ObjectKey::new(namespace.as_str(), name.as_str());
        async move { (name, reader::read(client, &key).await) }
    });
    let read: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).collect().await;
    for (name, outcome) in read {
        let known = match outcome {
            ReadOutcome::Found(facts) => SecretKnowledge::Present(facts),
            ReadOutcome::NotFound => SecretKnowledge::Absent,
            ReadOutcome::Failed(why) => SecretKnowledge::Unread { why, retry_at: world.now },
            // The operator's rights are others than this user's.
            ReadOutcome::Forbidden => {
                unread.push(format!("Secret {}", printable(name.as_str())));
                continue;
            }
        };
        world.secrets.insert(name, known);
    }
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}
