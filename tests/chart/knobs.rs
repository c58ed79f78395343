//! Every value is in the schema, and every value does something.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use super::{cases, chart};

/// Handed down by Helm, or for a parent chart's condition: nothing reads them.
const READ_BY_NOTHING: [&str; 2] = ["enabled", "global"];

/// Knobs that `ci/everything-values.yaml` cannot turn beside the others: the file to turn them on top of, and how.
const APART: [(&str, &str, &str); 15] = [
    ("image.digest", "everything", "image.digest=sha256:0123"),
    ("helper.image.digest", "everything", "helper.image.digest=sha256:0123"),
    ("projector.image.digest", "everything", "projector.image.digest=sha256:0123"),
    ("projector.serviceAccount.create", "projector", "projector.serviceAccount.create=false"),
    ("podDisruptionBudget.minAvailable", "ha", "podDisruptionBudget.minAvailable=0"),
    ("crds.install", "default", "crds.install=false"),
    ("crds.keep", "default", "crds.keep=false"),
    ("serviceAccount.create", "everything", "serviceAccount.create=false"),
    ("rbac.create", "default", "rbac.create=false"),
    ("userRoles.create", "default", "userRoles.create=false"),
    ("metrics.enabled", "default", "metrics.enabled=false"),
    ("metrics.service.enabled", "default", "metrics.service.enabled=false"),
    ("livenessProbe.enabled", "default", "livenessProbe.enabled=false"),
    ("readinessProbe.enabled", "default", "readinessProbe.enabled=false"),
    ("test.enabled", "default", "test.enabled=false"),
];

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(chart().join(file)).unwrap()).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap()
}

/// The values that the schema describes one by one, as `a.b.c`.
fn described(node: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    for (key, child) in node["properties"].as_object().unwrap() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if child.get("properties").is_some() {
            assert_eq!(child["additionalProperties"], false, "{path} is open");
            described(child, &path, found);
        } else {
            found.insert(path, child.clone());
        }
    }
}

fn look_up<'a>(values: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(values, |value, key| value.get(key))
}

