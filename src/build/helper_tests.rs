//! The init container that renders: what it is asked, what it reads, and where its results go.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::built_with;
use crate::model::defaults::{Defaults, HELPER_IMAGE};
use crate::model::names::SecretName;
use crate::model::render::{REQUEST_ANNOTATION, Request, SECRETS_DIR};

/// The Pod of a transform, as JSON.
fn pod(transform: &Value) -> Value {
    pod_of(&json!({"transform": transform}), Defaults::default())
}

fn pod_of(spec: &Value, defaults: Defaults) -> Value {
    serde_json::to_value(built_with(spec, defaults)).unwrap()
}

fn request(pod: &Value) -> Value {
    let text = pod["metadata"]["annotations"][REQUEST_ANNOTATION].as_str().unwrap();
    serde_json::from_str::<Request>(text).unwrap();
    serde_json::from_str(text).unwrap()
}

/// The one of a list that has this name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut found = list.as_array().unwrap().iter().filter(|item| item["name"] == name);
    let one = found.next().unwrap_or_else(|| panic!("no {name} in {list}"));
    assert!(found.next().is_none(), "{name} twice");
    one
}

/// Where the container has what of which volume.
fn mounts(container: &Value) -> Vec<String> {
    let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
    let shown = |mount: &Value| {
        let word = |field: &str| mount[field].as_str().unwrap_or("-").to_owned();
        let access = if mount["readOnly"] == true { "ro" } else { "rw" };
        format!("{} {} {} {access}", word("mountPath"), word("name"), word("subPath"))
    };
    mounts.iter().map(shown).collect()
}

fn input() -> Value {
    json!({
        "image": "a",
        "env": {"A": "1", "COST": "$5 $(B) $$"},
        "input": {
            "secrets": [{"name": "api", "key": "token", "as": "t"}, {"name": "db"}],
            "template": {"x": "jq(.secrets.t)"},
            "mount_path": "/lockgate/input.json",
        },
    })
}

