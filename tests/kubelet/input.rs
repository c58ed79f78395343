//! What a container receives of an `input` and of Secrets with a `format`: as a file, as a variable that the kubelet reads from a
//! file, and as a folder, whatever the values are made of.

use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::invalid_input::fails;
use crate::receiving::secret;
use crate::support::CANARY;
use crate::{nothing_leaked, printed, rendering_journey, shell, with};

/// All that a shell, JSON, an environment file or the kubelet could take for something else.
const ODD: &str =
    "it's \"quoted\" \\ 'twice' \\n\nnew\r\n\tline $HOME $(HOME) `id` ${PATH} # é ü 😀 \u{0} \u{2028} $$ = ; %s";

#[tokio::test]
async fn a_variable_and_a_file_hold_what_was_meant_byte_for_byte() {
    let Some((space, node)) = rendering_journey("input-forms", json!({})).await else {
        return;
    };
    let odd = ODD.replace('\0', "");
    secret(&space, "odd", json!({"value": odd, "b.c": "2", "canary": CANARY})).await;
    let template = json!({
        "it's": "a \"literal\" $(HOME) $$", "whole": "jq(.secrets.odd)", "twice": "<jq(.secrets.value)|jq(.secrets.value)>",
        "typed": ["jq(.index)", "jq(.run)", "jq([1, null, {a: true}])"], "n": 3.5, "none": null,
        "names": "jq(.pipeline)/jq(.step)/jq(.namespace)", "env": "jq(.env.LITERAL)",
    });
    let secrets = json!([{"name": "odd"}, {"name": "odd", "key": "value", "as": "value"}]);
    let expected = |name: &str| {
        json!({
            "it's": "a \"literal\" $(HOME) $$", "whole": {"value": odd, "b.c": "2", "canary": CANARY},
            "twice": format!("<{odd}|{odd}>"), "typed": [0, 1, [1, null, {"a": true}]], "n": 3.5, "none": null,
            "names": format!("{name}/main/{}", space.name), "env": "$(HOME) $$ it's",
        })
    };
    let places = [
        ("as-a-variable", json!({"env_var": "INPUT"}), "printf '%s\\n' \"$INPUT\""),
        ("as-a-file", json!({"mount_path": "/in/put.json"}), "cat /in/put.json; echo"),
    ];
    for (name, place, script) in &places {
        let input = with(json!({"secrets": secrets, "template": template}), place.clone());
        let more = json!({"input": input, "env": {"LITERAL": "$(HOME) $$ it's"}});
        space.pipeline(name, shell(node.preloaded_image(), script, more)).await;
    }
    for (name, ..) in &places {
        let log = printed(&space, name).await;
        assert_eq!(serde_json::from_str::<Value>(&log).unwrap(), expected(name), "{name}");
    }
}

#[tokio::test]
async fn a_variable_has_64_kib_and_not_one_byte_more() {
    let Some((space, node)) = rendering_journey("input-edge", json!({})).await else {
        return;
    };
    // `INPUT='"…"'` and the end of the line.
    let most = 64 * 1024 - "INPUT='\"\"'\n".len();
    for (name, length) in [("fits", most), ("too-long", most + 1)] {
        secret(&space, name, json!({"value": "x".repeat(length)})).await;
        let input = json!({"secrets": [{"name": name, "key": "value"}], "template": format!("jq(.secrets[\"{name}\"])"),
            "env_var": "INPUT"});
        space.pipeline(name, shell(node.preloaded_image(), "echo ${#INPUT}", json!({"input": input}))).await;
    }
    assert_eq!(printed(&space, "fits").await, format!("{}\n", most + 2));
    let (_, said) = fails(&space, "too-long").await;
    assert!(said.contains("mount_path"), "it names the way out: {said}");
}

