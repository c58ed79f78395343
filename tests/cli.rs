//! The command line as people meet it: help, exit codes, errors that name the mend.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

use std::path::PathBuf;
use std::process::{Command, Output};

fn lockgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("POD_NAMESPACE")
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

/// A kubeconfig whose server is there.
fn kubeconfig(name: &str, server: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("lockgate-cli-{}-{name}.kubeconfig", std::process::id()));
    let cluster = format!("{{name: c, cluster: {{server: 'http://{server}'}}}}");
    let context = "{name: c, context: {cluster: c, user: u}}";
    let text = format!(
        "{{clusters: [{cluster}], contexts: [{context}], users: [{{name: u, user: {{}}}}], current-context: c}}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_server_and_a_user_that_there_cannot_be_are_refused_as_kubectl_does_it() {
    let kubeconfig = kubeconfig("server", "127.0.0.1:1");
    let path = kubeconfig.to_str().unwrap();
    for (flags, code, says) in [
        (["--user", "nobody-known"], 2, "--user nobody-known: the kubeconfig has no such user"),
        (["--server", "/path"], 2, "https://HOST:6443"),
        (["--server", "ftp://127.0.0.1:1"], 2, "https://HOST:6443"),
        // An address alone is one.
        (["--server", "127.0.0.1:1"], 3, "Connection refused"),
        (["--server", "https://127.0.0.1:1"], 3, "Connection refused"),
    ] {
        let (ended, text) = fails(&[&["secret", "list", "--kubeconfig", path][..], &flags].concat());
        assert_eq!(ended, code, "{flags:?}: {text}");
        assert!(text.contains(says) && !text.contains("panicked"), "{flags:?}: {text}");
    }
    std::fs::remove_file(&kubeconfig).unwrap();
}