#[test]
fn what_renders_nothing_has_nothing_of_it() {
    for transform in [
        json!({"image": "a"}),
        json!({"image": "a", "cmd": ["sh"], "stdin": ["x"], "env": {"A": "1"}, "volumes": [{"claim": "c", "mount_path": "/c"}],
            "image_pull_secrets": ["r"], "secrets": [{"name": "db", "env_var": "X", "key": "x"}, {"name": "tls", "mount_path": "/tls"},
            {"name": "ca", "mount_path": "/tls"}, {"name": "app", "env_prefix": ""}]}),
    ] {
        let pod = pod(&transform);
        let text = pod.to_string();
        assert!(pod["spec"]["initContainers"].is_null(), "{text}");
        for word in
            ["lockgate-render", "lockgate-out", "lockgate-secret", "lockgate-request", REQUEST_ANNOTATION, HELPER_IMAGE]
        {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn the_request_names_what_is_to_be_rendered_and_has_no_value_of_the_environment() {
    let pod = pod(&input());
    assert_eq!(
        request(&pod),
        json!({
            "pipeline": "edges", "namespace": "team-a", "step": "main", "index": 0, "run": 1,
            "input": {
                "secrets": [{"as": "t", "dir": "0", "key": "token"}, {"as": "db", "dir": "1"}],
                "template": {"x": "jq(.secrets.t)"},
                "into": {"file": {"path": "input"}},
            },
        })
    );
    let request = &pod["spec"]["volumes"];
    let volume = named(request, "lockgate-request");
    let source = json!({"defaultMode": 0o444, "items": [{
        "path": "request.json", "fieldRef": {"fieldPath": "metadata.annotations['lockgate.dev/render']"}}]});
    assert_eq!(volume["downwardAPI"], source);
}

#[test]
fn it_reads_only_the_keys_that_are_named_and_writes_to_memory() {
    let pod = pod(&input());
    let volumes = &pod["spec"]["volumes"];
    let one = json!({"secretName": "api", "defaultMode": 0o444, "items": [{"key": "token", "path": "token"}]});
    assert_eq!(named(volumes, "lockgate-secret-000")["secret"], one);
    assert_eq!(named(volumes, "lockgate-secret-001")["secret"], json!({"secretName": "db", "defaultMode": 0o444}));
    assert_eq!(named(volumes, "lockgate-out")["emptyDir"], json!({"medium": "Memory", "sizeLimit": "2Mi"}));
    assert_eq!(volumes.as_array().unwrap().len(), 4);
    let helper = named(&pod["spec"]["initContainers"], "lockgate-render");
    assert_eq!(
        mounts(helper),
        [
            "/run/lockgate/request lockgate-request - ro",
            "/run/lockgate/out lockgate-out - rw",
            "/run/lockgate/secrets/0 lockgate-secret-000 - ro",
            "/run/lockgate/secrets/1 lockgate-secret-001 - ro",
        ]
    );
    assert_eq!(mounts(&pod["spec"]["containers"][0]), ["/lockgate/input.json lockgate-out input ro"]);
}

#[test]
fn literals_reach_it_as_they_are_written() {
    let pod = pod(&input());
    let helper = named(&pod["spec"]["initContainers"], "lockgate-render");
    // The kubelet makes `$` of `$$` and expands nothing then.
    assert_eq!(
        helper["env"],
        json!([{"name": "LOCKGATE_ENV_A", "value": "1"}, {"name": "LOCKGATE_ENV_COST", "value": "$$5 $$(B) $$$$"}])
    );
    assert_eq!(named(&pod["spec"]["containers"][0]["env"], "COST")["value"], "$5 $(B) $$");
    // What makes only folders names no variable.
    let transform = json!({"image": "a", "env": {"A": "1"}, "secrets": [{"name": "a", "mount_path": "/a", "format": "properties"}]});
    let pod = self::pod(&transform);
    assert!(named(&pod["spec"]["initContainers"], "lockgate-render")["env"].is_null());
}

#[test]
fn a_variable_is_read_from_the_result_and_stands_before_the_literals() {
    let transform = json!({
        "image": "a", "env": {"A": "$(INPUT)"}, "secrets": [{"name": "db", "env_var": "DB", "key": "x"}],
        "input": {"secrets": [{"name": "api", "key": "token"}], "template": "jq(.secrets.api)", "env_var": "INPUT"},
    });
    let pod = pod(&transform);
    let container = &pod["spec"]["containers"][0];
    let names: Vec<_> = container["env"].as_array().unwrap().iter().map(|var| var["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["DB", "INPUT", "LOCKGATE_INDEX", "LOCKGATE_PARALLELISM", "A"]);
    let source = json!({"fileKeyRef": {"volumeName": "lockgate-out", "path": "input.env", "key": "INPUT"}});
    assert_eq!(named(&container["env"], "INPUT")["valueFrom"], source);
    assert_eq!(request(&pod)["input"]["into"], json!({"env": {"path": "input.env", "name": "INPUT"}}));
    assert!(container["volumeMounts"].is_null(), "the kubelet reads it");
}

#[test]
fn a_folder_with_properties_is_rendered_whole_and_others_are_left_to_the_kubelet() {
    let pod = pod_of(
        &json!({
            "transform": {"image": "a", "secrets": [
                {"name": "plain", "mount_path": "/b"},
                {"name": "app", "mount_path": "/a", "format": "properties"},
                {"name": "tls", "mount_path": "/a", "items": [{"key": "k", "path": "k.pem", "mode": 0o400}, {"key": "l", "path": "l"}]},
            ]},
            "secrets": [{"name": "more", "mount_path": "/a", "optional": true}, {"name": "z", "mount_path": "/z", "format": "properties"}],
        }),
        Defaults::default(),
    );
    assert_eq!(
        request(&pod)["folders"],
        json!([
            {"path": "folder-0", "sources": [
                {"secret": "app", "dir": "0", "properties": true},
                {"secret": "tls", "dir": "1", "properties": false},
                {"secret": "more", "dir": "2", "properties": false},
            ]},
            {"path": "folder-1", "sources": [{"secret": "z", "dir": "3", "properties": true}]},
        ])
    );
    assert!(request(&pod)["input"].is_null());
    let volumes = &pod["spec"]["volumes"];
    // A file that its mode hides from the helper's user could not be copied, where they share no group.
    let items = json!([{"key": "k", "path": "k.pem", "mode": 0o444}, {"key": "l", "path": "l"}]);
    assert_eq!(named(volumes, "lockgate-secret-001")["secret"]["items"], items);
    assert_eq!(named(volumes, "lockgate-secret-002")["secret"]["optional"], true);
    assert_eq!(named(volumes, "lockgate-out")["emptyDir"]["sizeLimit"], "34Mi");
    let own = mounts(&pod["spec"]["containers"][0]);
    assert_eq!(own.len(), 3);
    assert!(own[0].starts_with("/b secret-"), "{own:?}");
    assert_eq!(own[1..], ["/a lockgate-out folder-0 ro", "/z lockgate-out folder-1 ro"]);
}

#[test]
fn a_file_beside_properties_has_its_mode_where_the_pod_has_a_group() {
    let mode = |more: Value| {
        let mut transform = json!({"image": "a", "secrets": [
            {"name": "app", "mount_path": "/a", "format": "properties"},
            {"name": "tls", "mount_path": "/a", "items": [{"key": "k", "path": "k.pem", "mode": 0o400}]},
        ]});
        transform.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let pod = pod(&transform);
        let of_volume = named(&pod["spec"]["volumes"], "lockgate-secret-001")["secret"]["items"][0]["mode"].clone();
        // By this the kubelet gives the helper the right to read it.
        (of_volume, pod["spec"]["securityContext"]["fsGroup"].clone())
    };
    assert_eq!(mode(json!({"user": "1000"})), (json!(0o400), json!(1000)));
    assert_eq!(mode(json!({"fs_group": "7"})), (json!(0o400), json!(7)));
    assert_eq!(mode(json!({})), (json!(0o444), Value::Null));
}

#[test]
fn stdin_and_an_input_lie_side_by_side() {
    let transform = json!({"image": "a", "cmd": ["sh"], "stdin": ["x"],
        "input": {"template": 1, "mount_path": "/lockgate/input.json"}});
    assert_eq!(
        mounts(&pod(&transform)["spec"]["containers"][0]),
        ["/lockgate/stdin lockgate-stdin stdin ro", "/lockgate/input.json lockgate-out input ro"]
    );
}

#[test]
fn it_is_our_image_as_the_pod_s_user_with_nothing_it_does_not_need() {
    let spec = |security: &str| {
        json!({"transform": {"image": "a", "user": "1000", "input": {"template": 1, "env_var": "I"}}, "security": security,
        "service_account_name": "robot"})
    };
    for security in ["Baseline", "Restricted"] {
        let pod = pod_of(&spec(security), Defaults::default());
        let helper = named(&pod["spec"]["initContainers"], "lockgate-render");
        assert_eq!((&helper["image"], &helper["args"]), (&json!(HELPER_IMAGE), &json!(["render"])));
        assert!(helper["imagePullPolicy"].is_null() && helper["command"].is_null());
        assert_eq!(helper["terminationMessagePolicy"], "File");
        assert_eq!(
            helper["securityContext"],
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true}),
            "{security}"
        );
        assert_eq!(pod["spec"]["securityContext"]["runAsUser"], 1000);
        // In the place of a token, which is mounted where nothing is.
        assert_eq!(mounts(helper)[2], "/var/run/secrets/kubernetes.io/serviceaccount lockgate-request - ro");
        assert_eq!(helper["resources"]["limits"], json!({"cpu": "200m", "memory": "128Mi"}));
        assert_eq!(helper["resources"]["requests"], json!({"cpu": "10m", "memory": "32Mi"}));
    }
    let guaranteed = json!({"transform": {"image": "a", "input": {"template": 1, "env_var": "I"}}, "resource_limits": {"cpu": 1, "memory": "1Gi"}});
    let pod = pod_of(&guaranteed, Defaults::default());
    let resources = &named(&pod["spec"]["initContainers"], "lockgate-render")["resources"];
    assert_eq!(resources["limits"], resources["requests"]);
}

#[test]
fn its_image_policy_and_pull_secrets_are_the_operator_s() {
    let names = |names: &[&str]| names.iter().map(|name| SecretName::parse(name).unwrap()).collect::<Vec<_>>();
    let mut defaults = Defaults { pull_secrets: names(&["mirror", "all"]), ..Defaults::default() };
    defaults.helper.image = "mirror.test/lockgate:1".into();
    defaults.helper.pull_policy = Some(crate::api::pipeline::ImagePullPolicy::Always);
    defaults.helper.pull_secrets = names(&["mirror", "own"]);
    let spec = |more: Value| {
        let mut transform = json!({"image": "a", "image_pull_secrets": ["own"]});
        transform.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"transform": transform})
    };
    let pull = |pod: &Value| -> Vec<String> {
        let list = pod["spec"]["imagePullSecrets"].as_array().unwrap();
        list.iter().map(|secret| secret["name"].as_str().unwrap().to_owned()).collect()
    };
    let pod = pod_of(&spec(json!({"input": {"template": 1, "env_var": "I"}})), defaults.clone());
    let helper = named(&pod["spec"]["initContainers"], "lockgate-render");
    assert_eq!((&helper["image"], &helper["imagePullPolicy"]), (&json!("mirror.test/lockgate:1"), &json!("Always")));
    assert_eq!(pull(&pod), ["own", "mirror", "all"]);
    assert_eq!(pull(&pod_of(&spec(json!({})), Defaults { pull_secrets: names(&["all"]), ..defaults })), ["own", "all"]);
}

const PATHS: [&str; 3] = ["/a", "/b", "/c/d"];

/// A step with entries at few paths, of all kinds, and perhaps an input.
fn any_transform() -> impl Strategy<Value = (Value, BTreeSet<usize>, bool)> {
    let entry = (0..3_usize, 0..3_usize, any::<bool>());
    let input = prop_oneof![Just(None), (0..4_usize, any::<bool>()).prop_map(Some)];
    (proptest::collection::vec(entry, 0..8), input).prop_map(|(entries, input)| {
        let rendered: BTreeSet<usize> =
            entries.iter().filter(|(_, kind, _)| *kind == 0).map(|(path, ..)| *path).collect();
        let has_input = input.is_some();
        let entry = |(at, (path, kind, optional)): (usize, &(usize, usize, bool))| {
            let path = PATHS[*path];
            let mut entry = json!({"name": format!("s{at}"), "mount_path": path});
            match kind {
                0 => entry["format"] = json!("properties"),
                1 => entry["items"] = json!([{"key": "k", "path": format!("f{at}"), "mode": 0o400}]),
                _ => entry["optional"] = json!(optional),
            }
            entry
        };
        let mut transform = json!({"image": "a", "secrets": entries.iter().enumerate().map(entry).collect::<Vec<_>>()});
        if let Some((count, file)) = input {
            let secrets: Vec<Value> = (0..count).map(|at| json!({"name": format!("i{at}"), "key": "k"})).collect();
            transform["input"] = json!({"secrets": secrets, "template": "jq(.run)"});
            transform["input"].as_object_mut().unwrap().extend(
                if file { json!({"mount_path": "/lockgate/i"}) } else { json!({"env_var": "I"}) }
                    .as_object()
                    .unwrap()
                    .clone(),
            );
        }
        (transform, rendered, has_input)
    })
}

fn names(list: &Value) -> Vec<String> {
    let all = list.as_array().cloned().unwrap_or_default();
    all.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

proptest! {
    #[test]
    fn every_secret_has_one_way_and_every_mount_a_volume((transform, rendered, has_input) in any_transform()) {
        let pod = pod(&transform);
        let helper = &pod["spec"]["initContainers"][0];
        prop_assert_eq!(!helper.is_null(), has_input || !rendered.is_empty());
        let volumes = names(&pod["spec"]["volumes"]);
        prop_assert_eq!(volumes.iter().collect::<BTreeSet<_>>().len(), volumes.len());
        for container in [helper, &pod["spec"]["containers"][0]] {
            let mounts = mounts(container);
            let places: BTreeSet<&str> = mounts.iter().filter_map(|mount| mount.split(' ').next()).collect();
            prop_assert_eq!(places.len(), mounts.len());
            for mount in &mounts {
                prop_assert!(volumes.iter().any(|name| mount.split(' ').nth(1) == Some(name.as_str())), "{}", mount);
            }
        }
        // Each Secret is in one volume, and the helper has it if its path is rendered or the input names it.
        let text = pod["spec"]["volumes"].to_string();
        for (at, entry) in transform["secrets"].as_array().unwrap().iter().enumerate() {
            prop_assert_eq!(text.matches(&format!("\"s{at}\"")).count(), 1);
            let path = PATHS.iter().position(|path| entry["mount_path"] == *path).unwrap();
            let is_sources = |volume: &&Value| volume["name"].as_str().unwrap().starts_with("lockgate-secret-");
            let helpers: Vec<&Value> = pod["spec"]["volumes"].as_array().unwrap().iter().filter(is_sources).collect();
            let is_read = helpers.iter().any(|volume| volume["secret"]["secretName"] == format!("s{at}"));
            prop_assert_eq!(is_read, rendered.contains(&path));
        }
        if !helper.is_null() {
            let request = request(&pod);
            let folders = request["folders"].as_array().cloned().unwrap_or_default();
            let sources = folders.iter().flat_map(|folder| folder["sources"].as_array().unwrap().clone());
            let inputs = request["input"]["secrets"].as_array().cloned().unwrap_or_default();
            let dirs: BTreeSet<String> = sources.chain(inputs).map(|of| of["dir"].as_str().unwrap().to_owned()).collect();
            let own = mounts(helper);
            let mounted: BTreeSet<String> =
                own.iter().filter_map(|mount| mount.strip_prefix(SECRETS_DIR)?.strip_prefix('/')?.split(' ').next().map(ToOwned::to_owned)).collect();
            prop_assert_eq!(dirs, mounted);
            prop_assert_eq!(folders.len(), rendered.len());
        }
    }
}
