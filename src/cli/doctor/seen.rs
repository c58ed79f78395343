//! What is looked at: one read after another, each of which may be refused by itself.

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};

use super::access::{self, Account, Lacking};
use super::at_rest::{self, Transformed};
use super::kubelets::{self, Kubelet};
use super::projector;
use crate::api::GROUP;
use crate::ops::causes::with_causes;

/// What Lockgate's Deployments are labelled with, however they are called: the chart's `nameOverride` changes
/// `app.kubernetes.io/name`.
pub(in crate::cli) const LABEL: &str = "app.kubernetes.io/part-of=lockgate";

/// What was read, or why it was not.
pub(in crate::cli) type Read<T> = Result<T, Unread>;

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Unread {
    /// 403.
    Forbidden,
    /// 401.
    Unauthorized,
    /// Another refusal, in the server's words.
    Refused(String),
    /// No answer, or none that can be read.
    NoAnswer(String),
}

/// Everything that a check may use.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The server's version, as in `v1.36.3`, with its major and minor.
    pub server: Read<(String, String, String)>,
    /// The CustomResourceDefinitions, each if it is there, in the order of [`crate::api::crd::all`].
    pub crds: Vec<Read<Option<CustomResourceDefinition>>>,
    /// The Deployments with Lockgate's label in the operator's namespace: operators and projectors.
    pub deployments: Read<Vec<Deployment>>,
    /// Resources of other groups.
    pub others: Read<Vec<Resource>>,
    /// Whether this account may list Pipelines in all namespaces.
    pub may_list: Read<bool>,
    /// Of each of them, the rights that its account does not have.
    pub access: Vec<(Account, Read<Vec<Lacking>>)>,
    /// How many ClusterRegistries there are.
    pub cluster_registries: Read<usize>,
    /// What the API server encrypted.
    pub at_rest: Read<Transformed>,
    /// The kubelets of the nodes.
    pub kubelets: Read<Vec<Kubelet>>,
}

/// How `kubectl` may call a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub group: String,
    /// Plural, singular and short names.
    pub names: Vec<String>,
}

/// Looks at everything that hangs on nothing else at once, so that a server that does not answer is waited for once.
/// `plurals` are those of the definitions.
pub(super) async fn look(client: &Client, namespace: &str, plurals: &[&str], patience: Duration) -> Seen {
    let all = Api::<CustomResourceDefinition>::all(client.clone());
    let definition = async |plural: &&str| read(patience, all.get_opt(&format!("{plural}.{GROUP}"))).await;
    let there = Api::<Deployment>::namespaced(client.clone(), namespace);
    let ours = ListParams::default().labels(LABEL);
    let (server, crds, deployments, others, may_list, cluster_registries, at_rest, kubelets) = tokio::join!(
        read(patience, client.apiserver_version()),
        join_all(plurals.iter().map(definition)),
        read(patience, there.list(&ours)),
        read(patience, others(client)),
        read(patience, may_list(client)),
        read(patience, projector::needed(client)),
        read(patience, at_rest::look(client)),
        read(patience, kubelets::look(client)),
    );
    let deployments = deployments.map(|list| list.items);
    let mut access = Vec::new();
    for (account, questions) in deployments.iter().flatten().filter_map(access::asked) {
        let lacking = read(patience, access::lacking(client, &account, questions)).await;
        access.push((account, lacking));
    }
    Seen {
        server: server.map(|info| (info.git_version, info.major, info.minor)),
        crds,
        deployments,
        others,
        may_list,
        access,
        cluster_registries,
        at_rest,
        kubelets,
    }
}

/// Waits so long for an answer.
pub(in crate::cli) async fn read<T>(patience: Duration, answer: impl Future<Output = kube::Result<T>>) -> Read<T> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(match status.code {
            401 => Unread::Unauthorized,
            403 => Unread::Forbidden,
            code => Unread::Refused(format!("{code} {}", status.message)),
        }),
        Ok(Err(error)) => Err(Unread::NoAnswer(with_causes(&error))),
        Err(_) => Err(Unread::NoAnswer(format!("nothing came within {patience:?}"))),
    }
}

async fn others(client: &Client) -> kube::Result<Vec<Resource>> {
    let mut found = Vec::new();
    for group in client.list_api_groups_aggregated().await?.items {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        if name == GROUP {
            continue;
        }
        for resource in group.versions.into_iter().flat_map(|version| version.resources) {
            let names = resource.resource.into_iter().chain(resource.singular_resource).chain(resource.short_names);
            let resource = Resource { group: name.clone(), names: names.filter(|name| !name.is_empty()).collect() };
            if !found.contains(&resource) {
                found.push(resource);
            }
        }
    }
    Ok(found)
}

async fn may_list(client: &Client) -> kube::Result<bool> {
    let attributes = ResourceAttributes {
        group: Some(GROUP.into()),
        resource: Some("pipelines".into()),
        verb: Some("list".into()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
