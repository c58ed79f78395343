//! `Registry` and `ClusterRegistry`: credentials that attach themselves to every image of a host.
#![allow(clippy::duplicated_attributes)] // Several columns of one type.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{cel, rules};

/// The pull secrets of one host, for one namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "lockgate.dev",
    version = "v1alpha1",
    kind = "Registry",
    plural = "registries",
    namespaced,
    status = "RegistryStatus",
    shortname = "lgr",
    category = "lockgate",
    doc = "A Registry gives its pull secret to every image of its host in its namespace.",
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.secret.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Used-By", type_ = "integer", json_path = ".status.usedBy"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
pub struct RegistrySpec {
    /// The host as it stands in images, with its port if it has one: `registry.example.com:5000`. For Docker Hub `docker.io`, or any address that Docker knows it by.
    #[schemars(length(min = 1, max = 320))]
    #[x_kube(validation = Rule::new(cel::REGISTRY_HOST).message(rules::REGISTRY_HOST))]
    pub host: String,

    /// The pull secret, in the Registry's own namespace: of type `kubernetes.io/dockerconfigjson` or `kubernetes.io/dockercfg`.
    pub secret: LocalSecret,
}

/// A Secret of the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSecret {
    /// The Secret's name.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::REGISTRY_SECRET))]
    pub name: String,
}

/// What the operator last saw.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RegistryStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the operator saw the Registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`: whether the pull secret is there, of a type that the kubelet reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// How many Pipelines of the namespace have an image of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<i32>,
}

/// The credentials of one host, for many namespaces.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "lockgate.dev",
    version = "v1alpha1",
    kind = "ClusterRegistry",
    plural = "clusterregistries",
    status = "ClusterRegistryStatus",
    shortname = "lgcr",
    category = "lockgate",
    doc = "A ClusterRegistry gives credentials to every image of its host, in the namespaces that it is for.",
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host"),
    printcolumn(name = "Scope", type_ = "string", json_path = ".spec.scope"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.secret.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Copies", type_ = "integer", json_path = ".status.copies"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
pub struct ClusterRegistrySpec {
    /// The host as it stands in images, with its port if it has one: `registry.example.com:5000`. For Docker Hub `docker.io`, or any address that Docker knows it by.
    #[schemars(length(min = 1, max = 320))]
    #[x_kube(validation = Rule::new(cel::REGISTRY_HOST).message(rules::REGISTRY_HOST))]
    pub host: String,

    /// The pull secret that copies are made of. Its namespace is one of those that the projector was given.
    pub secret: SecretOfNamespace,

    /// Which namespaces it is for.
    #[serde(default)]
    pub scope: Scope,

    /// Only namespaces with these labels. Absent: all that `scope` allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
}

/// A Secret of a namespace that is named. Only a cluster's administrator writes this.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretOfNamespace {
    /// The Secret's namespace.
    #[schemars(length(max = 63))]
    #[x_kube(validation = Rule::new(cel::steps::NAME).message(rules::NAMESPACE))]
    pub namespace: String,
    /// The Secret's name.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::REGISTRY_SECRET))]
    pub name: String,
}

/// Which namespaces a ClusterRegistry is for.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    #[default]
    Global,
    /// Those of the platform: with the label `lockgate.dev/system: "true"`.
    GlobalPrivate,
}

/// What the projector last saw.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRegistryStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the projector saw the ClusterRegistry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`: whether the credentials could be read, and stand where they are needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// In how many namespaces its credentials stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<i32>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// docs/reference.md shows fields of these: each is known, and has its type.
    #[test]
    fn the_objects_of_the_reference_are_ones_that_could_be_written() {
        let text = include_str!("../../hack/reference/status/registries.yaml");
        let [registry, cluster]: [Value; 2] = serde_saphyr::from_multiple(text).unwrap().try_into().unwrap();
        let read: Registry = serde_json::from_value(registry.clone()).unwrap();
        assert_eq!((&json!(read)["spec"], &json!(read)["status"]), (&registry["spec"], &registry["status"]));
        let read: ClusterRegistry = serde_json::from_value(cluster.clone()).unwrap();
        assert_eq!((&json!(read)["spec"], &json!(read)["status"]), (&cluster["spec"], &cluster["status"]));
    }
}
