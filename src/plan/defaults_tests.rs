//! The operator's Pod defaults: where they stand among a Pipeline's own words, and that nothing waits for or runs again
//! because of them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};

use super::tests::{Story, at, story, three};
use super::{References, plan};
use crate::api::reason::ReferenceState;
use crate::model::secret::{AccountKnowledge, Keys, SecretAccess, SecretKnowledge};
use crate::model::validate::pod_defaults;
use crate::model::world::PodPhase;
use crate::report;

impl Story {
    pub(super) fn defaults(self, document: &Value) -> Self {
        let defaults = pod_defaults(document).unwrap();
        self.with(|world| world.defaults = Arc::new(defaults))
    }

    pub(super) fn made(&self) -> Pod {
        plan(&self.0).create[0].clone()
    }

    pub(super) fn listed(&self) -> Vec<String> {
        self.made().spec.unwrap().image_pull_secrets.into_iter().flatten().map(|reference| reference.name).collect()
    }

    /// `via>name:state` of each row.
    pub(super) fn sources(&self) -> Vec<String> {
        let References::Seen { rows, .. } = plan(&self.0).references else { panic!("not looked at") };
        let via = |via: &Option<String>| via.as_ref().map(|via| format!("{via}>")).unwrap_or_default();
        rows.iter().map(|row| format!("{}{}:{}", via(&row.via), row.name, row.state)).collect()
    }
}

fn mirror() -> Value {
    json!({"imagePullSecrets": ["mirror"]})
}

fn plain() -> Story {
    story(&json!({"transform": {"image": "reg.test/a:1"}}))
}

#[test]
fn pull_secrets_come_from_the_step_the_spec_the_account_and_the_defaults_each_once() {
    let of_account = AccountKnowledge::Present { pull_secrets: vec!["step".into(), "account".into(), "both".into()] };
    let story = story(&json!({
        "transform": {"image": "a", "image_pull_secrets": ["step"]}, "image_pull_secrets": ["spec", "step"],
    }))
    .account("default", of_account)
    .defaults(&json!({"imagePullSecrets": ["both", "first", "spec", "last"]}));
    let story = ["step", "spec", "account", "both", "first", "last"].into_iter().fold(story, Story::pull);
    assert_eq!(story.listed(), ["step", "spec", "account", "both", "first", "last"]);
    assert_eq!(
        story.sources(),
        [
            "step:Resolved",
            "spec:Resolved",
            "serviceaccount/default>account:Resolved",
            "serviceaccount/default>both:Resolved",
            "pod-defaults>first:Resolved",
            "pod-defaults>last:Resolved",
        ]
    );
}

#[test]
fn a_default_that_is_not_good_blocks_nothing_and_is_told() {
    for (known, state) in [
        (SecretKnowledge::Absent, "NotFound"),
        (SecretKnowledge::Forbidden { retry_at: at(5) }, "Forbidden"),
        (SecretKnowledge::Unread { why: "x".into(), retry_at: at(5) }, "Unchecked"),
    ] {
        let story = three().complete().defaults(&mirror()).know("mirror", known);
        assert_eq!(story.line(), "Starting/PodsStarting run 1; create r0", "{state}");
        assert_eq!(story.sources()[3], format!("pod-defaults>mirror:{state}"));
        assert_eq!(story.listed(), ["regcred", "mirror"], "the kubelet finds it as soon as it comes");
        assert_eq!(report::status(&story.0, &plan(&story.0)).resolved.as_deref(), Some("3/3"), "it is not counted");
    }
    let wrong = three().complete().defaults(&mirror()).typed("mirror", "Opaque", Keys::Unknown { count: 1 });
    assert_eq!(wrong.line(), "Starting/PodsStarting run 1; create r0");
    assert_eq!(wrong.sources()[3], "pod-defaults>mirror:WrongType");
}

#[test]
fn on_missing_secret_does_not_speak_of_a_default() {
    let spec = json!({"transform": {"image": "a"}, "on_missing_secret": "Fail", "missing_secret_timeout": "1s"});
    let story = story(&spec).defaults(&mirror()).absent("mirror");
    assert_eq!(story.line(), "Starting/PodsStarting run 1; create r0");
}

#[test]
fn a_pipeline_that_waits_names_what_it_waits_for_and_no_default() {
    let story = three().complete().absent("db").defaults(&mirror()).absent("mirror");
    let decided = plan(&story.0);
    assert!(!decided.verdict.message.contains("mirror"), "{}", decided.verdict.message);
    assert_eq!(report::status(&story.0, &decided).waiting_for.as_deref(), Some("Secret db"));
}

#[test]
fn without_access_to_secrets_its_row_is_unchecked() {
    let dark = plain().defaults(&mirror()).with(|world| world.secret_access = SecretAccess::None);
    assert_eq!(dark.sources(), ["pod-defaults>mirror:Unchecked"]);
    assert_eq!(
        (dark.line().as_str(), dark.listed()),
        ("Starting/PodsStarting run 1; create r0", vec!["mirror".into()])
    );
}

