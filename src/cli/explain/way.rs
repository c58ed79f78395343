//! The way of a Pipeline, from its manifest to the end of its containers: stages, and where it stands. Pure.

use k8s_openapi::jiff::Timestamp;

use crate::api::reason::Phase;
use crate::cli::credentials::Credential;

/// One stage of the way, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The object is there, and an operator has looked at it as it is now.
    Applied,
    /// The steps that this one needs have ended well.
    Needs,
    /// What the step names is there.
    References,
    /// The API server has the Pod.
    Pod,
    /// A node takes it.
    Scheduled,
    /// Its volumes are mounted.
    Mounted,
    /// Where something is rendered for the container: that is done.
    Rendered,
    /// The node has the image.
    Pulled,
    /// The container was started.
    Started,
    /// Of a Service: its container is ready.
    Ready,
    /// Of a Job: its container ended well.
    Finished,
}

impl Stage {
    /// The word that is printed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Needs => "needs",
            Self::References => "references",
            Self::Pod => "pod",
            Self::Scheduled => "scheduled",
            Self::Mounted => "mounted",
            Self::Rendered => "rendered",
            Self::Pulled => "pulled",
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Finished => "finished",
        }
    }
}

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It lies behind.
    Done,
    /// It is under way, or waits for something.
    Waiting,
    /// It went wrong. The kubelet may still go on trying.
    Failed,
    /// What comes before it is not done.
    NotYet,
}

impl State {
    /// The word that is printed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::NotYet => "not yet",
        }
    }
}

/// Something that has to be mended, or to be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Problem {
    /// The closed word for it, as docs/troubleshooting.md has it, or the kubelet's.
    pub reason: String,
    /// What is wrong.
    pub said: String,
    /// The command that mends it.
    pub command: Option<String>,
}

/// One stage, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    /// Which.
    pub stage: Stage,
    /// How it stands.
    pub state: State,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What there is to say of it.
    pub said: String,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Leg {
    /// A leg of which there is nothing more to say.
    pub(super) fn new(stage: Stage, state: State, since: Option<Timestamp>) -> Self {
        Self { stage, state, since, said: String::new(), problems: Vec::new() }
    }

    /// The same with these words.
    pub(super) fn saying(mut self, said: impl Into<String>) -> Self {
        self.said = said.into();
        self
    }

    /// The same with this problem.
    pub(super) fn with(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        self
    }
}

/// A value that running containers still have from before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OldValue {
    /// The Secret.
    pub secret: String,
    /// The key, where one is named.
    pub key: Option<String>,
    /// When it changed.
    pub changed_at: Option<Timestamp>,
    /// The Pods that have the old value, as far as that can be told.
    pub pods: Vec<String>,
}

/// The way of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepWay {
    /// Its name.
    pub step: String,
    /// The Pod that its legs are of.
    pub pod: Option<String>,
    /// With several Pods: how they stand.
    pub pods: Option<String>,
    /// Its legs.
    pub legs: Vec<Leg>,
    /// Old values in its containers.
    pub old: Vec<OldValue>,
}

/// A pull secret that Pods get though the Pipeline does not name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    /// The step.
    pub step: String,
    /// The Secret.
    pub secret: String,
    /// Where it comes from, as in `serviceaccount/default`.
    pub via: String,
    /// The state of the reference.
    pub state: String,
}

/// How the whole stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It runs, or it ran well.
    Well,
    /// It does not run yet, or is held.
    Waiting,
    /// It failed.
    Failed,
}

impl Verdict {
    /// The word that is printed.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
        }
    }
}

/// The way of a Pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The operator's word for it; `None`: it has not looked at it.
    pub phase: Option<Phase>,
    /// The number of its run.
    pub run: Option<i64>,
    /// How the whole stands.
    pub verdict: Verdict,
    /// The whole in a sentence.
    pub said: String,
    /// The leg of the Pipeline itself.
    pub applied: Leg,
    /// Its steps.
    pub steps: Vec<StepWay>,
    /// Each image, and which login is offered for it.
    pub images: Vec<Credential>,
    /// Pull secrets from elsewhere.
    pub attached: Vec<Attached>,
    /// Where the docs tell more.
    pub more: Option<String>,
    /// What could not be looked at, and the right for it.
    pub unseen: Vec<String>,
}
