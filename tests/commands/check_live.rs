//! `check --live` beyond what its transcript shows: the same files' Secrets, quotas, Pipelines that are there, and no value anywhere.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::PostParams;
use lockgate::api::pipeline::Pipeline;
use serde_json::{Value, json};

use crate::shell::Shell;

/// Rule and field of each finding, and the exit code.
fn found(shell: &Shell, arguments: &str) -> (i32, Vec<(String, String)>, String) {
    let output = shell.run(&format!("lockgate check --live -o json {arguments}"));
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("canary") && !errors.contains("canary"), "a value was printed: {text}{errors}");
    let all: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{errors}"));
    let rows = all["findings"].as_array().unwrap().iter();
    let word = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = rows.map(|row| (word(row, "rule"), word(row, "field"))).collect();
    (output.status.code().unwrap(), rows, text)
}

fn rules(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|&(rule, field)| (rule.to_owned(), field.to_owned())).collect()
}

/// A Pipeline of two steps.
fn graph() -> Value {
    json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "edges"},
        "spec": {
            "steps": [
                {"name": "load", "image": "busybox:1.36", "image_pull_secrets": ["hub", "other"]},
                {
                    "name": "use", "needs": ["load"], "image": "registry.test:5000/team/app:1", "image_pull_secrets": ["other"],
                    "secrets": [{"name": "app", "mount_path": "/app"}],
                },
            ],
            "suspend": true,
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn it_looks_at_what_comes_with_the_files_and_at_what_is_there() {
    let shell = Shell::new("check-live").await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"password": "canary-7c1f"},
        // The Pipeline names none, and goes to the same by the context.
        "metadata": {"name": "app", "namespace": shell.space.name},
    });
    shell.file("edges.json", graph().to_string());
    shell.file("app.json", secret.to_string());
    let login = |password: &str| json!({"username": "u", "password": password});
    let hub = json!({"auths": {"https://index.docker.io/v1/": login("canary-7c1f"), "docker.io": login("canary-7c1f-other")}});
    let other = json!({"auths": {
        "hub.docker.com": login("canary-7c1f"),
        "registry.test:5000/team": {"auth": "dTpjYW5hcnktN2MxZgo="},
        "*.test:5000": login("canary-7c1f"),
    }});
    shell.space.pull_secret("hub", &hub.to_string()).await;
    shell.space.pull_secret("other", &other.to_string()).await;

    let (code, rows, text) = found(&shell, "-f edges.json");
    let image = "spec.steps[1].image";
    let offered = [("login-offered", "spec.steps[0].image"), ("pull-secret-entry", image), ("login-offered", image)];
    let missing = ("reference-not-there", "spec.steps[1].secrets[0]");
    assert_eq!(code, 1, "{text}");
    let sorted = |mut rows: Vec<(String, String)>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(rows), sorted(rules(&[&offered[..], &[missing]].concat())), "{text}");
    // The Hub's own host comes first, and its other name only where nothing else is for the image.
    assert!(
        text.contains("docker.io/library/busybox is pulled with entry docker.io of Secret hub, named by the step\""),
        "{text}"
    );
    let order =
        "entry registry.test:5000/team of Secret other, named by the step, then entry *.test:5000 of Secret other";
    assert!(text.contains(order), "{text}");
    assert!(text.contains("has a line's end after the password"), "{text}");

    // With the Secret in the same files nothing is missing: they are applied together.
    let (code, rows, text) = found(&shell, "-f edges.json -f app.json");
    assert_eq!((code, sorted(rows)), (0, sorted(rules(&offered))), "{text}");
    assert_eq!(found(&shell, "-f edges.json -f app.json --strict").0, 1);

    // One that is there is asked about as it would be changed, and stays as it is.
    shell.good("kubectl apply -f edges.json");
    let mut changed = graph();
    changed["spec"]["retries"] = json!(3);
    shell.file("edges.json", changed.to_string());
    assert_eq!(found(&shell, "-f edges.json -f app.json").0, 0);
    let there = shell.space.api::<Pipeline>().get("edges").await.unwrap();
    assert_eq!((there.spec.retries, there.metadata.generation), (0, Some(1)), "something was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_would_refuse_is_told_in_its_words() {
    let shell = Shell::new("check-live-quota").await;
    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": {"name": "none"}, "spec": {"hard": {"count/pipelines.lockgate.dev": "0"}},
    }))
    .unwrap();
    shell.space.api::<ResourceQuota>().create(&PostParams::default(), &quota).await.unwrap();
    let is_counted = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.hard.is_some());
    shell.space.until("none", "its limits are in force", is_counted).await;
    let pipeline = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "edges"},
        "spec": {"transform": {"image": "app:1"}},
    });
    shell.file("edges.json", pipeline.to_string());
    let (code, rows, text) = found(&shell, "-f edges.json");
    assert_eq!((code, rows[0].0.as_str()), (1, "server-refuses"), "{text}");
    assert!(text.contains("quota: none"), "{text}");
    // What breaks a rule is told once, by the rule.
    shell.file("edges.json", pipeline.to_string().replace("app:1", "App"));
    assert_eq!(found(&shell, "-f edges.json").1, rules(&[("invalid-field", "spec.transform.image")]));
}
