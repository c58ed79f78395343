//! `World`: everything that a decision may look at, the time included. Equal worlds give equal plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;

use super::defaults::Defaults;
use super::docs::Docs;
use super::names::SecretName;
use super::parse::Violation;
use super::registry::Host;
use super::render;
use super::run::{PodIdentity, RunRef};
use super::secret::{AccountKnowledge, SecretAccess, SecretKnowledge};
use super::volume::{ObjectKnowledge, ObjectRef};
use super::work::{Step, Work};
use crate::api::status::PipelineStatus;

/// Everything that a decision may look at.
#[derive(Clone, Debug)]
pub struct World {
    /// The time of the observation.
    pub now: Timestamp,
    /// Whose references are looked at.
    pub subject: Subject,
    /// What is asked for.
    pub work: WorkState,
    /// What the current version of the work is called: see [`super::run::run_key`].
    pub run_key: String,
    /// What was last written about the subject.
    pub recorded: PipelineStatus,
    /// What every Pod gets.
    pub defaults: Arc<Defaults>,
    /// Whether Secrets are looked at.
    pub secret_access: SecretAccess,
    /// Where messages send their readers.
    pub docs: Docs,
    /// What is known of each Secret that is named.
    pub secrets: BTreeMap<SecretName, SecretKnowledge>,
    /// What is known of each ConfigMap and PersistentVolumeClaim that is named.
    pub objects: BTreeMap<ObjectRef, ObjectKnowledge>,
    /// What is known of each ServiceAccount that is named.
    pub accounts: BTreeMap<String, AccountKnowledge>,
    /// The Registries of the namespace and the ClusterRegistries, the oldest first.
    pub registries: Vec<RegistryFacts>,
    /// The Pods that the subject owns, by uid of the owner reference.
    pub pods: Vec<PodFacts>,
    /// The last write that did not succeed, if it was the last one.
    pub setback: Option<Setback>,
}

impl World {
    /// The world of a subject of which nothing is known but what it asks for: nothing was recorded, it has no Pod, no Secret was
    /// looked at, and its namespace has the ServiceAccount that every namespace has, without pull secrets.
    #[must_use]
    pub fn of(subject: Subject, work: WorkState, run_key: String, now: Timestamp) -> Self {
        Self {
            now,
            subject,
            work,
            run_key,
            recorded: PipelineStatus::default(),
            defaults: Arc::default(),
            secret_access: SecretAccess::Metadata,
            docs: Docs::default(),
            secrets: BTreeMap::new(),
            objects: BTreeMap::new(),
            accounts: BTreeMap::from([("default".to_owned(), AccountKnowledge::Present { pull_secrets: Vec::new() })]),
            registries: Vec::new(),
            pods: Vec::new(),
            setback: None,
        }
    }

    /// The `resourceVersion` of each Secret that a Pod of this step would use now and that is there, by name.
    #[must_use]
    pub fn versions(&self, step: &Step) -> BTreeMap<String, String> {
        let listed = self.pull_secrets(step);
        let names = step.uses.iter().map(|u| u.secret.as_str()).chain(listed.iter().map(String::as_str));
        names
            .filter_map(|name| SecretName::parse(name).ok())
            .filter_map(|name| match self.secrets.get(&name)? {
                SecretKnowledge::Present(facts) => Some((name.to_string(), facts.resource_version.clone())),
                _ => None,
            })
            .collect()
    }
}

/// A Registry or a ClusterRegistry, as far as it concerns Pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFacts {
    /// Which of the two.
    pub kind: RegistryKind,
    /// Its name.
    pub name: String,
    /// Whose images it is for.
    pub host: Host,
    /// The pull secret, in the subject's namespace.
    pub secret: SecretName,
}

/// Where a Registry's pull secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegistryKind {
    /// From the namespace itself.
    Registry,
    /// From the projector: [`PROJECTED_SECRET`].
    ClusterRegistry,
}

impl RegistryKind {
    /// One of this kind, as a source of a pull secret: `registry/NAME`, `clusterregistry/NAME`.
    #[must_use]
    pub fn via(self, name: &str) -> String {
        match self {
            Self::Registry => format!("registry/{name}"),
            Self::ClusterRegistry => format!("clusterregistry/{name}"),
        }
    }
}

/// The one Secret of a namespace that has the credentials of all ClusterRegistries that are needed there.
pub const PROJECTED_SECRET: &str = "lockgate-registries";

/// The object whose references are looked at and whose Pods are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Which version of it was seen.
    pub resource_version: String,
    /// The tool that would make it anew if it were deleted.
    pub managed_by: Option<&'static str>,
}

impl Subject {
    /// A subject that was just made, and that no tool manages.
    #[must_use]
    pub fn new(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            generation: 1,
            deleting: false,
            resource_version: String::new(),
            managed_by: None,
        }
    }
}

/// What the spec asks for.
#[derive(Clone, Debug)]
pub enum WorkState {
    /// Valid work.
    Valid(Box<Work>),
    /// A spec that breaks rules.
    Invalid(Vec<Violation>),
    /// An object that this version cannot read; why.
    Unreadable(String),
}

