//! `lockgate import` over the files of `tests/import`: kubectl reads what comes out as it was meant, and a cluster takes it.
//! (What comes out is written down in `out` beside the files, and held by `src/cli/import/golden_tests.rs`.)

use std::path::{Path, PathBuf};
use std::process::Output;

use lockgate::model::validate::validate;
use serde_json::Value;

use crate::shell::Shell;

/// Every file below `tests/import`.
fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let systems = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = systems.flat_map(|system| std::fs::read_dir(system).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() >= 25, "{files:?}");
    files
}

fn import(shell: &Shell, path: &Path, more: &str) -> Output {
    shell.run(&format!("lockgate import -f {} {more}", path.display()))
}

#[tokio::test]
async fn what_comes_out_is_what_the_api_server_and_kubectl_take() {
    let shell = Shell::new("import-valid").await;
    let mut pipelines = 0;
    for path in sources() {
        let printed = import(&shell, &path, "-o json");
        let objects: Value = serde_json::from_slice(&printed.stdout).unwrap();
        let items = objects["items"].as_array().cloned().unwrap_or_else(|| vec![objects]);
        let ours: Vec<&Value> = items.iter().filter(|item| item["kind"] == "Pipeline").collect();
        if printed.status.code() != Some(0) {
            // What is not valid was told: the API server refuses it as well, or what is left of it is not what was asked for.
            continue;
        }
        if items.is_empty() {
            continue;
        }
        pipelines += ours.len();
        assert!(ours.iter().all(|pipeline| validate(pipeline).is_empty()), "{}", path.display());
        // Namespaces of the files are not there: all goes into the shell's own.
        let yaml = import(&shell, &path, "").stdout;
        let read = shell.file("out.yaml", yaml);
        let read =
            shell.good(&format!("kubectl create --dry-run=client --validate=strict -o json -f {}", read.display()));
        let objects = serde_json::Deserializer::from_str(&read).into_iter::<Value>();
        let mut as_kubectl_reads: Vec<Value> = objects.map(Result::unwrap).collect();
        let mut items = items;
        for item in items.iter_mut().chain(&mut as_kubectl_reads) {
            item["metadata"].as_object_mut().unwrap().remove("namespace");
        }
        assert_eq!(as_kubectl_reads, items, "kubectl reads {} otherwise", path.display());
        let sent: Vec<String> = items.iter().map(Value::to_string).collect();
        let file = shell.file("objects.json", sent.join("\n"));
        shell.good(&format!("kubectl apply --server-side --dry-run=server --validate=strict -f {}", file.display()));
    }
    assert!(pipelines >= 10, "{pipelines}");
}

/// What a Secret of the cluster holds under a key.
fn value(shell: &Shell, secret: &str, key: &str) -> String {
    shell.good(&format!("kubectl get secret {secret} -o go-template='{{{{index .data \"{key}\" | base64decode}}}}'"))
}

#[tokio::test]
async fn a_literal_goes_from_the_file_into_a_secret_and_is_printed_nowhere() {
    let shell = Shell::new("import-extract").await;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/kubernetes/aks.yaml");
    let text = std::fs::read_to_string(from).unwrap().replace("myapp\n---", "import-extract\n---");
    shell.file("aks.yaml", text.replace("namespace: myapp", "namespace: import-extract"));
    let flags = "--extract-env AZURE_CLIENT_SECRET=azure/client-secret";
    let output = shell.run(&format!("lockgate import -f aks.yaml {flags} --secret-file secrets.yaml"));
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && printed.contains("lockgate secret create -f secrets.yaml"), "{printed}");
    assert!(!printed.contains("canary") && !printed.contains("eyJhdXRocyI6"), "{printed}");
    assert_eq!(shell.good("stat -c %a secrets.yaml").trim(), "600");
    shell.good("lockgate secret create -f secrets.yaml");
    assert_eq!(value(&shell, "azure", "client-secret"), "canary-7c1f");
    assert!(value(&shell, "myapp-registries", ".dockerconfigjson").contains("myregistry.azurecr.io"));
    // By --apply the Secret is made first, and the Pipeline finds it.
    shell.good("kubectl delete secret azure");
    let printed = shell.good(&format!("lockgate import -f aks.yaml {flags} --apply 2>&1"));
    assert!(printed.contains("secret/azure serverside-applied\n"), "{printed}");
    assert!(printed.contains("pipeline.lockgate.dev/myapp created\n") && !printed.contains("canary"), "{printed}");
    assert_eq!(value(&shell, "azure", "client-secret"), "canary-7c1f");
    shell.good("kubectl wait pod -l lockgate.dev/pipeline=myapp --for=create --timeout=30s");
    let variable = "-o jsonpath='{.items[0].spec.containers[0].env[?(@.name==\"AZURE_CLIENT_SECRET\")].valueFrom.secretKeyRef.name}'";
    assert_eq!(shell.good(&format!("kubectl get pods -l lockgate.dev/pipeline=myapp {variable}")), "azure");
}

#[tokio::test]
async fn what_others_wrote_is_taken_over_only_by_force() {
    let shell = Shell::new("import-conflict").await;
    shell.file(
        "a.json",
        r#"{"pipeline": {"name": "edges"}, "transform": {"image": "a.test/a:1"}, "parallelism_spec": {"constant": 2}}"#,
    );
    shell.good("lockgate create pipeline -f a.json");
    shell.good("kubectl scale lgp edges --replicas 5");
    let (code, said) = shell.bad("lockgate update pipeline -f a.json");
    assert!(code == 5 && said.contains("spec.parallelism") && said.contains("--force-conflicts"), "{code} {said}");
    shell.good("lockgate update pipeline -f a.json --force-conflicts");
    assert_eq!(shell.good("kubectl get lgp edges -o jsonpath='{.spec.parallelism}'"), "2");
}

#[tokio::test]
async fn a_rabbitmq_spout_waits_for_its_password_and_is_kept_running() {
    let shell = Shell::new("import-spout").await;
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/pachyderm/rabbitmq-spout.json");
    shell.good(&format!("lockgate create pipeline --strict -f {}", spec.display()));
    shell.good("kubectl wait lgp rabbitmq-spout --for=jsonpath='{.status.phase}'=Waiting --timeout=30s");
    assert_eq!(shell.good("kubectl get pods -o name"), "");
    shell.good("lockgate secret create generic rabbitmq-secret --from-literal rabbitmq-password=canary-7c1f");
    shell.good("kubectl wait pod -l lockgate.dev/pipeline=rabbitmq-spout --for=create --timeout=30s");
    let pods: Value = serde_json::from_str(&shell.good("kubectl get pods -o json")).unwrap();
    let container = &pods["items"][0]["spec"]["containers"][0];
    assert_eq!(container["command"], serde_json::json!(["/bin/spout", "-topic", "orders", "-overwrite", "true"]));
    let env = container["env"].as_array().unwrap();
    let literal = env.iter().filter(|variable| variable["value"].is_string() && variable["name"] != "LOCKGATE_INDEX");
    assert_eq!(literal.filter(|variable| !variable["name"].as_str().unwrap().starts_with("LOCKGATE_")).count(), 10);
    let password = env.iter().find(|variable| variable["name"] == "RABBITMQ_PASSWORD").unwrap();
    assert_eq!(password["valueFrom"]["secretKeyRef"]["name"], "rabbitmq-secret");
    assert_eq!(pods["items"][0]["spec"]["restartPolicy"], "Always");
}
