//! What the container receives: every form in which a step names a Secret.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::support::{CANARY, Space, states};
use crate::{journey, printed, shell, with};

/// Makes a Secret of these values.
pub async fn secret(space: &Space, name: &str, data: Value) {
    let object = json!({"metadata": {"name": name}, "stringData": data});
    space.api::<Secret>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_file_of_mode_0400_is_read_by_the_user_it_is_meant_for() {
    let Some((space, node)) = journey("modes").await else {
        return;
    };
    space.secret("key", &["id_rsa"]).await;
    let script = "id -u; cat /one/id_rsa /one/group /whole.key /shared/first /shared/second; echo; ls -lnL /one /whole.key /shared";
    let modes = |user: Value| {
        let secrets = json!({"secrets": [
            {"name": "key", "mount_path": "/one", "items": [
                {"key": "id_rsa", "path": "id_rsa", "mode": 256}, {"key": "id_rsa", "path": "group", "mode": 288},
            ]},
            {"name": "key", "mount_path": "/whole.key", "items": [{"key": "id_rsa", "path": "whole", "mode": 256}], "sub_path": "whole"},
            {"name": "key", "mount_path": "/shared", "items": [{"key": "id_rsa", "path": "first", "mode": 256}]},
            {"name": "key", "mount_path": "/shared", "items": [{"key": "id_rsa", "path": "second", "mode": 288}]},
        ]});
        shell(node.preloaded_image(), script, with(secrets, user))
    };
    let users = [
        ("user", json!({"user": "1000"}), "1000"),
        ("user-and-group", json!({"user": "1000", "group": "2000"}), "1000"),
        ("user-and-fs-group", json!({"user": "1000", "fs_group": "3000"}), "1000"),
        ("root", json!({}), "0"),
    ];
    for (name, user, _) in &users {
        space.pipeline(name, modes(user.clone())).await;
    }
    for (name, _, uid) in users {
        let log = printed(&space, name).await;
        println!("{name}:\n{log}");
        let value = format!("{CANARY}-id_rsa");
        assert!(log.contains(&format!("{uid}\n{}", value.repeat(5))), "{name} read: {log}");
        assert!(!log.contains("r--r--r--") && !log.contains("rw-r--r--"), "others can read it: {log}");
    }
}

#[tokio::test]
async fn a_literal_may_hold_a_secret_variable() {
    let Some((space, node)) = journey("expansion").await else {
        return;
    };
    space.secret("db", &["password"]).await;
    let script = "echo $DSN; echo \"$A_FIRST $UNKNOWN\"; echo \"$0\"";
    let mut spec = shell(
        node.preloaded_image(),
        script,
        json!({
            "args": ["$(DB_PASSWORD)"],
            "env": {
                "DSN": "postgres://u:$(DB_PASSWORD)@db", "A_FIRST": "before $(DB_PASSWORD)", "UNKNOWN": "$(NOBODY) $$(DB_PASSWORD)",
            },
            "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}],
        }),
    );
    // A script that stands in `cmd` would be expanded, too.
    spec["transform"]["cmd"][2] = script.into();
    space.pipeline("dsn", spec).await;
    let value = format!("{CANARY}-password");
    let expected = format!("postgres://u:{value}@db\nbefore {value} $(NOBODY) $(DB_PASSWORD)\n{value}\n");
    assert_eq!(printed(&space, "dsn").await, expected);
}

#[tokio::test]
async fn every_form_of_reference_gives_the_container_what_it_names() {
    let Some((space, node)) = journey("forms").await else {
        return;
    };
    let long = format!("{}-{}", "long".repeat(60), "x".repeat(12));
    assert_eq!(long.len(), 253);
    secret(&space, "twice", json!({"first": "1st", "second": "2nd"})).await;
    secret(&space, "with.dots.in-it", json!({"a.b-c_d": "dotted"})).await;
    secret(&space, &long, json!({"key": "longest"})).await;
    secret(&space, "one", json!({"a": "from one", "b": "not listed"})).await;
    secret(&space, "two", json!({"a": "from two"})).await;
    secret(&space, "conf", json!({"conf": "configured"})).await;
    secret(&space, "bag", json!({"USER": "u", "tls.key": "k"})).await;
    // The kubelet, too, expands `$$` in a command; and `env` of this shell leaves out names that hold a dot.
    let script = r#"
        cat /twice/first; echo; cat /renamed/below/2; echo; ls /renamed; echo "$TWICE"
        echo "$DOTTED"; cat /dotted/a.b-c_d; echo; cat /long/key; echo; echo "$LONG"
        ls /shared; cat /shared/x/one; echo; cat /shared/two; echo
        cat /etc/app.conf; echo; cat /etc/direct.conf; echo; test -f /etc/app.conf; test -f /etc/passwd
        echo "$APP_USER"; tr '\0' '\n' </proc/1/environ | grep '^APP_tls.key='
        echo "absent: ${NO_SECRET-unset} ${NO_KEY-unset}"; ls /no-secret /no-key | wc -w; tr '\0' '\n' </proc/1/environ | grep -c '^NOWHERE_' || true
        echo "present though optional: $THERE"
    "#;
    let secrets = json!({"secrets": [
        {"name": "twice", "mount_path": "/twice", "env_var": "TWICE", "key": "second"},
        {"name": "twice", "mount_path": "/renamed", "items": [{"key": "second", "path": "below/2"}]},
        {"name": "with.dots.in-it", "env_var": "DOTTED", "key": "a.b-c_d", "mount_path": "/dotted"},
        {"name": long, "mount_path": "/long", "env_var": "LONG", "key": "key"},
        {"name": "one", "mount_path": "/shared", "items": [{"key": "a", "path": "x/one"}]},
        {"name": "two", "mount_path": "/shared", "items": [{"key": "a", "path": "two"}]},
        {"name": "conf", "mount_path": "/etc/app.conf", "items": [{"key": "conf", "path": "app.conf"}], "sub_path": "app.conf"},
        {"name": "conf", "mount_path": "/etc/direct.conf", "sub_path": "conf"},
        {"name": "bag", "env_prefix": "APP_"},
        {"name": "nowhere", "env_var": "NO_SECRET", "key": "key", "optional": true},
        {"name": "nowhere", "mount_path": "/no-secret", "optional": true},
        {"name": "nowhere", "env_prefix": "NOWHERE_", "optional": true},
        {"name": "bag", "env_var": "NO_KEY", "key": "lacking", "optional": true},
        {"name": "bag", "mount_path": "/no-key", "items": [{"key": "lacking", "path": "file"}], "optional": true},
        {"name": "bag", "env_var": "THERE", "key": "USER", "optional": true},
    ]});
    space.pipeline("forms", shell(node.preloaded_image(), script, secrets)).await;

    let log = printed(&space, "forms").await;
    let expected = "1st\n2nd\nbelow\n2nd\n\
        dotted\ndotted\nlongest\nlongest\n\
        two\nx\nfrom one\nfrom two\n\
        configured\nconfigured\n\
        u\nAPP_tls.key=k\n\
        absent: unset unset\n";
    assert!(log.starts_with(expected), "{log}");
    println!("{log}");
    assert!(log.ends_with("\npresent though optional: u\n"), "{log}");
    let done = space.phase("forms", Phase::Succeeded).await;
    let absent = states(&done).into_iter().filter(|state| state.ends_with(":Absent")).count();
    assert_eq!(absent, 5, "{:?}", states(&done));
}

#[tokio::test]
async fn sixty_four_references_in_one_pipeline() {
    let Some((space, node)) = journey("sixty-four").await else {
        return;
    };
    let entries: Vec<Value> = (0..64)
        .map(|i| match i % 2 {
            0 => json!({"name": format!("s{i}"), "env_var": format!("VALUE_{i}"), "key": "key"}),
            _ => json!({"name": format!("s{i}"), "mount_path": format!("/values/{i}"), "items": [{"key": "key", "path": "file"}]}),
        })
        .collect();
    let script = "env | grep -c '^VALUE_.*=canary'; cat /values/*/file | grep -o canary | wc -l";
    space.pipeline("many", shell(node.preloaded_image(), script, json!({"secrets": entries}))).await;
    let waiting = space.phase("many", Phase::Waiting).await;
    assert_eq!(waiting.status.unwrap().resolved.as_deref(), Some("0/64"));

    let names: Vec<String> = (0..63).map(|i| format!("s{i}")).collect();
    join_all(names.iter().map(|name| space.secret(name, &["key"]))).await;
    let resolved = |p: &lockgate::api::pipeline::Pipeline| p.status.as_ref().and_then(|s| s.resolved.clone());
    let waiting = space.until("many", "one is missing", |p| resolved(p).as_deref() == Some("63/64")).await;
    assert_eq!(waiting.status.unwrap().waiting_for.as_deref(), Some("Secret s63"));
    assert!(space.pods().await.is_empty());
    space.secret("s63", &["key"]).await;
    assert_eq!(printed(&space, "many").await, "32\n32\n");
}
