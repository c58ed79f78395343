//! `Work`: the spec's meaning. Made by [`super::parse`], read by `plan` and `build`.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ContainerPort, Probe, Toleration};
use k8s_openapi::jiff::SignedDuration;

use super::names::{EnvVarName, MountPath, SecretKey, SecretName};
use super::volume::{ObjectRef, VolumeUse};
use crate::api::pipeline::{ImagePullPolicy, OnMissingSecret, OnSecretChange, Security};

/// The account of a Pod that names none. Kubernetes makes it in every namespace.
pub const DEFAULT_SERVICE_ACCOUNT: &str = "default";

/// The name of the one step that a `transform` is.
pub const MAIN_STEP: &str = "main";

/// So many equal Pods a step may have.
pub const MAX_PARALLELISM: i32 = 1000;

/// What a valid spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The steps; a `transform` is one step named [`MAIN_STEP`].
    pub steps: Vec<Step>,
    /// How the Pods live.
    pub lifecycle: Lifecycle,
    /// What happens to a running Pod when a Secret that it uses changes.
    pub on_secret_change: OnSecretChange,
    /// Changes of Secrets that follow each other within this time make fresh Pods once.
    pub rotation_debounce: SignedDuration,
    /// What a missing Secret means.
    pub on_missing_secret: OnMissingSecret,
    /// How long a missing Secret is waited for.
    pub missing_secret_timeout: Option<SignedDuration>,
    /// How long a run may take, from its first Pod on.
    pub timeout: Option<SignedDuration>,
    /// How long after its run ended the subject itself is deleted.
    pub ttl_after_finished: Option<SignedDuration>,
    /// Whether what a container left as its last words may stand in status.
    pub termination_message: bool,
    /// Of how many runs that ended the Pods are kept.
    pub history_limit: i32,
    /// Whether new Pods are held back.
    pub suspend: bool,
    /// Labels of the Pods, without those of other tools and of ours.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Pods, without those of other tools and of ours.
    pub annotations: BTreeMap<String, String>,
}

/// How the Pods live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// They run to their end.
    Job,
    /// They are kept running.
    Service(Service),
}

/// How the Pods of a Service are exchanged for fresh ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// How many Pods there may be above `parallelism`.
    pub max_surge: i32,
    /// How many Pods may be missing or not ready.
    pub max_unavailable: i32,
    /// How long a fresh Pod may take to be ready before the roll stops.
    pub progress_deadline: SignedDuration,
}

/// One container's worth of work.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name: a DNS label.
    pub name: String,
    /// The steps that have to succeed before it starts.
    pub needs: Vec<String>,
    /// How many equal Pods it has.
    pub parallelism: i32,
    /// How often a failed Pod is followed by a fresh one.
    pub retries: i32,
    /// How long it may take, from its first Pod on.
    pub timeout: Option<SignedDuration>,
    /// How long a Pod may take to run.
    pub pending_timeout: Option<SignedDuration>,
    /// The image reference.
    pub image: String,
    /// When the kubelet asks the registry.
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// The entrypoint.
    pub command: Vec<String>,
    /// The arguments.
    pub args: Vec<String>,
    /// What the command reads from its standard input, a newline after each line; there is a command then.
    pub stdin: Option<String>,
    /// Exit codes that count as success, besides 0.
    pub accepted_codes: BTreeSet<i32>,
    /// Literal variables.
    pub env: BTreeMap<EnvVarName, String>,
    /// The working directory.
    pub working_dir: Option<String>,
    /// Numeric user.
    pub user: Option<i64>,
    /// Numeric primary group.
    pub group: Option<i64>,
    /// Numeric group of mounted files: `fs_group`, else `user`.
    pub fs_group: Option<i64>,
    /// Every place where the step names a Secret: its own entries, the spec's, its own pull secrets, the spec's, those of its
    /// input. Pull secrets are deduplicated.
    pub uses: Vec<SecretUse>,
    /// What is rendered for it with values of Secrets; which, stands in `uses`.
    pub input: Option<Input>,
    /// What it mounts besides Secrets.
    pub volumes: Vec<VolumeUse>,
    /// The security context's level.
    pub security: Security,
    /// The ServiceAccount that is named, if any.
    pub service_account: Option<String>,
    /// Reserved resources, in Kubernetes' notation.
    pub requests: BTreeMap<String, String>,
    /// Resource bounds, in Kubernetes' notation.
    pub limits: BTreeMap<String, String>,
    /// Labels that the node must carry.
    pub node_selector: BTreeMap<String, String>,
    /// The PriorityClass.
    pub priority_class_name: Option<String>,
    /// Tolerated taints.
    pub tolerations: Vec<Toleration>,
    /// Ports of the container.
    pub ports: Vec<ContainerPort>,
    /// When a Pod is ready.
    pub readiness_probe: Option<Probe>,
    /// When the kubelet starts the container again.
    pub liveness_probe: Option<Probe>,
}

