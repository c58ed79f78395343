//! The search for what a Pod leaves behind, tried on one that leaves everything it can: a search that finds nothing anywhere
//! would prove nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DeleteParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;
use serde_json::json;

use crate::support::{CANARY, Space, disk, etcd, name_of};
use crate::{PATIENCE, journey, logs, shared, with};

/// Copies a value to its disk, its root and its log, and goes on.
const CARELESS: &str = "cp /secret/token /data/copy; cp /secret/token /copy; echo $(cat /secret/token); trap 'exit 0' TERM; sleep 3600 & wait";

/// A value that stands nowhere else.
pub fn unique(name: &str) -> String {
    format!("{CANARY}-{name}-{}", std::process::id())
}

/// Where a value lies outside etcd.
pub async fn on_disk(cluster: &'static Cluster, value: &str) -> Vec<PathBuf> {
    let value = value.to_owned();
    tokio::task::spawn_blocking(move || disk::files_with(cluster, &value)).await.unwrap()
}

/// Waits until a value lies nowhere outside etcd: the kubelet removes logs and containers of a Pod some time after the Pod.
pub async fn goes_from_disk(cluster: &'static Cluster, value: &str) {
    let begun = Instant::now();
    loop {
        let left = on_disk(cluster, value).await;
        if left.is_empty() {
            println!("{:.1} s after its Pod nothing is left of it", begun.elapsed().as_secs_f64());
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "it stays: {left:#?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The number of etcd's last write.
pub async fn revision(cluster: &'static Cluster) -> i64 {
    tokio::task::spawn_blocking(move || etcd::revision(cluster)).await.unwrap()
}

/// What of the API holds a value, or held it at any moment since then: every kind, events, too.
pub async fn in_objects(cluster: &'static Cluster, value: &str, since: i64) -> Vec<String> {
    let value = value.to_owned();
    tokio::task::spawn_blocking(move || etcd::keys_with(cluster, &value, since)).await.unwrap()
}

/// Removes a Pipeline, and waits until its Pod is gone with it, which is given a second.
pub async fn remove(space: &Space, pipeline: &str, pod: &Pod) {
    space.delete::<Pipeline>(pipeline).await;
    let soon = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
    // The garbage collector may have been faster.
    match space.api::<Pod>().delete(&name_of(pod), &soon).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => panic!("{error}"),
    }
    space.until_gone(&name_of(pod), &pod.uid().unwrap()).await;
}

#[tokio::test]
async fn a_value_is_found_wherever_a_pod_put_it_and_goes_with_the_pod() {
    let Some((space, node)) = journey("leftovers").await else {
        return;
    };
    let cluster = &shared().unwrap().cluster;
    let (value, before) = (unique("leftover"), revision(cluster).await);
    crate::receiving::secret(&space, "token", json!({"token": value})).await;
    let transform = json!({
        "image": node.preloaded_image(), "cmd": ["sh", "-euc", CARELESS],
        "secrets": [{"name": "token", "mount_path": "/secret"}],
        "volumes": [{"scratch": {}, "mount_path": "/data"}],
    });
    space.pipeline("careless", with(json!({"mode": "Service"}), json!({"transform": transform}))).await;
    space.phase("careless", Phase::Running).await;
    let pod = space.pod_of("careless").await;
    logs(&space, &name_of(&pod), &value).await;

    let found = on_disk(cluster, &value).await;
    for place in ["kubernetes.io~empty-dir", "kubernetes.io~secret", "snapshots", "pod-logs"] {
        assert!(found.iter().any(|file| file.to_string_lossy().contains(place)), "none in {place}: {found:#?}");
    }
    let (memory, disk): (Vec<_>, Vec<_>) = found.iter().partition(|file| disk::is_in_memory(file));
    println!("in memory: {memory:#?}; on disk: {disk:#?}");
    assert_eq!((memory.len(), disk.len()), (1, 4));
    let of_the_secret = [format!("/registry/secrets/{}/token", space.name)];
    assert_eq!(in_objects(cluster, &value, before).await, of_the_secret);
    remove(&space, "careless", &pod).await;
    goes_from_disk(cluster, &value).await;

    // What stood in an object for a moment is found, too.
    let patch = json!({"metadata": {"annotations": {"told": value}}});
    space.pipeline("told", json!({"suspend": true, "transform": {"image": node.preloaded_image()}})).await;
    space.patch("told", patch).await;
    space.patch("told", json!({"metadata": {"annotations": null}})).await;
    let of_the_pipeline = format!("/registry/lockgate.dev/pipelines/{}/told", space.name);
    assert_eq!(in_objects(cluster, &value, before).await, [of_the_pipeline, of_the_secret[0].clone()]);
}
