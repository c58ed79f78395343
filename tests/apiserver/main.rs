//! The operator against a real kube-apiserver and etcd: no node, so the tests play the kubelet where one is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::large_futures)] // It is a test.

#[path = "../support/mod.rs"]
mod support;

mod admission;
mod ageing;
mod answers;
mod canary;
mod counts;
mod defaults;
mod demo;
mod docs;
mod doctor;
mod doors;
mod downgrade;
mod encryption;
mod examples;
mod gate;
mod gitops;
mod graph;
mod graph_counts;
mod ha;
mod heal;
mod input;
mod levels;
mod life;
mod losses;
mod manifests;
mod many;
mod metrics;
mod moments;
mod outage;
mod pods;
mod policy;
mod projector;
mod recipes;
mod registries;
mod restart;
mod rights;
mod rotation;
mod runs;
mod service;
mod stored;
mod strangers;
mod suspended;
mod together;
mod traces;
mod tries;
mod trust;
mod ttl;
mod volumes;

use std::sync::OnceLock;

use kube::Client;
use lockgate_cluster::{Cluster, Options};

use support::audit::Audit;
use support::{Operator, Space};

/// The cluster and the operator that most tests share; each test has a namespace of its own.
struct Shared {
    cluster: Cluster,
    operator: Operator,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = support::install(Options::new().audit(true));
        let operator = Operator::start(&cluster);
        Shared { cluster, operator }
    })
}

/// A namespace on the shared cluster.
async fn space(name: &str) -> Space {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let client: Client = support::admin(&shared.cluster).await;
    Space::new(&client, name).await
}

/// The requests of the shared operator.
async fn audit() -> Audit {
    Audit::of(&tokio::task::spawn_blocking(shared).await.unwrap().cluster)
}
