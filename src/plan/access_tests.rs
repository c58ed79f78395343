//! Where no Secret is looked at (`--secret-access=none`): nothing is held back by one, and what does not work is said.

use serde_json::{Value, json};

use super::tests::{Story, one, story, three};
use super::{References, plan};
use crate::api::reason::{Reason, ReferenceState};
use crate::model::secret::{AccountKnowledge, Keys, SecretAccess};
use crate::model::volume::{ObjectKnowledge, ObjectRef};
use crate::model::world::PodPhase;
use crate::report;

impl Story {
    /// The same, without access to Secrets.
    fn dark(self) -> Self {
        self.with(|world| {
            world.secrets.clear();
            world.secret_access = SecretAccess::None;
        })
    }

    /// `status/reason: message` of `SecretsResolved`.
    fn secrets_resolved(&self) -> String {
        let status = report::status(&self.0, &plan(&self.0));
        let found = status.conditions.iter().find(|condition| condition.type_ == "SecretsResolved").unwrap();
        format!("{}/{}: {}", found.status, found.reason, found.message)
    }
}

fn asking(more: &Value) -> Story {
    let mut spec = json!({"transform": {"image": "a",
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story(&spec).dark()
}

#[test]
fn pods_start_at_once_whatever_is_asked_for_in_case_a_secret_is_missing() {
    assert_eq!(three().dark().line(), "Starting/PodsStarting run 1; create r0");
    for more in [json!({"on_missing_secret": "Fail"}), json!({"missing_secret_timeout": "1s"})] {
        assert_eq!(asking(&more).line(), "Starting/PodsStarting run 1; create r0", "{more}");
    }
    // The same world but for the access.
    assert_eq!(one().with(|world| world.secrets.clear()).line(), "Waiting/NotRead run 1");
}

#[test]
fn each_reference_says_that_it_is_not_looked_at_and_nothing_is_called_resolved() {
    let dark = three().account("default", AccountKnowledge::Present { pull_secrets: vec!["mine".into()] }).dark();
    let References::Seen { rows, gate } = plan(&dark.0).references else { panic!("not looked at") };
    assert_eq!(gate, None);
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.state == ReferenceState::Unchecked && row.started_with.is_none()));
    assert!(rows.iter().all(|row| row.message.as_ref().unwrap().contains("the kubelet decides")));
    assert_eq!(report::status(&dark.0, &plan(&dark.0)).resolved.as_deref(), Some("?/3"));
    let said = dark.secrets_resolved();
    assert!(said.starts_with("Unknown/SecretsNotLookedAt: no Secret is looked at"), "{said}");
    assert!(!said.contains("cannot be kept"), "nothing was asked for: {said}");
}

#[test]
fn what_is_asked_for_and_cannot_be_kept_is_named() {
    for (more, named) in [
        (json!({"on_missing_secret": "Fail"}), "on_missing_secret: Fail cannot be kept"),
        (json!({"missing_secret_timeout": "1h"}), "missing_secret_timeout cannot be kept"),
        (json!({"on_secret_change": "Restart"}), "on_secret_change cannot be kept"),
        (json!({"mode": "Service"}), "on_secret_change cannot be kept"),
        (
            json!({"on_missing_secret": "Fail", "on_secret_change": "Restart"}),
            "on_missing_secret: Fail, on_secret_change cannot be kept",
        ),
    ] {
        let said = asking(&more).secrets_resolved();
        assert!(said.contains(named) && said.contains("remove it, or install"), "{more}: {said}");
    }
}

#[test]
fn a_pipeline_without_secrets_is_told_nothing_of_them() {
    let plain = story(&json!({"transform": {"image": "a"}})).dark();
    assert!(plain.secrets_resolved().starts_with("True/AllResolved"), "{}", plain.secrets_resolved());
    assert_eq!(report::status(&plain.0, &plan(&plain.0)).resolved.as_deref(), Some("0/0"));
}

#[test]
fn what_else_is_missing_holds_the_pod_back_as_ever() {
    let account = || one().dark().account("default", AccountKnowledge::Absent);
    assert_eq!(account().line(), "Waiting/ServiceAccountNotFound run 1");
    let spec = json!({"on_missing_secret": "Fail", "transform": {"image": "a",
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}],
        "volumes": [{"mount_path": "/data", "claim": "data"}]}});
    let claim = |known: ObjectKnowledge| {
        story(&spec).dark().with(|world| {
            let crate::model::world::WorkState::Valid(work) = &world.work else { panic!("{:?}", world.work) };
            let object: ObjectRef = work.steps[0].volumes[0].object().unwrap();
            world.objects.insert(object, known);
        })
    };
    assert_eq!(claim(ObjectKnowledge::Absent).line(), "Failed/SecretMissing run 1; result bad");
    assert_eq!(claim(ObjectKnowledge::Forbidden).line(), "Waiting/VolumeForbidden run 1");
    assert_eq!(claim(ObjectKnowledge::Present).line(), "Starting/PodsStarting run 1; create r0");
}

#[test]
fn a_stuck_pod_is_not_replaced_and_one_that_runs_is_never_stale() {
    let with_old = |story: Story| {
        story.last_pod(|pod| {
            pod.started_with.insert("db".into(), "1".into());
        })
    };
    let stuck = with_old(one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending)).last_pod(|pod| {
        pod.waiting = Some(("CreateContainerConfigError".into(), "secret \"db\" not found".into()));
    });
    assert!(stuck.line().contains("delete"), "with access it heals: {}", stuck.line());
    let dark = stuck.dark();
    assert!(!dark.line().contains("delete"), "{}", dark.line());
    assert!(plan(&dark.0).verdict.message.contains("secret \"db\" not found"));
    assert_eq!(plan(&dark.0).verdict.reason, Reason::PodsStarting);
    let keys = Keys::Known(["password".to_owned()].into());
    let running = with_old(one().keys("db", keys).pod(1, 0, PodPhase::Running));
    let References::Seen { rows, .. } = plan(&running.dark().0).references else { panic!("not looked at") };
    assert!(rows.iter().all(|row| row.stale.is_none()));
}

#[test]
fn a_pull_secret_that_nobody_looked_at_is_made_anew_whether_it_is_there_or_not() {
    let refused = |story: Story| {
        let story = story.last_pod(|pod| {
            pod.waiting = Some(("ImagePullBackOff".into(), "pull failed: 401 Unauthorized".into()));
        });
        plan(&story.0).verdict.message
    };
    let stuck = three().pod(1, 0, PodPhase::Pending).dark();
    let said = refused(stuck);
    assert!(said.contains("kubectl delete secret regcred -n team-a --ignore-not-found && kubectl create"), "{said}");
}
