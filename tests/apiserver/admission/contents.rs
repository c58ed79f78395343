//! `no-literal-credentials` and `allowed-registries`: what a Pipeline may hold as text, and where its images come from.

use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use serde_json::{Value, json};

use super::{apply, asked, dry, expect, pipeline, root, space, until_refused, wait_for, words};
use crate::support::Space;

const LITERALS: &str = "no-literal-credentials";

/// What the API server says of one literal variable.
async fn variable(space: &Space, name: &str, value: &str) -> String {
    asked(space, &json!({"transform": {"image": "x", "env": {"USER": "app", name: value}}})).await
}

#[tokio::test]
async fn a_variable_with_a_credentials_name_takes_no_literal() {
    let space = space("literals", &[LITERALS], "deny").await;
    wait_for(&space, LITERALS).await;
    for name in [
        "PASSWORD",
        "DB_PASSWORD",
        "PGPASSWORD",
        "db_password",
        "dbPassword",
        "DB_PASSWORD_2",
        "MYSQL_PASSWD",
        "KEY_PASSPHRASE",
        "TOKEN",
        "GITHUB_TOKEN",
        "SECRET",
        "CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "API_KEY",
        "OPENAI_API_KEY",
        "apikey",
        "PRIVATE_KEY",
        "GOOGLE_CREDENTIALS",
    ] {
        let refusal = format!(
            "transform: {name} in env has a name for credentials and a literal value; put the value into a Secret and name that: secrets: [{{name: SECRET, env_var: VARIABLE, key: KEY}}]"
        );
        expect(name, &variable(&space, name, "hunter2").await, &refusal);
    }
    for (name, value) in [
        // A reference, nothing, a switch.
        ("PASSWORD", "$(DB_PASSWORD)"),
        ("PASSWORD", ""),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("USE_TOKEN", "False"),
        // Names about credentials, not of them.
        ("PASSWORD_FILE", "/etc/db/password"),
        ("TOKEN_URL", "https://auth.example.com/token"),
        ("MAX_TOKENS", "4096"),
        ("TOKENIZERS_PARALLELISM", "x"),
        ("SECRET_NAME", "db"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("API_KEY_HEADER", "X-Key"),
        ("MONKEY", "x"),
        ("LOG_LEVEL", "debug"),
    ] {
        expect(&format!("{name}={value}"), &variable(&space, name, value).await, "");
    }
    // An escaped reference is a literal, and so is one with something beside it.
    for value in ["$$(DB_PASSWORD)", "x$(DB_PASSWORD)", "$(A)$(B"] {
        expect(value, &variable(&space, "PASSWORD", value).await, "has a name for credentials");
    }
    // All of them at once, with the step's name.
    let step = |name: &str| json!({"name": name, "image": "x", "env": {"TOKEN": "x", "OTHER": "x"}});
    let said = asked(&space, &json!({"steps": [step("load"), step("train")]})).await;
    expect("two steps", &said, "denied request: step load: TOKEN, step train: TOKEN in env has a name");
}

#[tokio::test]
async fn an_annotation_excuses_a_name_and_no_token() {
    let space = space("excused", &[LITERALS], "deny").await;
    wait_for(&space, LITERALS).await;
    let asked = async |env: Value, names: &str| {
        let mut pipeline = pipeline("asked", &json!({"transform": {"image": "x", "env": env}}));
        pipeline.metadata.annotations = Some([("lockgate.dev/not-credentials".to_owned(), names.to_owned())].into());
        words(space.api().create(&dry(), &pipeline).await)
    };
    let env = json!({"PAD_TOKEN": "<pad>", "EOS_TOKEN": "</s>"});
    expect(
        "one of two",
        &asked(env.clone(), "PAD_TOKEN").await,
        "denied request: transform: EOS_TOKEN in env has a name",
    );
    expect("both", &asked(env, "PAD_TOKEN, EOS_TOKEN").await, "");
    let token = json!({"PAD_TOKEN": format!("ghp_{}", "a1".repeat(18))});
    expect(
        "a token",
        &asked(token, "PAD_TOKEN").await,
        "transform: PAD_TOKEN in env holds a token or private key as text",
    );
    // To take the excuse away is to be asked again.
    let mut made = pipeline("made", &json!({"transform": {"image": "x", "env": {"PAD_TOKEN": "<pad>"}}}));
    made.metadata.annotations = Some([("lockgate.dev/not-credentials".to_owned(), "PAD_TOKEN".to_owned())].into());
    space.api().create(&PostParams::default(), &made).await.unwrap();
    let patch = Patch::Merge(json!({"metadata": {"annotations": null}}));
    let answer = space.api::<Pipeline>().patch("made", &PatchParams::default(), &patch).await;
    expect("without the annotation", &words(answer), "transform: PAD_TOKEN in env has a name");
}

/// Well-known forms, none of them real.
fn tokens() -> Vec<String> {
    let a = |n: usize| "aB3".chars().cycle().take(n).collect::<String>();
    vec![
        format!("AKIA{}", "ABCDEFGH23456789"),
        format!("ASIA{}", "ABCDEFGH23456789"),
        format!("ghp_{}", a(36)),
        format!("gho_{}", a(36)),
        format!("github_pat_{}", a(40)),
        format!("glpat-{}", a(20)),
        format!("xoxb-{}", "1234567890-abc"),
        format!("AIza{}", a(35)),
        format!("sk_live_{}", a(24)),
        format!("npm_{}", a(36)),
        format!("eyJ{}.eyJ{}.{}", a(20), a(30), a(40)),
        format!("-----BEGIN {}PRIVATE KEY-----\nabc", "RSA "),
        format!("-----BEGIN {}PRIVATE KEY-----\nabc", ""),
    ]
}

#[tokio::test]
async fn a_token_of_a_well_known_form_stands_nowhere() {
    let space = space("tokens", &[LITERALS], "deny").await;
    wait_for(&space, LITERALS).await;
    for token in tokens() {
        for value in [token.clone(), format!("--header={token} and more"), format!("line\n{token}\n")] {
            let said = variable(&space, "SETTING", &value).await;
            expect(
                &value,
                &said,
                "denied request: transform: SETTING in env holds a token or private key as text; put it into a Secret",
            );
            assert!(!said.contains(&token), "the message tells the token: {said}");
        }
        for field in ["stdin", "cmd", "args"] {
            let mut step = json!({"name": "load", "image": "x", "cmd": ["sh"]});
            step[field] = json!(["sh", "-c", format!("curl -H 'Authorization: {token}' https://api.example.com")]);
            let said = asked(&space, &json!({"steps": [step]})).await;
            expect(
                field,
                &said,
                &format!("denied request: step load: {field} holds a token or private key as text; put it into"),
            );
        }
    }
    for value in [
        "-----BEGIN CERTIFICATE-----\nabc",
        "-----BEGIN PUBLIC KEY-----",
        "AKIAshort",
        "TAKIAABCDEFGH23456789",
        "weighs ghp_ little",
        "eyJust a word",
        "npm_config_cache",
        "xoxo",
        "glpat-",
        "$(TOKEN)",
    ] {
        expect(value, &variable(&space, "SETTING", value).await, "");
    }
}

#[tokio::test]
async fn a_url_holds_no_password() {
    let space = space("urls", &[LITERALS], "deny").await;
    wait_for(&space, LITERALS).await;
    for url in [
        "postgres://app:hunter2@db/app",
        "https://:hunter2@cache:6379",
        "amqp://a:b@c",
        "x=redis://u:p%40@h/0;y=1",
        "https://good.example.com https://app:hunter2@db",
    ] {
        let said = variable(&space, "DB_URL", url).await;
        expect(
            url,
            &said,
            "transform: DB_URL in env holds a URL with a password; put the password into a Secret, give it a variable, and write $(VARIABLE) in its place",
        );
        assert!(!said.contains("hunter2"), "the message tells the password: {said}");
    }
    for url in [
        "postgres://app:$(DB_PASSWORD)@db/app",
        "postgres://app@db/app",
        "https://db:5432/app",
        "ssh://git@example.com:22/app",
        "https://example.com:8080/@scope/app",
        "https://example.com:8080?to=a@b",
        "git@example.com:team/app",
    ] {
        expect(url, &variable(&space, "DB_URL", url).await, "");
    }
}

#[tokio::test]
async fn more_text_than_can_be_looked_at_is_refused_with_words() {
    let space = space("texts", &[LITERALS], "deny").await;
    wait_for(&space, LITERALS).await;
    let env = |of_each: usize| json!({"A": "x".repeat(of_each), "B": "x".repeat(of_each)});
    expect("just as much", &asked(&space, &json!({"transform": {"image": "x", "env": env(131_072)}})).await, "");
    let step = |name: &str| json!({"name": name, "image": "x", "env": env(131_072)});
    let said = asked(&space, &json!({"steps": [step("a"), step("b")]})).await;
    expect(
        "twice",
        &said,
        "env holds 524288 characters, and cmd, args, stdin and input 0; where the policy lockgate-no-literal-credentials is on each may hold 262144",
    );
    let step = |name: &str| json!({"name": name, "image": "x", "cmd": ["sh"], "stdin": ["x".repeat(140_000)]});
    let said = asked(&space, &json!({"steps": [step("a"), step("b")]})).await;
    expect("stdin", &said, "env holds 0 characters, and cmd, args, stdin and input 280004; where");
}

/// What the API server says of a step with this template.
async fn template(space: &Space, template: Value) -> String {
    let input = json!({"secrets": [{"name": "api", "key": "token", "as": "token"}], "template": template, "mount_path": "/in.json"});
    asked(space, &json!({"steps": [{"name": "call", "image": "x", "input": input}]})).await
}

#[tokio::test]
async fn a_template_holds_no_credential_as_text_however_deep() {
    let space = space("templates", &[LITERALS], "deny").await;
    wait_for(&space, LITERALS).await;
    let token = &tokens()[2];
    for (what, value, refusal) in [
        ("a token", json!(token), "step call: input holds a token or private key as text; put it into a Secret"),
        ("a token in a list", json!([1, [null, [token]]]), "step call: input holds a token"),
        ("a token in a text", json!({"a": {"b": format!("curl -H {token}")}}), "step call: input holds a token"),
        (
            "a name",
            json!({"db": {"password": "x"}}),
            "step call: password in input has a name for credentials and a literal",
        ),
        (
            "a header",
            json!({"headers": {"Authorization": "Basic eA=="}}),
            "step call: Authorization in input has a name",
        ),
        (
            "a URL",
            json!(["postgres://app:x@db/app"]),
            "step call: input holds a URL with a password; put the password into",
        ),
        (
            "too deep",
            json!([[[[[[[[[[["x"]]]]]]]]]]]),
            "a template of an input holds more than can be looked at; where the",
        ),
        ("too many", json!(vec![0; 1024]), "a template of an input holds more than can be looked at"),
    ] {
        let said = template(&space, value).await;
        expect(what, &said, refusal);
        assert!(!said.contains(token), "{what}: the message tells the token: {said}");
    }
    for (what, value) in [
        ("nothing", json!({})),
        ("an expression", json!("jq(.secrets.token)")),
        (
            "names with expressions",
            json!({"password": "jq(.secrets.token)", "Authorization": "Bearer jq(.secrets.token)"}),
        ),
        (
            "names without texts",
            json!({"password": null, "token": 1, "secret": {"a": "b"}, "api_key": "", "tokens": "x"}),
        ),
        ("a switch", json!({"use_token": "true"})),
        ("a URL with an expression", json!("postgres://app:jq(.secrets.token)@db/app")),
        ("just as deep", json!([[[[[[[[[["x"]]]]]]]]]])),
        ("just as many", json!(vec!["x"; 1022])),
        ("much text", json!("x".repeat(30_000))),
    ] {
        expect(what, &template(&space, value).await, "");
    }
    // The annotation excuses a name, as it does in env.
    let input = json!({"secrets": [{"name": "api"}], "template": {"pad_token": "<pad>"}, "mount_path": "/in.json"});
    let mut excused = pipeline("asked", &json!({"transform": {"image": "x", "input": input}}));
    let said = words(space.api().create(&dry(), &excused).await);
    expect("one that is none", &said, "transform: pad_token in input has a name");
    excused.metadata.annotations = Some([("lockgate.dev/not-credentials".to_owned(), "pad_token".to_owned())].into());
    expect("one that is excused", &words(space.api().create(&dry(), &excused).await), "");
}

#[tokio::test]
async fn an_image_comes_from_a_registry_of_the_list() {
    const POLICY: &str = "allowed-registries";
    let space = space("registries", &[POLICY], "deny").await;
    wait_for(&space, POLICY).await;
    expect("the example's", &asked(&space, &super::plain()).await, "");
    let said = asked(&space, &json!({"transform": {"image": "busybox:1"}})).await;
    expect(
        "another",
        &said,
        "no image may come from here: docker.io/library/busybox; allowed are: registry.example.com; push the image to one of these and name it there, or ask for the registry to be added to the policy lockgate-allowed-registries",
    );
    let steps = ["a/b", "registry.example.com/x", "quay.io/c", "a/b:2"].iter().enumerate();
    let steps: Vec<Value> = steps.map(|(i, image)| json!({"name": format!("s{i}"), "image": image})).collect();
    expect("steps", &asked(&space, &json!({"steps": steps})).await, "from here: docker.io/a/b, quay.io/c; allowed");
}

/// The same policy with another list, in a namespace that has these policies besides.
pub(super) async fn with_list(name: &str, list: &str, besides: &[&str]) -> Space {
    let folder = root().join("deploy/policies/allowed-registries");
    for file in ["policy.yaml", "bindings.yaml"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let text = text.replace("allowed-registries", name);
        assert!(file != "policy.yaml" || text.contains("['registry.example.com']"));
        apply(text.replace("['registry.example.com']", list)).await;
    }
    let space = space(name, &[&[name], besides].concat(), "deny").await;
    let bad = json!({"transform": {"image": "refused.example.com/x"}});
    until_refused(&format!("ValidatingAdmissionPolicy 'lockgate-{name}'"), || asked(&space, &bad)).await;
    space
}

#[tokio::test]
async fn the_name_of_an_image_is_read_as_a_container_runtime_reads_it() {
    let space = with_list(
        "registries-ours",
        "['registry.example.com', 'ghcr.io/acme', 'r.example.com:5000', 'LOCALHOST']",
        &[],
    )
    .await;
    let hub =
        with_list("registries-hub", "['docker.io/library', 'docker.io/acme/app', '[2001:db8::1]:5000']", &[]).await;
    let digest = format!("sha256:{}", "a".repeat(64));
    for (image, here, on_hub) in [
        ("registry.example.com/app", true, false),
        ("registry.example.com/team/app:1.4", true, false),
        (&*format!("registry.example.com/app@{digest}"), true, false),
        (&*format!("registry.example.com/app:1@{digest}"), true, false),
        ("Registry.Example.COM/app", true, false),
        ("registry.example.com:443/app", true, false),
        ("registry.example.com:5000/app", false, false),
        ("registry.example.com.evil.test/app", false, false),
        ("evil.test/registry.example.com/app", false, false),
        ("registry.example.co/m/app", false, false),
        ("r.example.com:5000/app:2", true, false),
        ("r.example.com/app", false, false),
        ("r.example.com:50001/app", false, false),
        ("localhost/app", true, false),
        ("localhost:5000/app", false, false),
        ("ghcr.io/acme/app", true, false),
        ("ghcr.io/acme:1", true, false),
        ("ghcr.io/acmevil/app", false, false),
        ("ghcr.io/other/app", false, false),
        ("busybox", false, true),
        ("busybox:1.36", false, true),
        (&*format!("busybox@{digest}"), false, true),
        ("library/busybox", false, true),
        ("docker.io/busybox", false, true),
        ("index.docker.io/busybox", false, true),
        ("docker.io/library/busybox", false, true),
        ("acme/app:1", false, true),
        ("index.docker.io/acme/app", false, true),
        ("acme/apple", false, false),
        ("acme/app/part", false, true),
        ("other/app", false, false),
        ("[2001:db8::1]:5000/app:1", false, true),
        ("[2001:db8::1]/app", false, false),
    ] {
        let spec = json!({"transform": {"image": image}});
        for (space, allowed) in [(&space, here), (&hub, on_hub)] {
            let said = asked(space, &spec).await;
            expect(
                &format!("{image} in {}", space.name),
                &said,
                if allowed { "" } else { "no image may come from here: " },
            );
        }
    }
}
