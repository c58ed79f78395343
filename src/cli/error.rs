//! What can go wrong before or besides a command's own work, in words that name the mend.

use thiserror::Error;

use crate::controller::leader::Lost;
use crate::ops::http::BindAddress;

/// Why a command ended with exit code 1. (Arguments that cannot be read end it with 2, by clap.)
#[derive(Debug, Error)]
pub(super) enum Error {
    /// The file that `--kubeconfig` names.
    #[error("the kubeconfig cannot be used: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// No cluster was named.
    #[error("no cluster is named: give --kubeconfig, set KUBECONFIG, or run in a Pod with a ServiceAccount: {0}")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The configuration holds something that a client cannot be made of.
    #[error("no client can be made of this configuration: {0}")]
    Client(#[from] kube::Error),
    /// The flags of leader election.
    #[error("{0}")]
    Election(String),
    /// What `--pod-defaults` names.
    #[error(
        "--pod-defaults {path} cannot be used: {why}. It is one YAML document with imagePullSecrets (a list of names), nodeSelector, tolerations, priorityClassName and podLabels, each of which may be left out; docs/operator.md has an example"
    )]
    PodDefaults {
        /// The file.
        path: String,
        /// Every mistake in it.
        why: String,
    },
    /// Another leads, or may.
    #[error(
        "leadership was lost: {0}; the process ends, so that it cannot write beside the new leader. Nothing is to be done: Kubernetes restarts it and it follows. If this happens often, look at the API server, or raise --leader-elect-lease-duration and --leader-elect-renew-deadline"
    )]
    Lost(#[from] Lost),
    /// `--log-level`.
    #[error("--log-level cannot be read, write it as in info or lockgate=debug: {0}")]
    LogLevel(#[from] tracing_subscriber::filter::ParseError),
    /// A port that cannot be opened.
    #[error("{flag} {address} cannot be listened at: {source}: give another address, or 0 to switch it off")]
    Listen {
        /// Which flag named it.
        flag: &'static str,
        /// Where.
        address: BindAddress,
        /// Why.
        source: std::io::Error,
    },
    /// A file of manifests that cannot be read.
    #[error("{0} cannot be read: {1}")]
    File(String, std::io::Error),
    /// A file that is no YAML.
    #[error("{0} is no YAML: {1}")]
    Manifest(String, String),
    /// Files without a Pipeline.
    #[error("no Pipeline of lockgate.dev is in these files: give the file that holds it with -f")]
    NothingToCheck,
    /// What `check` found.
    #[error("{0} to be mended")]
    Found(usize),
    /// What `doctor` found.
    #[error("{0} of these checks failed")]
    Unwell(usize),
    /// Output, signals, threads.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A generated object, as JSON.
    #[error("the CustomResourceDefinition cannot be made: {0}")]
    Json(#[from] serde_json::Error),
    /// A generated object, as YAML.
    #[error("the CustomResourceDefinition cannot be printed: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
}