#[test]
fn help_names_every_command() {
    let output = lockgate(&["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for command in ["operator", "check", "doctor", "crd", "version"] {
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
    for arguments in [
        &["nonsense"][..],
        &["operator", "--concurrency", "0"],
        &["operator", "--log-format", "xml"],
        &["doctor", "--namespace", "a/b"],
        &["doctor", "--request-timeout", "soon"],
        &["doctor", "--output", "text"],
    ] {
        let (code, text) = fails(arguments);
        assert_eq!(code, 2, "{text}");
    }
}

#[test]
fn a_cap_that_would_start_nothing_is_refused() {
    for number in ["0", "-1", "many"] {
        let (code, text) = fails(&["operator", &format!("--pod-creates-per-second={number}")]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("--pod-creates-per-second") && text.contains("1 or more"), "{text}");
    }
}

#[test]
fn docs_whose_address_could_not_be_pointed_at_are_refused() {
    for url in ["docs", "https://", "https://docs.example.com/a b", "https://docs.example.com/#x"] {
        let (code, text) = fails(&["operator", "--docs-base-url", url]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("--docs-base-url") && text.contains("absolute URL"), "{text}");
    }
}

#[test]
fn an_election_in_which_two_could_lead_does_not_start() {
    for (flags, named) in [
        (&["--leader-elect-renew-deadline=20s"][..], "--leader-elect-renew-deadline"),
        (&["--leader-elect-retry-period=9s"], "--leader-elect-retry-period"),
        (&["--leader-elect-lease-duration=1500ms"], "--leader-elect-lease-duration"),
    ] {
        let (code, text) = fails(&[&["operator", "--leader-elect", "--leader-elect-namespace=x"], flags].concat());
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(named) && text.contains("as in") || text.contains("whole seconds"), "{text}");
    }
    let (code, text) = fails(&["operator", "--leader-elect-retry-period=2"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("15s or 500ms"), "{text}");
    let (code, text) = fails(&["operator", "--leader-elect"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("give --leader-elect-namespace"), "{text}");
}

#[test]
fn an_address_that_cannot_be_listened_at_is_named_with_its_flag_and_its_mend() {
    for flag in ["--metrics-bind-address", "--health-probe-bind-address"] {
        let (code, text) = fails(&["operator", flag, "8080"]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(flag) && text.contains("0 to switch it off"), "{text}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let kubeconfig = kubeconfig("metrics", "127.0.0.1:1");
    let path = kubeconfig.to_str().unwrap();
    let (code, text) = fails(&["operator", "--kubeconfig", path, "--metrics-bind-address", &address]);
    std::fs::remove_file(&kubeconfig).unwrap();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&format!("--metrics-bind-address {address}")) && text.contains("or 0"), "{text}");
}

#[test]
fn pod_defaults_with_a_mistake_end_the_start_and_name_the_field_and_the_mend() {
    let file = std::env::temp_dir().join(format!("lockgate-cli-{}.pod-defaults.yaml", std::process::id()));
    let path = file.to_str().unwrap();
    for (text, words) in [
        ("nodeSelectr: {}", &["unknown field \"nodeSelectr\"", "nodeSelector"][..]),
        ("imagePullSecrets: [Mirror]", &["imagePullSecrets[0]: must be the name of a Secret"]),
        ("podLabels: {lockgate.dev/run: x}", &["podLabels.lockgate.dev/run: must not be given to Pods"]),
        ("priorityClassName: 'a b'\npodLabels: {a: b c}", &["priorityClassName: must be", "podLabels: must have"]),
        ("{}\n---\n{}", &["2 documents: give one"]),
        ("a: [", &["it is no YAML", "line 1"]),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, said) = fails(&["operator", "--pod-defaults", path]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("--pod-defaults") && words.iter().all(|word| said.contains(word)), "{said}");
    }
    // One without a mistake, as the docs have it, is not what it ends with.
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operator.md")).unwrap();
    let example = page.split("```yaml\n").find(|block| block.starts_with("imagePullSecrets:")).unwrap();
    std::fs::write(&file, example.split("```").next().unwrap()).unwrap();
    let (_, said) = fails(&["operator", "--pod-defaults", path]);
    assert!(said.contains("no cluster is named"), "{said}");
    std::fs::remove_file(&file).unwrap();
    let (code, said) = fails(&["operator", "--pod-defaults", path]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(path), "{said}");
}

#[test]
fn a_server_that_does_not_answer_is_told_once_and_every_check_is_named() {
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address.to_string())).unwrap();
    for (name, server, words) in [("closed", "127.0.0.1:1", "refused"), ("silent", &silent.1, "within 300ms")] {
        let kubeconfig = kubeconfig(name, server);
        let path = kubeconfig.to_str().unwrap();
        let doctor = |more: &[&str]| {
            let flags = ["doctor", "--kubeconfig", path, "--request-timeout", "300ms"];
            lockgate(&flags.iter().chain(more).copied().collect::<Vec<_>>())
        };
        let output = doctor(&[]);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        let states: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        let warned = ["crd", "operator", "projector", "access", "skew", "names", "rights", "at-rest", "kubelets"]
            .map(|check| vec!["warn", check]);
        assert_eq!(states, [vec![vec!["failed", "server"]], warned.to_vec()].concat(), "{text}");
        assert!(text.contains(words) && text.contains("--context"), "{text}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "lockgate: 1 of these checks failed\n");
        let json: serde_json::Value = serde_json::from_slice(&doctor(&["-o", "json"]).stdout).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["checks", "failed", "namespace", "version", "warnings"]);
        assert_eq!(
            (&json["failed"], &json["warnings"], &json["namespace"]),
            (&1.into(), &9.into(), &"lockgate-system".into())
        );
        let keys: Vec<&String> = json["checks"][0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["check", "mend", "seen", "state"]);
        std::fs::remove_file(&kubeconfig).unwrap();
    }
    let (code, text) = fails(&["doctor", "--context", "nowhere"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("kubeconfig"), "{text}");
}

#[test]
fn the_docs_name_every_flag_of_the_servers_with_its_variable_and_default() {
    for command in ["operator", "projector"] {
        every_flag_is_named(command, &format!("docs/{command}.md"));
    }
}

fn every_flag_is_named(command: &str, path: &str) {
    let help = String::from_utf8(lockgate(&[command, "--help"]).stdout).unwrap();
    let page = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let bracketed = |name: &str| -> Vec<String> {
        let mark = format!("[{name}: ");
        help.split(&mark).skip(1).map(|rest| rest.split([']', '=']).next().unwrap().to_owned()).collect()
    };
    let flags: Vec<String> = help
        .split_whitespace()
        .filter(|word| word.starts_with("--") && word.trim_matches('-') != "help")
        .map(|word| word.trim_end_matches([',', '.']).to_owned())
        .collect();
    assert!(flags.len() >= 5, "{help}");
    for word in flags.iter().chain(&bracketed("env")).chain(&bracketed("default")) {
        assert!(page.contains(&format!("`{word}`")), "{path} does not name `{word}`");
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_mend() {
    let (code, text) = fails(&["operator", "--kubeconfig", "/nonexistent/kubeconfig"]);
    assert_eq!(code, 3);
    assert!(text.contains("kubeconfig"), "{text}");
    let (code, text) = fails(&["operator"]);
    assert_eq!(code, 3);
    assert!(text.contains("--kubeconfig") && text.contains("KUBECONFIG"), "{text}");
    for wrong in ["", "team-a, team-b", "Team", "team-a,", "-a"] {
        let (code, text) = fails(&["operator", &format!("--watch-namespaces={wrong}")]);
        assert_eq!(code, 2, "{wrong}");
        assert!(text.contains("--watch-namespaces") && text.contains("separated by commas"), "{wrong}: {text}");
    }
    let (code, text) = fails(&["operator", "--log-level", "lockgate=loud"]);
    assert_eq!(code, 1);
    assert!(text.contains("--log-level") && text.contains("info"), "{text}");
}

/// A file of these manifests.
fn file(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn check_says_all_that_is_wrong_and_where() {
    let wrong = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n---\n\
        apiVersion: lockgate.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: edges}\n\
        spec: {transform: {image: a, user: root, secrets: [{name: db, env_var: X}]}}\n";
    let path = file("wrong.yaml", wrong);
    let output = lockgate(&["check", "-f", path.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("wrong.yaml:8:36: error: Pipeline edges: spec.transform.user: must be a number"), "{text}");
    assert!(text.contains("wrong.yaml:8:53: error: Pipeline edges: spec.transform.secrets[0].key: "), "{text}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "lockgate: 2 to be mended\n");
}

#[test]
fn check_warns_of_a_literal_that_looks_like_a_secret_without_showing_it() {
    let open = "apiVersion: lockgate.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: edges}\n\
        spec: {transform: {image: a:1, cmd: [sh], stdin: ['echo', 'export DB_PASSWORD=hunter2']}}\n";
    let path = file("open.yaml", open);
    let path = path.to_str().unwrap();
    let output = lockgate(&["check", "-f", path]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "a warning is no error");
    assert!(
        text.contains("warning: Pipeline edges: spec.transform.stdin[1]: holds what looks like a password or token"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(lockgate(&["check", "--strict", "-f", path]).status.code(), Some(1));
    let json = lockgate(&["check", "-o", "json", "-f", path]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["pipelines"], 1);
    assert_eq!(json["findings"][0]["field"], "spec.transform.stdin[1]");
}

#[test]
fn check_names_files_that_it_cannot_use() {
    let (code, text) = fails(&["check", "-f", "/nonexistent.yaml"]);
    assert!(code == 2 && text.contains("/nonexistent.yaml cannot be read"), "{text}");
    let path = file("no.yaml", "a: [");
    let output = lockgate(&["check", "-f", path.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && text.contains("no.yaml:1:4: error: "), "{text}");
    let (code, text) = fails(&["check"]);
    assert!(code == 2 && text.contains("--filename"), "{text}");
}

#[test]
fn every_example_passes_the_check() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples");
    let mut checked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let output = lockgate(&["check", "--strict", "-f", path.to_str().unwrap()]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
}
