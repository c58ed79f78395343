//! Every right of the projector, taken away in turn: what is said then, and that it works again when it is back.

use std::time::Instant;

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Site, Stage, until_none, until_password};
use crate::support::rights::{granted, refuses, without};
use crate::support::{Projector, SYSTEM_NAMESPACE, Space};

/// Where a missing right is told.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// `/readyz`, by this check.
    NotReady(&'static str),
    /// The ClusterRegistry's status, with this in its message, as long as a copy is to be written.
    Status(&'static str, &'static str),
    /// The same, as long as one is to be removed.
    StatusOfRemoval(&'static str),
    /// The log.
    Log(&'static str),
}

/// Every right, and what is said without it.
const WITHOUT: [(&str, Told); 16] = [
    ("list lockgate.dev/clusterregistries", Told::NotReady("clusterregistries")),
    ("watch lockgate.dev/clusterregistries", Told::NotReady("clusterregistries")),
    ("list lockgate.dev/pipelines", Told::NotReady("pipelines")),
    ("watch lockgate.dev/pipelines", Told::NotReady("pipelines")),
    ("list namespaces", Told::NotReady("namespaces")),
    ("watch namespaces", Told::NotReady("namespaces")),
    ("list secrets", Told::NotReady("copies")),
    ("watch secrets", Told::NotReady("copies")),
    ("create secrets", Told::Status("False/CopyFailed 0", "was refused for want of a right")),
    ("patch secrets", Told::Status("False/CopyFailed 0", "was refused for want of a right")),
    ("delete secrets", Told::StatusOfRemoval("False/CopyFailed 1")),
    (
        "patch lockgate.dev/clusterregistries/status",
        Told::Log("for want of the right to patch clusterregistries/status"),
    ),
    ("create events.k8s.io/events", Told::Log("an event was not sent, for want of the right to create events")),
    ("source: list secrets", Told::Status("False/SourceForbidden 0", "may not list and watch Secrets in namespace")),
    ("source: watch secrets", Told::Status("False/SourceForbidden 1", "may not list and watch Secrets in namespace")),
    ("source: watch secrets, later", Told::Status("False/SourceForbidden 1", "what was copied stays")),
];

/// Grants these rules, in the `ClusterRole` or in the Role of the sources.
async fn grant(stage: &Stage, of_sources: bool, rules: &[PolicyRule]) {
    let patch = Patch::Merge(json!({"rules": rules}));
    let params = PatchParams::default();
    if of_sources {
        let roles = Api::<Role>::namespaced(stage.client.clone(), SYSTEM_NAMESPACE);
        roles.patch("lockgate-projector", &params, &patch).await.unwrap();
    } else {
        let roles = Api::<ClusterRole>::all(stage.client.clone());
        roles.patch("lockgate-projector", &params, &patch).await.unwrap();
    }
}

/// What a projector says that lacks a right from its start.
async fn is_told(stage: &Stage, space: &Space, projector: &Projector, told: Told) -> String {
    match told {
        Told::NotReady(check) => {
            let line = format!("[-]{check} failed: the right to list and watch them is missing");
            let begun = Instant::now();
            loop {
                let answer = projector.until_health("/readyz", 503).await;
                if answer.body.contains(&line) {
                    return line;
                }
                assert!(begun.elapsed() < crate::support::DEADLINE, "{answer:?}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        Told::Status(expected, words) => {
            let message = stage.says(expected).await;
            assert!(message.contains(words), "{message}");
            format!("{expected}: {message}")
        }
        Told::StatusOfRemoval(expected) => {
            until_password(space, 1).await;
            super::delete_pipeline(space).await;
            let message = stage.says(expected).await;
            format!("{expected}: {message}")
        }
        Told::Log(words) => {
            projector.says(words).await;
            words.to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_one_right_something_is_said_and_with_it_all_is_well() {
    let site = Site::new().await;
    refuses(&site.cluster, "projector/rights.rs takes each right of the projector away");
    let stage = site.stage("rights").await;
    let whole = Api::<ClusterRole>::all(stage.client.clone()).get("lockgate-projector").await.unwrap().rules.unwrap();
    let sources = Api::<Role>::namespaced(stage.client.clone(), SYSTEM_NAMESPACE);
    let sources = sources.get("lockgate-projector").await.unwrap().rules.unwrap();
    let of_sources = granted(&sources).into_iter().map(|right| format!("source: {right}"));
    let mut all: Vec<String> = granted(&whole).iter().map(ToString::to_string).chain(of_sources).collect();
    all.sort_unstable();
    let mut named: Vec<&str> =
        WITHOUT.iter().map(|(right, _)| *right).filter(|right| !right.ends_with(", later")).collect();
    named.sort_unstable();
    assert_eq!(all, named, "the table has a row for each right");

    for (number, (name, told)) in WITHOUT.iter().enumerate() {
        let of_sources = name.starts_with("source: ");
        let bare = name.trim_start_matches("source: ").trim_end_matches(", later");
        let rules = if of_sources { &sources } else { &whole };
        let right = granted(rules).into_iter().find(|right| right.to_string() == bare).unwrap();
        let stage = site.stage(&format!("right-{number}")).await;
        stage.registry(json!({})).await;
        let mut projector = None;
        if name.ends_with(", later") {
            projector = Some(Projector::start(&site.cluster));
        }
        // A warning is due where there is no Secret yet.
        if !bare.contains("events") {
            stage.password(1).await;
        }
        let space = stage.space("team", json!({})).await;
        stage.need(&space).await;
        if projector.is_some() {
            until_password(&space, 1).await;
            stage.says("True/Copied 1").await;
        }
        grant(&stage, of_sources, &without(rules, &right)).await;
        let projector = projector.unwrap_or_else(|| Projector::start(&site.cluster));
        let said = is_told(&stage, &space, &projector, *told).await;
        println!("without {name}: {said}");

        grant(&stage, of_sources, rules).await;
        stage.password(2).await;
        if matches!(told, Told::StatusOfRemoval(_)) {
            until_none(&space, Instant::now()).await;
        } else {
            until_password(&space, 2).await;
        }
        projector.until_health("/readyz", 200).await;
        drop(projector);
        super::delete_registry(&stage).await;
    }
    site.end().await;
}