/// The values of a file, as deep as the schema describes them.
fn values_in(values: &Value, path: &str, schema: &BTreeMap<String, Value>, found: &mut BTreeSet<String>) {
    for (key, child) in values.as_object().unwrap() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if child.is_object() && !schema.contains_key(&path) {
            values_in(child, &path, schema, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn values_and_schema_name_the_same() {
    let mut in_schema = BTreeMap::new();
    described(&schema(), "", &mut in_schema);
    let mut in_file = BTreeSet::new();
    values_in(&yaml("values.yaml"), "", &in_schema, &mut in_file);
    assert!(in_file.len() > 100);
    assert_eq!(in_file, in_schema.keys().cloned().collect());
    for (path, node) in in_schema {
        assert_eq!(look_up(&yaml("values.yaml"), &path), Some(&node["default"]), "{path}");
        assert!(node["description"].as_str().is_some_and(|text| text.len() > 5), "{path} is not described");
    }
}

/// What comes out, or the refusal: a value that makes the rest impossible is not without effect.
fn outcome(values: &Value, set: &str) -> String {
    let mut helm = lockgate_cluster::helm_for_people().unwrap();
    helm.args(["template", "lockgate", ".", "--values", "-"]).args(if set.is_empty() {
        vec![]
    } else {
        vec!["--set", set]
    });
    helm.current_dir(chart()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = helm.spawn().unwrap();
    child.stdin.take().unwrap().write_all(values.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(if output.status.success() { output.stdout } else { output.stderr }).unwrap()
}

fn without(values: &Value, path: &str) -> Value {
    let mut values = values.clone();
    let (groups, last) = path.rsplit_once('.').unwrap_or(("", path));
    let group = groups.split('.').filter(|key| !key.is_empty()).try_fold(&mut values, |value, key| value.get_mut(key));
    group.unwrap().as_object_mut().unwrap().remove(last).unwrap();
    values
}

/// A value that nothing reads would be a promise that nobody keeps.
#[test]
fn every_value_changes_what_comes_out() {
    let mut left = BTreeMap::new();
    described(&schema(), "", &mut left);
    for path in READ_BY_NOTHING {
        assert!(left.remove(path).is_some(), "{path} is gone");
    }
    let files: BTreeMap<String, Value> =
        cases().into_iter().map(|case| (case.clone(), yaml(&format!("ci/{case}-values.yaml")))).collect();
    let everything = &files["everything"];
    let mut turned = Vec::new();
    for (path, case, set) in APART {
        assert!(left.remove(path).is_some(), "{path} is gone, or named twice");
        turned.push((path.to_owned(), files[case].clone(), files[case].clone(), set));
    }
    for path in left.into_keys() {
        assert!(look_up(everything, &path).is_some(), "ci/everything-values.yaml does not turn {path}");
        turned.push((path.clone(), everything.clone(), without(everything, &path), ""));
    }
    let before: BTreeMap<String, String> =
        files.values().map(|values| (values.to_string(), outcome(values, ""))).collect();
    let (todo, dead) = (Mutex::new(turned), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((path, base, values, set)) = { todo.lock().unwrap().pop() } {
                    if outcome(&values, set) == before[&base.to_string()] {
                        dead.lock().unwrap().push(path);
                    }
                }
            });
        }
    });
    let dead = dead.into_inner().unwrap();
    assert!(dead.is_empty(), "these values change nothing: {dead:?}");
}

/// The flags of one of the servers.
fn flags_of(server: &str) -> Vec<String> {
    let help = super::support::output(Command::new(env!("CARGO_BIN_EXE_lockgate")).args([server, "--help"]));
    let flags = help.lines().filter_map(|line| line.trim_start().trim_start_matches("-h, ").strip_prefix("--"));
    flags.filter_map(|flag| flag.split([' ', '=']).next()).map(ToOwned::to_owned).collect()
}

/// A flag that the chart does not know could be given twice, or against its rights.
#[test]
fn every_flag_of_the_operator_is_set_by_a_value_or_left_to_extra_args() {
    const LEFT: [&str; 3] = ["help", "kubeconfig", "log-level"];
    let flags = flags_of("operator");
    assert!(flags.len() > 15, "{flags:?}");
    let mut in_schema = BTreeMap::new();
    described(&schema(), "", &mut in_schema);
    for flag in flags.iter().filter(|flag| !LEFT.contains(&flag.as_str())) {
        let refusal =
            outcome(&serde_json::json!({"image": {"repository": "x"}, "extraArgs": [format!("--{flag}=x")]}), "");
        let (_, value) = refusal
            .split_once(&format!("--{flag} in extraArgs is the chart's own: set "))
            .unwrap_or_else(|| panic!("the chart knows nothing of --{flag}: {refusal}"));
        let value = value.split_whitespace().next().unwrap();
        assert!(in_schema.keys().any(|path| path == value || path.starts_with(&format!("{value}."))), "{value}");
    }
}

/// The projector takes no more flags than the chart sets.
#[test]
fn every_flag_of_the_projector_is_set_by_a_value() {
    const LEFT: [&str; 3] = ["help", "kubeconfig", "log-level"];
    // By a variable, as the operator's.
    const HELPER: &str = "helper-image";
    let release = super::objects(&super::rendered(&["--values", "ci/everything-values.yaml"]));
    let deployment = super::object(&release, "Deployment", "lockgate-everything-projector");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let given: Vec<&str> = container["args"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
    for flag in flags_of("projector").iter().filter(|flag| !LEFT.contains(&flag.as_str()) && *flag != HELPER) {
        assert!(given.iter().any(|argument| argument.starts_with(&format!("--{flag}="))), "--{flag}: {given:?}");
    }
    assert_eq!(container["env"][0]["name"], "LOCKGATE_PROJECTOR_HELPER_IMAGE");
}
