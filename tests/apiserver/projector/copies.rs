//! Copies come to be on demand, follow their source, and go at once.

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::{ResourceQuota, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use serde_json::{Value, json};

use super::{
    COPY, PULL_TYPE, Site, Stage, copy, delete_pipeline, delete_registry, login, logins, password, stage, until_none,
    until_password, version,
};
use crate::support::{DEADLINE, Projector, SYSTEM_NAMESPACE, Space};

/// Ten times the 5 s that are promised of removals, for a machine that does much else.
const REMOVED_WITHIN: Duration = Duration::from_secs(50);
/// Far more than the second that is promised of rotations, for the same reason.
const ROTATED_WITHIN: Duration = Duration::from_secs(50);
/// So many namespaces take part in a rotation.
const MANY: usize = 40;

#[tokio::test]
async fn a_copy_is_made_where_it_is_needed_and_nowhere_else() {
    let stage = stage("on-demand").await;
    stage.password(1).await;
    stage.registry(json!({})).await;
    assert!(stage.says("True/NotNeeded 0").await.contains("no namespace that it is for has a Pipeline"));
    let (a, b) = (stage.space("a", json!({})).await, stage.space("b", json!({})).await);
    let idle = stage.space("idle", json!({})).await;
    idle.pipeline("other", json!({"transform": {"image": "other.example/app"}, "suspend": true})).await;
    for space in [&a, &b] {
        stage.need(space).await;
        let copy = until_password(space, 1).await;
        assert_eq!(copy.type_.as_deref(), Some(PULL_TYPE));
        assert_eq!(copy.labels()["app.kubernetes.io/managed-by"], "lockgate-projector");
        assert_eq!(
            copy.owner_references().iter().map(|owner| owner.name.as_str()).collect::<Vec<_>>(),
            [stage.name.as_str()]
        );
        assert_eq!(logins(&copy).into_keys().collect::<Vec<_>>(), [stage.host()]);
    }
    stage.says("True/Copied 2").await;
    assert!(copy(&idle).await.is_none());
}

#[tokio::test]
async fn the_helper_image_counts_where_a_step_has_an_input() {
    let site = Site::new().await;
    let stage = site.stage("helper").await;
    let kubeconfig = site.cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate-projector").unwrap();
    let flags = ["--source-namespaces", SYSTEM_NAMESPACE, "--helper-image", "helper.example/lockgate:1"];
    let projector = Projector::start_with_flags(&site.cluster, &kubeconfig, &flags);
    stage.password(1).await;
    stage.registry(json!({})).await;
    let (renders, plain) = (stage.space("renders", json!({})).await, stage.space("plain", json!({})).await);
    plain.pipeline("plain", json!({"transform": {"image": "other.example/app"}, "suspend": true})).await;
    let input = json!({"template": {"a": 1}, "mount_path": "/lockgate/input.json"});
    renders
        .pipeline("renders", json!({"transform": {"image": "other.example/app", "input": input}, "suspend": true}))
        .await;
    until_password(&renders, 1).await;
    stage.says("True/Copied 1").await;
    assert!(copy(&plain).await.is_none());
    drop(projector);
    site.end().await;
}

#[tokio::test]
async fn global_private_reaches_system_namespaces_and_a_selector_narrows_both() {
    let stage = stage("private").await;
    stage.password(1).await;
    stage.registry(json!({"scope": "GlobalPrivate"})).await;
    let tenant = stage.space("tenant", json!({"lockgate.dev/system": "yes"})).await;
    let system = stage.space("system", json!({"lockgate.dev/system": "true"})).await;
    stage.need(&tenant).await;
    stage.need(&system).await;
    until_password(&system, 1).await;
    stage.says("True/Copied 1").await;
    assert!(copy(&tenant).await.is_none(), "a tenant");
    // The label goes.
    stage.label(&system, "lockgate.dev/system", Value::Null).await;
    println!("label removed: {:?}", until_none(&system, Instant::now()).await);
    stage.label(&system, "lockgate.dev/system", "true".into()).await;
    until_password(&system, 1).await;
    // A selector on top; then for all namespaces that it selects.
    let gold = json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["gold"]}]});
    stage.change(json!({"namespace_selector": gold})).await;
    until_none(&system, Instant::now()).await;
    stage.label(&tenant, "tier", "gold".into()).await;
    stage.change(json!({"scope": "Global"})).await;
    until_password(&tenant, 1).await;
    stage.says("True/Copied 1").await;
    assert!(copy(&system).await.is_none());
}

