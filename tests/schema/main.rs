//! The CRD against a real kube-apiserver, and our validator against both: one corpus, one verdict.

// In a test a panic is the verdict.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
mod json_schema;
#[path = "../support/pages.rs"]
#[allow(dead_code)] // The other tests run the commands.
mod pages;
mod yaml;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config};
use lockgate::model::parse::Violation;
use lockgate::model::validate::{validate, validate_registry};
use lockgate::model::world::RegistryKind;
use lockgate_cluster::{Cluster, Options};
use serde_json::Value;

use corpus::Manifest;

/// The kinds of our group, and where they are.
const KINDS: [(&str, &str); 3] = [
    ("Pipeline", "namespaces/default/pipelines"),
    ("Registry", "namespaces/default/registries"),
    ("ClusterRegistry", "clusterregistries"),
];

/// Our own verdict.
fn judge(object: &Value) -> Vec<Violation> {
    match object["kind"].as_str() {
        Some("Registry") => validate_registry(RegistryKind::Registry, object),
        Some("ClusterRegistry") => validate_registry(RegistryKind::ClusterRegistry, object),
        _ => validate(object),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command printed to stdout, and to stderr.
fn output(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{command:?}: {stderr}");
    (stdout, stderr)
}

/// One control plane with the committed CRD for all tests, and what kubectl said to it on stderr.
fn cluster() -> &'static (Cluster, String) {
    static CLUSTER: OnceLock<(Cluster, String)> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Cluster::start(Options::new()).unwrap_or_else(|error| panic!("no cluster: {error}"));
        let crds =
            ["pipelines", "registries", "clusterregistries"].map(|name| root().join(format!("crds/{name}.yaml")));
        let crds: Vec<_> = crds.into_iter().flat_map(|file| ["-f".into(), file]).collect();
        // Client-side first: its annotation must fit too. Then as we tell people to install.
        let (_, client_side) = output(cluster.kubectl().arg("apply").args(&crds));
        let server_side = ["apply", "--server-side", "--force-conflicts"];
        let (_, server_side) = output(cluster.kubectl().args(server_side).args(&crds));
        let wait = ["wait", "--for=condition=Established", "--timeout=60s"];
        output(cluster.kubectl().args(wait).args(&crds));
        // The endpoint follows the condition after a moment.
        let deadline = Instant::now() + Duration::from_mins(1);
        while !cluster.kubectl().args(["get", "pipelines"]).output().unwrap().status.success() {
            assert!(Instant::now() < deadline, "the API server does not serve the Pipelines");
            std::thread::sleep(Duration::from_millis(50));
        }
        (cluster, client_side + &server_side)
    })
}

async fn client() -> Client {
    let (cluster, _) = tokio::task::spawn_blocking(cluster).await.unwrap();
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap()
}

/// The API server's answer to one manifest.
async fn ask(client: &Client, manifest: &Manifest) -> Result<(), Box<Status>> {
    // What is of no kind is asked as a Pipeline.
    let kind = KINDS.iter().find(|(kind, _)| manifest.object["kind"] == *kind).unwrap_or(&KINDS[0]);
    let path = format!("/apis/lockgate.dev/v1alpha1/{}?dryRun=All&fieldValidation=Strict", kind.1);
    let request = http::Request::post(path).header("Content-Type", "application/json");
    match client.request::<Value>(request.body(serde_json::to_vec(&manifest.object).unwrap()).unwrap()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status),
        Err(error) => panic!("{}: {error}", manifest.name),
    }
}

/// What the server has against the manifest, as `field: message` lines.
fn complaints(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let causes = causes.map(|cause| format!("{}: {}", cause.field, cause.message));
    // A refusal by strict decoding has no causes, only its text.
    causes.chain([status.message.clone()]).collect()
}

