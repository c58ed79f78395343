//! The command line as people meet it: help, exit codes, errors that name the mend.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

use std::process::{Command, Output};

fn lockgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent")
        .output()
        .unwrap()
}

/// Runs it and returns the exit code and what went to stderr.
fn fails(arguments: &[&str]) -> (i32, String) {
    let output = lockgate(arguments);
    assert!(output.stdout.is_empty(), "an error belongs to stderr");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn help_names_every_command() {
    let output = lockgate(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for command in ["operator", "crd"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn the_crd_is_printed_as_yaml() {
    let output = lockgate(&["crd"]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("apiVersion: apiextensions.k8s.io/v1\n"));
}

#[test]
fn arguments_that_cannot_be_read_end_with_2() {
    for arguments in [&["nonsense"][..], &["operator", "--concurrency", "0"], &["operator", "--log-format", "xml"]] {
        let (code, text) = fails(arguments);
        assert_eq!(code, 2, "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_mend() {
    let (code, text) = fails(&["operator", "--kubeconfig", "/nonexistent/kubeconfig"]);
    assert_eq!(code, 1);
    assert!(text.contains("kubeconfig"), "{text}");
    let (code, text) = fails(&["operator"]);
    assert_eq!(code, 1);
    assert!(text.contains("--kubeconfig") && text.contains("KUBECONFIG"), "{text}");
    let (code, text) = fails(&["operator", "--log-level", "lockgate=loud"]);
    assert_eq!(code, 1);
    assert!(text.contains("--log-level") && text.contains("info"), "{text}");
}