/// A Pod as the decision sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Which version of it was seen.
    pub resource_version: String,
    /// Which Pod of the subject it is; `None` where its labels do not say.
    pub identity: Option<PodIdentity>,
    /// The key of its run.
    pub run_key: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Its phase.
    pub phase: PodPhase,
    /// When its deletion was asked for.
    pub deletion_requested_at: Option<Timestamp>,
    /// When the cluster itself took it away: evicted, preempted, lost with its node, refused by the kubelet.
    pub disrupted_at: Option<Timestamp>,
    /// `true`: it was seen deleted; this is its last state.
    pub gone: bool,
    /// `true`: it is there, but the watch does not see it (its label was taken away), so no event will tell of it.
    pub unwatched: bool,
    /// The container's waiting reason and message, as the kubelet wrote them.
    pub waiting: Option<(String, String)>,
    /// How the container ended.
    pub terminated: Option<Termination>,
    /// How its container ended the last time, where the kubelet started it again.
    pub last_exit_code: Option<i32>,
    /// When that container had started.
    pub last_started_at: Option<Timestamp>,
    /// Since when its container runs.
    pub started_at: Option<Timestamp>,
    /// Whether it is ready, as Kubernetes means it.
    pub ready: bool,
    /// Why no node takes it.
    pub unschedulable: Option<String>,
    /// The Pod's own reason and message, as in `Evicted`.
    pub reason: Option<(String, String)>,
    /// The last failure to mount a volume.
    pub mount_failure: Option<String>,
    /// The `resourceVersion` of each Secret at its creation.
    pub started_with: BTreeMap<String, String>,
    /// The init container that renders, where there is one.
    pub helper: HelperFacts,
}

/// What the kubelet tells of the init container that renders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelperFacts {
    /// Its waiting reason and message.
    pub waiting: Option<(String, String)>,
    /// How it failed, as long as it has not succeeded since. The step's container has not run then.
    pub failed: Option<Termination>,
}

impl PodFacts {
    /// How it ended: its container, or the init container that had to come first.
    #[must_use]
    pub fn ended(&self) -> Option<&Termination> {
        self.helper.failed.as_ref().or(self.terminated.as_ref())
    }

    /// Why its input cannot be rendered, now or at another try; empty where that was not said.
    #[must_use]
    pub fn invalid_input(&self) -> Option<&str> {
        let failed = self.helper.failed.as_ref().filter(|failed| failed.exit_code == render::INVALID)?;
        Some(failed.last_words.as_deref().unwrap_or_default())
    }

    /// Whether it holds, or may come to hold, a running container.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.gone && !matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Whether it lives and nobody asked for its deletion.
    #[must_use]
    pub fn stays(&self) -> bool {
        self.is_live() && self.deletion_requested_at.is_none()
    }

    /// The run that it belongs to, where its marks say.
    #[must_use]
    pub fn run(&self) -> Option<RunRef> {
        let identity = self.identity.as_ref()?;
        Some(RunRef { number: identity.run, key: self.run_key.clone()? })
    }
}

/// A Pod's phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodPhase {
    /// Not running yet.
    #[default]
    Pending,
    /// A container runs.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// The exit code.
    pub exit_code: i32,
    /// The kubelet's word, as in `OOMKilled`.
    pub reason: String,
    /// Why it never started, in the runtime's words.
    pub start_error: Option<String>,
    /// Of one that did start: its [last words](super::last_words). They may be anything.
    pub last_words: Option<String>,
    /// When.
    pub finished_at: Option<Timestamp>,
}

/// A write that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// The Pod that was to be written.
    pub pod: String,
    /// What stood in the way.
    pub kind: SetbackKind,
    /// In words for people.
    pub message: String,
    /// When the write is tried again.
    pub retry_at: Timestamp,
}

/// What stood in the way of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetbackKind {
    /// A ResourceQuota or a LimitRange.
    Quota,
    /// Pod Security admission.
    PodSecurity,
    /// Another refusal.
    Refused,
    /// A stranger's Pod has the name.
    NameConflict,
    /// The API server did not answer, or failed.
    Io,
}

/// What became of a plan's writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Uids of Pods whose deletion was accepted.
    pub deleted: Vec<String>,
    /// Pods that are there now.
    pub created: Vec<PodFacts>,
    /// Whether the subject itself was deleted: then there is nothing left to report on.
    pub subject_deleted: bool,
    /// The write that did not succeed, if one did not.
    pub setback: Option<Setback>,
}

impl World {
    /// The world after these writes: what a report speaks of.
    #[must_use]
    pub fn after(mut self, outcome: &Outcome) -> Self {
        for pod in &mut self.pods {
            if outcome.deleted.contains(&pod.uid) && pod.deletion_requested_at.is_none() {
                pod.deletion_requested_at = Some(self.now);
            }
        }
        for created in &outcome.created {
            self.pods.retain(|pod| pod.uid != created.uid);
            self.pods.push(created.clone());
        }
        self.setback.clone_from(&outcome.setback);
        self
    }
}
