//! The file of `--pod-defaults`: what every Pod gets beside what its Pipeline asks for. It is no resource of the cluster;
//! its names are in `camelCase`, as the values of a Helm chart are.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use schemars::JsonSchema;
use serde::Deserialize;

/// What every Pod gets. A field that is left out or empty gives nothing.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct PodDefaults {
    /// Names of pull secrets in the Pod's own namespace.
    pub image_pull_secrets: Vec<String>,
    /// Labels that the node must carry.
    pub node_selector: BTreeMap<String, String>,
    /// Tolerated taints.
    pub tolerations: Vec<Toleration>,
    /// The `PriorityClass`.
    pub priority_class_name: String,
    /// Labels of the Pod.
    pub pod_labels: BTreeMap<String, String>,
}
