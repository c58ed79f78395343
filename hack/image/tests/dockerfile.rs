//! The image that Docker builds and the one that is built without it are the same to whoever runs them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lockgate_image::{Compression, ENTRYPOINT, Program, USER};
use serde_json::Value;

/// The instructions of the last stage, with continued lines joined.
fn last_stage() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let instructions: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect();
    let from = instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
    instructions[from..].to_vec()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn one<'a>(stage: &'a [(String, String)], instruction: &str) -> &'a str {
    let mut found = stage.iter().filter(|(name, _)| name == instruction);
    let value = &found.next().unwrap_or_else(|| panic!("the Dockerfile has no {instruction}")).1;
    assert!(found.next().is_none(), "the Dockerfile has {instruction} twice");
    value
}

/// What our own image says of itself.
fn config() -> Value {
    let layout = std::env::temp_dir().join(format!("lockgate-image-dockerfile-{}", std::process::id()));
    let program = Program {
        binary: env!("CARGO_BIN_EXE_lockgate-image").into(),
        version: env!("CARGO_PKG_VERSION").into(),
        revision: Some("${REVISION}".into()),
        source: Some("${SOURCE}".into()),
        time: 0,
        licenses: None,
        compression: Compression::None,
        reference: None,
    };
    program.write(&layout).unwrap();
    let json = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |object: &Value| layout.join("blobs").join(object["digest"].as_str().unwrap().replace(':', "/"));
    let manifest = json(&blob(&json(&layout.join("index.json"))["manifests"][0]));
    let config = json(&blob(&manifest["config"]));
    fs::remove_dir_all(&layout).unwrap();
    config["config"].clone()
}

#[test]
fn entrypoint_user_folder_and_labels_are_the_same() {
    let (stage, config) = (last_stage(), config());
    assert_eq!(serde_json::from_str::<Value>(one(&stage, "ENTRYPOINT")).unwrap(), config["Entrypoint"]);
    assert_eq!(one(&stage, "USER"), config["User"]);
    assert_eq!(one(&stage, "WORKDIR"), config["WorkingDir"]);
    assert_eq!((config["Entrypoint"][0].as_str(), config["User"].as_str()), (Some(ENTRYPOINT), Some(USER)));

    let label = one(&stage, "LABEL").replace("${VERSION}", env!("CARGO_PKG_VERSION"));
    // NAME="VALUE" NAME="VALUE"
    let parts: Vec<&str> = label.trim().split('"').collect();
    let in_dockerfile: BTreeSet<(String, String)> = parts
        .chunks_exact(2)
        .map(|pair| (pair[0].trim().trim_end_matches('=').to_owned(), pair[1].to_owned()))
        .collect();
    let ours = config["Labels"].as_object().unwrap();
    let ours: BTreeSet<(String, String)> =
        ours.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    assert_eq!(in_dockerfile, ours);
}

#[test]
fn its_versions_are_those_of_the_workspace() {
    let text = read("Dockerfile");
    let version = format!("\nARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "ARG VERSION is not the version of the workspace");
    let rust = text.lines().find_map(|line| line.strip_prefix("ARG RUST_VERSION=")).unwrap();
    let minor = rust.rsplit_once('.').unwrap().0;
    let oldest = format!("rust-version = \"{minor}\"");
    assert!(read("Cargo.toml").contains(&oldest), "it builds with Rust {rust}, and Cargo.toml asks for another one");
}

#[test]
fn manifests_name_the_workspaces_version() {
    let version = env!("CARGO_PKG_VERSION");
    let recipe = "deploy/recipes/own-registry/kustomization.yaml";
    for (file, line) in [("deploy/base/deployment.yaml", "image: lockgate:"), (recipe, "newTag: ")] {
        assert!(read(file).contains(&format!("{line}{version}")), "{file} names another version");
    }
}

#[test]
fn what_it_copies_from_is_there_and_not_ignored() {
    let ignored = read(".dockerignore");
    for path in ["hack/image/compile.sh", "hack/say.sh", "Cargo.lock", "src", "LICENSE"] {
        assert!(root().join(path).exists(), "{path} is gone");
        let top = path.split('/').next().unwrap();
        let hidden = ignored.lines().any(|line| line == path || line == top);
        assert!(!hidden, ".dockerignore hides {path}");
    }
}