/// What takes a copy away.
async fn removals(stage: &Stage, space: &Space) -> Vec<(&'static str, Duration)> {
    let mut all = Vec::new();
    let since = Instant::now();
    delete_pipeline(space).await;
    all.push(("the last Pipeline goes", until_none(space, since).await));
    stage.need(space).await;
    until_password(space, 1).await;

    let since = Instant::now();
    space.patch("needs", json!({"spec": {"transform": {"image": "other.example/app"}}})).await;
    all.push(("its image changes", until_none(space, since).await));
    let image = format!("{}/team/app:1", stage.host());
    space.patch("needs", json!({"spec": {"transform": {"image": image}}})).await;
    until_password(space, 1).await;

    let since = Instant::now();
    stage.change(json!({"namespace_selector": {"matchLabels": {"tier": "gold"}}})).await;
    all.push(("the selector stops matching", until_none(space, since).await));
    stage.change(json!({"namespace_selector": null})).await;
    until_password(space, 1).await;

    let since = Instant::now();
    stage.secrets().delete(&stage.name, &DeleteParams::default()).await.unwrap();
    all.push(("the source goes", until_none(space, since).await));
    let told = stage.says("False/SecretNotFound 0").await;
    assert!(told.contains(&format!("has no Secret {}: lockgate secret create {}", stage.name, stage.name)), "{told}");
    stage.password(1).await;
    until_password(space, 1).await;

    let since = Instant::now();
    delete_registry(stage).await;
    all.push(("the ClusterRegistry goes", until_none(space, since).await));
    all
}

#[tokio::test]
async fn whatever_takes_the_need_away_takes_the_copy_away() {
    let stage = stage("removal").await;
    let space = stage.usual().await;
    for (what, took) in removals(&stage, &space).await {
        println!("{what}: the copy is gone after {took:?}");
        assert!(took < REMOVED_WITHIN, "{what}: {took:?}");
    }
}

#[tokio::test]
async fn what_is_revoked_while_it_is_killed_is_gone_when_it_is_back() {
    let site = Site::new().await;
    let stage = site.stage("killed").await;
    let projector = Projector::start(&site.cluster);
    let space = stage.usual().await;
    let keeps = stage.space("keeps", json!({})).await;
    stage.need(&keeps).await;
    let kept = until_password(&keeps, 1).await;
    projector.kill();
    delete_pipeline(&space).await;
    let since = Instant::now();
    let projector = Projector::start(&site.cluster);
    let took = until_none(&space, since).await;
    println!("killed in between: the orphaned copy is gone {took:?} after the start");
    assert!(took < REMOVED_WITHIN, "{took:?}");

    // With the ClusterRegistry the garbage collector takes it, though no projector is there.
    projector.kill();
    let since = Instant::now();
    delete_registry(&stage).await;
    println!("nobody there: the copy of a deleted ClusterRegistry is gone after {:?}", until_none(&keeps, since).await);
    assert_eq!(kept.owner_references().len(), 1);
    site.end().await;
}

#[tokio::test]
async fn a_rotated_source_reaches_all_copies_within_a_second() {
    let stage = stage("rotation").await;
    stage.password(1).await;
    stage.registry(json!({})).await;
    let spaces = join_all((0..MANY).map(|number| {
        let stage = &stage;
        async move {
            let space = stage.space(&format!("n{number}"), json!({})).await;
            stage.need(&space).await;
            space
        }
    }))
    .await;
    stage.says(&format!("True/Copied {MANY}")).await;
    let config = watcher::Config::default().fields(&format!("metadata.name={COPY}"));
    let all: Api<Secret> = Api::all(stage.client.clone());
    let mut stream = std::pin::pin!(watcher(all, config).default_backoff().applied_objects());
    let mut worst = Duration::ZERO;
    for round in 2..5 {
        let since = Instant::now();
        stage.password(round).await;
        let expected = format!("robot:{}", password(round));
        let mut left: std::collections::BTreeSet<&str> = spaces.iter().map(|space| space.name.as_str()).collect();
        let spread = async {
            while !left.is_empty() {
                let Some(Ok(copy)) = stream.next().await else { continue };
                if logins(&copy).values().any(|login| *login == expected) {
                    left.remove(copy.namespace().unwrap().as_str());
                }
            }
        };
        tokio::time::timeout(DEADLINE, spread).await.unwrap();
        println!("rotation {round}: {MANY} namespaces have it {:?} after the request was sent", since.elapsed());
        worst = worst.max(since.elapsed());
    }
    assert!(worst < ROTATED_WITHIN, "{worst:?}: far more than what the page says");
}

