//! A real Kubernetes for tests, demo and people, started by one call and ended with its owner.
//!
//! [`Cluster::start`] builds what is not built yet ([`Programs`]), opens a data folder, and starts
//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler; on request also a node
//! ([`Node`]: containerd and kubelet, with a private [`Registry`]), or a script that plays one
//! ([`NodeKind::Scripted`]). Everything listens on this machine only.
//!
//! Whatever was started ends with the process that started it: see `keeper` for the running part
//! and `run_dir` for what a killed owner leaves behind.

mod cluster;
mod control_plane;
mod encode;
mod error;
mod helm;
mod keeper;
mod kubeconfig;
mod kubectl;
mod node;
mod options;
mod packages;
mod pki;
mod poll;
mod ports;
mod process;
mod programs;
mod random;
mod release;
mod run_dir;
mod scripted;
mod tell;

pub use cluster::Cluster;
pub use error::Error;
pub use helm::{helm_folders, helm_for_people};
pub use keeper::{mortal, spawn};
pub use kubeconfig::write_token_kubeconfig;
pub use node::{Node, Registry, can_run_node};
pub use options::{NodeKind, Options};
pub use packages::{ensure_node_packages, ensure_shells};
pub use programs::{CONTROL_PLANE, HELM, NODE, Programs};
