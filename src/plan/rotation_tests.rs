//! The table of rotation: which change asks for a fresh Pod, and what status says of the value that a container has.

use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};

use super::rotation::{OldValues, over, tell, uses_old_value};
use super::tests::{Story, at, story};
use crate::api::pipeline::OnSecretChange::{self, Ignore, Restart, RestartAll};
use crate::api::status::ReferenceStatus;
use crate::model::names::SecretName;
use crate::model::secret::{Keys, SecretFacts, SecretKnowledge};
use crate::model::work::Work;
use crate::model::world::{PodPhase, WorkState};

/// The Pod is made at 0 with version 1 of the Secret, and its container starts at 60.
const STARTS: i64 = 60;

fn using(entry: &Value) -> Story {
    let pod = story(&json!({"transform": {"image": "a", "secrets": [entry], "image_pull_secrets": ["regcred"]}}))
        .with(|world| world.now = at(1000))
        .version("db", "1", None)
        .version("regcred", "1", None)
        .pod(1, 0, PodPhase::Running);
    pod.last_pod(|pod| {
        pod.created_at = Some(at(0));
        pod.started_at = Some(at(STARTS));
        pod.started_with = [("db", "1"), ("regcred", "1")].map(|(name, of)| (name.into(), of.into())).into();
    })
}

fn env() -> Story {
    using(&json!({"name": "db", "env_var": "DB", "key": "password"}))
}

fn env_prefix() -> Story {
    using(&json!({"name": "db", "env_prefix": "DB_"}))
}

fn sub_path() -> Story {
    using(&json!({"name": "db", "mount_path": "/etc/db", "sub_path": "password"}))
}

fn mount() -> Story {
    using(&json!({"name": "db", "mount_path": "/etc/db"}))
}

impl Story {
    /// The Secret is there in this version; its data changed then.
    fn version(self, name: &str, version: &str, data_changed_at: Option<i64>) -> Self {
        let facts = SecretFacts {
            uid: format!("uid-{name}"),
            resource_version: version.into(),
            type_: "Opaque".into(),
            keys: Keys::Known(["password".to_owned()].into()),
            data_changed_at: data_changed_at.map(at),
            touched_since: false,
            expires_on: None,
        };
        self.know(name, SecretKnowledge::Present(facts))
    }

    fn changed(self, data_changed_at: i64) -> Self {
        self.version("db", "2", Some(data_changed_at))
    }

    /// A manager that owns no data has set a label since.
    fn touched(self) -> Self {
        self.with(|world| {
            let Some(SecretKnowledge::Present(facts)) = world.secrets.get_mut(&SecretName::parse("db").unwrap()) else {
                panic!("it is there")
            };
            facts.touched_since = true;
        })
    }

    /// The container starts two seconds after the Pod is made.
    fn starts_soon(self) -> Self {
        self.last_pod(|pod| pod.created_at = Some(at(STARTS - 2)))
    }

    fn work(&self) -> &Work {
        let WorkState::Valid(work) = &self.0.work else { panic!("it is valid") };
        work
    }

    fn old_values(&self, policy: OnSecretChange) -> Option<OldValues> {
        uses_old_value(&self.0, &self.work().steps[0], &self.0.pods[0], policy)
    }

    fn rolls(&self, policy: OnSecretChange) -> bool {
        self.old_values(policy).is_some()
    }

    fn marked(&self) -> Vec<ReferenceStatus> {
        let step = &self.work().steps[0];
        let mut rows = super::resolve::resolve(&self.0, step).rows;
        for row in &mut rows {
            row.started_with = self.0.pods[0].started_with.get(&row.name).cloned();
        }
        tell(&self.0, step, &self.0.pods.iter().collect::<Vec<_>>(), rows)
    }

    fn is_stale(&self) -> bool {
        self.marked().iter().any(|row| row.stale == Some(true))
    }
}

#[test]
fn a_changed_secret_rolls_by_use_and_policy() {
    let rows = [
        ("env", env(), [true, true, false], true),
        ("env_prefix", env_prefix(), [true, true, false], true),
        ("sub_path", sub_path(), [true, true, false], true),
        ("files, which follow by themselves", mount(), [false, true, false], false),
    ];
    for (what, story, rolls, stale) in rows {
        let story = story.changed(100);
        assert_eq!([Restart, RestartAll, Ignore].map(|policy| story.rolls(policy)), rolls, "{what}");
        assert_eq!(story.is_stale(), stale, "{what}: whatever the policy");
    }
}

#[test]
fn a_pull_secret_restarts_nothing() {
    let story = env().version("regcred", "2", Some(100));
    assert!(!story.rolls(RestartAll) && !story.is_stale());
}

