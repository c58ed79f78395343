//! Who uses a Secret, from pages of Pipelines.

use super::*;

fn users(items: &Value) -> Users {
    let page = serde_json::from_value(json!({"metadata": {}, "items": items})).unwrap();
    Users::Known(index(vec![page]))
}

fn pipeline(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"namespace": "team-a", "name": name}, "spec": spec})
}

#[test]
fn a_secret_has_its_users_in_its_own_namespace_only() {
    let spec = json!({"transform": {"image": "a:1", "image_pull_secrets": ["regcred"],
        "secrets": [{"name": "db", "env_var": "DB", "key": "password", "mount_path": "/etc/db"}]}});
    let users = users(&json!([pipeline("edges", &spec), pipeline("other", &spec)]));
    let found: Vec<_> = users.of("team-a", "db").unwrap().iter().map(|user| user.pipeline.as_str()).collect();
    assert_eq!(found, ["edges", "other"]);
    assert_eq!(users.of("team-a", "db").unwrap()[0].places.len(), 2);
    assert_eq!(users.of("team-b", "db"), Some(&[][..]));
    let Users::Known(index) = users else { panic!() };
    assert_eq!(index.secrets().collect::<Vec<_>>(), [("team-a", "db"), ("team-a", "regcred")]);
}

#[test]
fn what_a_service_account_brings_is_used_too_and_says_so() {
    let mut edges = pipeline("edges", &json!({"transform": {"image": "a:1"}}));
    edges["status"] = json!({"references": [
        {"step": "main", "use": "ImagePull", "name": "brought", "via": "serviceaccount/default", "state": "Resolved"},
        {"step": "main", "use": "Volume", "kind": "ConfigMap", "name": "app", "state": "Resolved"},
    ]});
    let users = users(&json!([edges]));
    let [user] = users.of("team-a", "brought").unwrap() else { panic!() };
    assert_eq!(user.places[0].to_string(), "step main: image_pull_secrets, via serviceaccount/default");
    assert!(users.of("team-a", "app").unwrap().is_empty());
}

#[test]
fn where_pipelines_cannot_be_listed_it_is_not_said_that_nobody_uses_it() {
    for (users, word) in
        [(Users::Forbidden("no".into()), "may not list"), (Users::NotServed, "serves no pipelines.lockgate.dev")]
    {
        assert_eq!(users.of("team-a", "db"), None);
        assert!(users.why_unknown().unwrap().contains(word));
    }
}

#[test]
fn who_restarts_is_a_matter_of_policy_and_use() {
    let entry = json!({"name": "db", "env_var": "DB", "key": "password"});
    let mount = json!({"name": "db", "mount_path": "/etc/db"});
    let file = json!({"name": "db", "mount_path": "/etc/db.conf", "sub_path": "conf"});
    let prefix = json!({"name": "db", "env_prefix": ""});
    for (use_, policy, restarts) in [
        (&entry, "Restart", true),
        (&prefix, "Restart", true),
        (&file, "Restart", true),
        (&mount, "Restart", false),
        (&mount, "RestartAll", true),
        (&entry, "Ignore", false),
    ] {
        let spec =
            json!({"mode": "Service", "on_secret_change": policy, "transform": {"image": "a:1", "secrets": [use_]}});
        let users = users(&json!([pipeline("web", &spec)]));
        assert_eq!(users.of("team-a", "db").unwrap()[0].restarts(), restarts, "{use_} {policy}");
    }
    let pull = json!({"on_secret_change": "RestartAll", "transform": {"image": "a:1", "image_pull_secrets": ["db"]}});
    assert!(!users(&json!([pipeline("web", &pull)])).of("team-a", "db").unwrap()[0].restarts());
}

#[test]
fn the_json_of_a_user_has_the_words_of_spec_and_status() {
    let spec = json!({"mode": "Service", "transform": {"image": "a:1", "secrets": [
        {"name": "db", "env_var": "DB", "key": "password", "mount_path": "/etc/db", "optional": true}]}});
    let users = users(&json!([pipeline("web", &spec)]));
    assert_eq!(
        users.of("team-a", "db").unwrap()[0].json(),
        json!({"pipeline": "web", "mode": "Service", "onSecretChange": "Restart", "restarts": true, "places": [
            {"step": "main", "use": "Env", "env_var": "DB", "key": "password", "optional": true},
            {"step": "main", "use": "Mount", "mount_path": "/etc/db", "optional": true},
        ]})
    );
}
