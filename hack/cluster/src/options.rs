//! What kind of cluster to start.

/// What Pods are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeKind {
    /// Nothing: Pods stay Pending.
    #[default]
    None,
    /// A kubelet with containerd and a private registry; needs root on Linux.
    Real,
    /// A Node object without a machine. A script moves the Pods that are bound to it from Pending to
    /// Running and, unless they restart always, a second later to Succeeded. It runs no containers,
    /// pulls no images and reads no Secrets, and there are no logs.
    Scripted,
}

/// What the API server writes of the requests that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Audit {
    /// Nothing.
    #[default]
    Off,
    /// Who asked for what.
    Requests,
    /// That, and what is asked and answered about Secrets.
    Secrets,
}

/// What [`Cluster::start`](crate::Cluster::start) should start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub(crate) audit: Audit,
    pub(crate) node: NodeKind,
    pub(crate) aloud: bool,
    pub(crate) encrypt_secrets: bool,
}

impl Options {
    /// A control plane without node and without audit log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the API server writes [`Cluster::audit_log`](crate::Cluster::audit_log).
    #[must_use]
    pub fn audit(self, audit: bool) -> Self {
        Self { audit: if audit { Audit::Requests } else { Audit::Off }, ..self }
    }

    /// Whether that log holds what is asked and answered about Secrets, values and all. For tests of who is told a value.
    #[must_use]
    pub fn audit_secrets(self) -> Self {
        Self { audit: Audit::Secrets, ..self }
    }

    /// What Pods are bound to.
    #[must_use]
    pub fn node(self, node: NodeKind) -> Self {
        Self { node, ..self }
    }

    /// Whether the API server encrypts Secrets before it stores them, under a key that is made for this cluster.
    #[must_use]
    pub fn encrypt_secrets(self, encrypt_secrets: bool) -> Self {
        Self { encrypt_secrets, ..self }
    }

    /// Whether the steps of the start are told on standard error. Builds and installations always are.
    #[must_use]
    pub fn aloud(self, aloud: bool) -> Self {
        Self { aloud, ..self }
    }
}
