//! What a Secret's metadata says of its age and its end, on the real API server: values that a container still has from
//! before a change, and the label `lockgate.dev/expires-on`.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{Span, Timestamp};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate::api::status::ReferenceStatus;
use serde_json::{Value, json};

use crate::space;
use crate::support::{CANARY, DEADLINE, Space, condition, name_of};

async fn patch_secret(space: &Space, manager: &str, patch: Value) -> Secret {
    let params = PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
    space.api::<Secret>().patch("db", &params, &Patch::Merge(patch)).await.unwrap()
}

fn label(date: &str) -> Value {
    json!({"metadata": {"labels": {"lockgate.dev/expires-on": date}}})
}

/// A Pipeline that uses the Secret `db` and runs, as far as the kubelet says: since then.
async fn running(space: &Space, name: &str, seconds_from_now: i64) {
    let secrets = json!([{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]);
    space.pipeline(name, json!({"transform": {"image": "registry.test/edges:1", "secrets": secrets}})).await;
    let status = json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": Timestamp::from_second(Timestamp::now().as_second() + seconds_from_now).unwrap()}},
    }]});
    space.pod_status(&name_of(&space.pod_of(name).await), status).await;
    space.phase(name, Phase::Running).await;
}

fn row(pipeline: &Pipeline) -> &ReferenceStatus {
    &pipeline.status.as_ref().unwrap().references[0]
}

#[tokio::test]
async fn an_old_value_is_told_and_a_label_is_no_change() {
    let space = space("stale").await;
    space.secret("db", &["password"]).await;
    // Its data is older than this container, which starts in a minute.
    running(&space, "later", 60).await;
    let before = space.phase("later", Phase::Running).await;
    patch_secret(&space, "somebody-else", json!({"metadata": {"labels": {"team": "a"}}})).await;
    // Its news came before this one's.
    running(&space, "edges", 0).await;
    let after = space.phase("later", Phase::Running).await;
    assert_eq!(after.status, before.status, "a label edit changes nothing");
    assert_eq!(after.resource_version(), before.resource_version(), "a label edit writes nothing");

    patch_secret(&space, "test", json!({"stringData": {"password": format!("{CANARY}-new")}})).await;
    let stale = space.until("edges", "a stale reference", |p| row(p).stale == Some(true)).await;
    assert!(row(&stale).data_changed_at.is_some());
    assert_ne!(row(&stale).started_with, None);
    space.pod_succeeds(&name_of(&space.pod_of("edges").await)).await;
    let done = space.phase("edges", Phase::Succeeded).await;
    assert_eq!((row(&done).stale, &row(&done).data_changed_at), (None, &None), "nothing runs that could have it");
}

#[tokio::test]
async fn a_secret_s_own_date_is_told_while_it_is_near() {
    let space = space("expiring").await;
    let in_days = |days: i64| {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        today.checked_add(Span::new().days(days)).unwrap().to_string()
    };
    space.secret("db", &["password"]).await;
    running(&space, "edges", 0).await;
    let until = async |condition_is: &str| {
        let is_so = |p: &Pipeline| condition(p, "CredentialExpiring") == condition_is;
        space.until("edges", condition_is, is_so).await
    };
    until("absent").await;
    for (date, expected) in [
        (in_days(10), "True/ExpiresSoon"),
        (in_days(60), "absent"),
        (in_days(-1), "True/Expired"),
        ("next-year".to_owned(), "True/ExpiryUnreadable"),
        (in_days(9), "True/ExpiresSoon"),
    ] {
        patch_secret(&space, "test", label(&date)).await;
        let told = until(expected).await;
        let conditions = &told.status.as_ref().unwrap().conditions;
        let said = conditions.iter().find(|c| c.type_ == "CredentialExpiring").map(|c| c.message.clone());
        println!("{date}: {}", said.as_deref().unwrap_or("nothing"));
        assert!(said.is_none_or(|said| said.contains("kubectl label secret db -n expiring --overwrite")));
        assert_eq!(told.status.unwrap().phase, Some(Phase::Running), "it stops nothing");
    }
    // A new version with the same label is no news.
    let value = json!({"stringData": {"password": format!("{CANARY}-new")}});
    patch_secret(&space, "test", value).await;
    space.until("edges", "the new version", |p| row(p).stale == Some(true)).await;
    // It may have been taken for stale before, and events come after the status: the news came before this one's.
    running(&space, "later", 0).await;
    let told = async || {
        let events = space.api::<Event>().list(&ListParams::default()).await.unwrap().items;
        let of_edges = |event: &&Event| event.regarding.iter().any(|of| of.name.as_deref() == Some("edges"));
        let mut told: Vec<_> = events.iter().filter(of_edges).filter_map(|event| event.reason.clone()).collect();
        told.retain(|reason| reason.starts_with("Expir"));
        told.sort();
        told
    };
    let begun = Instant::now();
    while told().await.len() < 4 && begun.elapsed() < DEADLINE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(told().await, ["Expired", "ExpiresSoon", "ExpiresSoon", "ExpiryUnreadable"]);
}
