//! Every manifest that people are given is taken by the API server, or has a row here that says why it is not asked.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use lockgate_cluster::Cluster;
use serde_json::{Value, json};

use crate::shared;
use crate::support::{Space, admin, output};

/// Files that hold no whole object.
const PARTS: [(&str, &str); 8] = [
    ("deploy/argocd/argocd-cm.yaml", "a patch of Argo CD's own ConfigMap; tests/gitops reads it"),
    ("deploy/argocd/resource_customizations/", "tests for Argo CD, on what a cluster said; tests/gitops runs them"),
    ("deploy/base/images.yaml", "configuration of kustomize; what has it is rendered here"),
    ("deploy/components/ha/deployment.yaml", "a patch; the overlay that has it is rendered here"),
    ("deploy/krew/lockgate.yaml", "a template that is filled in at a release; tests/krew.rs does"),
    ("deploy/kustomize/component/", "configuration of kustomize; the examples that have it are rendered here"),
    ("deploy/recipes/parameters/helm/", "a chart; apiserver/recipes.rs renders it"),
    ("kustomization.yaml", "what kubectl renders, which is done here"),
];
/// Kinds of others, whose schemas are not ours to have: of them only this is looked at, and that they say something.
const STRANGERS: [(&str, &str); 3] = [
    ("argoproj.io/v1alpha1", "Application"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every YAML file below these folders, with its path from here.
fn files(folders: &[&str]) -> Vec<String> {
    let mut todo: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// What people apply: files that hold objects, and kustomizations.
fn sources(cluster: &Cluster) -> Vec<(String, Vec<Value>)> {
    let objects =
        |path: &str, text: &str| lockgate::cli::manifest::read(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut sources = Vec::new();
    let mut excused = BTreeSet::new();
    let mut rendered = String::new();
    let mut components = Vec::new();
    for path in files(&["crds", "deploy", "examples"]) {
        if let Some(folder) = path.strip_suffix("/kustomization.yaml") {
            let text = read(&path);
            if text.contains("\nkind: Component\n") {
                components.push(path.clone());
            } else {
                rendered.push_str(&text);
                let text = output(cluster.kubectl().arg("kustomize").arg(root().join(folder)));
                sources.push((folder.to_owned(), objects(folder, &text)));
            }
        }
        match PARTS.iter().find(|(part, _)| path.starts_with(part) || path.ends_with(part)) {
            Some((part, _)) => {
                excused.insert(*part);
            }
            None => sources.push((path.clone(), objects(&path, &read(&path)))),
        }
    }
    assert_eq!(excused.len(), PARTS.len(), "a row without a file: only {excused:?} are there");
    for component in components {
        let name = component.rsplit('/').nth(1).unwrap();
        assert!(rendered.contains(&format!("/{name}")), "no kustomization that is rendered here has {component}");
    }
    sources
}

/// As it is applied here: everything in one namespace.
fn placed(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    object
}

/// What the API server says to these objects, with fields that it does not know refused. Nothing is kept.
fn said(cluster: &Cluster, namespace: &str, objects: &[Value]) -> Result<usize, String> {
    // Documents and no List: of a List kubectl judges the fields itself.
    let documents: Vec<String> = objects.iter().cloned().map(|object| placed(object).to_string()).collect();
    let mut command = cluster.kubectl();
    command.args([
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=manifests",
        "--namespace",
        namespace,
    ]);
    command.args(["--dry-run=server", "--validate=strict", "--output=name", "--filename=-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(documents.join("\n---\n").as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let warned = text(&ended.stderr);
    if ended.status.success() && warned.is_empty() { Ok(text(&ended.stdout).lines().count()) } else { Err(warned) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_takes_every_manifest_of_the_tree() {
    let cluster = &tokio::task::spawn_blocking(shared).await.unwrap().cluster;
    let space = Space::new(&admin(cluster).await, "manifests").await;
    // The Prometheus operator's kinds, with the fields that we set.
    let kinds = root().join("tests/chart/monitoring-crds.yaml");
    output(cluster.kubectl().args(["apply", "--server-side", "-f"]).arg(&kinds));
    output(cluster.kubectl().args(["wait", "--for=condition=Established", "--timeout=60s", "-f"]).arg(&kinds));

    let mut refused = Vec::new();
    let mut met = BTreeSet::new();
    let (mut asked, mut taken) = (0, 0);
    for (source, objects) in sources(cluster) {
        assert!(!objects.is_empty(), "{source} holds nothing");
        let is_strange = |object: &Value| {
            STRANGERS.into_iter().find(|(version, kind)| object["apiVersion"] == *version && object["kind"] == *kind)
        };
        let (strange, known): (Vec<Value>, Vec<Value>) = objects.into_iter().partition(|o| is_strange(o).is_some());
        for object in strange {
            met.extend(is_strange(&object));
            let is_whole = object["metadata"]["name"].is_string() && object["spec"].is_object();
            assert!(is_whole && object.as_object().unwrap().len() == 4, "{source}: {object}");
        }
        if known.is_empty() {
            continue;
        }
        asked += known.len();
        match said(cluster, &space.name, &known) {
            Ok(count) => taken += count,
            Err(words) => refused.push(format!("{source}: {words}")),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert_eq!(met.len(), STRANGERS.len(), "a row without an object: only {met:?} were met");
    assert_eq!(taken, asked, "some objects were passed over");
    assert!(asked > 100, "only {asked} objects were found");
    println!("{asked} objects were taken");

    // The look itself is worth something: fields that there are not, and a value that is refused.
    let whole = |file: &str, kind: &str| {
        let objects = lockgate::cli::manifest::read(&read(file)).unwrap();
        objects.into_iter().find(|object| object["kind"] == kind).unwrap()
    };
    for (object, above, field, value, words) in [
        (
            whole("deploy/install.yaml", "Deployment"),
            "/spec/template/spec",
            "nodeSelectr",
            json!({}),
            "nodeSelectr: field",
        ),
        (whole("deploy/install.yaml", "Deployment"), "/spec", "replicas", json!(-1), "greater than or equal to 0"),
        (whole("examples/quickstart/pipeline.yaml", "Pipeline"), "/spec/transform", "imge", json!("x"), "imge: field"),
    ] {
        let mut wrong = object;
        wrong.pointer_mut(above).unwrap()[field] = value;
        let error = said(cluster, &space.name, &[wrong]).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
