//! A started cluster, and what commands and people are told of it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lockgate_cluster::{
    CONTROL_PLANE, Cluster, Error, HELM, NODE, NodeKind, Options, Programs, can_run_node, ensure_node_packages,
    helm_folders,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{ClusterArgs, NodeArgs};

/// A cluster, the signals that end it, and its facts as environment variables.
pub(crate) struct Session {
    pub(crate) cluster: Cluster,
    pub(crate) signals: Signals,
    pub(crate) facts: Vec<(&'static str, OsString)>,
    helm: PathBuf,
}

impl Session {
    pub(crate) fn start(args: &ClusterArgs) -> Result<Self, Error> {
        let kind = node_kind(&args.node);
        if kind == NodeKind::Real {
            can_run_node().map_err(Error::Node)?;
        }
        // Before we listen to signals: a build of minutes can be interrupted as any program can.
        let programs = build(kind == NodeKind::Real)?;
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(io("listen to signals"))?;
        let cluster = Cluster::start(
            Options::new().audit(args.audit).encrypt_secrets(args.encrypt_secrets).node(kind).aloud(true),
        )?;
        if signals.pending().next().is_some() {
            return Err(io("start the cluster")(io::ErrorKind::Interrupted.into()));
        }
        let facts = facts(&cluster, &programs, kind)?;
        Ok(Self { cluster, signals, facts, helm: programs.path("helm") })
    }

    pub(crate) fn until_interrupted(&mut self) {
        self.signals.forever().next();
    }

    /// Prints what a shell has to know.
    pub(crate) fn explain(&self) {
        eprintln!("\nThe cluster is up. In another shell:\n");
        let shells_own = |name: &str| name == "PATH" || name == "KUBECACHEDIR" || name.starts_with("HELM_");
        for (name, value) in self.facts.iter().filter(|(name, _)| !shells_own(name)) {
            println!("export {name}={}", quoted(value));
        }
        if let Some(node) = self.cluster.node() {
            eprintln!(
                "\nThe registry {} speaks plain HTTP; its user is {}.",
                node.registry().host(),
                node.registry().username()
            );
        }
        eprintln!("\nA kubectl of the same version: {}", self.cluster.binary("kubectl").display());
        eprintln!("A helm: {}", self.helm.display());
        let logs = self.cluster.dir().join("logs");
        eprintln!("Logs: {}\nIt ends with Ctrl-C here, or with: kill {}", logs.display(), std::process::id());
    }
}

/// Builds and installs what a cluster needs.
pub(crate) fn build(node: bool) -> Result<Programs, Error> {
    if node {
        ensure_node_packages()?;
        return Programs::ensure(&[CONTROL_PLANE, NODE, HELM].concat());
    }
    Programs::ensure(&[CONTROL_PLANE, HELM].concat())
}

/// Whether a real node can run here; says why where it cannot.
pub(crate) fn node_is_possible() -> bool {
    can_run_node().inspect_err(|why| eprintln!("lockgate-cluster: no node can run here: {why}")).is_ok()
}

fn node_kind(args: &NodeArgs) -> NodeKind {
    match can_run_node() {
        _ if args.scripted_node => NodeKind::Scripted,
        _ if args.node => NodeKind::Real,
        Ok(()) if args.node_if_possible => NodeKind::Real,
        Err(why) if args.node_if_possible => {
            eprintln!("lockgate-cluster: a script plays the node, no container will run: {why}");
            NodeKind::Scripted
        }
        _ => NodeKind::None,
    }
}

fn facts(cluster: &Cluster, programs: &Programs, kind: NodeKind) -> Result<Vec<(&'static str, OsString)>, Error> {
    let ours = ["kubectl", "helm"].map(|name| programs.path(name).parent().map(PathBuf::from).unwrap_or_default());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&path)));
    let mut facts = vec![
        ("KUBECONFIG", cluster.kubeconfig().into()),
        ("KUBECACHEDIR", cluster.dir().join("kubectl-cache").into()),
        ("PATH", path.map_err(|error| Error::Unexpected(error.to_string()))?),
        ("LOCKGATE_CLUSTER_DIR", cluster.dir().into()),
    ];
    facts.extend(helm_folders(&cluster.dir().join("helm")).map(|(variable, folder)| (variable, folder.into())));
    if let Some(node) = cluster.node() {
        let registry = node.registry();
        facts.extend([
            ("LOCKGATE_NODE", "real".into()),
            ("LOCKGATE_REGISTRY_HOST", registry.host().into()),
            ("LOCKGATE_REGISTRY_USER", registry.username().into()),
            ("LOCKGATE_REGISTRY_PASSWORD_FILE", registry.password_file().into()),
            ("LOCKGATE_REGISTRY_AUTH_FILE", registry.auth_file().into()),
            ("LOCKGATE_IMAGE", registry.push_busybox("team/app:1")?.into()),
        ]);
    } else if kind == NodeKind::Scripted {
        // Nobody pulls from there: the names only have to look right.
        let password = cluster.dir().join("registry-password");
        std::fs::write(&password, "canary-of-no-registry").map_err(io("write a password"))?;
        facts.extend([
            ("LOCKGATE_NODE", "scripted".into()),
            ("LOCKGATE_REGISTRY_HOST", "registry.lockgate.test".into()),
            ("LOCKGATE_REGISTRY_USER", "puller".into()),
            ("LOCKGATE_REGISTRY_PASSWORD_FILE", password.into()),
            ("LOCKGATE_IMAGE", "registry.lockgate.test/team/app:1".into()),
        ]);
    } else {
        facts.push(("LOCKGATE_NODE", "none".into()));
    }
    Ok(facts)
}

/// For a shell; our values are paths and words, yet a path may hold a space.
fn quoted(value: &OsString) -> String {
    format!("'{}'", value.to_string_lossy().replace('\'', r"'\''"))
}

/// How often a running command and the signals are looked at.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// An I/O error with the action that failed.
pub(crate) fn io(action: &str) -> impl FnOnce(io::Error) -> Error {
    let action = action.to_owned();
    |source| Error::Io { action, source }
}
