//! What is looked at: each read may be refused by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, PartialObjectMeta};
use kube::core::{ApiResource, ObjectMeta};
use kube::{Api, Client, ResourceExt};

use super::chosen;
use crate::api::pipeline::Pipeline;
use crate::api::reason::ReferenceState;
use crate::cli::doctor::projector::is_projector;
use crate::cli::doctor::seen::{LABEL, Read, Unread, read};
use crate::cli::error::Error;
use crate::cli::values::{self, Form, PullFile};
use crate::model::pod::{PIPELINE_LABEL, owner_uid};
use crate::model::registry::{Fault, Gravity};

/// An answer that does not come within this time is taken for none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that the way may be judged by.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When.
    pub now: Timestamp,
    /// The Pipeline.
    pub pipeline: Pipeline,
    /// The Pods that it owns.
    pub pods: Read<Vec<Pod>>,
    /// Events of those Pods of which the way is told.
    pub events: Read<Vec<Event>>,
    /// The Deployments with the operator's label.
    pub operator: Read<Vec<Deployment>>,
    /// The namespace in which they were looked for.
    pub operator_namespace: String,
    /// Secrets that status calls missing or changed: the one that is there now.
    pub secrets: BTreeMap<String, Read<Option<Now>>>,
    /// The pull secrets of the Pods, without a login.
    pub pull_secrets: BTreeMap<String, Read<Option<PullSecret>>>,
}

/// A Secret as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    /// Its `resourceVersion`.
    pub version: String,
    /// When it was made.
    pub made_at: Option<Timestamp>,
}

impl Now {
    fn of(metadata: ObjectMeta) -> Self {
        Self {
            version: metadata.resource_version.unwrap_or_default(),
            made_at: metadata.creation_timestamp.map(|time| time.0),
        }
    }
}

/// A pull secret as far as it may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PullSecret {
    /// The keys of its entries: hosts, perhaps with paths. Of one that is no docker config: none.
    pub entries: Vec<String>,
    /// A fault for which the kubelet pulls no image at all.
    pub breaks: Option<Fault>,
}

/// Where to look.
#[derive(Clone)]
pub(super) struct Place<'a> {
    /// With the user's own rights.
    pub client: &'a Client,
    /// The Pipeline's namespace.
    pub namespace: &'a str,
    /// The operator's.
    pub operator_namespace: &'a str,
}

impl Place<'_> {
    /// Looks at everything that has to do with this Pipeline.
    pub(super) async fn look(&self, pipeline: Pipeline) -> Seen {
        let pods = self.pods(&pipeline).await;
        let chosen = chosen::pods(&pipeline, pods.as_deref().unwrap_or_default());
        let names: Vec<String> = chosen.into_iter().map(ResourceExt::name_any).collect();
        let events = self.events(&names).await;
        self.besides(pipeline, pods, events).await
    }

    /// The same, where Pods and events are known.
    pub(super) async fn besides(&self, pipeline: Pipeline, pods: Read<Vec<Pod>>, events: Read<Vec<Event>>) -> Seen {
        let chosen = chosen::pods(&pipeline, pods.as_deref().unwrap_or_default());
        let pull_secrets = chosen.into_iter().flat_map(offered).collect();
        let (operator, secrets, pull_secrets) =
            tokio::join!(self.operator(), self.versions(&pipeline), self.pull_secrets(pull_secrets));
        Seen {
            now: Timestamp::now(),
            pipeline,
            pods,
            events,
            operator,
            operator_namespace: self.operator_namespace.to_owned(),
            secrets,
            pull_secrets,
        }
    }

    async fn pods(&self, pipeline: &Pipeline) -> Read<Vec<Pod>> {
        let label = format!("{PIPELINE_LABEL}={}", pipeline.name_any());
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), self.namespace);
        let found = read(PATIENCE, pods.list(&ListParams::default().labels(&label))).await?;
        // A label is no proof of whose it is.
        let is_owned = |pod: &Pod| owner_uid(pod).is_some() && owner_uid(pod) == pipeline.metadata.uid.as_deref();
        Ok(found.items.into_iter().filter(is_owned).collect())
    }

    async fn operator(&self) -> Read<Vec<Deployment>> {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), self.operator_namespace);
        let found = read(PATIENCE, deployments.list(&ListParams::default().labels(LABEL))).await?;
        Ok(found.items.into_iter().filter(|deployment| !is_projector(deployment)).collect())
    }

    /// The events of these Pods.
    async fn events(&self, pods: &[String]) -> Read<Vec<Event>> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), self.namespace);
        let of = |pod: &String| {
            let fields = format!("involvedObject.kind=Pod,involvedObject.name={pod}");
            let events = events.clone();
            async move { read(PATIENCE, events.list(&ListParams::default().fields(&fields))).await }
        };
        let found = join_all(pods.iter().map(of)).await.into_iter().collect::<Read<Vec<_>>>()?;
        Ok(found.into_iter().flat_map(|list| list.items).collect())
    }

    /// Whether what status calls missing is there by now, and which version of what changed.
    async fn versions(&self, pipeline: &Pipeline) -> BTreeMap<String, Read<Option<Now>>> {
        let rows = pipeline.status.iter().flat_map(|status| &status.references).filter(|row| row.kind.is_none());
        let names: BTreeSet<String> = rows
            .filter(|row| row.state == ReferenceState::NotFound || row.stale == Some(true))
            .map(|row| row.name.clone())
            .collect();
        let secrets: Api<PartialObjectMeta> = Api::namespaced_with(
            self.client.clone(),
            self.namespace,
            &ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&()),
        );
        let of = |name: String| {
            let secrets = secrets.clone();
            async move {
                let found = read(PATIENCE, secrets.get_metadata_opt(&name)).await;
                (name, found.map(|found| found.map(|found| Now::of(found.metadata))))
            }
        };
        join_all(names.into_iter().map(of)).await.into_iter().collect()
    }

    async fn pull_secrets(&self, names: BTreeSet<String>) -> BTreeMap<String, Read<Option<PullSecret>>> {
        let of = |name: String| async move {
            let found = values::read(self.client, self.namespace, &name).await;
            let found = found.map(|found| found.map(|secret| PullSecret::of(&secret))).map_err(unread);
            (name, found)
        };
        join_all(names.into_iter().map(of)).await.into_iter().collect()
    }
}

/// The pull secrets that a Pod lists.
pub(super) fn offered(pod: &Pod) -> Vec<String> {
    let listed = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
    listed.map(|reference| reference.name.clone()).collect()
}

fn unread(error: Error) -> Unread {
    match error {
        Error::Client(kube::Error::Api(status)) if status.code == 403 => Unread::Forbidden,
        Error::Client(kube::Error::Api(status)) if status.code == 401 => Unread::Unauthorized,
        error => Unread::Refused(error.to_string()),
    }
}

impl PullSecret {
    /// Reads its file as the kubelet does, and keeps no login.
    fn of(secret: &values::Secret) -> Self {
        let file = Form::of_type(&secret.type_).and_then(|form| Some((form, secret.data.get(form.key())?)));
        let Some((form, value)) = file else { return Self::default() };
        let file = PullFile::read(form, value.expose());
        let faults = file.faults.iter().chain(file.entries.iter().flat_map(|entry| &entry.faults));
        let breaks = faults.copied().find(|fault| fault.gravity() == Gravity::Breaks);
        Self { breaks, entries: file.entries.into_iter().map(|entry| entry.key).collect() }
    }
}
