//! `Pipeline`: the custom resource that names Secrets and says what to run with them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerPort, Probe, Toleration};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::status::PipelineStatus;
use super::step::Step;
use super::transform::{SecretEntry, Transform};
use super::{cel, rules};

/// A Pipeline runs a container once every Secret that it names is in place.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "lockgate.dev",
    version = "v1alpha1",
    kind = "Pipeline",
    namespaced,
    status = "PipelineStatus",
    shortname = "lgp",
    category = "lockgate",
    validation = Rule::new(cel::NAME).message(rules::NAME).field_path(".metadata.name"),
    doc = "A Pipeline waits until every Secret that it names is in place, then runs.",
    scale(
        spec_replicas_path = ".spec.parallelism",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Secrets", type_ = "string", json_path = ".status.resolved"),
    printcolumn(name = "Waiting-For", type_ = "string", json_path = ".status.waitingFor"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Run", type_ = "integer", json_path = ".status.run.number", priority = 1),
    printcolumn(name = "Pod", type_ = "string", json_path = ".status.steps[0].pod", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[x_kube(validation = Rule::new(cel::steps::TRANSFORM_OR_STEPS).message(rules::TRANSFORM_OR_STEPS))]
#[x_kube(validation = Rule::new(cel::ENV_UNIQUE_SPEC).message(rules::ENV_UNIQUE_SPEC).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::ENV_UNIQUE_LITERAL).message(rules::ENV_UNIQUE_LITERAL).field_path(".transform.env"))]
#[x_kube(validation = Rule::new(cel::MOUNT_PATH_NESTED_SPEC).message(rules::MOUNT_PATH_NESTED).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::MOUNT_PATH_SUB_PATH_SPEC).message(rules::MOUNT_PATH_SUB_PATH).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::FILE_UNIQUE_SPEC).message(rules::FILE_UNIQUE).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::FILES_AT_MOST).message(rules::FILES_AT_MOST))]
#[x_kube(validation = Rule::new(cel::volumes::APART_SPEC).message(rules::VOLUMES_APART).field_path(".transform.volumes"))]
#[x_kube(validation = Rule::new(cel::volumes::MEMORY_APART_SPEC).message(rules::MEMORY_VOLUME_APART).field_path(".transform.memory_volume"))]
#[x_kube(validation = Rule::new(cel::input::ENV_UNIQUE_SPEC).message(rules::INPUT_ENV_UNIQUE).field_path(".transform.input"))]
#[x_kube(validation = Rule::new(cel::input::APART_SPEC).message(rules::INPUT_APART).field_path(".transform.input"))]
#[x_kube(validation = Rule::new(cel::USER_RESTRICTED).message(rules::USER_RESTRICTED).field_path(".transform.user"))]
#[x_kube(validation = Rule::new(cel::RESOURCE_NEEDS_LIMIT).message(rules::RESOURCE_NEEDS_LIMIT).field_path(".resource_requests"))]
#[x_kube(validation = Rule::new(cel::REFERENCES_AT_MOST).message(rules::REFERENCES_AT_MOST))]
#[x_kube(validation = Rule::new(cel::steps::ENV_UNIQUE_SPEC).message(rules::ENV_UNIQUE_SPEC).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::steps::ENV_UNIQUE_LITERAL).message(rules::ENV_UNIQUE_LITERAL).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::steps::MOUNT_PATH_NESTED).message(rules::MOUNT_PATH_NESTED).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::steps::MOUNT_PATH_SUB_PATH).message(rules::MOUNT_PATH_SUB_PATH).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::steps::FILE_UNIQUE).message(rules::FILE_UNIQUE).field_path(".secrets"))]
#[x_kube(validation = Rule::new(cel::steps::FILES_AT_MOST).message(rules::FILES_AT_MOST))]
#[x_kube(validation = Rule::new(cel::volumes::APART_STEPS).message(rules::VOLUMES_APART).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::volumes::MEMORY_APART_STEPS).message(rules::MEMORY_VOLUME_APART).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::steps::USER_RESTRICTED).message(rules::USER_RESTRICTED).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::steps::RESOURCE_NEEDS_LIMIT).message(rules::RESOURCE_NEEDS_LIMIT).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::input::ENV_UNIQUE_STEPS).message(rules::INPUT_ENV_UNIQUE).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::input::APART_STEPS).message(rules::INPUT_APART).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::steps::REFERENCES_AT_MOST).message(rules::REFERENCES_AT_MOST))]
#[x_kube(validation = Rule::new(cel::service::HAS_NO_STEPS).message(rules::SERVICE_HAS_NO_STEPS).field_path(".steps"))]
#[x_kube(validation = Rule::new(cel::service::HAS_NO_TIMEOUT).message(rules::SERVICE_HAS_NO_END).field_path(".timeout"))]
#[x_kube(validation = Rule::new(cel::service::HAS_NO_TTL).message(rules::SERVICE_HAS_NO_END).field_path(".ttl_after_finished"))]
#[x_kube(validation = Rule::new(cel::service::ROLL_NEEDS_ROOM).message(rules::ROLL_NEEDS_ROOM).field_path(".max_surge"))]
#[x_kube(validation = Rule::new(cel::service::ONLY_PORTS).message(rules::ONLY_OF_SERVICES).field_path(".ports"))]
#[x_kube(validation = Rule::new(cel::service::ONLY_READINESS_PROBE).message(rules::ONLY_OF_SERVICES).field_path(".readiness_probe"))]
#[x_kube(validation = Rule::new(cel::service::ONLY_LIVENESS_PROBE).message(rules::ONLY_OF_SERVICES).field_path(".liveness_probe"))]
#[x_kube(validation = Rule::new(cel::service::ONLY_MAX_SURGE).message(rules::ONLY_OF_SERVICES).field_path(".max_surge"))]
#[x_kube(validation = Rule::new(cel::service::ONLY_MAX_UNAVAILABLE).message(rules::ONLY_OF_SERVICES).field_path(".max_unavailable"))]
#[x_kube(validation = Rule::new(cel::service::ONLY_PROGRESS_DEADLINE).message(rules::ONLY_OF_SERVICES).field_path(".progress_deadline"))]
#[x_kube(validation = Rule::new(cel::service::READINESS_PORT_IS_NAMED).message(rules::PROBE_PORT_IS_NAMED).field_path(".readiness_probe"))]
#[x_kube(validation = Rule::new(cel::service::LIVENESS_PORT_IS_NAMED).message(rules::PROBE_PORT_IS_NAMED).field_path(".liveness_probe"))]
pub struct PipelineSpec {
    /// The work: one container, in the words of a Pachyderm `transform`. Either this or `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,

    /// The work: containers that run side by side, each when the steps that it needs have succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(cel::steps::NAMES_UNIQUE).message(rules::STEP_NAMES_UNIQUE))]
    #[x_kube(validation = Rule::new(cel::steps::NEEDS_KNOWN).message(rules::NEEDS_KNOWN))]
    #[x_kube(validation = Rule::new(cel::steps::NO_CIRCLE).message(rules::NO_CIRCLE))]
    pub steps: Vec<Step>,

    /// Secrets given to every step, in the same forms as a transform's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(cel::ENV_UNIQUE).message(rules::ENV_UNIQUE))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_NESTED).message(rules::MOUNT_PATH_NESTED))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_SUB_PATH).message(rules::MOUNT_PATH_SUB_PATH))]
    #[x_kube(validation = Rule::new(cel::FILE_UNIQUE).message(rules::FILE_UNIQUE))]
    pub secrets: Vec<SecretEntry>,

    /// Names of pull Secrets given to every step, after the step's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 253)))]
    #[x_kube(validation = Rule::new(cel::ALL_SUBDOMAINS).message(rules::PULL_SECRET_NAME))]
    pub image_pull_secrets: Vec<String>,

    /// How the Pods live. `Job`: they run to their end. `Service`: they are kept running; only with `transform`.
    #[serde(default)]
    pub mode: Mode,

    /// How many equal Pods a step has; each finds its number, from 0, in `LOCKGATE_INDEX`. `kubectl scale` sets it. A
    /// change adds or removes Pods of a Service, and counts from the next run of a Job.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub parallelism: i32,

    /// Ports of a Service's container, as in a Pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(cel::service::PORT_NAMES_UNIQUE).message(rules::PORT_NAMES_UNIQUE))]
    pub ports: Vec<ContainerPort>,

    /// When a Pod of a Service is ready, as in a Pod. Absent: as soon as it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,

    /// When the kubelet starts a Service's container again, as in a Pod. Absent: when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,

    /// How many Pods a Service may have above `parallelism` while it rolls. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_surge: Option<i32>,

    /// How many Pods of a Service may be missing or not ready while it rolls. Absent: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_unavailable: Option<i32>,

    /// A roll stops at the first Pod that is not ready after this time, such as `10m`, which is what an absent one means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub progress_deadline: Option<String>,

    /// What happens to a running Pod when a Secret that it uses changes. `Restart`: a fresh Pod takes its place if it
    /// uses the Secret as an environment variable or by `sub_path`. `RestartAll`: also if it mounts it. `Ignore`: it
    /// is left alone. Absent: `Restart` for a Service, `Ignore` for a Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_secret_change: Option<OnSecretChange>,

    /// Changes of Secrets that follow each other within this time, such as `10s`, make fresh Pods once. Absent: `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub rotation_debounce: Option<String>,

    /// What a missing Secret means. `Wait`: nothing starts until it is there. `Fail`: the run fails at once.
    #[serde(default)]
    pub on_missing_secret: OnMissingSecret,

    /// The end of the waiting, counted from `status.waitingSince`, such as `24h` or `1h30m`. Absent: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub missing_secret_timeout: Option<String>,

    /// How often a failed Pod is followed by a fresh one, after a pause that doubles from 10 seconds to 6 minutes. Pods that
    /// were deleted, evicted or lost with their node are replaced and do not count.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub retries: i32,

    /// How long a run may take, from its first Pod on, such as `1h`. Absent: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub timeout: Option<String>,

    /// How long a Pod may take to run, such as `15m`; one that takes longer is a failed try. Absent: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub pending_timeout: Option<String>,

    /// The Pipeline itself is deleted so long after its run ended, such as `24h`. Not for one that Argo CD, Flux or Helm
    /// manages: it would come back. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(validation = Rule::new(cel::DURATION).message(rules::DURATION))]
    pub ttl_after_finished: Option<String>,

    /// `false` keeps what a container wrote to `/dev/termination-log` out of status. Whoever may read the Pipeline may
    /// read it there.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub termination_message: bool,

    /// Of how many runs that ended the Pods are kept, for their logs. Their results stay in `status.runs`.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 100))]
    pub history_limit: i32,

    /// `true` holds back every new Pod; one that runs already is left to finish.
    #[serde(default)]
    pub suspend: bool,

    /// `Baseline` sets seccomp `RuntimeDefault` and nothing else, so that ordinary images run. `Restricted` sets all
    /// that the Pod Security level `restricted` asks for; the image must then run as a user other than root.
    #[serde(default)]
    pub security: Security,

    /// The ServiceAccount of the Pods. Absent: the namespace's `default`, and no token is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::SERVICE_ACCOUNT_NAME))]
    pub service_account_name: Option<String>,

    /// When the kubelet asks the registry. Absent: Kubernetes' own default (`Always` for `:latest`, else `IfNotPresent`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,

    /// Resources that the scheduler reserves, by Kubernetes' resource names (`cpu`, `memory`, `ephemeral-storage`, `nvidia.com/gpu`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = Rule::new(cel::RESOURCE_NAMES).message(rules::RESOURCE_NAME))]
    #[x_kube(validation = Rule::new(cel::QUANTITIES).message(rules::QUANTITY))]
    pub resource_requests: BTreeMap<String, Quantity>,

    /// Resources that the container may not exceed, by the same names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = Rule::new(cel::RESOURCE_NAMES).message(rules::RESOURCE_NAME))]
    #[x_kube(validation = Rule::new(cel::QUANTITIES).message(rules::QUANTITY))]
    pub resource_limits: BTreeMap<String, Quantity>,

    /// Where the Pods may be placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling_spec: Option<SchedulingSpec>,

    /// Taints that the Pods tolerate, as in a Pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tolerations: Vec<Toleration>,

    /// Labels and annotations of the emitted Pods. Keys of GitOps tools and of `lockgate.dev/` are not passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PodMetadata>,
}

fn one() -> i32 {
    1
}

fn three() -> i32 {
    3
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands a reference.
fn is_true(value: &bool) -> bool {
    *value
}

/// How the Pods of a Pipeline live.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They run to their end.
    #[default]
    Job,
    /// They are kept running.
    Service,
}

/// What happens to a running Pod when a Secret that it uses changes.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSecretChange {
    /// A fresh Pod takes its place if it uses the Secret as an environment variable or by `sub_path`.
    Restart,
    /// Also if it mounts the Secret.
    RestartAll,
    /// It is left alone.
    Ignore,
}

/// What a missing Secret means for a run that has not started.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissingSecret {
    /// Nothing starts until it is there.
    #[default]
    Wait,
    /// The run fails at once.
    Fail,
}

/// The security context of the emitted Pods, after the Pod Security Standards' levels.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Seccomp `RuntimeDefault` and nothing else.
    #[default]
    Baseline,
    /// All that the level `restricted` asks for.
    Restricted,
}