fn said(lines: &[String], manifest: &Manifest) -> bool {
    let Some((field, words)) = &manifest.expect else {
        return lines.is_empty();
    };
    lines.iter().any(|line| line.contains(field.as_str()) && line.contains(words.as_str()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_and_validator_give_one_verdict_on_the_corpus() {
    let mut manifests = corpus::read(&root().join("tests/corpus"));
    manifests.extend(corpus::read(&root().join("tests/corpus/registries")));
    let client = client().await;
    let started = Instant::now();
    let judged = stream::iter(&manifests).map(|manifest| {
        let client = client.clone();
        async move { (manifest, ask(&client, manifest).await) }
    });
    let judged: Vec<_> = judged.buffer_unordered(8).collect().await;

    let mut wrong = Vec::new();
    for (manifest, answer) in judged {
        let server = answer.err().map(|status| complaints(&status)).unwrap_or_default();
        let ours = judge(&manifest.object);
        let ours: Vec<String> = ours.iter().map(|v| format!("{}: {}", v.field, v.message)).collect();
        for (who, lines) in [("server", server), ("validator", ours)] {
            if !said(&lines, manifest) {
                wrong.push(format!("{} ({who}): expected {:?}, got {lines:#?}", manifest.name, manifest.expect));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} manifests, one verdict each, in {:?}", manifests.len(), started.elapsed());
}

#[test]
fn a_manifest_means_the_same_through_kubectl_and_through_our_reader() {
    let (cluster, _) = cluster();
    let good = root().join("tests/corpus/good");
    let arguments = ["create", "--dry-run=client", "--validate=false", "-o", "json", "-f"];
    let (stdout, _) = output(cluster.kubectl().args(arguments).arg(&good));
    let printed: Vec<Value> =
        serde_json::Deserializer::from_str(&stdout).into_iter().collect::<Result<_, _>>().unwrap();
    let printed: Vec<&Value> =
        printed.iter().flat_map(|v| v["items"].as_array().map_or(vec![v], |l| l.iter().collect())).collect();
    let manifests: Vec<Manifest> =
        corpus::read(&root().join("tests/corpus")).into_iter().filter(|m| m.expect.is_none()).collect();
    assert_eq!(printed.len(), manifests.len());
    for (kubectl, ours) in printed.iter().zip(&manifests) {
        assert_eq!(kubectl["spec"], ours.object["spec"], "{}", ours.name);
    }
}

#[test]
fn the_crd_is_installed_without_a_warning() {
    let (_, stderr) = cluster();
    assert!(!stderr.contains("Warning"), "{stderr}");
}

#[test]
fn the_committed_crds_are_what_the_binary_prints() {
    for (name, _) in lockgate::api::crd::all().unwrap() {
        let path: PathBuf = root().join(format!("crds/{name}.yaml"));
        let (printed, _) = output(Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["crd", name]));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == printed, "run: lockgate crd {name} > {}", path.display());
        // `kubectl apply` keeps the object in an annotation, and annotations have a bound.
        assert!(committed.len() < 262_144, "the CRD is too large for a client-side apply");
    }
}

#[test]
fn the_page_names_the_fields_that_are_the_work() {
    let page = std::fs::read_to_string(root().join("docs/pipeline.md")).unwrap();
    let sentence = page.lines().find_map(|line| line.strip_prefix("A change of ")).unwrap();
    let (list, _) = sentence.split_once(" is another version of the work").unwrap();
    let named: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, lockgate::model::run::WORK_FIELDS);
}

/// The texts of the files in a folder.
fn texts(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn pages_and_examples_show_valid_manifests() {
    let shown = pages::all().into_iter().flat_map(|page| page.manifests()).map(|(_, text)| text);
    let mut count = 0;
    for text in shown.chain(texts("deploy/examples")) {
        let objects = lockgate::cli::manifest::read(&text).unwrap();
        let is_ours = |object: &&Value| KINDS.iter().any(|(kind, _)| object["kind"] == *kind);
        for object in objects.iter().filter(is_ours) {
            assert_eq!(judge(object), vec![], "{text}");
            count += 1;
        }
    }
    assert!(count > 15, "only {count} were found");
}

#[test]
fn the_page_names_every_field() {
    let page = std::fs::read_to_string(root().join("docs/pipeline.md")).unwrap();
    let crd = serde_json::to_value(lockgate::api::crd::pipeline().unwrap()).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let transform = &spec["transform"]["properties"];
    let step = &spec["steps"]["items"]["properties"];
    let volume = &transform["volumes"]["items"]["properties"];
    let lists = [
        spec,
        transform,
        step,
        &transform["secrets"]["items"]["properties"],
        volume,
        &volume["scratch"]["properties"],
        &transform["input"]["properties"],
        &transform["input"]["properties"]["secrets"]["items"]["properties"],
        &spec["scheduling_spec"]["properties"],
    ];
    for field in lists.into_iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        assert!(page.contains(&format!("`{field}`")), "docs/pipeline.md does not name `{field}`");
    }
}
