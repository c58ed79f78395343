//! What the operator was told to give to every Pod. A Pipeline's own words win, and none of it is part of a run's key.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;

use super::names::SecretName;
use crate::api::pipeline::ImagePullPolicy;

/// What every Pod gets, checked. Made by [`super::validate::pod_defaults`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// Pull secrets in the Pod's own namespace, each once. They hold nothing back.
    pub pull_secrets: Vec<SecretName>,
    /// What renders a step's input.
    pub helper: Helper,
    /// Labels that the node must carry.
    pub node_selector: BTreeMap<String, String>,
    /// Tolerated taints.
    pub tolerations: Vec<Toleration>,
    /// The `PriorityClass`.
    pub priority_class_name: Option<String>,
    /// Labels of the Pod.
    pub labels: BTreeMap<String, String>,
}

/// The image of the init container that renders inputs: our own, perhaps mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The image reference.
    pub image: String,
    /// When the kubelet asks its registry; `None`: as Kubernetes has it.
    pub pull_policy: Option<ImagePullPolicy>,
    /// Pull secrets for it in the Pod's own namespace, each once. They hold nothing back.
    pub pull_secrets: Vec<SecretName>,
}

/// The image of this version, by the name that the manifests give it.
pub const HELPER_IMAGE: &str = concat!("lockgate:", env!("CARGO_PKG_VERSION"));

impl Default for Helper {
    fn default() -> Self {
        Self { image: HELPER_IMAGE.to_owned(), pull_policy: None, pull_secrets: Vec::new() }
    }
}
