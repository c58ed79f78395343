//! `lockgate import` of DataOS: what comes out waits for its Secrets and runs with them.

use std::path::Path;

use crate::shell::Shell;

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
