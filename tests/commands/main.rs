//! The command line against a real API server, as people type it: transcripts, and what a transcript cannot show.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    clippy::format_push_string
)] // It is a test.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod check_live;
mod completion;
mod create;
mod explain;
mod help;
mod import;
mod import_systems;
mod installed;
mod plan;
mod registry;
mod registry_create;
mod run;
mod secrets;
mod shell;
mod transcript;
mod wire;

use std::sync::OnceLock;

use lockgate_cluster::{Cluster, Options};
use support::Operator;

/// The cluster and the operator that all tests share; each has a namespace of its own. No node: a test that needs a kubelet
/// plays it, or is a journey of `tests/kubelet`.
struct Shared {
    cluster: Cluster,
    _operator: Operator,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = support::install(Options::new().audit(true));
        let operator = Operator::start(&cluster);
        Shared { cluster, _operator: operator }
    })
}