impl Work {
    /// The ConfigMaps and claims that it mounts.
    #[must_use]
    pub fn objects(&self) -> BTreeSet<ObjectRef> {
        self.steps.iter().flat_map(|step| &step.volumes).filter_map(VolumeUse::object).collect()
    }
}

impl Step {
    /// The ServiceAccount that the Pods run as.
    #[must_use]
    pub fn service_account_name(&self) -> &str {
        self.service_account.as_deref().unwrap_or(DEFAULT_SERVICE_ACCOUNT)
    }

    /// Whether its Pods have the init container that renders.
    #[must_use]
    pub fn needs_helper(&self) -> bool {
        self.input.is_some() || self.uses.iter().any(SecretUse::is_properties)
    }

    /// Whether the helper makes the files at this path: all of them, where it makes one.
    #[must_use]
    pub fn is_rendered(&self, path: &MountPath) -> bool {
        let at_path = |usage: &&SecretUse| matches!(&usage.usage, Usage::Mount { path: other, .. } if other == path);
        self.uses.iter().filter(at_path).any(SecretUse::is_properties)
    }

    /// What the helper reads, in an order that stays: each has a folder of its own in the init container, named by its place here.
    #[must_use]
    pub fn helper_sources(&self) -> Vec<&SecretUse> {
        let reads = |usage: &&SecretUse| match &usage.usage {
            Usage::Input { .. } => true,
            Usage::Mount { path, .. } => self.is_rendered(path),
            Usage::Env { .. } | Usage::EnvPrefix { .. } | Usage::ImagePull => false,
        };
        self.uses.iter().filter(reads).collect()
    }
}

/// What is rendered for a step before its container starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Any JSON; expressions stand in its strings.
    pub template: serde_json::Value,
    /// Where the result goes.
    pub into: InputPlace,
}

/// Where an input goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputPlace {
    /// A file of the container.
    File(MountPath),
    /// A variable of the container.
    Env(EnvVarName),
}

/// One place where a step names a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// The Secret, in the subject's namespace.
    pub secret: SecretName,
    /// Whether the container starts without it.
    pub optional: bool,
    /// What it is used for.
    pub usage: Usage,
}

/// What a Secret is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    /// One key as an environment variable.
    Env {
        /// The variable.
        var: EnvVarName,
        /// The key.
        key: SecretKey,
    },
    /// Every key as an environment variable.
    EnvPrefix {
        /// What stands before the key's name; may be empty.
        prefix: String,
    },
    /// Keys as files.
    Mount {
        /// The directory, or with `sub_path` the file.
        path: MountPath,
        /// Which keys, under which names.
        files: Files,
        /// The one file that is mounted at `path` itself.
        sub_path: Option<String>,
    },
    /// A value that the expressions of the step's input can name.
    Input {
        /// What they call it.
        called: String,
        /// The key; `None`: an object of all keys.
        key: Option<SecretKey>,
    },
    /// Credentials for the image's registry.
    ImagePull,
}

/// Which keys become which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// Every key, as a file named after it.
    All,
    /// These keys.
    Items(Vec<FileItem>),
    /// Every key, as a line of the one file `<name>.properties`.
    Properties,
}

/// One key and the file that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileItem {
    /// The key.
    pub key: SecretKey,
    /// The file, relative to the mount.
    pub path: String,
    /// Mode bits; Kubernetes' default (0644) where absent.
    pub mode: Option<i32>,
}

impl SecretUse {
    fn is_properties(&self) -> bool {
        matches!(self.usage, Usage::Mount { files: Files::Properties, .. })
    }

    /// The keys without which the container could not start.
    #[must_use]
    pub fn required_keys(&self) -> Vec<SecretKey> {
        match &self.usage {
            Usage::Env { key, .. } | Usage::Input { key: Some(key), .. } => vec![key.clone()],
            Usage::Mount { files: Files::Items(items), .. } => items.iter().map(|item| item.key.clone()).collect(),
            // All keys become files, and one of them is mounted by name.
            Usage::Mount { files: Files::All, sub_path: Some(file), .. } => {
                SecretKey::parse(file).into_iter().collect()
            }
            Usage::Mount { .. } | Usage::EnvPrefix { .. } | Usage::Input { .. } | Usage::ImagePull => Vec::new(),
        }
    }
}
