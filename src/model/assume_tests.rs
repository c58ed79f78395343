//! What would happen if nothing were missing, as the plan sees it.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::names::SecretName;
use super::parse::parse;
use super::secret::{AccountKnowledge, SecretKnowledge};
use super::world::{Subject, WorkState, World};
use crate::api::reason::ReferenceState;
use crate::plan::{Plan, References, plan};

fn planned(spec: &Value, change: impl FnOnce(&mut World)) -> Plan {
    let work = parse(&serde_json::from_value(spec.clone()).unwrap()).unwrap();
    let subject = Subject::new("team-a", "edges", "uid-edges");
    let mut world = World::of(subject, WorkState::Valid(Box::new(work)), "v1:k/".into(), Timestamp::UNIX_EPOCH);
    change(&mut world);
    plan(&world.assuming_the_best())
}

/// One of each kind of reference; `both` is read and pulled with.
fn everything() -> Value {
    json!({"transform": {"image": "a",
        "secrets": [
            {"name": "db", "env_var": "A", "key": "a"}, {"name": "db", "env_var": "B", "key": "b"},
            {"name": "app", "env_prefix": "APP_"}, {"name": "tls", "mount_path": "/tls"},
            {"name": "ca", "mount_path": "/ca", "items": [{"key": "c", "path": "d"}]}, {"name": "both", "mount_path": "/both"},
        ],
        "image_pull_secrets": ["regcred", "both"],
        "volumes": [{"claim": "data", "mount_path": "/data"}, {"config_map": "conf", "mount_path": "/conf"}],
    }, "service_account_name": "robot"})
}

#[test]
fn nothing_is_waited_for() {
    let plan = planned(&everything(), |_| {});
    assert_eq!(plan.create.len(), 1, "{:?}", plan.verdict);
}

#[test]
fn what_is_known_stands() {
    let absent = |world: &mut World| {
        world.secrets.insert(SecretName::parse("db").unwrap(), SecretKnowledge::Absent);
    };
    let plan = planned(&everything(), absent);
    assert!(plan.create.is_empty());
    assert!(plan.verdict.message.starts_with("Secret db "), "{}", plan.verdict.message);
    assert!(!plan.verdict.message.contains("app"), "{}", plan.verdict.message);
}

#[test]
fn what_is_attached_is_good_too() {
    let robot = AccountKnowledge::Present { pull_secrets: vec!["of-account".into()] };
    let plan = planned(&everything(), |world| {
        world.accounts.insert("robot".into(), robot);
    });
    let References::Seen { rows, .. } = plan.references else { panic!("not seen") };
    let row = rows.iter().find(|row| row.name == "of-account").unwrap();
    assert_eq!(row.state, ReferenceState::Resolved);
}
