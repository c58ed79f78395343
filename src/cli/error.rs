//! What can go wrong before or besides a command's own work, in words that name the mend.

use thiserror::Error;

use crate::controller::leader::Lost;
use crate::ops::causes::with_causes;
use crate::ops::http::BindAddress;

/// Why a command did not end well.
#[derive(Debug, Error)]
pub(super) enum Error {
    /// The file that `--kubeconfig` names.
    #[error(
        "the kubeconfig cannot be used: {0}: look at --kubeconfig, KUBECONFIG and --context (kubectl config get-contexts)"
    )]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// No cluster was named.
    #[error("no cluster is named: give --kubeconfig, set KUBECONFIG, or run in a Pod with a ServiceAccount: {0}")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// What the API server answered, or why it did not.
    #[error("{}", server_says(.0))]
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
    /// A file or folder that cannot be written.
    #[error("{0} cannot be written: {1}")]
    Write(String, std::io::Error),
    /// A file that is no YAML.
    #[error("{0} is no YAML: {1}")]
    Manifest(String, String),
    /// Files without a Pipeline.
    #[error(
        "no Pipeline of lockgate.dev is in these files: give those that hold one with -f, and -R for folders below"
    )]
    NoPipeline,
    /// Files without anything of ours.
    #[error(
        "no Pipeline and no Registry of lockgate.dev is in these files: give those that hold one with -f, and -R for folders below"
    )]
    NothingToCheck,
    /// What `check` found.
    #[error("{0} to be mended")]
    Found(usize),
    /// What `doctor` found.
    #[error("{0} of these checks failed")]
    Unwell(usize),
    /// Arguments that clap takes one by one, and that do not go together.
    #[error("{0}")]
    Usage(String),
    /// Something was found that has to be mended, or is not as it was asked whether it is.
    #[error("{0}")]
    Findings(String),
    /// The cluster has no such resource.
    #[error(
        "this cluster knows no Pipelines: install Lockgate (docs/install.md); lockgate doctor says what is missing"
    )]
    NotServed,
    /// The cluster refuses, told with what was asked of it.
    #[error("{0}")]
    Refused(String),
    /// There is none of that name; how to see those that are there.
    #[error("{0}")]
    NotFound(String),
    /// Another is there already, it changed meanwhile, or somebody uses it.
    #[error("{0}")]
    Conflict(String),
    /// What the cluster refuses, or does not say, in words that name the mend.
    #[error("{0}")]
    Cluster(String),
    /// The state that was waited for did not come in time.
    #[error("{0}")]
    Timeout(String),
    /// Some of several things could not be done; each was told.
    #[error("{failed} of {tried} failed")]
    Several {
        /// How many.
        failed: usize,
        /// Of how many.
        tried: usize,
        /// The exit code of the first.
        code: u8,
    },
    /// An input that cannot be rendered, without any value of a Secret.
    #[error("{0}")]
    Invalid(String),
    /// An input that was not rendered, for a reason that lies elsewhere.
    #[error("{0}")]
    Helper(String),
    /// Ctrl-C while something was waited for.
    #[error("{0}")]
    Interrupted(String),
    /// Output, signals, threads.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// An object, as JSON.
    #[error("this cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An object, as YAML.
    #[error("this cannot be written as YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// The exit codes, as docs/cli.md has them.
pub(super) mod exit {
    /// Something has to be mended, differs, or is not as it was asked whether it is.
    pub const FINDINGS: u8 = 1;
    /// Arguments that cannot be used. clap's own, too.
    pub const USAGE: u8 = 2;
    /// The cluster cannot be reached, or refuses.
    pub const CLUSTER: u8 = 3;
    /// There is none of that name.
    pub const NOT_FOUND: u8 = 4;
    /// It is there already, changed meanwhile, or is in use.
    pub const CONFLICT: u8 = 5;
    /// An input that cannot be rendered (`EX_DATAERR`), and would not be at another try; only of `lockgate render`.
    pub const INVALID_INPUT: u8 = 65;
    /// An input that was not rendered (`EX_SOFTWARE`); only of `lockgate render`.
    pub const HELPER: u8 = 70;
    /// It did not come in time. `timeout` of coreutils has the same.
    pub const TIMEOUT: u8 = 124;
    /// Ctrl-C, as a shell tells it: 128 and the number of the signal.
    pub const INTERRUPTED: u8 = 130;

    /// All of them, in words for who reads docs/cli.md.
    pub const ALL: [(u8, &str); 8] = [
        (0, "it was done, and nothing was found"),
        (FINDINGS, "something has to be mended, differs, failed, or is not as it was asked whether it is"),
        (
            USAGE,
            "the arguments cannot be used, or a file cannot be read; with `plan --diff` also that it could not be compared",
        ),
        (CLUSTER, "the cluster cannot be reached, or refuses"),
        (NOT_FOUND, "there is none of that name"),
        (CONFLICT, "it is there already, changed meanwhile, or is in use"),
        (TIMEOUT, "it did not come in time"),
        (INTERRUPTED, "Ctrl-C"),
    ];
}

impl Error {
    /// What the API server answered with, if this is its refusal.
    pub(super) fn status_code(&self) -> Option<http::StatusCode> {
        let Self::Client(kube::Error::Api(status)) = self else { return None };
        http::StatusCode::from_u16(status.code).ok()
    }

    /// What the process ends with.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => code_of(error),
            Self::Kubeconfig(_) | Self::NoCluster(_) | Self::NotServed | Self::Refused(_) | Self::Cluster(_) => {
                exit::CLUSTER
            }
            Self::Usage(_) | Self::File(..) => exit::USAGE,
            Self::NotFound(_) => exit::NOT_FOUND,
            Self::Conflict(_) => exit::CONFLICT,
            Self::Invalid(_) => exit::INVALID_INPUT,
            Self::Helper(_) => exit::HELPER,
            Self::Timeout(_) => exit::TIMEOUT,
            Self::Several { code, .. } => *code,
            Self::Interrupted(_) => exit::INTERRUPTED,
            _ => exit::FINDINGS,
        }
    }
}

/// The server's own words, or all causes of a request that got no answer.
fn server_says(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => format!(
                "the API server does not know who you are ({}): log in again, or give another --context or --user",
                status.message
            ),
            403 => format!("{}: ask for this right, or give another --context or --user", status.message),
            _ => format!("the API server answers: {}", status.message),
        },
        error => format!(
            "the API server gives no answer: {}: look at --context, --server and the network",
            with_causes(error)
        ),
    }
}

fn code_of(error: &kube::Error) -> u8 {
    match error {
        kube::Error::Api(status) => match status.code {
            404 => exit::NOT_FOUND,
            409 => exit::CONFLICT,
            400 | 422 => exit::FINDINGS,
            _ => exit::CLUSTER,
        },
        _ => exit::CLUSTER,
    }
}
