//! `lockgate run` on a real node: a private image, a Secret that comes later, and what the command prints.

use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::support::{CANARY, name_of};
use crate::{journey, nothing_leaked, shared};

fn lockgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(arguments).env("KUBECONFIG", shared().unwrap().cluster.kubeconfig()).stdin(Stdio::null());
    command
}

/// What went to stdout and to stderr, and the exit code.
fn told(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[tokio::test]
async fn a_run_waits_pulls_prints_and_ends_as_its_command_does() {
    let Some((space, node)) = journey("one-shot").await else {
        return;
    };
    let registry = node.registry();
    let image = registry.push_busybox("one-shot/app:1").unwrap();
    let base = ["run", "-n", "one-shot", "--image", &image, "--image-pull-secrets", "regcred"];
    // The value itself is nobody's business: its length tells that it came.
    let script = "echo first; echo ${#PASSWORD}; printf last";
    let line = [&base[..], &["--secret", "db:password=PASSWORD", "hello", "--", "sh", "-c", script]].concat();
    let run = lockgate(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    space.phase("hello", lockgate::api::reason::Phase::Waiting).await;
    space.secret("db", &["password"]).await;
    space.pull_secret("regcred", &registry.docker_config_json()).await;
    let output = tokio::task::spawn_blocking(|| run.wait_with_output().unwrap()).await.unwrap();
    let (stdout, stderr, code) = told(&output);
    println!("{stderr}");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "first\n20\nlast");
    for words in ["Waiting: Secret db ", "Secret regcred ", "Starting: ", "Succeeded: "] {
        assert!(stderr.contains(words), "{words} is not in {stderr}");
    }
    assert!(!stderr.contains(CANARY), "{stderr}");

    // The log of what fails is printed, too, and the command's own code is in the message.
    let line = [&base[..], &["fails", "--rm", "--", "sh", "-c", "echo why; exit 3"]].concat();
    let (stdout, stderr, code) = told(&lockgate(&line).output().unwrap());
    assert_eq!((stdout.as_str(), code), ("why\n", Some(1)), "{stderr}");
    assert!(stderr.contains("exit code 3") && stderr.contains("\"fails\" deleted"), "{stderr}");

    // The same once more, followed: the log is that of the new Pod.
    let (stdout, stderr, code) = told(&lockgate(&["rerun", "hello", "--wait", "-n", "one-shot"]).output().unwrap());
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "pipeline.lockgate.dev/hello run 2 requested\nfirst\n20\nlast");
    let pods = space.pods().await;
    let of_hello = pods.iter().filter(|pod| name_of(pod).starts_with("hello-")).count();
    assert_eq!(of_hello, 2, "{}", json!(pods));
    nothing_leaked(&space).await;
}
