//! The manifests of `deploy/examples` on the node: each comes to the phase that it promises.

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::PostParams;
use lockgate_cluster::Node;
use serde_json::json;

use crate::support::Space;
use crate::support::examples::{Example, ON_THE_NODE, apply};
use crate::{rendering_journey, shared};

/// What a cluster's storage class would make for the claim of this name.
async fn storage(space: &Space, claim: &str) {
    let folder = shared().unwrap().cluster.dir().join(&space.name);
    let volume = json!({"metadata": {"name": space.name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "storageClassName": "",
        "hostPath": {"path": folder, "type": "DirectoryOrCreate"}, "claimRef": {"namespace": space.name, "name": claim},
    }});
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    volumes.create(&PostParams::default(), &serde_json::from_value(volume).unwrap()).await.unwrap();
}

async fn comes_to_its_phase(space: &Space, node: &Node, name: &'static str) {
    let registry = node.registry();
    let example = Example::read(name);
    let example = match name {
        "pull-secret" => example.with_image(&registry.push_busybox("examples/pull-secret:1").unwrap()),
        _ => example.with_image(node.preloaded_image()),
    };
    let cluster = &shared().unwrap().cluster;
    if name == "graph" {
        storage(space, "graph-data").await;
    }
    assert!(apply(cluster, Some(&space.name), &example.documents().join("\n---\n")), "{name} was refused");
    example.prepare(cluster, &space.name, (registry.host(), registry.username(), registry.password()));
    let phase = example.expects();
    space.phase(&example.pipeline(), phase).await;
    println!("{name}: {phase}");
}

#[tokio::test]
async fn each_comes_to_the_phase_that_it_promises() {
    let mut journeys = Vec::new();
    for name in ON_THE_NODE {
        // One of them renders.
        let Some((space, node)) = rendering_journey(&format!("example-{name}"), json!({})).await else {
            return;
        };
        journeys.push((space, node, name));
    }
    futures::future::join_all(journeys.iter().map(|(space, node, name)| comes_to_its_phase(space, node, name))).await;
}
