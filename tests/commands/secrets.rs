//! `lockgate secret list|inspect|delete`: what a transcript cannot show.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use serde_json::{Value, json};

use crate::shell::Shell;
use crate::support::{CANARY, named};
use crate::wire::Wire;

/// `canary-7c1f` in base64, as `data` has it.
const ENCODED: &str = "Y2FuYXJ5LTdjMWY";
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

async fn suspended(shell: &Shell, name: &str, transform: Value) {
    shell.space.pipeline(name, json!({"suspend": true, "transform": transform})).await;
}

#[tokio::test]
async fn the_table_is_pachctls_byte_for_byte() {
    let shell = Shell::new("secrets-table").await;
    shell.space.secret("db", &["password"]).await;
    shell.space.pull_secret("mysecret", r#"{"auths": {}}"#).await;
    let printed = shell.good("lockgate list secret");
    let lines: Vec<&str> = printed.split_inclusive('\n').collect();
    // Each cell as it is, without its padding.
    let created =
        |line: &str| line.split_once("Opaque ").or_else(|| line.split_once("json ")).unwrap().1.trim().to_owned();
    let cells = [
        ["NAME".to_owned(), "TYPE".to_owned(), "CREATED".to_owned()],
        ["db".to_owned(), "Opaque".to_owned(), created(lines[1])],
        ["mysecret".to_owned(), "kubernetes.io/dockerconfigjson".to_owned(), created(lines[2])],
    ];
    for row in &cells[1..] {
        let words = row[2].strip_suffix(" ago").unwrap();
        let count = words.strip_suffix(" seconds").and_then(|count| count.parse::<u32>().ok());
        assert!(
            count.is_some_and(|count| count > 1) || words == "1 second" || words == "Less than a second",
            "{words}"
        );
    }
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap() + 1;
    let line = |row: &[String; 3]| -> String {
        let padded = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        padded.collect::<Vec<_>>().concat() + "\n"
    };
    assert_eq!(printed, cells.iter().map(line).collect::<String>());
    let one = shell.good("lockgate inspect secret mysecret");
    assert_eq!(one.lines().count(), 2);
    assert!(one.starts_with("NAME     TYPE                           CREATED"), "{one}");
}

#[tokio::test]
async fn what_get_prints_is_kubectls() {
    let shell = Shell::new("secrets-get").await;
    shell.space.secret("db", &["password"]).await;
    shell.space.pull_secret("regcred", r#"{"auths": {}}"#).await;
    let printed = |line: &str| -> Vec<String> {
        // But for the age, which may be a second more.
        let age = |line: &str| line.trim_end_matches(|c: char| c.is_ascii_digit() || c == 's').to_owned();
        shell.good(line).lines().map(age).collect()
    };
    for (ours, theirs) in [
        ("get secrets", "get secrets"),
        ("get secrets --no-headers", "get secrets --no-headers"),
        ("get secret regcred db", "get secret regcred db"),
        ("get secrets -A -l name=none", "get secrets -A -l name=none"),
        ("get secrets -o name", "get secrets -o name"),
    ] {
        assert_eq!(printed(&format!("lockgate {ours} 2>&1")), printed(&format!("kubectl {theirs} 2>&1")), "{ours}");
    }
}

#[tokio::test]
async fn lists_transfer_no_value_and_ask_for_rows_only() {
    const LARGE: usize = 12;
    let shell = Shell::new("secrets-wire").await;
    let api = shell.space.api::<Secret>();
    let large = CANARY.repeat(100 * 1024 / CANARY.len());
    // More than one page, and some of them large.
    stream::iter(0..503)
        .for_each_concurrent(16, |number| {
            let value = if number < LARGE { large.clone() } else { CANARY.to_owned() };
            let secret = Secret {
                metadata: named(&format!("s-{number:03}")),
                string_data: Some([("password".to_owned(), value)].into()),
                ..Secret::default()
            };
            let api = api.clone();
            async move {
                api.create(&PostParams::default(), &secret).await.unwrap();
            }
        })
        .await;
    suspended(&shell, "edges", json!({"image": "a:1", "image_pull_secrets": ["s-000"]})).await;
    let wire = Wire::new(&shell);
    let server = &wire.url;

    // What is looked for can be found: whoever asks for objects gets the values. (kubectl has large answers compressed.)
    shell.good(&format!("kubectl get secret s-100 -o json --server {server}"));
    assert!(wire.take().1.contains(ENCODED));

    let path = format!("GET /api/v1/namespaces/{}/secrets?", shell.space.name);
    for (flags, others) in [("", 0), ("-o wide", 3), ("-o json", 3), ("--used", 3)] {
        let printed = shell.good(&format!("lockgate secret list {flags} --server {server}"));
        assert!(printed.contains("s-000") && !printed.contains(CANARY), "{printed}");
        let (requests, answered) = wire.take();
        let (secrets, rest): (Vec<_>, Vec<_>) = requests.iter().partition(|(line, _)| line.starts_with(&path));
        assert_eq!((secrets.len(), rest.len()), (2, others), "{flags}: {requests:?}");
        for (line, accept) in secrets {
            assert!(accept == TABLE && line.contains("limit=500"), "{flags}: {line} {accept}");
        }
        let users = ["/pipelines?", "/registries?", "/clusterregistries?"];
        assert!(rest.iter().all(|(line, _)| users.iter().any(|kind| line.contains(kind))), "{flags}: {rest:?}");
        assert!(!answered.contains(ENCODED) && !answered.contains(CANARY), "{flags}");
        assert!(answered.len() < LARGE * large.len() / 2, "{flags}: {} bytes", answered.len());
    }
    for (line, count) in [("secret inspect s-000", 1), ("secret describe s-001", 4), ("secret delete s-002", 5)] {
        shell.good(&format!("lockgate {line} --server {server}"));
        let (requests, answered) = wire.take();
        assert_eq!(requests.len(), count, "{line}: {requests:?}");
        assert!(!answered.contains(ENCODED), "{line}");
    }
}

#[tokio::test]
async fn only_the_very_secret_that_was_seen_is_deleted() {
    let shell = Shell::new("secrets-race").await;
    shell.space.secret("db", &["password"]).await;
    let kubectl = |arguments: &[&str]| {
        let mut command = shell.command("kubectl");
        command.args(arguments).stdout(Stdio::null());
        command
    };
    // Somebody makes it anew between the look and the deletion.
    let again = std::sync::Mutex::new([
        kubectl(&["delete", "secret", "db"]),
        kubectl(&["create", "secret", "generic", "db", "--from-literal=password=canary-7c1f-new"]),
    ]);
    let hook =
        move || again.lock().unwrap().iter_mut().for_each(|command| assert!(command.status().unwrap().success()));
    let wire = Wire::with_hook(&shell, ("DELETE ", Box::new(hook)));
    let (code, said) = shell.bad(&format!("lockgate secret delete db --server {}", wire.url));
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("does not match the UID in record"), "{said}");
    assert_eq!(shell.good("kubectl get secret db -o name"), "secret/db\n");
}

#[tokio::test]
async fn an_answer_to_a_deletion_brings_no_value_either() {
    let shell = Shell::new("secrets-finalizer").await;
    shell.space.secret("db", &["password"]).await;
    let finalizers = json!({"metadata": {"finalizers": ["example.com/canary"]}});
    let api = shell.space.api::<Secret>();
    api.patch("db", &PatchParams::default(), &Patch::Merge(finalizers)).await.unwrap();
    let wire = Wire::new(&shell);
    let output = shell.good(&format!("lockgate secret delete db --server {} 2>&1", wire.url));
    assert!(
        output.contains("secret \"db\" deleted") && output.contains("when its finalizers are taken away"),
        "{output}"
    );
    let (requests, answered) = wire.take();
    assert!(requests.iter().any(|(line, _)| line.starts_with("DELETE ")), "{requests:?}");
    assert!(answered.contains("deletionTimestamp") && !answered.contains(ENCODED), "{answered}");
    api.patch("db", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": null}}))).await.unwrap();
}

#[tokio::test]
async fn what_a_service_account_brings_is_in_use() {
    let shell = Shell::new("secrets-via").await;
    shell.space.pull_secret("brought", r#"{"auths": {}}"#).await;
    let accounts = shell.space.api::<ServiceAccount>();
    let brings = json!({"metadata": {"name": "puller"}, "imagePullSecrets": [{"name": "brought"}]});
    accounts.create(&PostParams::default(), &serde_json::from_value(brings).unwrap()).await.unwrap();
    let spec = json!({"transform": {"image": "a:1"}, "service_account_name": "puller"});
    shell.space.pipeline("edges", spec).await;
    let has_row = |pipeline: &Pipeline| {
        pipeline.status.as_ref().is_some_and(|status| status.references.iter().any(|row| row.via.is_some()))
    };
    shell.space.until("edges", "a row with via", has_row).await;
    assert_eq!(shell.good("lockgate secret list --used -o name"), "secret/brought\n");
    let (code, said) = shell.bad("lockgate secret delete brought");
    assert_eq!(code, 5);
    assert!(said.contains("edges, step main: image_pull_secrets, via serviceaccount/puller"), "{said}");
}

#[tokio::test]
async fn at_a_terminal_it_asks_before_all_are_deleted() {
    let shell = Shell::new("secrets-asks").await;
    shell.space.secret("db", &["password"]).await;
    let asked = |answer: &str| {
        let mut command = shell.command("script");
        command
            .args(["-qec", "lockgate secret delete --all", "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut said = Vec::new();
        let mut buffer = [0; 256];
        while !String::from_utf8_lossy(&said).contains("[y/N] ") {
            let count = stdout.read(&mut buffer).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&buffer[..count]);
        }
        writeln!(stdin, "{answer}").unwrap();
        stdout.read_to_end(&mut said).unwrap();
        child.wait().unwrap();
        String::from_utf8(said).unwrap()
    };
    let said = asked("n");
    assert!(said.contains("Delete 1 Secret of namespace secrets-asks? [y/N]"), "{said}");
    assert!(said.contains("nothing was deleted"), "{said}");
    assert_eq!(shell.good("kubectl get secrets -o name"), "secret/db\n");
    assert!(asked("y").contains("secret \"db\" deleted"));
    assert_eq!(shell.good("kubectl get secrets -o name"), "");
}

/// Answers each request by its path: a line of status, and a body.
fn scripted(answer: impl Fn(&str) -> (&'static str, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            // Who has asked for several things at once hangs up where one answer is enough.
            if reader.read_line(&mut line).is_err() {
                continue;
            }
            let mut header = String::new();
            while reader.read_line(&mut header).is_ok_and(|count| count > 2) {
                header.clear();
            }
            let (status, body) = answer(&line);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
            let _ = stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes());
        }
    });
    url
}

/// A page with one Secret.
fn page(name: &str, next: &str) -> String {
    let metadata = json!({"name": name, "namespace": "a", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"});
    json!({"metadata": {"continue": next}, "columnDefinitions": [{"name": "Type"}, {"name": "Data"}],
        "rows": [{"cells": ["Opaque", 1], "object": {"metadata": metadata}}]})
    .to_string()
}

#[tokio::test]
async fn a_list_that_grew_too_old_is_read_once_more_in_one_piece() {
    let shell = Shell::new("secrets-expired").await;
    let url = scripted(|line| match line {
        line if line.contains("continue=more") => {
            ("410 Gone", json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}).to_string())
        }
        line if line.contains("limit=") => ("200 OK", page("early", "more")),
        _ => ("200 OK", page("whole", "")),
    });
    assert_eq!(shell.good(&format!("lockgate secret list -o name --server {url}")), "secret/whole\n");
}

#[tokio::test]
async fn where_pipelines_are_not_served_it_is_said_and_what_cannot_be_read_is_not_quoted() {
    let shell = Shell::new("secrets-not-served").await;
    let url = scripted(|line| match line {
        line if line.contains("/pipelines") => ("404 Not Found", "404 page not found\n".into()),
        line if line.starts_with("DELETE ") => ("200 OK", json!({"kind": "Status", "status": "Success"}).to_string()),
        line if line.contains("/namespaces/broken/") => ("200 OK", format!(r#"{{"rows": "{CANARY}"}}"#)),
        _ => ("200 OK", page("db", "")),
    });
    let unknown = "who uses a Secret is not known: this cluster serves no pipelines.lockgate.dev";
    let said = shell.good(&format!("lockgate secret list -o wide --server {url} 2>&1"));
    assert!(said.contains("<unknown>") && said.contains(unknown), "{said}");
    let said = shell.good(&format!("lockgate secret describe db --server {url}"));
    assert!(said.contains(unknown), "{said}");
    // Where there is no such kind no Pipeline can be hurt.
    let said = shell.good(&format!("lockgate secret delete db --server {url} 2>&1"));
    assert!(said.contains("secret \"db\" deleted") && said.contains(unknown), "{said}");
    let (code, said) = shell.bad(&format!("lockgate secret list -n broken --server {url}"));
    assert!(code == 1 && said.contains("could not be read") && !said.contains(CANARY), "{said}");
}

#[test]
fn no_transcript_of_secrets_shows_a_value_but_that_of_reveal() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/transcripts");
    let mut shown = Vec::new();
    for name in ["secret-list", "secret-inspect", "secret-delete", "pachyderm-secrets"] {
        let text = std::fs::read_to_string(folder.join(name).with_extension("txt")).unwrap();
        let mut command = "";
        for line in text.lines() {
            match line.strip_prefix("$ ") {
                Some(line) => command = line,
                None if line.contains(CANARY) || line.contains(ENCODED) => shown.push(command.to_owned()),
                None => {}
            }
        }
    }
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].contains("--reveal"), "{shown:?}");
}