/// Its Pod was made while the default's Secret was in this version, and waits with this reason.
fn stuck(version: Option<&str>, reason: &str, message: &str) -> Story {
    plain().defaults(&mirror()).pod(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.started_with.extend(version.map(|version| ("mirror".to_owned(), version.to_owned())));
        pod.waiting = Some((reason.into(), message.into()));
    })
}

#[test]
fn a_default_that_came_or_changed_heals_a_pull_and_nothing_else() {
    let unauthorized = ("ImagePullBackOff", "Back-off pulling image: 401 Unauthorized");
    let (reason, message) = unauthorized;
    let waits = "Starting/PodsStarting run 1";
    let heals = "Starting/PodsStarting run 1; delete uid-pod-1-0";
    assert_eq!(stuck(None, reason, message).absent("mirror").line(), waits);
    assert_eq!(stuck(None, reason, message).pull("mirror").line(), heals, "it came");
    assert_eq!(stuck(Some("41"), reason, message).pull("mirror").line(), heals, "it changed");
    assert_eq!(stuck(Some("42"), reason, message).pull("mirror").line(), waits);
    let message = "couldn't find key x in Secret team-a/db";
    assert_eq!(stuck(Some("41"), "CreateContainerConfigError", message).pull("mirror").line(), waits);
    // Once: the fresh Pod was made with that version.
    let (reason, message) = unauthorized;
    let gone = stuck(None, reason, message).pull("mirror").settle().with(|world| world.pods[0].gone = true);
    assert_eq!(gone.line(), "Starting/PodsStarting run 1; create r1");
    assert_eq!(gone.settle().line(), waits);
}

#[test]
fn a_secret_that_is_a_default_and_is_used_in_the_container_heals_a_pull_too() {
    let spec = json!({"transform": {"image": "reg.test/a:1",
        "secrets": [{"name": "mirror", "mount_path": "/etc/mirror"}]}});
    let stuck = story(&spec).defaults(&mirror()).pull("mirror").pod(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.started_with.insert("mirror".into(), "41".into());
        pod.waiting = Some(("ImagePullBackOff".into(), "401 Unauthorized".into()));
    });
    assert_eq!(stuck.line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
}

#[test]
fn other_defaults_run_nothing_again_and_restart_no_pod() {
    let all = json!({
        "imagePullSecrets": ["mirror"], "nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "batch", "podLabels": {"team": "platform"},
    });
    for spec in [json!({"transform": {"image": "a"}}), json!({"mode": "Service", "transform": {"image": "a"}})] {
        let running = story(&spec).pod(1, 0, PodPhase::Running).last_pod(|pod| {
            pod.started_at = Some(at(-20));
            pod.ready = true;
        });
        let before = running.settle();
        let after =
            before.clone().defaults(&all).pull("mirror").with(|world| world.now += SignedDuration::from_hours(1));
        assert_eq!((after.line(), after.key()), (before.line(), before.key()), "{spec}");
        assert_eq!(after.line(), "Running/PodsRunning run 1", "{spec}");
    }
}

#[test]
fn the_labels_that_a_default_asks_of_nodes_are_named_where_no_node_fits() {
    let pending = story(&json!({"transform": {"image": "a"}, "scheduling_spec": {"node_selector": {"disk": "hdd"}}}))
        .pod(1, 0, PodPhase::Pending)
        .last_pod(|pod| pod.unschedulable = Some("0/1 nodes are available".into()));
    let said = |story: &Story| plan(&story.0).verdict.message;
    assert!(!said(&pending).contains("Pod defaults"), "{}", said(&pending));
    let zone = pending.defaults(&json!({"nodeSelector": {"disk": "ssd", "zone": "a"}}));
    assert!(said(&zone).contains("(the operator's Pod defaults ask for nodes with zone=a)"), "{}", said(&zone));
}

#[test]
fn a_refused_pull_names_the_defaults_that_are_there() {
    let (reason, message) = ("ErrImagePull", "401 Unauthorized");
    let said = |story: &Story| plan(&story.0).verdict.message;
    let there = stuck(Some("42"), reason, message).pull("mirror");
    assert!(said(&there).contains("(pull secrets: mirror)"), "{}", said(&there));
    let missing = stuck(None, reason, message).absent("mirror");
    assert!(said(&missing).contains("(no pull secret is named)"), "{}", said(&missing));
    let state = |story: &Story| match plan(&story.0).references {
        References::Seen { rows, .. } => rows[0].state,
        _ => panic!("not looked at"),
    };
    assert_eq!((state(&there), state(&missing)), (ReferenceState::Resolved, ReferenceState::NotFound));
}
