//! `author-may-read-secrets` and `author-may-use-service-accounts`: nobody uses by a Pipeline what they may not use themselves.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::Resource;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::registry::Registry;
use serde_json::{Value, json};

use super::{asked, author, dry, expect, pipeline, plain, right, space, wait_for, words};
use crate::support::Space;

fn entry(name: &str) -> Value {
    json!([{"name": name, "mount_path": "/etc/it"}])
}

/// A plain spec with this at that place.
fn with(pointer: &[&str], value: Value) -> Value {
    let mut spec = plain();
    if pointer[0] == "steps" {
        spec = json!({"steps": [{"name": "first", "image": "x"}, {"name": "last", "image": "x"}]});
        spec["steps"][1][pointer[1]] = value;
    } else if let [above, field] = pointer {
        spec[above][field] = value;
    } else {
        spec[pointer[0]] = value;
    }
    spec
}

#[tokio::test]
async fn an_author_names_only_secrets_that_they_may_get() {
    const POLICY: &str = "author-may-read-secrets";
    let space = space("authors", &[POLICY], "deny").await;
    // One of the two is not there yet.
    let author = author(&space, "reader-of-two", &[right("secrets", "get", &["db", "later"])]).await;
    wait_for(&author, POLICY).await;
    expect("no Secret at all", &asked(&author, &plain()).await, "");
    for place in [
        vec!["transform", "secrets"],
        vec!["transform", "image_pull_secrets"],
        vec!["secrets"],
        vec!["image_pull_secrets"],
        vec!["steps", "secrets"],
        vec!["steps", "image_pull_secrets"],
        vec!["transform", "input"],
        vec!["steps", "input"],
    ] {
        let naming = |name: &str| {
            let value = match *place.last().unwrap() {
                "image_pull_secrets" => json!([name]),
                "input" => json!({"secrets": [{"name": name}], "template": "jq(.secrets)", "mount_path": "/in.json"}),
                _ => entry(name),
            };
            with(&place, value)
        };
        let what = place.join(".");
        expect(&what, &asked(&author, &naming("db")).await, "");
        expect(&what, &asked(&author, &naming("later")).await, "");
        let said = asked(&author, &naming("admins")).await;
        expect(
            &what,
            &said,
            "Secret admins: you may not get it, and a Pipeline may name only what its author may get; ",
        );
        expect(&what, &said, "kubectl create role USE --verb=get --resource=secrets --resource-name=admins -n authors");
    }
    // A null is as good as nothing.
    for place in [vec!["secrets"], vec!["image_pull_secrets"], vec!["transform"]] {
        let mut spec = with(&["steps", "secrets"], entry("db"));
        spec[place[0]] = Value::Null;
        let object = json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "nulls"}, "spec": spec});
        let uri = format!("{}?dryRun=All", Pipeline::url_path(&(), Some("authors")));
        let request = http::Request::post(uri).header("Content-Type", "application/json");
        let request = request.body(serde_json::to_vec(&object).unwrap()).unwrap();
        expect(place[0], &words(author.client.request::<Value>(request).await), "");
    }
}

/// A Registry gives its Secret to every Pod with an image of its host: who may not get it gives it to nobody.
#[tokio::test]
async fn an_author_of_a_registry_names_only_a_secret_that_they_may_get() {
    const POLICY: &str = "author-may-read-secrets";
    let space = space("registrars", &[POLICY], "deny").await;
    let registries = json!({"apiGroups": ["lockgate.dev"], "resources": ["registries"], "verbs": ["*"]});
    let author = author(&space, "registrar", &[right("secrets", "get", &["mine"]), registries]).await;
    wait_for(&author, POLICY).await;
    let registry = |secret: &str| {
        let spec = json!({"host": "registry.example.com", "secret": {"name": secret}});
        serde_json::from_value::<Registry>(json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry", "metadata": {"name": "images"}, "spec": spec,
        }))
        .unwrap()
    };
    let asked = async |secret: &str| words(author.api().create(&dry(), &registry(secret)).await);
    expect("their own", &asked("mine").await, "");
    let refusal =
        "Secret theirs: you may not get it, and a Registry may name only what its author may get; ask for the";
    expect("another", &asked("theirs").await, refusal);
    author.api().create(&PostParams::default(), &registry("mine")).await.unwrap();
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let changed =
        async |patch: Value| words(author.api::<Registry>().patch("images", &params, &Patch::Merge(patch)).await);
    expect(
        "its Secret",
        &changed(json!({"spec": {"secret": {"name": "theirs"}}})).await,
        "Secret theirs: you may not get",
    );
    expect("its host", &changed(json!({"spec": {"host": "other.example.com"}})).await, "");
    // An administrator's, which somebody else points at another host.
    space.api::<Registry>().delete("images", &DeleteParams::default()).await.unwrap();
    space.api().create(&PostParams::default(), &registry("theirs")).await.unwrap();
    expect(
        "another's host",
        &changed(json!({"spec": {"host": "other.example.com"}})).await,
        "Secret theirs: you may not get",
    );
    expect("a label", &changed(json!({"metadata": {"labels": {"a": "b"}}})).await, "");
}

