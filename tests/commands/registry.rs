//! `registry test` with a registry of another CA: what it answers is no registry's, but it is heard.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::shell::Shell;

/// The one result's word and message.
fn result(shell: &Shell, flags: &str) -> (String, String) {
    let output = shell.run(&format!("lockgate registry test api -o json {flags}"));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &all["results"][0];
    (row["result"].as_str().unwrap().to_owned(), row["message"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_a_ca_of_its_own_is_trusted_by_flag() {
    let shell = Shell::new("registry-ca").await;
    // The API server is the one program here that speaks TLS.
    let view = |field: &str| {
        shell.good(&format!("kubectl config view --raw --minify -o jsonpath='{{.clusters[0].cluster.{field}}}'"))
    };
    let ca = match view("certificate-authority-data") {
        data if data.is_empty() => std::fs::read(view("certificate-authority")).unwrap(),
        data => BASE64_STANDARD.decode(data).unwrap(),
    };
    shell.file("ca.pem", &ca);
    shell.file("none.pem", "canary-7c1f");
    let server = view("server");
    let host = server.strip_prefix("https://").unwrap().trim_end_matches('/');
    let login = json!({"auths": {host: {"username": "u", "password": "canary-7c1f"}}});
    shell.space.pull_secret("api", &login.to_string()).await;

    // No second try without TLS, though it is this machine's.
    let (word, message) = result(&shell, "");
    assert!(word == "tls" && message.contains("certificate"), "{word}: {message}");
    let (word, message) = result(&shell, "--registry-ca ca.pem");
    assert!(!matches!(word.as_str(), "tls" | "unreachable" | "ok"), "{word}: {message}");
    let (word, message) = result(&shell, "--plain-http");
    assert!(word == "not-a-registry" && message.contains("it answers 400"), "{word}: {message}");
    let (code, said) = shell.bad("lockgate registry test api --registry-ca none.pem");
    assert!(code == 2 && said.contains("none.pem has no certificate"), "{said}");
}
