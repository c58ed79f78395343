//! Our reader against the real kubectl, row by row: `tests/corpus/yaml/*.txt`.
//!
//! A row begins with `== ` and what it shows, then comes a text, then `-> ` and what it means: JSON that both read, `refused` by
//! both, or `refused here, not by kubectl: ` and what kubectl reads. The text stands below `spec:` of an object; in files.txt it is a
//! whole file. `[escaped] ` begins a text that is written as JSON has it. `kubectl label --local` decodes files without a cluster.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lockgate::cli::manifest;
use lockgate_cluster::Programs;
use serde_json::{Value, json};

/// Apart from its spec, every object.
const HEAD: &str = "apiVersion: v1\nkind: A\nmetadata: {name: a}";
const HEAD_OF_JSON: &str = r#""apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}"#;
const REFUSED_HERE: &str = "refused here, not by kubectl: ";

/// What a row says.
struct Row {
    /// Where it stands, and what it shows.
    name: String,
    /// The whole file.
    text: String,
    /// The specs that kubectl reads; `None`: it refuses.
    kubectl: Option<Vec<Value>>,
    /// Whether we read the same, or refuse.
    refused_here: bool,
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/yaml");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| rows_of(path)).collect()
}

fn rows_of(path: &Path) -> Vec<Row> {
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let whole = file == "files.txt";
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.split("\n== ").skip(1).map(|row| {
        let (fact, rest) = row.split_once('\n').unwrap();
        let name = format!("{file}: {fact}");
        let (text, meant) = rest.rsplit_once("\n-> ").unwrap_or_else(|| panic!("{name}: no meaning"));
        let text = match text.strip_prefix("[escaped] ") {
            Some(escaped) if whole => {
                escaped.replace("@J", &HEAD_OF_JSON.replace('"', "\\\"")).replace("@A", &HEAD.replace('\n', "\\n"))
            }
            Some(escaped) => escaped.to_owned(),
            None if whole => format!("{text}\n").replace("@J", HEAD_OF_JSON).replace("@A", HEAD),
            None => format!("{text}\n"),
        };
        let text = if rest.starts_with("[escaped] ") { serde_json::from_str(&text).unwrap() } else { text };
        let indent = |line: &str| {
            if line.trim_end_matches(['\r', '\n']).is_empty() { line.to_owned() } else { format!("  {line}") }
        };
        let text = if whole {
            text
        } else {
            format!("{HEAD}\nspec:\n{}", text.split_inclusive('\n').map(indent).collect::<String>())
        };
        let meant = meant.trim_end();
        let refused_here = meant.starts_with("refused");
        let json = meant.strip_prefix(REFUSED_HERE).unwrap_or(meant);
        let value =
            (json != "refused").then(|| serde_json::from_str(json).unwrap_or_else(|error| panic!("{name}: {error}")));
        let kubectl = value.map(|value: Value| if whole { value.as_array().unwrap().clone() } else { vec![value] });
        Row { name, text, kubectl, refused_here }
    });
    rows.collect()
}

fn kubectl(arguments: &[&str], input: &str) -> Output {
    let program = Programs::ensure(&["kubectl"]).unwrap().path("kubectl");
    let mut command = Command::new(program);
    command
        .args(["label", "--local", "-o", "json", "-f"])
        .args(arguments)
        .arg("row=1")
        .env("KUBECONFIG", "/nonexistent");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Numbers as what they are worth: kubectl prints a float of 64 bits without a dot.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64() && a.as_i64().is_none(),
        (a, b) => a == b,
    }
}

fn all_same(ours: &[Value], theirs: &[Value]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
}

#[test]
fn every_row_is_read_as_it_says() {
    let mut wrong = Vec::new();
    for row in rows() {
        let read = manifest::read(&row.text);
        let specs = read.map(|objects| objects.iter().map(|object| object["spec"].clone()).collect::<Vec<_>>());
        match (&row.kubectl, specs) {
            (_, Err(error)) if row.refused_here => assert!(!error.why.is_empty()),
            (Some(meant), Ok(specs)) if !row.refused_here && all_same(&specs, meant) => {}
            (_, read) => wrong.push(format!("{}: {read:?}", row.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kubectl_reads_every_row_as_it_says() {
    let (read, refused): (Vec<Row>, Vec<Row>) = rows().into_iter().partition(|row| row.kubectl.is_some());
    assert!(read.len() > 100 && refused.len() > 40, "{} rows are read, {} refused", read.len(), refused.len());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("yaml-rows");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (index, row) in read.iter().enumerate() {
        std::fs::write(folder.join(format!("{index:03}.yaml")), &row.text).unwrap();
    }
    let output = kubectl(&[folder.to_str().unwrap()], "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut specs = printed.map(|object| object.unwrap().get("spec").cloned().unwrap_or(json!(null)));
    let mut wrong = Vec::new();
    for row in &read {
        let meant = row.kubectl.as_ref().unwrap();
        let seen: Vec<Value> = specs.by_ref().take(meant.len()).collect();
        if !all_same(&seen, meant) {
            wrong.push(format!("{}: {seen:?}", row.name));
        }
    }
    wrong.extend(specs.map(|spec| format!("one too many: {spec}")));
    for row in &refused {
        let output = kubectl(&["-"], &row.text);
        if output.status.success() {
            wrong.push(format!("{}: {}", row.name, String::from_utf8_lossy(&output.stdout)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
