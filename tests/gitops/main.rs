//! What GitOps tools make of Pipelines and registries: Argo CD's Lua and kstatus, over what a real API server said of real Pipelines
//! (`tests/apiserver/gitops.rs` compares it, and writes it anew).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

mod kstatus;
mod lua;
mod registries;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use kstatus::Kstatus;

/// Where Argo CD's files of this kind lie.
fn tree_of(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/resource_customizations/lockgate.dev").join(kind)
}

fn tree() -> PathBuf {
    tree_of("Pipeline")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(tree().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file of the repository.
fn yaml_of(path: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of a folder of testdata.
fn testdata(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(tree().join(folder)).unwrap();
    entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy())).collect()
}

/// What Argo CD's health check of this kind says.
fn health_of(kind: &str, object: &Value) -> Value {
    let script = std::fs::read_to_string(tree_of(kind).join("health.lua")).unwrap();
    lua::run(&script, object).unwrap_or_else(|error| panic!("health.lua of {kind}: {error}"))
}

fn health(object: &Value) -> Value {
    health_of("Pipeline", object)
}

#[test]
fn the_health_of_every_state_is_what_health_test_says() {
    let cases = yaml("health_test.yaml");
    let cases = cases["tests"].as_array().unwrap();
    for case in cases {
        let path = case["inputPath"].as_str().unwrap();
        assert_eq!(health(&yaml(path)), case["healthStatus"], "{path}");
    }
    let tried: BTreeSet<String> = cases.iter().map(|case| case["inputPath"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tried, testdata("testdata"), "every file has a case");
}

#[test]
fn kstatus_reads_every_state() {
    let cases = [
        ("not-observed", Kstatus::InProgress),
        ("changed-not-observed", Kstatus::InProgress),
        ("waiting", Kstatus::InProgress),
        ("waiting-healthy", Kstatus::InProgress),
        ("missing-secret-timeout", Kstatus::Failed),
        ("starting", Kstatus::InProgress),
        // As a batch Job is current once it has started.
        ("job-running", Kstatus::Current),
        ("succeeded", Kstatus::Current),
        ("failed", Kstatus::Failed),
        ("suspended", Kstatus::Current),
        ("service-running", Kstatus::Current),
        ("rolling", Kstatus::InProgress),
        ("roll-stuck", Kstatus::Failed),
    ];
    for (name, expected) in cases {
        assert_eq!(kstatus::compute(&yaml(&format!("testdata/{name}.yaml"))), expected, "{name}");
    }
    let tried: BTreeSet<String> = cases.iter().map(|(name, _)| format!("testdata/{name}.yaml")).collect();
    assert_eq!(tried, testdata("testdata"), "every file has a case");
    let mut deleted = yaml("testdata/waiting.yaml");
    deleted["metadata"]["deletionTimestamp"] = json!("2026-11-22T00:00:00Z");
    assert_eq!(kstatus::compute(&deleted), Kstatus::Terminating);
}

#[test]
fn the_annotation_counts_only_while_a_pipeline_waits_and_only_with_that_word() {
    let annotated = |name: &str, word: &str| {
        let mut object = yaml(&format!("testdata/{name}.yaml"));
        object["metadata"]["annotations"] = json!({"lockgate.dev/health-while-waiting": word});
        health(&object)["status"].clone()
    };
    assert_eq!(annotated("waiting", "Healthy"), "Healthy");
    assert_eq!(annotated("waiting", "healthy"), "Progressing");
    assert_eq!(annotated("starting", "Healthy"), "Progressing");
    assert_eq!(annotated("missing-secret-timeout", "Healthy"), "Degraded");
}

#[test]
fn what_is_not_whole_is_progressing_and_no_error() {
    let mut object = yaml("testdata/succeeded.yaml");
    object["status"]["conditions"] = json!([]);
    assert_eq!(health(&object)["status"], "Progressing");
    object["status"].as_object_mut().unwrap().remove("conditions");
    assert_eq!(health(&object)["status"], "Progressing");
    object.as_object_mut().unwrap().remove("status");
    assert_eq!(health(&object)["status"], "Progressing");
}

#[test]
fn actions_are_offered_where_they_fit() {
    let cases = yaml("actions/action_test.yaml");
    for case in cases["discoveryTests"].as_array().unwrap() {
        let path = format!("actions/{}", case["inputPath"].as_str().unwrap());
        let offered = lua::run(&text("actions/discovery.lua"), &yaml(&path)).unwrap();
        let expected = case["result"].as_array().unwrap();
        assert_eq!(offered.as_object().unwrap().len(), expected.len(), "{path}");
        for action in expected {
            let mut action = action.clone();
            let name = action.as_object_mut().unwrap().remove("name").unwrap();
            assert_eq!(offered[name.as_str().unwrap()], action, "{path}: {name}");
            assert!(tree().join(format!("actions/{}/action.lua", name.as_str().unwrap())).exists(), "{name}");
        }
    }
}

#[test]
fn actions_change_what_they_say_and_nothing_else() {
    const RUN: &str = "lockgate.dev/run-requested-at";
    let cases = yaml("actions/action_test.yaml");
    let cases = cases["actionTests"].as_array().unwrap();
    let mut tried = BTreeSet::new();
    for case in cases {
        let action = case["action"].as_str().unwrap();
        let input = yaml(&format!("actions/{}", case["inputPath"].as_str().unwrap()));
        let mut expected = yaml(&format!("actions/{}", case["expectedOutputPath"].as_str().unwrap()));
        let output = lua::run(&text(&format!("actions/{action}/action.lua")), &input).unwrap();
        if action == "run" {
            let asked = output["metadata"]["annotations"][RUN].as_str().unwrap().to_owned();
            asked.parse::<k8s_openapi::jiff::Timestamp>().unwrap_or_else(|error| panic!("{asked}: {error}"));
            expected["metadata"]["annotations"][RUN] = json!(asked);
        }
        assert_eq!(output, expected, "{action}");
        assert_ne!(output, input, "{action} changes nothing");
        tried.insert(action);
    }
    assert_eq!(tried, BTreeSet::from(["run", "suspend", "resume"]));
}

#[test]
fn the_lua_may_use_no_more_than_argo_cd_gives_it() {
    let object = json!({});
    assert!(lua::run("return {a = string.upper('x')}", &object).is_err());
    assert!(lua::run("return {a = os.getenv('HOME')}", &object).is_err());
    assert!(lua::run("return {a = require('os').date('!%Y')}", &object).is_ok());
}

#[test]
fn the_config_map_carries_the_same_lua() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/argocd-cm.yaml");
    let map: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let key =
        |what: &str| map["data"][format!("resource.customizations.{what}.lockgate.dev_Pipeline")].as_str().unwrap();
    for kind in ["Pipeline", "Registry", "ClusterRegistry"] {
        let health = map["data"][format!("resource.customizations.health.lockgate.dev_{kind}")].as_str().unwrap();
        assert_eq!(health, std::fs::read_to_string(tree_of(kind).join("health.lua")).unwrap(), "make generate");
    }
    let actions: Value = serde_saphyr::from_str(key("actions")).unwrap();
    assert_eq!(actions["discovery.lua"], text("actions/discovery.lua"), "make generate");
    let definitions = actions["definitions"].as_array().unwrap();
    assert_eq!(definitions.len(), 3);
    for definition in definitions {
        let name = definition["name"].as_str().unwrap();
        assert_eq!(definition["action.lua"], text(&format!("actions/{name}/action.lua")), "{name}: make generate");
    }
}

#[test]
fn every_path_that_an_example_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["deploy/argocd/examples", "deploy/flux/example"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                continue;
            }
            for document in std::fs::read_to_string(&file).unwrap().split("\n---\n") {
                let object: Value =
                    serde_saphyr::from_str(document).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
                let path =
                    [&object["spec"]["path"], &object["spec"]["source"]["path"]].into_iter().find_map(Value::as_str);
                paths.push(path.unwrap_or_else(|| panic!("{} names no path", file.display())).to_owned());
            }
        }
    }
    assert_eq!(paths.len(), 7, "{paths:?}");
    for path in paths {
        assert!(root.join(&path).is_dir(), "{path} is not there");
    }
}
