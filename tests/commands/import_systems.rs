//! `lockgate import` of DataOS and Direktiv: what comes out waits for its Secrets and runs with them, and the lines that it says
//! are what they say.

use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use lockgate::api::reason::Phase;
use lockgate::model::render;
use serde_json::Value;

use crate::shell::Shell;

/// A file of `tests/import`.
fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name).display().to_string()
}

/// The line that an import says from its first words up to others.
fn line(shell: &Shell, file: &str, begin: &str, end: &str) -> String {
    let said = shell.good(&format!("lockgate import -f {file} 2>&1 >/dev/null"));
    let (_, rest) = said.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {said}"));
    format!("{begin}{}", rest.split(end).next().unwrap())
}

/// The Pod as JSON, with the names of its init containers.
fn made(pod: &Pod) -> (Value, Vec<String>) {
    let names = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    (serde_json::to_value(pod).unwrap(), names.map(|container| container.name.clone()).collect())
}

#[tokio::test]
async fn an_imported_service_waits_for_its_secret_and_starts() {
    let shell = Shell::new("import-dataos-waits").await;
    shell.good(&format!("lockgate import -f {} | kubectl apply -f -", sample("dataos/service.yaml")));
    shell.space.phase("hello", Phase::Waiting).await;
    shell.good("kubectl create secret generic testing --from-literal=a=canary-7c1f");
    shell.good("kubectl create secret docker-registry docker-image-pull --docker-server=registry.example.com --docker-username=u --docker-password=canary-7c1f");
    let (pod, inits) = made(&shell.space.pod_of("hello").await);
    assert_eq!(inits, Vec::<String>::new());
    assert_eq!(pod.pointer("/spec/imagePullSecrets/0/name").unwrap(), "docker-image-pull");
    let mounts = pod.pointer("/spec/containers/0/volumeMounts").unwrap().to_string();
    assert!(mounts.contains("/etc/dataos/secret"), "{mounts}");
}

#[tokio::test]
async fn secrets_that_are_properties_files_share_the_folder_with_others() {
    let shell = Shell::new("import-dataos-properties").await;
    let file = sample("dataos/properties.yaml");
    shell.good(&format!("lockgate import -f {file} | sed '/namespace: curriculum/d' | kubectl apply -f -"));
    shell.space.phase("reader", Phase::Waiting).await;
    for (name, key) in [("s3-rw", "a"), ("shared", "url"), ("kafka", "password"), ("some", "user"), ("certs", "ca.pem")]
    {
        shell.good(&format!("kubectl create secret generic {name} --from-literal={key}=canary-7c1f"));
    }
    shell.good("kubectl create secret generic broker --from-literal=BROKER=canary-7c1f");
    let (pod, inits) = made(&shell.space.pod_of("reader").await);
    assert_eq!(inits, [render::CONTAINER]);
    let request = pod["metadata"]["annotations"][render::REQUEST_ANNOTATION].as_str().unwrap();
    let request: Value = serde_json::from_str(request).unwrap();
    let folders = request["folders"].as_array().unwrap();
    let sources = folders[0]["sources"].as_array().unwrap().iter();
    let sources: Vec<(&str, bool)> =
        sources.map(|source| (source["secret"].as_str().unwrap(), source["properties"] == true)).collect();
    let expected = [("s3-rw", true), ("shared", true), ("kafka", true), ("some", true), ("certs", false)];
    assert!(folders.len() == 1 && sources == expected, "{request}");
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].to_string();
    assert!(mounts.contains("/etc/dataos/secret") && !pod.to_string().contains("canary"), "{pod}");
}

#[tokio::test]
async fn an_imported_action_gets_its_input_when_the_secret_is_made_by_the_line_that_is_said() {
    let shell = Shell::new("import-direktiv-input").await;
    let file = sample("direktiv/secret-token.yaml");
    shell.good(&format!("lockgate import -f {file} | kubectl apply -f -"));
    shell.space.phase("secret-token", Phase::Waiting).await;
    assert_eq!(shell.good("kubectl get pods -o name"), "");
    shell.file("token", "canary-7c1f");
    let create = line(&shell, &file, "lockgate secret create", "\n");
    shell.good(&create.replace("FILE", "token"));
    let (pod, inits) = made(&shell.space.pod_of("secret-token").await);
    assert_eq!(inits, [render::CONTAINER]);
    let request = pod["metadata"]["annotations"][render::REQUEST_ANNOTATION].as_str().unwrap();
    assert!(request.contains("bearer jq(.secrets.secretToken)"), "{request}");
    let all = shell.good("kubectl get pods,pipelines.lockgate.dev,events -o json");
    assert!(!all.contains("canary") && !all.contains("Y2FuYXJ5"), "a value left the Secret");
}

#[tokio::test]
async fn what_takes_data_of_a_workflow_does_not_run() {
    let shell = Shell::new("import-direktiv-data").await;
    shell.good(&format!("lockgate import -f {} | kubectl apply -f -", sample("direktiv/old-form.yaml")));
    shell.space.phase("upload-object", Phase::Suspended).await;
    assert_eq!(shell.good("kubectl get pods -o name"), "");
}

#[tokio::test]
async fn a_registry_is_made_by_the_line_that_is_said() {
    let shell = Shell::new("import-direktiv-registry").await;
    let file = sample("direktiv/registry.json");
    let body: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    shell.file("login", body["data"].as_str().unwrap());
    let create = line(&shell, &file, "lockgate registry create", " makes");
    shell.good(&create.replace("FILE", "login"));
    let host = "-o jsonpath='{.items[0].spec.host} {.items[0].spec.secret.name}'";
    let made = shell.good(&format!("kubectl get registries.lockgate.dev {host}"));
    let (host, secret) = made.split_once(' ').unwrap();
    assert_eq!(host, "registry.example.com");
    let template = "-o go-template='{{index .data \".dockerconfigjson\" | base64decode}}'";
    let config: Value = serde_json::from_str(&shell.good(&format!("kubectl get secret {secret} {template}"))).unwrap();
    assert!(config["auths"].as_object().unwrap().len() == 1, "{secret} has another registry");
}
