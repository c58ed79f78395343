//! The arguments of the command.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Builds and starts a real Kubernetes on this machine, and ends it again.
#[derive(Debug, Parser)]
#[command(name = "lockgate-cluster", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Build the programs of Kubernetes, and Helm, once per machine.
    Build {
        /// Also what a real node needs; installs Debian packages.
        #[arg(long)]
        node: bool,
        /// The same, but only where a node can run; says why where it cannot.
        #[arg(long, conflicts_with = "node")]
        node_if_possible: bool,
    },
    /// Start a cluster, say how to use it, and end it at Ctrl-C.
    Up(ClusterArgs),
    /// Start a cluster, run a command with it, and end it with the command's exit code.
    Run {
        #[command(flatten)]
        cluster: ClusterArgs,
        /// Keep the cluster after the command, until Ctrl-C.
        #[arg(long)]
        keep: bool,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Run the pinned Helm, for the cluster that KUBECONFIG names.
    Helm {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write a kubeconfig of a service account of the cluster that KUBECONFIG names.
    Token {
        /// The namespace of the service account.
        namespace: String,
        /// The name of the service account.
        name: String,
        /// The file to write.
        #[arg(long)]
        kubeconfig_out: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// Write an audit log of all requests.
    #[arg(long)]
    pub(crate) audit: bool,
    /// Encrypt Secrets before they are stored, under a key that is made for this cluster.
    #[arg(long)]
    pub(crate) encrypt_secrets: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct NodeArgs {
    /// With a real node and a private registry; needs root on Linux.
    #[arg(long)]
    pub(crate) node: bool,
    /// With a node that a script plays: Pods change their phase, and nothing runs.
    #[arg(long)]
    pub(crate) scripted_node: bool,
    /// With a real node where one can run, else with a scripted one.
    #[arg(long)]
    pub(crate) node_if_possible: bool,
}
