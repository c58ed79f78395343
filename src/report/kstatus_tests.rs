//! What Flux, Helm and cli-utils make of the worlds of the plan, by kstatus' rules.

use serde_json::json;

#[path = "../../tests/gitops/kstatus.rs"]
mod kstatus;

use kstatus::{Kstatus, compute};

use super::*;
use crate::model::world::PodPhase;
use crate::plan::plan;
use crate::plan::tests::{Story, one, story, three};

/// The object as it stands after the look.
fn read(story: &Story, deleting: bool) -> Kstatus {
    let mut metadata = json!({"generation": story.0.subject.generation});
    if deleting {
        metadata["deletionTimestamp"] = json!("2026-11-22T00:00:00Z");
    }
    compute(&json!({"metadata": metadata, "status": status(&story.0, &plan(&story.0))}))
}

#[test]
fn every_situation_is_read_as_it_is_meant() {
    let complete = || one().secret("db", &["password"]);
    let service = || story(&json!({"mode": "Service", "transform": {"image": "a"}}));
    let suspended = || story(&json!({"suspend": true, "transform": {"image": "a"}}));
    let rows = [
        ("a Secret is missing", one().absent("db"), Kstatus::InProgress),
        ("nothing was read yet", three(), Kstatus::InProgress),
        ("its Pod is made", complete(), Kstatus::InProgress),
        ("its Pod starts", complete().pod(1, 0, PodPhase::Pending), Kstatus::InProgress),
        ("it runs", complete().pod(1, 0, PodPhase::Running), Kstatus::Current),
        ("it is done", complete().pod(1, 0, PodPhase::Succeeded), Kstatus::Current),
        ("it failed", complete().pod(1, 0, PodPhase::Failed), Kstatus::Failed),
        ("it is not valid", story(&json!({"transform": {"image": "a", "user": "root"}})), Kstatus::Failed),
        (
            "it may not wait",
            story(
                &json!({"on_missing_secret": "Fail", "transform": {"image": "a", "image_pull_secrets": ["regcred"]}}),
            )
            .absent("regcred"),
            Kstatus::Failed,
        ),
        ("it is suspended", suspended(), Kstatus::Current),
        ("a Service starts", service(), Kstatus::InProgress),
    ];
    for (what, story, expected) in rows {
        assert_eq!(read(&story, false), expected, "{what}");
        assert_eq!(read(&story, true), Kstatus::Terminating, "{what}, and it is deleted");
    }
}

#[test]
fn what_was_said_of_an_older_generation_or_of_none_is_in_progress() {
    let done = one().secret("db", &["password"]).pod(1, 0, PodPhase::Succeeded).settle();
    let recorded = json!(done.0.recorded);
    let newer = json!({"metadata": {"generation": 4}, "status": recorded});
    assert_eq!(compute(&newer), Kstatus::InProgress);
    let born = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}});
    assert_eq!(compute(&born), Kstatus::InProgress);
}
