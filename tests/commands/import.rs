//! `lockgate import` over the files of `tests/import`: what comes out, what is said, and that a cluster takes it.
//!
//! Beside each file stand `FILE.out` (the objects) and `FILE.report` (the findings and the exit code); `SNAPSHOTS=overwrite` writes them.

use std::path::{Path, PathBuf};
use std::process::Output;

use lockgate::model::validate::validate;
use serde_json::Value;

use crate::shell::Shell;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// Every source below `tests/import`, with the flags that its name asks for.
fn sources() -> Vec<PathBuf> {
    let systems = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = systems.flat_map(|system| std::fs::read_dir(system).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> =
        files.filter(|path| !matches!(path.extension().and_then(|e| e.to_str()), Some("out" | "report"))).collect();
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    files
}

/// The flags of the files that are not imported without any.
fn flags(file: &str) -> &'static str {
    match file {
        "graph.json" => "--as-steps --name pictures",
        "resources.json" => "--security Restricted --on-missing-secret Fail",
        "rabbitmq-spout.json" => "-n streams --security Restricted",
        _ => "",
    }
}

fn import(shell: &Shell, path: &Path, more: &str) -> Output {
    let (system, file) = (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
    shell.run(&format!("cd {}; lockgate import -f {file} {} {more}", system.display(), flags(file)))
}

#[tokio::test]
async fn every_file_comes_out_as_it_is_written_down() {
    let shell = Shell::new("import-files").await;
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS").normalize_paths(false);
    let mut differences = Vec::new();
    for path in sources() {
        let output = import(&shell, &path, "");
        let (out, mut report) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(!format!("{out}{report}").contains("panicked"), "{report}");
        report.push_str(&format!("exit code {}\n", output.status.code().unwrap()));
        for (text, ending) in [(out, "out"), (report, "report")] {
            let beside = PathBuf::from(format!("{}.{ending}", path.display()));
            let expected = snapbox::Data::read_from(&beside, Some(snapbox::data::DataFormat::Text));
            let actual = snapbox::Data::text(text);
            differences.extend(assert.try_eq(Some(&beside.display()), actual, expected).err().map(|e| e.to_string()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
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
        pipelines += ours.len();
        assert!(ours.iter().all(|pipeline| validate(pipeline).is_empty()), "{}", path.display());
        // Namespaces of the files are not there: all goes into the shell's own.
        let yaml = import(&shell, &path, "").stdout;
        let read = shell.file("out.yaml", yaml);
        let read =
            shell.good(&format!("kubectl create --dry-run=client --validate=strict -o json -f {}", read.display()));
        let as_kubectl_reads: Value = serde_json::from_str(&read).unwrap();
        let mut as_kubectl_reads =
            as_kubectl_reads["items"].as_array().cloned().unwrap_or_else(|| vec![as_kubectl_reads]);
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

#[tokio::test]
async fn no_value_is_printed() {
    let shell = Shell::new("import-values").await;
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let output = import(&shell, &path, "");
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(!report.contains("canary-7c1f"), "{report}");
        if text.contains("kind: Secret") {
            let out = String::from_utf8(output.stdout).unwrap();
            assert!(!out.contains("eyJhdXRocyI6") && !out.contains("kind: Secret"), "{out}");
        }
    }
}