#[tokio::test]
async fn every_one_of_24_secrets_is_asked_for_and_a_25th_is_too_many() {
    const POLICY: &str = "author-may-read-secrets";
    let space = space("authors-of-many", &[POLICY], "deny").await;
    let names: Vec<String> = (0..24).map(|i| format!("s{i}")).collect();
    let mine: Vec<&str> = names.iter().map(String::as_str).collect();
    let author = author(&space, "reader-of-24", &[right("secrets", "get", &mine)]).await;
    wait_for(&author, POLICY).await;
    expect("24", &asked(&author, &with(&["image_pull_secrets"], json!(names))).await, "");
    for place in 0..24 {
        let mut names = names.clone();
        names[place] = "admins".to_owned();
        let said = asked(&author, &with(&["image_pull_secrets"], json!(names))).await;
        expect(&format!("the name at {place}"), &said, "Secret admins: you may not get it");
    }
    // As often as you like: a name counts once.
    let step = |i: usize| {
        let use_of = |j: usize| json!({"name": names[(i + j) % 24], "env_var": format!("V{j}"), "key": "k"});
        json!({"name": format!("step-{i}"), "image": "x", "secrets": (0..4).map(use_of).collect::<Vec<_>>(),
            "image_pull_secrets": (4..8).map(|j| &names[(i + j) % 24]).collect::<Vec<_>>()})
    };
    let steps: Vec<Value> = (0..32).map(step).collect();
    expect("24 in 256 places", &asked(&author, &json!({"steps": steps})).await, "");
    let more: Vec<String> = (0..25).map(|i| format!("s{i}")).collect();
    let said = asked(&author, &with(&["image_pull_secrets"], json!(more))).await;
    expect(
        "25",
        &said,
        "this Pipeline names 25 Secrets; where the policy lockgate-author-may-read-secrets is on it may name 24: split it",
    );
}

/// A change of the Pipeline by this person.
async fn changed(author: &Space, patch: Value) -> String {
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    words(author.api::<Pipeline>().patch("edges", &params, &Patch::Merge(patch)).await)
}

#[tokio::test]
async fn who_may_not_get_a_secret_changes_no_spec_that_names_it() {
    const POLICY: &str = "author-may-read-secrets";
    let space = space("editors", &[POLICY], "deny").await;
    let mut spec = with(&["secrets"], entry("admins"));
    spec["suspend"] = json!(true);
    let made = space.api().create(&PostParams::default(), &pipeline("edges", &spec)).await;
    expect("an admin may get all", &words(made), "");
    let author = author(&space, "editor", &[right("secrets", "get", &["db"])]).await;
    wait_for(&author, POLICY).await;
    let refused = "Secret admins: you may not get it";
    expect("its command", &changed(&author, json!({"spec": {"transform": {"cmd": ["env"]}}})).await, refused);
    expect("its start", &changed(&author, json!({"spec": {"suspend": false}})).await, refused);
    expect("a label", &changed(&author, json!({"metadata": {"labels": {"a": "b"}}})).await, "");
    expect("the name taken out", &changed(&author, json!({"spec": {"secrets": entry("db")}})).await, "");
    let scale = Patch::Merge(json!({"spec": {"replicas": 2}}));
    expect(
        "kubectl scale",
        &words(author.api::<Pipeline>().patch_scale("edges", &PatchParams::default(), &scale).await),
        "",
    );
}

#[tokio::test]
async fn an_author_names_only_service_accounts_that_they_may_impersonate() {
    const POLICY: &str = "author-may-use-service-accounts";
    let space = space("actors", &[POLICY], "deny").await;
    let runners: Vec<String> = (0..24).map(|i| format!("runner-{i}")).collect();
    let mine: Vec<&str> = runners.iter().map(String::as_str).collect();
    let author = author(&space, "actor", &[right("serviceaccounts", "impersonate", &mine)]).await;
    wait_for(&author, POLICY).await;
    expect("none", &asked(&author, &plain()).await, "");
    for place in [vec!["service_account_name"], vec!["steps", "service_account_name"]] {
        expect(&place.join("."), &asked(&author, &with(&place, json!("runner-0"))).await, "");
        let said = asked(&author, &with(&place, json!("admin"))).await;
        expect(
            &place.join("."),
            &said,
            "ServiceAccount admin: you may not impersonate it, and a Pipeline may name only what",
        );
    }
    let steps = |accounts: &[String]| {
        let step = |(i, account)| json!({"name": format!("step-{i}"), "image": "x", "service_account_name": account});
        json!({"steps": accounts.iter().enumerate().map(step).collect::<Vec<Value>>()})
    };
    expect("24", &asked(&author, &steps(&runners)).await, "");
    for place in 0..24 {
        let mut accounts = runners.clone();
        accounts[place] = "admin".to_owned();
        let said = asked(&author, &steps(&accounts)).await;
        expect(&format!("the account at {place}"), &said, "ServiceAccount admin: you may not impersonate it");
    }
    let more: Vec<String> = (0..25).map(|i| format!("runner-{i}")).collect();
    expect("25", &asked(&author, &steps(&more)).await, "this Pipeline names 25 ServiceAccounts; where the policy");
}