/// When the kubelet asks the registry for an image.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagePullPolicy {
    /// At every start.
    Always,
    /// When the node does not hold it.
    IfNotPresent,
    /// Never: the node holds it, or the Pod does not start.
    Never,
}

impl ImagePullPolicy {
    /// Kubernetes' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// An amount of a resource in Kubernetes' notation: `100m`, `64Mi`, or a bare integer.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum Quantity {
    /// A bare integer, as in `cpu: 2`.
    Number(i64),
    /// Any other form, as in `memory: 64Mi`.
    Text(String),
}

impl schemars::JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 32,
        })
    }
}

/// Where the Pods may be placed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct SchedulingSpec {
    /// Labels that the node must carry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = json!({"type": "string", "maxLength": 63})))]
    #[x_kube(validation = Rule::new(cel::LABEL_KEYS).message(rules::LABEL_KEY))]
    #[x_kube(validation = Rule::new(cel::LABEL_VALUES).message(rules::LABEL_VALUE))]
    pub node_selector: BTreeMap<String, String>,

    /// The PriorityClass of the Pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN_OR_EMPTY).message(rules::PRIORITY_CLASS_NAME))]
    pub priority_class_name: Option<String>,
}

/// Labels and annotations of the emitted Pods.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PodMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = json!({"type": "string", "maxLength": 63})))]
    #[x_kube(validation = Rule::new(cel::LABEL_KEYS).message(rules::LABEL_KEY))]
    #[x_kube(validation = Rule::new(cel::LABEL_VALUES).message(rules::LABEL_VALUE))]
    pub labels: BTreeMap<String, String>,

    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = json!({"type": "string", "maxLength": 262_144})))]
    #[x_kube(validation = Rule::new(cel::ANNOTATION_KEYS).message(rules::LABEL_KEY))]
    pub annotations: BTreeMap<String, String>,
}