#[test]
fn when_a_container_has_an_old_value() {
    let not_at_start = |story: Story| story.last_pod(|pod| pod.started_with.clear());
    let remade = |story: Story| {
        story.changed(100).with(|world| {
            let Some(SecretKnowledge::Present(facts)) = world.secrets.get_mut(&SecretName::parse("db").unwrap()) else {
                panic!("it is there")
            };
            facts.uid = "uid-other".into();
        })
    };
    let rows = [
        ("the version of its start", env().version("db", "1", Some(100)), false),
        ("a change after its start", env().changed(100), true),
        ("a change in the second of its start", env().changed(STARTS), true),
        ("a change a moment before, when its value may have been read", env().changed(STARTS - 5), true),
        ("a change well before its start, after its Pod was made", env().changed(STARTS - 6), false),
        ("a label edit", env().version("db", "2", Some(-500)), false),
        ("a label edit, of a Secret that the Pod followed at once", env().starts_soon().changed(58).touched(), false),
        ("the same by sub_path", sub_path().starts_soon().changed(58).touched(), false),
        ("another write of the data in the second of the Pod's creation", env().starts_soon().changed(58), true),
        (
            "a change between the Pod's creation and its start, and a label",
            env().starts_soon().changed(59).touched(),
            true,
        ),
        ("a change after its start, and a label", env().changed(100).touched(), true),
        ("a change at a time that nobody knows", env().version("db", "2", None), true),
        ("an optional Secret that appeared", not_at_start(env()).changed(100), true),
        ("an optional Secret that appeared before its start", not_at_start(env()).changed(30), false),
        ("a Secret made anew", remade(env()), true),
        ("a Secret that is gone", env().absent("db"), false),
        ("a Secret that may not be read", env().know("db", SecretKnowledge::Forbidden { retry_at: at(0) }), false),
        ("a file bound at the start, written some time after the Pod was made", sub_path().changed(30), true),
        ("a change before its Pod was made", sub_path().changed(-1), false),
    ];
    for (what, story, old) in rows {
        assert_eq!(story.rolls(Restart), old, "{what}");
        assert_eq!(story.is_stale(), old, "{what}");
    }
}

#[test]
fn a_label_makes_nothing_fresh_that_was_told_to_be_old() {
    let twice = env().starts_soon().changed(58);
    let told = twice.marked();
    let labelled = twice.version("db", "3", Some(58)).touched();
    assert!(!labelled.is_stale(), "without the record it would be a label only");
    assert!(labelled.with(|world| world.recorded.references = told).is_stale());
}

#[test]
fn a_container_that_has_not_started_reads_the_new_value() {
    for story in [env(), sub_path()] {
        let pending = story.changed(100).last_pod(|pod| pod.started_at = None);
        assert_eq!(pending.old_values(RestartAll), None);
        assert!(!pending.is_stale());
    }
}

#[test]
fn changes_that_follow_each_other_are_one_roll() {
    let two = story(&json!({"transform": {"image": "a", "secrets": [
        {"name": "db", "env_prefix": "A_"}, {"name": "api", "env_prefix": "B_"}, {"name": "db", "env_prefix": "C_"},
    ]}}));
    let two = two.pod(1, 0, PodPhase::Running).last_pod(|pod| pod.started_at = Some(at(STARTS)));
    let of = |db: Option<i64>, api: Option<i64>| {
        let found = two.clone().version("db", "2", db).version("api", "2", api).old_values(Restart).unwrap();
        let names: Vec<String> = found.secrets.iter().map(ToString::to_string).collect();
        (names, found.changed_at, found.due(SignedDuration::from_secs(10)))
    };
    let both = || vec!["db".to_owned(), "api".to_owned()];
    assert_eq!(of(Some(100), Some(104)), (both(), at(104), at(114)));
    assert_eq!(of(Some(104), Some(100)), (both(), at(104), at(114)));
    assert_eq!(of(None, None), (both(), at(STARTS), at(STARTS + 10)), "no roll follows another at once");
    assert_eq!(of(Some(100), Some(0)), (vec!["db".to_owned()], at(100), at(110)), "only what is old counts");
}

#[test]
fn status_names_the_first_change_and_says_nothing_more_of_the_next() {
    let row = |story: &Story| story.marked()[0].clone();
    let first = row(&env().changed(100));
    assert_eq!((first.stale, first.data_changed_at.clone().map(|time| time.0)), (Some(true), Some(at(100))));
    let next = env().version("db", "3", Some(500)).with(|world| world.recorded.references = vec![first.clone()]);
    assert_eq!(row(&next), first);
    let other_pod = next.last_pod(|pod| _ = pod.started_with.insert("db".into(), "2".into()));
    assert_eq!(row(&other_pod).data_changed_at.map(|time| time.0), Some(at(500)));
}

#[test]
fn what_is_over_has_no_old_value() {
    let running = env().changed(100).settle();
    assert_eq!(running.0.recorded.references[0].stale, Some(true));
    let done = running.last_pod(|pod| pod.phase = PodPhase::Succeeded).settle();
    assert_eq!(done.0.recorded.references[0].stale, None);
    assert_eq!(done.0.recorded.references[0], over(&done.0.recorded.references[0]));
}
