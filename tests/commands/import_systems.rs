//! `lockgate import` of other systems' documents: what comes out is what the API server takes.

use std::path::Path;

use crate::shell::Shell;

/// The namespaces that the documents name.
const WORKSPACES: [&str; 3] = ["curriculum", "public", "testingspace"];

#[tokio::test]
async fn what_is_imported_is_taken_by_the_api_server() {
    let shell = Shell::new("import-systems").await;
    for workspace in WORKSPACES {
        shell.good(&format!("kubectl create namespace {workspace} --dry-run=client -o yaml | kubectl apply -f -"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let mut taken = 0;
    for system in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        for path in std::fs::read_dir(system.join("out")).unwrap().map(|entry| entry.unwrap().path()) {
            let is_manifest = path.extension().is_some_and(|ending| ending == "yaml");
            if is_manifest && !std::fs::read_to_string(&path).unwrap().trim().is_empty() {
                let printed = shell
                    .good(&format!("kubectl apply --dry-run=server --validate=strict -o name -f {}", path.display()));
                taken += printed.lines().count();
            }
        }
    }
    assert!(taken >= 10, "the outputs were not found");
}

#[tokio::test]
async fn an_imported_service_waits_for_its_secret_and_starts() {
    let shell = Shell::new("import-dataos-waits").await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/dataos/service.yaml");
    shell.good(&format!("lockgate import -f {} | kubectl apply -f -", file.display()));
    shell.space.phase("hello", lockgate::api::reason::Phase::Waiting).await;
    shell.good("kubectl create secret generic testing --from-literal=a=canary-7c1f");
    shell.good("kubectl create secret docker-registry docker-image-pull --docker-server=registry.example.com --docker-username=u --docker-password=canary-7c1f");
    let pod = shell.space.pod_of("hello").await;
    let spec = serde_json::to_value(&pod).unwrap();
    assert_eq!(spec.pointer("/spec/imagePullSecrets/0/name").unwrap(), "docker-image-pull");
    let mounts = spec.pointer("/spec/containers/0/volumeMounts").unwrap().to_string();
    assert!(mounts.contains("/etc/dataos/secret"), "{mounts}");
}
