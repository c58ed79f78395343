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
use crate::api::status::StepStatus;
use crate::cli::credentials::{Files, ImageOf, files, images_of_world, names};
use crate::cli::doctor::seen::{Read, read};
use crate::cli::error::Error;
use crate::cli::installed;
use crate::cli::plan::live::look;
use crate::model::pod::{PIPELINE_LABEL, owner_uid};

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
    /// The images of steps that have no Pod, with what theirs would list.
    pub forecast: Vec<ImageOf>,
    /// What was not looked at for that, in sentences.
    pub forecast_unread: Vec<String>,
    /// The pull secrets of the Pods and of what is forecast, without a login.
    pub pull_secrets: Files,
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
        let mut pull_secrets: BTreeSet<String> = chosen.into_iter().flat_map(offered).collect();
        let operator = installed::deployments(self.client, self.operator_namespace).await;
        let (forecast, forecast_unread) =
            self.forecast(&pipeline, pods.as_deref().unwrap_or_default(), &operator).await;
        pull_secrets.extend(names(&forecast));
        let (secrets, pull_secrets) =
            tokio::join!(self.versions(&pipeline), files(self.client, self.namespace, pull_secrets));
        Seen {
            now: Timestamp::now(),
            pipeline,
            pods,
            events,
            operator,
            operator_namespace: self.operator_namespace.to_owned(),
            secrets,
            forecast,
            forecast_unread,
            pull_secrets,
        }
    }

    /// The images of steps that have no Pod and may still get one, by the operator's own order; and what could not be looked at.
    async fn forecast(
        &self,
        pipeline: &Pipeline,
        pods: &[Pod],
        operator: &Read<Vec<Deployment>>,
    ) -> (Vec<ImageOf>, Vec<String>) {
        let waiting = without_pods(pipeline, pods);
        if waiting.as_ref().is_some_and(Vec::is_empty) {
            return (Vec::new(), Vec::new());
        }
        let unread = |error: Error| (Vec::new(), vec![format!("which logins are offered is not known: {error}")]);
        let object = match serde_json::to_value(pipeline) {
            Ok(object) => object,
            Err(error) => return unread(error.into()),
        };
        let spec = object.get("spec").cloned().unwrap_or_default();
        let wire = match serde_json::from_value(object) {
            Ok(wire) => wire,
            Err(error) => return unread(error.into()),
        };
        let installed = installed::look(self.client, self.operator_namespace, operator).await;
        match Box::pin(look(self.client, wire, &installed.defaults)).await {
            Ok(looked) => {
                let is_waiting = |image: &ImageOf| waiting.as_ref().is_none_or(|steps| steps.contains(&image.step));
                let said = format!("not looked at for the logins: {}", looked.unread.join(", "));
                let unread = Some(said).filter(|_| !looked.unread.is_empty());
                let images: Vec<ImageOf> =
                    images_of_world(&looked.world, &spec).into_iter().filter(is_waiting).collect();
                let unseen = installed.unseen(images.iter().any(|image| image.is_helper));
                (images, unread.into_iter().chain(unseen).collect())
            }
            Err(error) => unread(error),
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
}

/// The steps that have no Pod and may still get one; `None`: no operator has looked, and that may be all of them.
pub(super) fn without_pods(pipeline: &Pipeline, pods: &[Pod]) -> Option<Vec<String>> {
    let steps = &pipeline.status.as_ref()?.steps;
    let waits = |step: &&StepStatus| !step.state.is_over() && chosen::of(pipeline, step, pods).is_none();
    (!steps.is_empty()).then(|| steps.iter().filter(waits).map(|step| step.name.clone()).collect())
}

/// The pull secrets that a Pod lists.
pub(super) fn offered(pod: &Pod) -> Vec<String> {
    let listed = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
    listed.map(|reference| reference.name.clone()).collect()
}
