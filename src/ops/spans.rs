//! Spans: the parts of a look at a Pipeline. They cost nothing as long as nobody listens (`otlp`, docs/traces.md).
//!
//! Every attribute is a name by which Kubernetes knows an object, a number, or a word of this program's text: no value and
//! no message can become one.

use tracing::field::Empty;
use tracing::{Span, info_span};

pub use super::words::{LookResult, ReadResult, Watched, setback_word};

/// The target of all spans and of nothing else: by it they are told from what is logged.
pub const TARGET: &str = "lockgate::span";

/// One look at a Pipeline; the parts below are its children. `cause` is what the last event that woke it was about; none:
/// a time had come.
#[must_use]
pub fn look(namespace: &str, name: &str, cause: Option<Watched>) -> Span {
    info_span!(
        target: TARGET,
        "reconcile Pipeline",
        k8s.namespace.name = namespace,
        lockgate.pipeline.name = name,
        lockgate.pipeline.generation = Empty,
        lockgate.pipeline.phase = Empty,
        lockgate.cause = cause.map_or("timer", Watched::as_str),
        lockgate.outcome = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    )
}

/// One look at a Registry; the calls that it makes are its children.
#[must_use]
pub fn registry(namespace: &str, name: &str) -> Span {
    info_span!(
        target: TARGET,
        "reconcile Registry",
        k8s.namespace.name = namespace,
        lockgate.registry.name = name,
        lockgate.outcome = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    )
}

/// What is found in the stores and read from the API server.
#[must_use]
pub fn observe() -> Span {
    info_span!(target: TARGET, "observe")
}

/// What is decided: so many Pods to delete and to create.
#[must_use]
pub fn plan() -> Span {
    info_span!(target: TARGET, "plan", lockgate.plan.deletes = Empty, lockgate.plan.creates = Empty)
}

/// A request to the API server, and the name of what it is about.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// A Secret's metadata and key names.
    GetSecret(&'a str),
    /// A Pod that no watch told of.
    GetPod(&'a str),
    /// The Pipeline itself, where a watch may be behind.
    ListPipelines(&'a str),
    /// Whether an object is there of which a watch may be behind; the request's name, as in `list ConfigMaps`, and the object's.
    ListOne(&'static str, &'a str),
    /// A Pod.
    CreatePod(&'a str),
    /// A Pod.
    DeletePod(&'a str),
    /// A Pipeline whose time is up.
    DeletePipeline(&'a str),
    /// A Pipeline's status.
    PatchStatus(&'a str),
    /// A Registry's status.
    PatchRegistryStatus(&'a str),
    /// An Event, by its reason.
    CreateEvent(&'static str),
}

impl<'a> Call<'a> {
    fn name(self) -> &'static str {
        match self {
            Self::GetSecret(_) => "get Secret",
            Self::GetPod(_) => "get Pod",
            Self::ListPipelines(_) => "list Pipelines",
            Self::ListOne(name, _) => name,
            Self::CreatePod(_) => "create Pod",
            Self::DeletePod(_) => "delete Pod",
            Self::DeletePipeline(_) => "delete Pipeline",
            Self::PatchStatus(_) => "patch Pipeline status",
            Self::PatchRegistryStatus(_) => "patch Registry status",
            Self::CreateEvent(_) => "create Event",
        }
    }

    /// Its span.
    #[must_use]
    pub fn span(self, namespace: &str) -> Span {
        let (mut secret, mut pod, mut pipeline, mut reason): (Option<&'a str>, _, _, _) = (None, None, None, None);
        let (mut registry, mut object) = (None, None);
        match self {
            Self::GetSecret(name) => secret = Some(name),
            Self::GetPod(name) | Self::CreatePod(name) | Self::DeletePod(name) => pod = Some(name),
            Self::ListPipelines(name) | Self::DeletePipeline(name) | Self::PatchStatus(name) => pipeline = Some(name),
            Self::PatchRegistryStatus(name) => registry = Some(name),
            Self::ListOne(_, name) => object = Some(name),
            Self::CreateEvent(word) => reason = Some(word),
        }
        info_span!(
            target: TARGET,
            "call",
            otel.name = self.name(),
            otel.kind = "client",
            k8s.namespace.name = namespace,
            k8s.pod.name = pod,
            lockgate.secret.name = secret,
            lockgate.pipeline.name = pipeline,
            lockgate.registry.name = registry,
            lockgate.object.name = object,
            lockgate.event.reason = reason,
            lockgate.outcome = Empty,
            "error.type" = Empty,
            otel.status_code = Empty,
        )
    }
}

/// Notes how it ended.
pub fn ended(span: &Span, outcome: &'static str, failed: bool) {
    span.record("lockgate.outcome", outcome);
    if failed {
        span.record("error.type", outcome);
        span.record("otel.status_code", "ERROR");
    }
}