#[tokio::test]
async fn under_the_strictest_rules_and_as_any_user() {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let Some((space, node)) = rendering_journey("input-users", labels).await else {
        return;
    };
    secret(&space, "api", json!({"token": CANARY})).await;
    secret(&space, "app", json!({"user": "u", "password": format!("{CANARY}=1")})).await;
    let script = "id -u; cat /in/put.json; echo; cat /etc/app/app.properties; ls -lnL /in/put.json /etc/app/app.properties; \
        touch /in/new 2>/dev/null || echo cannot write";
    let transform = |more: Value| {
        let input = json!({"secrets": [{"name": "api", "key": "token"}], "template": ["jq(.secrets.api)"], "mount_path": "/in/put.json"});
        let secrets = json!([{"name": "app", "mount_path": "/etc/app", "format": "properties"}]);
        let spec = shell(node.preloaded_image(), script, with(json!({"input": input, "secrets": secrets}), more));
        with(spec, json!({"security": "Restricted"}))
    };
    let users = [
        ("user", json!({"user": "1000"}), "1000"),
        ("group", json!({"user": "1000", "group": "2000"}), "1000"),
        ("fs-group", json!({"user": "4000", "fs_group": "3000"}), "4000"),
    ];
    for (name, user, _) in &users {
        space.pipeline(name, transform(user.clone())).await;
    }
    for (name, _, uid) in users {
        let log = printed(&space, name).await;
        println!("{name}:\n{log}");
        assert!(log.starts_with(&format!("{uid}\n[\"{CANARY}\"]\npassword={CANARY}=1\nuser=u\n")), "{name}: {log}");
        assert!(log.ends_with("cannot write\n"), "{name}: {log}");
        // Whoever the step's user is can read them; the volume is this Pod's alone.
        assert_eq!(log.matches("-r--r--r-- ").count(), 2, "{name}: {log}");
    }
}

#[tokio::test]
async fn folders_of_several_secrets_hold_what_each_entry_asks_for() {
    let Some((space, node)) = rendering_journey("input-folders", json!({})).await else {
        return;
    };
    secret(&space, "app", json!({"db.url": "jdbc:x=1;y é\n", "empty": "", "canary": format!(" {CANARY}")})).await;
    secret(&space, "more", json!({"k": "v"})).await;
    secret(&space, "tls", json!({"tls.crt": "certificate", "tls.key": format!("{CANARY}-key")})).await;
    let secrets = json!({"secrets": [
        {"name": "app", "mount_path": "/etc/app", "format": "properties"},
        {"name": "more", "mount_path": "/etc/app", "format": "properties"},
        {"name": "tls", "mount_path": "/etc/app"},
        {"name": "tls", "mount_path": "/etc/app", "items": [{"key": "tls.key", "path": "below/key.pem", "mode": 256}]},
        {"name": "tls", "mount_path": "/etc/plain"},
        {"name": "app", "env_var": "URL", "key": "db.url"},
    ]});
    let script = "cd /etc/app; find . -type f | sort; cat app.properties more.properties; cat tls.crt; echo; \
        cat below/key.pem; echo; ls -lnL below/key.pem; ls /etc/plain";
    space.pipeline("folders", shell(node.preloaded_image(), script, secrets)).await;
    let log = printed(&space, "folders").await;
    println!("{log}");
    let expected = format!(
        "./app.properties\n./below/key.pem\n./more.properties\n./tls.crt\n./tls.key\n\
        canary=\\ {CANARY}\ndb.url=jdbc:x=1;y \\u00E9\\n\nempty=\nk=v\ncertificate\n{CANARY}-key\n"
    );
    assert!(log.starts_with(&expected), "{log}");
    // docs/input.md: such a folder's files are everybody's of the Pod, whatever their mode takes away, where it has no group.
    assert!(log.contains("\n-r--r--r-- ") && log.ends_with("\ntls.crt\ntls.key\n"), "{log}");
    assert_eq!(space.phase("folders", Phase::Succeeded).await.status.unwrap().resolved.as_deref(), Some("6/6"));
    nothing_leaked(&space).await;
}
