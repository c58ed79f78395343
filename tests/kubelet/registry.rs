//! `lockgate registry test` beside the kubelet, at a real private registry: the two say the same.

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lockgate::api::reason::Trouble;
use serde_json::{Value, json};

use crate::support::Space;
use crate::{in_trouble, journey, nothing_leaked, printed, shared, shell};

/// Exit code, results (entry and word), and what was printed to stderr.
type Said = (i32, Vec<(Option<String>, String)>, String);

/// Asks about a Secret, and an image.
async fn registry_test(space: &Space, secret: &str, image: Option<&str>) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(["registry", "test", secret, "-o", "json", "-n", &space.name, "--kubeconfig"]);
    command.arg(shared().unwrap().cluster.kubeconfig());
    command.args(image.iter().flat_map(|image| ["--image", image]));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    println!("{secret} {image:?}: {out}{err}");
    assert!(!out.contains("canary") && !err.contains("canary"), "a value was printed");
    let all: Value = serde_json::from_str(&out).unwrap_or_default();
    let results = all["results"].as_array().cloned().unwrap_or_default();
    let row = |row: Value| (row["entry"].as_str().map(ToOwned::to_owned), row["result"].as_str().unwrap().to_owned());
    (output.status.code().unwrap(), results.into_iter().map(row).collect(), err)
}

/// What the kubelet makes of an image.
enum Verdict {
    Pulls,
    Fails(Trouble),
}

#[tokio::test]
async fn it_says_what_the_kubelet_does() {
    use Verdict::{Fails, Pulls};
    let Some((space, node)) = journey("registry-test").await else {
        return;
    };
    let registry = node.registry();
    let host = registry.host();
    let below = format!("{host}/registry-test");
    let login = |password: &str| json!({"username": registry.username(), "password": password});
    let (right, wrong) = (login(registry.password()), login("canary-wrong"));
    for (name, auths) in [
        ("good", json!({host: right})),
        ("wrong", json!({host: wrong})),
        ("elsewhere", json!({"elsewhere.test": right})),
        ("two", json!({&below: wrong, host: right})),
        ("glob", json!({format!("http://{}/v2/", host.replacen("127", "*", 1)): right})),
        ("malformed", json!({host: right, "elsewhere.test": {"auth": "canary, and no base64"}})),
        ("closed", json!({"127.0.0.1:1": right})),
        ("desktop", json!({host: {"identitytoken": "canary-token"}})),
    ] {
        space.pull_secret(name, &json!({"auths": auths}).to_string()).await;
    }
    let line = format!("{}:{}\n", registry.username(), registry.password());
    let with_line = json!({"auths": {host: {"auth": BASE64_STANDARD.encode(line)}}});
    space.pull_secret("line", &with_line.to_string()).await;

    let image = |name: &str| registry.push_busybox(&format!("registry-test/{name}:1")).unwrap();
    let absent = format!("{below}/nowhere:1");
    let one = |entry: &str, word: &str| vec![(Some(entry.to_owned()), word.to_owned())];
    let glob = format!("http://{}/v2/", host.replacen("127", "*", 1));
    let refused = || Fails(Trouble::ImageUnauthorized);
    let cases = [
        ("good", image("good"), one(host, "ok"), Pulls),
        ("glob", image("glob"), one(&glob, "ok"), Pulls),
        ("two", image("two"), [one(&below, "wrong-login"), one(host, "ok")].concat(), Pulls),
        ("wrong", image("wrong"), one(host, "wrong-login"), refused()),
        ("line", image("line"), one(host, "wrong-login"), refused()),
        ("desktop", image("desktop"), one(host, "login-needed"), refused()),
        ("elsewhere", image("elsewhere"), vec![(None, "login-needed".to_owned())], refused()),
        ("good", absent, one(host, "no-such-image"), Fails(Trouble::ImageNotFound)),
        ("closed", "127.0.0.1:1/app:1".into(), one("127.0.0.1:1", "unreachable"), Fails(Trouble::RegistryUnreachable)),
        ("malformed", image("malformed"), vec![], Fails(Trouble::PullSecretMalformed)),
    ];
    for (number, (secret, image, ..)) in cases.iter().enumerate() {
        let spec = shell(image, "echo pulled", json!({"image_pull_secrets": [secret]}));
        space.pipeline(&format!("p{number}"), spec).await;
    }
    for (number, (secret, image, results, verdict)) in cases.iter().enumerate() {
        let (code, found, said) = registry_test(&space, secret, Some(image)).await;
        assert_eq!(found, *results, "{secret}");
        match verdict {
            Pulls => {
                assert_eq!((code, said.as_str()), (0, ""), "{secret}");
                assert_eq!(printed(&space, &format!("p{number}")).await, "pulled\n");
            }
            Fails(trouble) => {
                assert_eq!(code, 1, "{secret}");
                in_trouble(&space, &format!("p{number}"), *trouble).await;
            }
        }
    }
    let (_, _, said) = registry_test(&space, "malformed", None).await;
    assert!(said.contains("entry elsewhere.test has an auth that is no base64"), "{said}");
    // Without an image: each login at its registry.
    assert_eq!(registry_test(&space, "good", None).await.1, one(host, "ok"));
    assert_eq!(registry_test(&space, "wrong", None).await.1, one(host, "wrong-login"));
    assert_eq!(registry_test(&space, "desktop", None).await.1, one(host, "not-tried"));
    nothing_leaked(&space).await;
}
