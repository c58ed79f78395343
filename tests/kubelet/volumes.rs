//! Volumes as the container has them: a ConfigMap's files, scratch space in memory, a claim that hands a file on.

use std::path::Path;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::PostParams;
use lockgate::api::reason::{Phase, Trouble};
use serde_json::json;

use crate::support::{Space, states};
use crate::{in_trouble, journey, printed, shared, shell};

async fn config_map(space: &Space) {
    let object = json!({"metadata": {"name": "app"}, "data": {"app.conf": "verbose = true\n", "other": "2"}});
    space.api::<ConfigMap>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_config_map_s_keys_are_files_that_can_only_be_read() {
    let Some((space, node)) = journey("config-maps").await else {
        return;
    };
    let script = "cat /etc/app/app.conf /etc/app/other; echo; cat /etc/one.conf; test -f /etc/one.conf; test -f /etc/passwd; \
                  ls /absent | wc -l; echo x 2>/dev/null >/etc/app/new || echo read-only";
    let volumes = json!({"volumes": [
        {"config_map": "app", "mount_path": "/etc/app"},
        {"config_map": "app", "mount_path": "/etc/one.conf", "sub_path": "app.conf"},
        {"config_map": "never-made", "mount_path": "/absent", "optional": true},
    ]});
    space.pipeline("reads", shell(node.preloaded_image(), script, volumes)).await;
    space.phase("reads", Phase::Waiting).await;
    config_map(&space).await;
    assert_eq!(printed(&space, "reads").await, "verbose = true\n2\nverbose = true\n0\nread-only\n");

    // A key that is not there is no empty folder, as it is in a plain Pod: it is told.
    let volume = json!({"volumes": [{"config_map": "app", "mount_path": "/etc/x.conf", "sub_path": "x.conf"}]});
    space.pipeline("no-key", shell(node.preloaded_image(), "ls -ld /etc/x.conf", volume)).await;
    let said = in_trouble(&space, "no-key", Trouble::VolumeMount).await;
    assert!(said.starts_with("ConfigMap app (mounted at /etc/x.conf) cannot be mounted"), "{said}");
    assert!(said.contains("non-existent config key") && said.contains("x.conf"), "{said}");
}

#[tokio::test]
async fn scratch_space_in_memory_is_a_tmpfs_of_its_size() {
    let Some((space, node)) = journey("scratch").await else {
        return;
    };
    let script = r"
        type() { while read -r _ path kind _; do if [ $path = $1 ]; then echo $1 $kind; fi; done </proc/mounts; }
        type /small; type /pfs; echo disk $(type /disk | grep -c tmpfs)
        dd if=/dev/zero of=/small/fits bs=1024 count=1000 2>/dev/null && echo fits
        dd if=/dev/zero of=/small/more bs=1024 count=1000 2>&1 | grep -c 'No space left'
        echo kept >/disk/x; echo kept >/pfs/x; cat /disk/x /pfs/x
    ";
    let volumes = json!({"memory_volume": true, "user": "1000", "volumes": [
        {"scratch": {"size": "1Mi", "memory": true}, "mount_path": "/small"},
        {"scratch": {"size": "1Gi"}, "mount_path": "/disk"},
    ]});
    space.pipeline("writes", shell(node.preloaded_image(), script, volumes)).await;
    let log = printed(&space, "writes").await;
    println!("{log}");
    assert_eq!(log, "/small tmpfs\n/pfs tmpfs\ndisk 0\nfits\n1\nkept\nkept\n");
}

/// Storage in a folder of the node, for one claim of this namespace.
async fn storage(space: &Space, name: &str, folder: &Path) {
    let volume = json!({"metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Mi"}, "storageClassName": "",
        "hostPath": {"path": folder, "type": "DirectoryOrCreate"}, "claimRef": {"namespace": space.name, "name": "data"},
    }});
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    volumes.create(&PostParams::default(), &serde_json::from_value(volume).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_claim_hands_a_file_on_from_one_pipeline_to_the_next() {
    let Some((space, node)) = journey("claims").await else {
        return;
    };
    let image = node.preloaded_image();
    let folder = shared().unwrap().cluster.dir().join("claimed");
    storage(&space, "handed-on", &folder).await;
    let write = json!({"volumes": [{"claim": "data", "mount_path": "/out", "sub_path": "first/out"}]});
    space.pipeline("first", shell(image, "echo handed on >/out/file", write)).await;
    let waiting = space.phase("first", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["data:NotFound"]);
    let claim = json!({"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": "handed-on",
        "resources": {"requests": {"storage": "1Mi"}},
    }});
    let claims = space.api::<PersistentVolumeClaim>();
    claims.create(&PostParams::default(), &serde_json::from_value(claim).unwrap()).await.unwrap();
    printed(&space, "first").await;

    // One claim, three mounts, of which two can only be read.
    let read = json!({"volumes": [
        {"claim": "data", "mount_path": "/in", "sub_path": "first/out", "read_only": true},
        {"claim": "data", "mount_path": "/whole", "read_only": true},
        {"claim": "data", "mount_path": "/out", "sub_path": "second"},
    ]});
    let script = "cat /in/file /whole/first/out/file; echo x 2>/dev/null >/in/file || echo read-only; cp /in/file /out/copy; ls /whole";
    space.pipeline("second", shell(image, script, read)).await;
    assert_eq!(printed(&space, "second").await, "handed on\nhanded on\nread-only\nfirst\nsecond\n");
    assert_eq!(std::fs::read_to_string(folder.join("second/copy")).unwrap(), "handed on\n");
}
