//! What volumes become in a Pod.

use serde_json::{Value, json};

use super::tests::spec_of;

/// Each mount, and the volume behind it: as JSON, without the volume's name. And how many volumes there are.
fn mounted(volumes: &Value) -> (Vec<(Value, Value)>, usize) {
    let spec = serde_json::to_value(spec_of(&json!({"transform": {"image": "a", "volumes": volumes}}))).unwrap();
    let list = |at: &str| spec.pointer(at).and_then(Value::as_array).cloned().unwrap_or_default();
    let volumes = list("/volumes");
    let nameless = |value: &Value| {
        let mut value = value.clone();
        assert!(value.as_object_mut().unwrap().remove("name").is_some());
        value
    };
    let both = |mount: &Value| {
        let behind: Vec<_> = volumes.iter().filter(|volume| volume["name"] == mount["name"]).collect();
        assert_eq!(behind.len(), 1, "a mount has one volume: {volumes:?}");
        (nameless(mount), nameless(behind[0]))
    };
    (list("/containers/0/volumeMounts").iter().map(both).collect(), volumes.len())
}

/// Asserts the mount and the volume of one entry.
macro_rules! becomes {
    ($($name:ident: $entry:tt => $mount:tt, $volume:tt;)+) => {
        $(#[test]
        fn $name() {
            assert_eq!(mounted(&json!([$entry])), (vec![(json!($mount), json!($volume))], 1));
        })+
    };
}

becomes! {
    a_claim: {"claim": "data", "mount_path": "/data"}
        => {"mountPath": "/data"}, {"persistentVolumeClaim": {"claimName": "data"}};
    a_folder_of_a_claim_to_read: {"claim": "data", "mount_path": "/data", "sub_path": "in/a", "read_only": true}
        => {"mountPath": "/data", "subPath": "in/a", "readOnly": true}, {"persistentVolumeClaim": {"claimName": "data", "readOnly": true}};
    a_config_map: {"config_map": "app", "mount_path": "/etc/app"}
        => {"mountPath": "/etc/app", "readOnly": true}, {"configMap": {"name": "app"}};
    an_optional_config_map: {"config_map": "app", "mount_path": "/etc/app", "optional": true}
        => {"mountPath": "/etc/app", "readOnly": true}, {"configMap": {"name": "app", "optional": true}};
    one_key_as_one_file: {"config_map": "app", "mount_path": "/etc/a.conf", "sub_path": "a"}
        => {"mountPath": "/etc/a.conf", "subPath": "a", "readOnly": true}, {"configMap": {"name": "app", "items": [{"key": "a", "path": "a"}]}};
    scratch_on_disk: {"scratch": {}, "mount_path": "/tmp"} => {"mountPath": "/tmp"}, {"emptyDir": {}};
    scratch_in_memory: {"scratch": {"size": "1Gi", "memory": true}, "mount_path": "/tmp"}
        => {"mountPath": "/tmp"}, {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}};
    a_bare_number_is_bytes: {"scratch": {"size": 1000}, "mount_path": "/tmp"} => {"mountPath": "/tmp"}, {"emptyDir": {"sizeLimit": "1000"}};
}

#[test]
fn a_claim_mounted_twice_is_one_volume_that_is_read_only_if_all_of_its_mounts_are() {
    let twice = |first: bool, second: bool| {
        let (mounts, volumes) = mounted(&json!([
            {"claim": "data", "mount_path": "/in", "sub_path": "in", "read_only": first},
            {"claim": "data", "mount_path": "/out", "read_only": second},
            {"claim": "another", "mount_path": "/another"},
        ]));
        assert_eq!((mounts.len(), volumes), (3, 2));
        mounts
            .iter()
            .take(2)
            .map(|(mount, volume)| [mount, &volume["persistentVolumeClaim"]].map(|of| of["readOnly"] == true))
            .collect::<Vec<_>>()
    };
    assert_eq!(twice(true, false), [[true, false], [false, false]]);
    assert_eq!(twice(true, true), [[true, true], [true, true]]);
}

#[test]
fn names_of_volumes_are_labels_and_no_two_are_one() {
    let long = format!("a.{}", ["b"; 120].join("."));
    let spec = spec_of(&json!({"transform": {
        "image": "a", "cmd": ["sh"], "stdin": ["x"], "memory_volume": true,
        "secrets": [{"name": long, "mount_path": "/s"}],
        "volumes": [
            {"claim": long, "mount_path": "/c"}, {"claim": "other", "mount_path": "/o"}, {"config_map": long, "mount_path": "/m"},
            {"config_map": long, "mount_path": "/n"}, {"scratch": {}, "mount_path": "/t"}, {"scratch": {}, "mount_path": "/u"},
        ],
    }}));
    let mut names: Vec<String> = spec.volumes.unwrap().into_iter().map(|volume| volume.name).collect();
    assert!(names.iter().all(|name| name.len() <= 63 && !name.contains('.')), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 9, "{names:?}");
}

#[test]
fn memory_volume_is_pachyderm_s_folder_in_memory() {
    let spec = spec_of(&json!({"transform": {"image": "a", "memory_volume": true}}));
    assert_eq!(spec.containers[0].volume_mounts.as_ref().unwrap()[0].mount_path, "/pfs");
    let scratch = spec.volumes.as_ref().unwrap()[0].empty_dir.as_ref().unwrap();
    assert_eq!((scratch.medium.as_deref(), &scratch.size_limit), (Some("Memory"), &None));
}
