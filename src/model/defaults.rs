//! What the operator was told to give to every Pod. A Pipeline's own words win, and none of it is part of a run's key.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;

use super::names::SecretName;

/// What every Pod gets, checked. Made by [`super::validate::pod_defaults`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// Pull secrets in the Pod's own namespace, each once. They hold nothing back.
    pub pull_secrets: Vec<SecretName>,
    /// Labels that the node must carry.
    pub node_selector: BTreeMap<String, String>,
    /// Tolerated taints.
    pub tolerations: Vec<Toleration>,
    /// The `PriorityClass`.
    pub priority_class_name: Option<String>,
    /// Labels of the Pod.
    pub labels: BTreeMap<String, String>,
}
