//! The Helm chart: what it renders, what it refuses, and what a real API server makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::large_futures)] // It is a test.

#[path = "../support/mod.rs"]
mod support;

mod golden;
mod knobs;
mod labels;
mod notes;
mod operator;
mod refusals;
mod release;
mod rights;
mod same;
mod server;
mod shown;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The smallest thing to set.
const IMAGE: &str = "image.repository=registry.example.com/lockgate";

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/lockgate")
}

/// Helm without a cluster.
fn helm(arguments: &[&str]) -> Output {
    let mut helm: Command = lockgate_cluster::helm_for_people().unwrap();
    helm.args(arguments).current_dir(chart()).env("KUBECONFIG", "/nonexistent").output().unwrap()
}

/// The names of `ci/*-values.yaml`, without the ending.
fn cases() -> Vec<String> {
    let entries = std::fs::read_dir(chart().join("ci")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> =
        entries.filter_map(|name| Some(name.to_str()?.strip_suffix("-values.yaml")?.to_owned())).collect();
    names.sort();
    assert!(names.len() >= 5, "{names:?}");
    names
}

/// What `helm template` prints for these flags, of a release as docs/operator.md installs it.
fn rendered(flags: &[&str]) -> String {
    let output = helm(&[&["template", "lockgate", ".", "--namespace", "lockgate-system"], flags].concat());
    assert!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The objects of a YAML text.
fn objects(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The object of that kind and name.
fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// Waits for what no watch of ours can tell: an answer of the authorizer.
fn until(what: &str, look: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !look() {
        assert!(start.elapsed() < support::DEADLINE, "{what}: not within {:?}", support::DEADLINE);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