#[tokio::test]
async fn all_that_is_needed_is_one_secret_and_what_is_malformed_or_of_another_host_is_not_in_it() {
    let (stage, other) = (stage("merge").await, stage("merge-b").await);
    let file = json!({
        "auths": {
            stage.host(): {"auth": "cm9ib3Q6Y2FuYXJ5LTdjMWYtMQ=="}, format!("{}/x", stage.host()): {"auth": "canary-7c1f"},
            "foreign.example": {"username": "u", "password": "canary-7c1f"},
        },
        "credHelpers": {stage.host(): "canary-7c1f"},
    });
    stage.source(PULL_TYPE, ".dockerconfigjson", &file.to_string()).await;
    // The older form.
    let older: Value = serde_json::from_str(&login(&other.host(), &password(2))).unwrap();
    other.source("kubernetes.io/dockercfg", ".dockercfg", &older["auths"].to_string()).await;
    stage.registry(json!({})).await;
    other.registry(json!({})).await;
    let space = stage.space("team", json!({})).await;
    stage.need(&space).await;
    let step = |name: &str, host: String| json!({"name": name, "image": format!("{host}/app:1")});
    let steps = json!([step("one", stage.host()), step("two", other.host())]);
    space.pipeline("both", json!({"steps": steps, "suspend": true})).await;
    let copy = until_password(&space, 2).await;
    let all = logins(&copy);
    assert_eq!(all.keys().cloned().collect::<Vec<_>>(), [other.host(), stage.host()]);
    let told = stage.says("False/EntryMalformed 1").await;
    assert!(told.contains(&format!("entry {}/x of Secret lockgate-system/merge has an auth", stage.host())), "{told}");
    assert!(!told.contains("canary"), "{told}");
    other.says("True/Copied 1").await;
    assert_eq!(copy.owner_references().len(), 2);

    // One of the two is no longer needed.
    space.delete::<Pipeline>("both").await;
    let less = space.until(COPY, "one login", |copy: &Secret| logins(copy).len() == 1).await;
    assert_eq!(less.uid(), copy.uid());
    assert_eq!(less.owner_references().len(), 1);
    other.says("True/NotNeeded 0").await;
}

/// A login is longer in a copy than in its source: as base64.
#[tokio::test]
async fn what_is_too_large_for_a_secret_is_said_and_the_copy_that_stands_stays() {
    let stage = stage("large").await;
    let space = stage.usual().await;
    let before = version(&copy(&space).await.unwrap());
    let login = json!({"username": "robot", "password": "x".repeat(450_000)});
    let file = json!({"auths": {stage.host(): login, format!("{}/x", stage.host()): login}});
    stage.source(PULL_TYPE, ".dockerconfigjson", &file.to_string()).await;
    let told = stage.says("False/CopyFailed 1").await;
    assert!(told.contains("the copy in namespace large-team would be larger than the 1 MiB"), "{told}");
    assert_eq!(version(&copy(&space).await.unwrap()), before);
    // The API server takes what is just below.
    let login = json!({"username": "robot", "password": "x".repeat(780_000)});
    let file = json!({"auths": {stage.host(): login}});
    stage.source(PULL_TYPE, ".dockerconfigjson", &file.to_string()).await;
    stage.says("True/Copied 1").await;
    stage.password(2).await;
    until_password(&space, 2).await;
}

#[tokio::test]
async fn a_source_of_another_type_and_a_namespace_that_is_none_are_said() {
    let stage = stage("types").await;
    stage.source("Opaque", ".dockerconfigjson", &login(&stage.host(), &password(1))).await;
    stage.registry(json!({})).await;
    assert!(stage.says("False/WrongType 0").await.contains("a type cannot be changed: delete it"));
    stage.change(json!({"secret": {"namespace": "default"}})).await;
    let told = stage.says("False/SourceNamespaceNotAllowed 0").await;
    assert!(told.contains("move the Secret to namespace lockgate-system, or add the namespace"), "{told}");
    stage.change(json!({"secret": {"namespace": SYSTEM_NAMESPACE}})).await;
    // A service account's token is never a source.
    stage.secrets().delete(&stage.name, &DeleteParams::default()).await.unwrap();
    stage.says("False/SecretNotFound 0").await;
    stage.source(PULL_TYPE, ".dockerconfigjson", &login("elsewhere.example", &password(1))).await;
    assert!(stage.says("False/NoEntryForHost 0").await.contains("has no entry for types.example alone"));
}

#[tokio::test]
async fn a_quota_is_said_and_waited_for_and_a_namespace_that_ends_is_no_error() {
    let stage = stage("quota").await;
    stage.password(1).await;
    stage.registry(json!({})).await;
    let space = stage.space("team", json!({})).await;
    let quota = json!({"metadata": {"name": "few"}, "spec": {"hard": {"secrets": "0"}}});
    space.api::<ResourceQuota>().create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    let counted = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.used.is_some());
    space.until::<ResourceQuota>("few", "counted", counted).await;
    stage.need(&space).await;
    let told = stage.says("False/CopyFailed 0").await;
    assert!(told.contains("the copy in namespace quota-team was refused by a ResourceQuota"), "{told}");
    let more = Patch::Merge(json!({"spec": {"hard": {"secrets": "9"}}}));
    space.api::<ResourceQuota>().patch("few", &PatchParams::default(), &more).await.unwrap();
    until_password(&space, 1).await;
    stage.says("True/Copied 1").await;

    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(stage.client.clone());
    // A finalizer keeps the Pipeline, and with it the namespace.
    let held = json!({"metadata": {"finalizers": ["test.example/held"]}});
    space.patch("needs", held).await;
    namespaces.delete(&space.name, &DeleteParams::default()).await.unwrap();
    stage.says("True/NotNeeded 0").await;
    until_none(&space, Instant::now()).await;
    space.patch("needs", json!({"metadata": {"finalizers": null}})).await;
}
