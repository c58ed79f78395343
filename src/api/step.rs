//! A step of a graph: a transform's fields, a name, what it needs, and what it does otherwise than the spec says.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::pipeline::{ImagePullPolicy, Quantity, SchedulingSpec};
use super::transform::Transform;
use super::{cel, rules};

/// One container of a graph. Its fields win over those of the same name in the spec.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The step's name: a DNS label of at most 40 characters.
    #[schemars(length(max = 40))]
    #[x_kube(validation = Rule::new(cel::steps::NAME).message(rules::STEP_NAME))]
    #[x_kube(validation = Rule::new(cel::steps::NAME_OURS).message(rules::STEP_NAME_OURS))]
    pub name: String,

    /// Names of steps that have to succeed before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 40)))]
    #[x_kube(validation = Rule::new(cel::steps::NEEDS_UNIQUE).message(rules::NEEDS_UNIQUE))]
    pub needs: Vec<String>,

    /// The container. A step's `secrets` and their `items` have bounds of their own (`amend`).
    #[serde(flatten)]
    pub container: Transform,

    /// How many equal Pods the step has. Absent: as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub parallelism: Option<i32>,

    /// How often a failed Pod is followed by a fresh one. Absent: as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub retries: Option<i32>,

    /// How long this step may take, from its first Pod on, such as `1h`. The run's own `timeout` holds as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub timeout: Option<String>,

    /// How long a Pod may take to run, such as `15m`. Absent: as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub pending_timeout: Option<String>,

    /// The ServiceAccount of the step's Pods. Absent: as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::SERVICE_ACCOUNT_NAME))]
    pub service_account_name: Option<String>,

    /// When the kubelet asks the registry. Absent: as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,

    /// Resources that the scheduler reserves. Not empty: instead of the spec's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = Rule::new(cel::RESOURCE_NAMES).message(rules::RESOURCE_NAME))]
    #[x_kube(validation = Rule::new(cel::QUANTITIES).message(rules::QUANTITY))]
    pub resource_requests: BTreeMap<String, Quantity>,

    /// Resources that the container may not exceed. Not empty: instead of the spec's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = Rule::new(cel::RESOURCE_NAMES).message(rules::RESOURCE_NAME))]
    #[x_kube(validation = Rule::new(cel::QUANTITIES).message(rules::QUANTITY))]
    pub resource_limits: BTreeMap<String, Quantity>,

    /// Where the step's Pods may be placed. Absent: as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling_spec: Option<SchedulingSpec>,

    /// Taints that the step's Pods tolerate. Not empty: instead of the spec's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tolerations: Vec<Toleration>,
}
