//! Healing: a Pod that is stuck in what was just mended makes place for a fresh one; any other is left alone.

use serde_json::json;

use super::plan;
use super::tests::{Story, at, story};
use crate::model::secret::{AccountKnowledge, Keys, SecretFacts, SecretKnowledge};
use crate::model::world::PodPhase;

impl Story {
    /// The pull secret, in this version.
    pub(super) fn pull_of(self, name: &str, version: &str) -> Self {
        let facts = SecretFacts {
            uid: format!("uid-{name}"),
            resource_version: version.into(),
            type_: "kubernetes.io/dockerconfigjson".into(),
            keys: Keys::Known([".dockerconfigjson".to_owned()].into()),
            data_changed_at: None,
            touched_since: false,
            expires_on: None,
        };
        self.know(name, SecretKnowledge::Present(facts))
    }

    /// A Pod that was started with version 1 of `regcred` and waits with this reason.
    pub(super) fn stuck(self, reason: &str, message: &str) -> Self {
        self.pod(1, 0, PodPhase::Pending).last_pod(|pod| {
            pod.started_with.insert("regcred".into(), "1".into());
            pod.waiting = Some((reason.into(), message.into()));
        })
    }
}

fn private() -> Story {
    story(&json!({"transform": {"image": "reg.test/a:1", "image_pull_secrets": ["regcred"]}}))
}

pub(super) const UNAUTHORIZED: (&str, &str) = ("ImagePullBackOff", "Back-off pulling image: 401 Unauthorized");

#[test]
fn a_pod_in_pull_backoff_is_replaced_when_its_pull_secret_changed() {
    let (reason, message) = UNAUTHORIZED;
    let stuck = || private().stuck(reason, message);
    assert_eq!(stuck().pull_of("regcred", "1").line(), "Starting/PodsStarting run 1");
    let healing = stuck().pull_of("regcred", "2");
    assert_eq!(healing.line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
    assert!(plan(&healing.0).verdict.message.contains("Secret regcred was mended"));
    // Once, and then the fresh one follows, uncounted.
    let ending = healing.settle();
    assert_eq!(ending.line(), "Starting/PodsStarting run 1");
    let gone = ending.with(|world| world.pods[0].gone = true);
    assert_eq!(gone.line(), "Starting/PodsStarting run 1; create r1");
    assert_eq!(plan(&gone.0).steps[0].attempts, 0);
}

#[test]
fn a_pull_secret_that_the_service_account_lists_anew_heals_too() {
    let (reason, message) = UNAUTHORIZED;
    let listed = AccountKnowledge::Present { pull_secrets: vec!["of-account".into()] };
    let stuck = private().stuck(reason, message).pull_of("regcred", "1").account("default", listed);
    assert_eq!(stuck.clone().absent("of-account").line(), "Starting/PodsStarting run 1");
    assert_eq!(stuck.pull_of("of-account", "5").line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
}

#[test]
fn a_key_that_came_heals_a_config_error_and_a_volume() {
    let spec = json!({"transform": {"image": "a", "secrets": [{"name": "db", "env_var": "X", "key": "x"}]}});
    let unknown = || story(&spec).keys("db", Keys::Unknown { count: 1 }).pod(1, 0, PodPhase::Pending);
    let env = unknown().last_pod(|pod| {
        pod.started_with.insert("db".into(), "41".into());
        pod.waiting = Some(("CreateContainerConfigError".into(), "couldn't find key x in Secret team-a/db".into()));
    });
    assert_eq!(env.line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
    let volume = unknown().last_pod(|pod| {
        pod.started_with.insert("db".into(), "41".into());
        pod.mount_failure = Some("references non-existent secret key: x".into());
    });
    assert_eq!(volume.line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
}

#[test]
fn a_key_that_went_away_mends_nothing() {
    let spec = json!({"transform": {"image": "a", "secrets": [{"name": "db", "env_var": "X", "key": "x"}]}});
    let stuck = story(&spec).pod(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.started_with.insert("db".into(), "41".into());
        pod.waiting = Some(("CreateContainerConfigError".into(), "couldn't find key x in Secret team-a/db".into()));
    });
    assert_eq!(stuck.clone().secret("db", &["user"]).line(), "Starting/PodsStarting run 1");
    assert_eq!(stuck.secret("db", &["user", "x"]).line(), "Starting/PodsStarting run 1; delete uid-pod-1-0");
}

#[test]
fn what_no_secret_can_mend_is_left_to_the_kubelet() {
    for (reason, message) in [
        ("ErrImagePull", "dial tcp: lookup reg.test: no such host"),
        ("CreateContainerError", "executable file not found"),
        ("InvalidImageName", "x"),
    ] {
        let stuck = private().stuck(reason, message).pull_of("regcred", "2");
        assert_eq!(stuck.line(), "Starting/PodsStarting run 1", "{reason}");
    }
}

#[test]
fn another_secret_s_change_heals_nothing() {
    let (reason, message) = UNAUTHORIZED;
    let spec = json!({"transform": {"image": "reg.test/a:1", "image_pull_secrets": ["regcred"],
        "secrets": [{"name": "db", "env_prefix": ""}]}});
    let stuck = story(&spec).stuck(reason, message).pull_of("regcred", "1").secret("db", &["changed"]);
    assert_eq!(stuck.line(), "Starting/PodsStarting run 1");
}

#[test]
fn a_running_pod_is_never_touched() {
    let running = private().stuck("x", "x").pull_of("regcred", "2").last_pod(|pod| {
        pod.phase = PodPhase::Running;
        pod.waiting = None;
    });
    assert_eq!(running.line(), "Running/PodsRunning run 1");
}

#[test]
fn a_pod_that_is_merely_slow_is_left_alone() {
    let slow = private().stuck("ContainerCreating", "").pull_of("regcred", "2");
    assert_eq!(slow.line(), "Starting/PodsStarting run 1");
}

#[test]
fn a_pod_given_up_for_its_secret_s_sake_is_no_failed_try() {
    let (reason, message) = UNAUTHORIZED;
    let spec =
        json!({"pending_timeout": "1h", "transform": {"image": "reg.test/a:1", "image_pull_secrets": ["regcred"]}});
    let healing = story(&spec).stuck(reason, message).pull_of("regcred", "2").settle();
    let gone = healing.with(|world| {
        world.pods[0].gone = true;
        world.now = at(5);
    });
    assert_eq!(gone.line(), "Starting/PodsStarting run 1; create r1");
}
