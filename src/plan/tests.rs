//! Small worlds, one expectation each: what the plan does and says, as one line.
#![allow(clippy::format_push_string)] // A line of a test need not be fast.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::api::reason::StepState;
use crate::api::status::RunStatus;
use crate::model::names::SecretName;
use crate::model::parse::parse;
use crate::model::pod::owner_uid;
use crate::model::run::{PodIdentity, run_key};
use crate::model::secret::{AccountKnowledge, Keys, SecretFacts, SecretKnowledge};
use crate::model::world::{Outcome, PodFacts, PodPhase, Setback, SetbackKind, Subject, Termination};
use crate::report;

/// A world in the making. Each role has a name of its own, so that a swap fails a test.
#[derive(Clone)]
pub(crate) struct Story(pub(crate) World);

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn story(spec: &Value) -> Story {
    let spec = serde_json::from_value(spec.clone()).unwrap();
    let subject =
        Subject { generation: 3, resource_version: "7".into(), ..Subject::new("team-a", "edges", "uid-edges") };
    let work = match parse(&spec) {
        Ok(work) => WorkState::Valid(Box::new(work)),
        Err(violations) => WorkState::Invalid(violations),
    };
    Story(World::of(subject, work, run_key(&spec, None), at(0)))
}

/// One env Secret, one mounted Secret, one pull secret.
pub(crate) fn three() -> Story {
    story(&json!({"transform": {
        "image": "registry.test/edges:1",
        "secrets": [
            {"name": "db", "env_var": "DB_PASSWORD", "key": "password"},
            {"name": "tls", "mount_path": "/etc/tls", "items": [{"key": "ca.crt", "path": "ca.pem"}]},
        ],
        "image_pull_secrets": ["regcred"],
    }}))
}

/// One env Secret.
pub(crate) fn one() -> Story {
    story(
        &json!({"transform": {"image": "a", "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}}),
    )
}

/// No Secrets; three exit codes count as success.
fn accepting() -> Story {
    story(&json!({"transform": {"image": "a", "accept_return_code": [3, 128, 137]}}))
}

impl Story {
    pub(crate) fn know(mut self, secret: &str, known: SecretKnowledge) -> Self {
        self.0.secrets.insert(SecretName::parse(secret).unwrap(), known);
        self
    }

    pub(crate) fn absent(self, secret: &str) -> Self {
        self.know(secret, SecretKnowledge::Absent)
    }

    pub(crate) fn keys(self, secret: &str, keys: Keys) -> Self {
        self.typed(secret, "Opaque", keys)
    }

    pub(crate) fn typed(self, secret: &str, type_: &str, keys: Keys) -> Self {
        let facts = SecretFacts {
            uid: format!("uid-{secret}"),
            resource_version: "42".into(),
            type_: type_.into(),
            keys,
            data_changed_at: None,
            touched_since: false,
            expires_on: None,
        };
        self.know(secret, SecretKnowledge::Present(facts))
    }

    pub(crate) fn secret(self, secret: &str, keys: &[&str]) -> Self {
        self.keys(secret, Keys::Known(keys.iter().map(|&key| key.to_owned()).collect()))
    }

    pub(crate) fn pull(self, secret: &str) -> Self {
        self.typed(secret, "kubernetes.io/dockerconfigjson", Keys::Known([".dockerconfigjson".to_owned()].into()))
    }

    pub(crate) fn complete(self) -> Self {
        self.secret("db", &["password"]).secret("tls", &["ca.crt"]).pull("regcred")
    }

    pub(crate) fn account(mut self, name: &str, known: AccountKnowledge) -> Self {
        self.0.accounts.insert(name.into(), known);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn key(&self) -> String {
        self.0.run_key.clone()
    }

    /// A Pod of run 1, replacement `r`, in this phase.
    pub(crate) fn pod(mut self, run: i64, replacement: i32, phase: PodPhase) -> Self {
        let identity = PodIdentity { run, step: "main".into(), index: 0, attempt: 0, replacement };
        self.0.pods.push(PodFacts {
            name: identity.pod_name("edges", "uid-edges"),
            uid: format!("uid-pod-{run}-{replacement}"),
            identity: Some(identity),
            run_key: Some(self.0.run_key.clone()),
            created_at: Some(at(-30)),
            phase,
            ..PodFacts::default()
        });
        self
    }

    pub(crate) fn last_pod(mut self, change: impl FnOnce(&mut PodFacts)) -> Self {
        change(self.0.pods.last_mut().unwrap());
        self
    }

    pub(crate) fn ended(self, exit_code: i32, finished: i64) -> Self {
        self.last_pod(|pod| {
            pod.terminated = Some(Termination {
                exit_code,
                reason: "Error".into(),
                start_error: None,
                last_words: None,
                finished_at: Some(at(finished)),
            });
        })
    }

    /// The init container that renders ended so.
    pub(crate) fn helper_failed(self, exit_code: i32, said: &str) -> Self {
        self.last_pod(|pod| {
            pod.helper.failed = Some(Termination {
                exit_code,
                reason: "Error".into(),
                start_error: None,
                last_words: (!said.is_empty()).then(|| said.to_owned()),
                finished_at: Some(at(-20)),
            });
        })
    }

    /// What status says of a run.
    pub(crate) fn recorded_run(mut self, number: i64, key: &str, result: Option<RunResult>) -> Self {
        self.0.recorded.run =
            Some(RunStatus { number, key: key.into(), result, started_by: None, started_at: None, finished_at: None });
        self
    }

    /// The plan in one line: phase, reason, what is written.
    pub(crate) fn line(&self) -> String {
        let plan = plan(&self.0);
        let Plan { run, delete, create, verdict, .. } = &plan;
        let mut line = format!("{}/{}", verdict.phase, verdict.reason);
        if let Some(run) = run {
            line += &format!(" run {}", run.number);
        }
        for pod in delete {
            line += &format!("; delete {}", pod.uid);
        }
        for pod in create {
            let labels = pod.metadata.labels.as_ref().unwrap();
            line += &format!("; create r{}", labels["lockgate.dev/replacement"]);
        }
        if let Some(result) = &verdict.result {
            line += if result.succeeded { "; result good" } else { "; result bad" };
        }
        line
    }

    fn rows(&self) -> Vec<String> {
        match plan(&self.0).references {
            References::Seen { rows, .. } => rows
                .iter()
                .map(|row| {
                    format!(
                        "{}{}:{}",
                        row.via.as_ref().map(|via| format!("{via}>")).unwrap_or_default(),
                        row.name,
                        row.state
                    )
                })
                .collect(),
            other => vec![format!("{other:?}")],
        }
    }

    /// What stands in status after the plan's writes went well.
    pub(crate) fn settle(&self) -> Story {
        let decided = plan(&self.0);
        let created = decided.create.iter().map(|pod| {
            assert_eq!(owner_uid(pod), Some("uid-edges"));
            let facts = PodFacts::of(pod);
            PodFacts { uid: format!("uid-of-{}", facts.name), created_at: Some(self.0.now), ..facts }
        });
        let outcome = Outcome {
            created: created.collect(),
            deleted: decided.delete.iter().map(|pod| pod.uid.clone()).collect(),
            setback: self.0.setback.clone(),
            ..Outcome::default()
        };
        let mut after = self.0.clone().after(&outcome);
        after.recorded = report::status(&after, &plan(&after));
        Story(after)
    }
}

/// Asserts each story's line.
macro_rules! lines {
    ($($name:ident: $story:expr => $line:literal;)+) => {
        $(#[test]
        fn $name() {
            assert_eq!($story.line(), $line);
        })+
    };
}

lines! {
    nothing_starts_while_a_secret_is_missing: three().absent("db").secret("tls", &["ca.crt"]).pull("regcred")
        => "Waiting/WaitingForSecrets run 1";
    nothing_starts_while_a_key_is_missing: three().complete().secret("tls", &["tls.crt"])
        => "Waiting/WaitingForSecrets run 1";
    nothing_starts_with_a_pull_secret_of_the_wrong_type: three().complete().secret("regcred", &["a"])
        => "Waiting/WaitingForSecrets run 1";
    a_legacy_dockercfg_is_a_pull_secret: three().complete().typed("regcred", "kubernetes.io/dockercfg", Keys::Unknown { count: 1 })
        => "Starting/PodsStarting run 1; create r0";
    the_last_secret_starts_it: three().complete()
        => "Starting/PodsStarting run 1; create r0";
    a_secret_that_was_not_read_is_not_missing: three().complete().with(|w| { w.secrets.clear(); })
        => "Waiting/NotRead run 1";
    a_403_is_not_missing: one().know("db", SecretKnowledge::Forbidden { retry_at: at(5) })
        => "Waiting/SecretForbidden run 1";
    unknown_keys_let_the_kubelet_decide: one().keys("db", Keys::Unknown { count: 2 })
        => "Starting/PodsStarting run 1; create r0";
    without_references_it_starts_at_once: story(&json!({"transform": {"image": "a"}}))
        => "Starting/PodsStarting run 1; create r0";
    a_missing_service_account_holds_it_back: one().secret("db", &["password"]).account("default", AccountKnowledge::Absent)
        => "Waiting/ServiceAccountNotFound run 1";
    suspended_pipelines_start_nothing: story(&json!({"suspend": true, "transform": {"image": "a"}}))
        => "Suspended/Suspended run 1";
    suspension_leaves_a_running_pod_alone: story(&json!({"suspend": true, "transform": {"image": "a"}})).pod(1, 0, PodPhase::Running)
        => "Running/PodsRunning run 1";
    an_invalid_spec_starts_nothing: story(&json!({"transform": {"image": "a", "user": "root"}}))
        => "Failed/InvalidSpec";
    a_pod_that_is_there_is_kept: one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending)
        => "Starting/PodsStarting run 1";
    a_running_pod_stays_though_its_secret_went_away: one().absent("db").pod(1, 0, PodPhase::Running)
        => "Running/PodsRunning run 1";
    a_pod_that_succeeded_is_the_result: one().absent("db").pod(1, 0, PodPhase::Succeeded).ended(0, -5)
        => "Succeeded/Succeeded run 1; result good";
    a_pod_that_failed_is_the_result: one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed).ended(3, -5)
        => "Failed/PodFailed run 1; result bad";
    a_pod_that_failed_because_it_was_deleted_is_replaced: one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed).ended(143, -5)
        .last_pod(|pod| { pod.deletion_requested_at = Some(at(-6)); pod.gone = true; })
        => "Starting/PodsStarting run 1; create r1";
    an_accepted_exit_code_is_a_good_result: accepting().pod(1, 0, PodPhase::Failed).ended(3, -5)
        => "Succeeded/Succeeded run 1; result good";
    another_exit_code_is_a_bad_one: accepting().pod(1, 0, PodPhase::Failed).ended(4, -5)
        => "Failed/PodFailed run 1; result bad";
    zero_is_a_good_result_though_it_is_not_listed: accepting().pod(1, 0, PodPhase::Succeeded).ended(0, -5)
        => "Succeeded/Succeeded run 1; result good";
    a_container_that_was_killed_for_its_memory_ended_with_its_code: accepting().pod(1, 0, PodPhase::Failed).ended(137, -5)
        .last_pod(|pod| pod.terminated.as_mut().unwrap().reason = "OOMKilled".into())
        => "Succeeded/Succeeded run 1; result good";
    the_code_of_a_container_that_never_started_is_not_accepted: accepting().pod(1, 0, PodPhase::Failed).ended(128, -5)
        .last_pod(|pod| pod.terminated.as_mut().unwrap().start_error = Some("no such file".into()))
        => "Failed/PodFailed run 1; result bad";
    the_code_of_a_container_that_was_evicted_is_not_accepted: accepting().pod(1, 0, PodPhase::Failed).ended(137, -5)
        .last_pod(|pod| pod.reason = Some(("Evicted".into(), "The node was low on resource: memory.".into())))
        => "Failed/PodFailed run 1; result bad";
    a_code_that_the_kubelet_made_up_is_not_accepted: accepting().pod(1, 0, PodPhase::Failed).ended(137, -5)
        .last_pod(|pod| pod.terminated.as_mut().unwrap().reason = "ContainerStatusUnknown".into())
        => "Failed/PodFailed run 1; result bad";
    an_accepted_code_after_the_deletion_is_no_result: accepting().pod(1, 0, PodPhase::Failed).ended(3, -5)
        .last_pod(|pod| { pod.deletion_requested_at = Some(at(-6)); pod.gone = true; })
        => "Starting/PodsStarting run 1; create r1";
    a_result_from_before_the_deletion_counts: one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed).ended(3, -12)
        .last_pod(|pod| { pod.deletion_requested_at = Some(at(-6)); pod.gone = true; })
        => "Failed/PodFailed run 1; result bad";
    a_pod_that_is_being_deleted_is_waited_for: one().secret("db", &["password"]).pod(1, 0, PodPhase::Running)
        .last_pod(|pod| pod.deletion_requested_at = Some(at(-1)))
        => "Running/PodsRunning run 1";
    a_pod_that_vanished_is_replaced: one().secret("db", &["password"]).pod(1, 0, PodPhase::Running).last_pod(|pod| pod.gone = true)
        => "Starting/PodsStarting run 1; create r1";
    a_replacement_passes_the_gate_too: one().absent("db").pod(1, 0, PodPhase::Running).last_pod(|pod| pod.gone = true)
        => "Waiting/WaitingForSecrets run 1";
    a_pod_whose_labels_were_taken_away_is_known_by_its_name: one().secret("db", &["password"]).pod(1, 0, PodPhase::Running)
        .last_pod(|pod| { pod.identity = None; pod.run_key = None; })
        => "Running/PodsRunning run 1";
    another_spec_ends_the_pods_of_the_old_run: { let s = one().secret("db", &["password"]).pod(1, 0, PodPhase::Running); s.last_pod(|pod| pod.run_key = Some("v1:old/".into())) }
        => "Starting/EndingOldRun run 2; delete uid-pod-1-0";
    the_old_run_s_pod_is_deleted_once: one().secret("db", &["password"]).pod(1, 0, PodPhase::Running)
        .last_pod(|pod| { pod.run_key = Some("v1:old/".into()); pod.deletion_requested_at = Some(at(-1)); })
        => "Starting/EndingOldRun run 2";
    the_next_run_starts_when_the_old_one_ended: one().secret("db", &["password"]).recorded_run(1, "v1:old/", None)
        => "Starting/PodsStarting run 2; create r0";
    a_result_of_another_spec_does_not_count: one().secret("db", &["password"])
        .recorded_run(4, "v1:old/", Some(RunResult { succeeded: true, reason: Reason::Succeeded, message: String::new() }))
        => "Starting/PodsStarting run 5; create r0";
    a_run_that_only_its_pod_knows_is_found_again: one().secret("db", &["password"]).recorded_run(1, "v1:old/", None).pod(2, 0, PodPhase::Running)
        => "Running/PodsRunning run 2";
    fail_means_fail_when_a_secret_is_missing: story(&json!({"on_missing_secret": "Fail", "transform": {"image": "a", "image_pull_secrets": ["regcred"]}})).absent("regcred")
        => "Failed/SecretMissing run 1; result bad";
    fail_means_an_account_that_is_missing: story(&json!({"on_missing_secret": "Fail", "service_account_name": "robot", "transform": {"image": "a"}})).account("robot", AccountKnowledge::Absent)
        => "Failed/SecretMissing run 1; result bad";
    fail_waits_for_the_account_that_kubernetes_makes: story(&json!({"on_missing_secret": "Fail", "transform": {"image": "a"}})).account("default", AccountKnowledge::Absent)
        => "Waiting/ServiceAccountNotFound run 1";
    fail_does_not_mean_a_403: story(&json!({"on_missing_secret": "Fail", "transform": {"image": "a", "image_pull_secrets": ["regcred"]}}))
        .know("regcred", SecretKnowledge::Forbidden { retry_at: at(5) })
        => "Waiting/SecretForbidden run 1";
}

#[test]
fn fail_names_everything_as_pachyderm_does_and_then_what_mends_it() {
    let said = |spec: Value, known: fn(Story) -> Story| {
        let mut whole = json!({"on_missing_secret": "Fail"});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        plan(&known(story(&whole)).0).verdict.message
    };
    let secrets = json!([
        {"name": "db", "env_var": "DB", "key": "password"}, {"name": "db", "mount_path": "/etc/db"},
        {"name": "api", "env_var": "API", "key": "token"}, {"name": "tls", "mount_path": "/etc/tls"},
        {"name": "ca", "mount_path": "/etc/ca", "items": [{"key": "ca.crt", "path": "ca.pem"}]},
    ]);
    let all =
        said(json!({"transform": {"image": "a", "secrets": secrets, "image_pull_secrets": ["regcred"]}}), |story| {
            story.absent("db").secret("api", &["user"]).absent("tls").secret("ca", &["x"]).absent("regcred")
        });
    let begins = "on_missing_secret is Fail: missing Kubernetes secret db; Kubernetes secret api missing key token; \
                  missing Kubernetes secret tls. To mend it: ";
    assert!(all.starts_with(begins), "{all}");
    for mend in ["create secret generic db", "patch secret api", "patch secret ca", "docker-registry regcred"] {
        assert!(all.contains(mend), "{mend}: {all}");
    }
    let pull =
        said(json!({"transform": {"image": "a", "image_pull_secrets": ["regcred"]}}), |story| story.absent("regcred"));
    assert!(pull.starts_with("on_missing_secret is Fail: Secret regcred (image pull) does not exist"), "{pull}");
    // Before anything runs, what all steps lack is told at once.
    let step =
        |name: &str, secret: &str| json!({"name": name, "image": "a", "secrets": [{"name": secret, "env_prefix": ""}]});
    let mut second = step("second", "b");
    second["needs"] = json!(["first"]);
    let steps = said(json!({"steps": [step("first", "a"), second]}), |story| story.absent("a").absent("b"));
    assert!(steps.contains("missing Kubernetes secret a; missing Kubernetes secret b. To mend it: "), "{steps}");
}

#[test]
fn an_image_without_a_shell_is_told_what_stdin_needs() {
    let said = |transform: Value| {
        let why = "exec: \"/bin/sh\": stat /bin/sh: no such file or directory";
        let unstarted = story(&json!({"transform": transform})).pod(1, 0, PodPhase::Failed).ended(128, -5);
        let unstarted = unstarted.last_pod(|pod| pod.terminated.as_mut().unwrap().start_error = Some(why.into()));
        plan(&unstarted.0).steps[0].message.clone().unwrap()
    };
    let with_stdin = said(json!({"image": "a", "cmd": ["cat"], "stdin": ["x"]}));
    assert!(with_stdin.contains("stdin needs /bin/sh in the image"), "{with_stdin}");
    assert!(!said(json!({"image": "a", "cmd": ["/bin/sh"]})).contains("stdin"));
}

#[test]
fn an_accepted_exit_code_is_told() {
    let plan = plan(&accepting().pod(1, 0, PodPhase::Failed).ended(3, -5).0);
    let step = &plan.steps[0];
    assert_eq!((step.state, step.exit_code), (StepState::Succeeded, Some(3)));
    let said = step.message.as_deref().unwrap();
    assert!(said.ends_with(" ended with exit code 3, which accept_return_code accepts"), "{said}");
    assert_eq!(plan.verdict.message, said);
}

#[test]
fn a_result_in_status_is_never_run_again() {
    for phase in [PodPhase::Succeeded, PodPhase::Failed] {
        let done = one().secret("db", &["password"]).pod(1, 0, phase).ended(1, -5).settle();
        let without_pods = done.clone().with(|world| world.pods.clear());
        assert_eq!(done.line(), without_pods.line());
        assert!(plan(&without_pods.0).create.is_empty());
    }
}

#[test]
fn the_row_of_each_reference_says_what_is_wrong_with_it() {
    assert_eq!(
        three().absent("db").secret("tls", &["x"]).secret("regcred", &[]).rows(),
        ["db:NotFound", "tls:KeyMissing", "regcred:WrongType"]
    );
}

#[test]
fn optional_references_do_not_hold_it_back_unless_they_are_forbidden() {
    let optional = || {
        story(&json!({"transform": {"image": "a", "secrets": [
            {"name": "db", "env_var": "DB_PASSWORD", "key": "password", "optional": true},
        ]}}))
    };
    assert_eq!(optional().absent("db").rows(), ["db:Absent"]);
    assert_eq!(optional().absent("db").line(), "Starting/PodsStarting run 1; create r0");
    assert_eq!(optional().secret("db", &["user"]).rows(), ["db:Absent"]);
    assert_eq!(
        optional().know("db", SecretKnowledge::Forbidden { retry_at: at(5) }).line(),
        "Waiting/SecretForbidden run 1"
    );
}

#[test]
fn a_pull_secret_of_the_service_account_is_merged_and_blocks_nothing() {
    let listed = AccountKnowledge::Present { pull_secrets: vec!["regcred".into(), "of-account".into()] };
    let story = three().complete().account("default", listed).absent("of-account");
    assert_eq!(
        story.rows(),
        ["db:Resolved", "tls:Resolved", "regcred:Resolved", "serviceaccount/default>of-account:NotFound"]
    );
    let plan = plan(&story.0);
    let names: Vec<_> =
        plan.create[0].spec.as_ref().unwrap().image_pull_secrets.iter().flatten().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["regcred", "of-account"]);
}

#[test]
fn the_wait_ends_at_its_timeout_counted_from_its_beginning() {
    let waiting =
        story(&json!({"missing_secret_timeout": "1h", "transform": {"image": "a", "image_pull_secrets": ["regcred"]}}))
            .absent("regcred");
    let first = waiting.settle();
    assert_eq!(plan(&first.0).look_again, Some(at(3600)));
    // A restart an hour less a second later: the beginning is in status.
    let later = first.with(|world| world.now = at(3599));
    assert_eq!(later.line(), "Waiting/WaitingForSecrets run 1");
    assert_eq!(
        later.clone().with(|world| world.now = at(3600)).line(),
        "Failed/MissingSecretTimeout run 1; result bad"
    );
    // What failed for lack of a Secret stays failed when it comes.
    let failed = later.with(|world| world.now = at(3600)).settle();
    assert_eq!(failed.pull("regcred").line(), "Failed/MissingSecretTimeout run 1; result bad");
}

#[test]
fn a_refused_pod_is_tried_again_at_its_time_and_not_before() {
    let complete = one().secret("db", &["password"]);
    let pod = plan(&complete.0).create[0].metadata.name.clone().unwrap();
    for (kind, line) in [
        (SetbackKind::Quota, "Starting/QuotaExceeded run 1"),
        (SetbackKind::PodSecurity, "Starting/PodSecurityRefused run 1"),
        (SetbackKind::Refused, "Starting/PodRefused run 1"),
        (SetbackKind::NameConflict, "Starting/NameConflict run 1"),
        (SetbackKind::Io, "Starting/WriteFailed run 1"),
    ] {
        let setback = Setback { pod: pod.clone(), kind, message: "refused".into(), retry_at: at(5) };
        let refused = complete.clone().with(|world| world.setback = Some(setback));
        assert_eq!(refused.line(), line);
        assert_eq!(plan(&refused.0).look_again, Some(at(5)));
        assert_eq!(refused.with(|world| world.now = at(5)).line(), "Starting/PodsStarting run 1; create r0");
    }
}

#[test]
fn a_refused_deletion_is_told_and_tried_again_at_its_time_and_not_before() {
    let changed = one().secret("db", &["password"]).pod(1, 0, PodPhase::Running).last_pod(|pod| {
        pod.run_key = Some("v1:old/".into());
    });
    let pod = changed.0.pods[0].name.clone();
    let setback = Setback { pod, kind: SetbackKind::Refused, message: "Pods stay here".into(), retry_at: at(5) };
    let refused = changed.with(|world| world.setback = Some(setback));
    assert_eq!(refused.line(), "Starting/EndingOldRun run 2");
    let decided = plan(&refused.0);
    assert!(decided.verdict.message.ends_with("; Pods stay here"), "{}", decided.verdict.message);
    assert_eq!(decided.look_again, Some(at(5)));
    // What refuses one may refuse the next.
    let two = refused.clone().pod(1, 1, PodPhase::Running).last_pod(|pod| pod.run_key = Some("v1:old/".into()));
    assert_eq!(two.line(), "Starting/EndingOldRun run 2");
    assert_eq!(refused.with(|world| world.now = at(5)).line(), "Starting/EndingOldRun run 2; delete uid-pod-1-0");
}

#[test]
fn a_setback_of_another_pod_holds_nothing_back() {
    let setback = Setback { pod: "other".into(), kind: SetbackKind::Quota, message: String::new(), retry_at: at(5) };
    let story = one().secret("db", &["password"]).with(|world| world.setback = Some(setback));
    assert_eq!(story.line(), "Starting/PodsStarting run 1; create r0");
}

#[test]
fn a_pod_that_only_status_knows_is_replaced_by_a_fresh_name() {
    let started = one().secret("db", &["password"]).settle();
    let lost = started.with(|world| world.pods.clear());
    assert_eq!(lost.line(), "Starting/PodsStarting run 1; create r1");
    // The refusal of that replacement does not make it forget which one it was.
    let pod = plan(&lost.0).create[0].metadata.name.clone().unwrap();
    let setback = Setback { pod, kind: SetbackKind::Quota, message: String::new(), retry_at: at(5) };
    let refused = lost.with(|world| world.setback = Some(setback)).settle();
    assert_eq!(refused.line(), "Starting/QuotaExceeded run 1");
    assert_eq!(refused.with(|world| world.now = at(5)).line(), "Starting/PodsStarting run 1; create r1");
}

/// Every story that the laws are tried on.
fn all() -> Vec<Story> {
    let key = one().key();
    vec![
        three().absent("db").absent("tls").absent("regcred"),
        three().complete(),
        one().secret("db", &["password"]),
        one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending),
        one().absent("db").pod(1, 0, PodPhase::Running),
        one().secret("db", &["password"]).pod(1, 0, PodPhase::Succeeded).ended(0, -5),
        one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed).ended(3, -5),
        one().secret("db", &["password"]).pod(1, 0, PodPhase::Running).last_pod(|pod| pod.gone = true),
        one().know("db", SecretKnowledge::Forbidden { retry_at: at(5) }),
        one().secret("db", &["password"]).recorded_run(1, &key, None),
        story(&json!({"suspend": true, "transform": {"image": "a"}})),
        story(&json!({"transform": {"image": "a", "user": "root"}})),
        story(&json!({"on_missing_secret": "Fail", "transform": {"image": "a", "image_pull_secrets": ["regcred"]}}))
            .absent("regcred"),
    ]
}

#[test]
fn once_its_writes_are_done_a_plan_wants_nothing_more() {
    for story in all() {
        let settled = story.settle();
        let again = plan(&settled.0);
        assert!(again.create.is_empty() && again.delete.is_empty(), "{}", settled.line());
    }
}

#[test]
fn equal_worlds_give_equal_plans_whatever_the_order_of_their_pods() {
    for story in all() {
        let story = story.pod(7, 1, PodPhase::Succeeded).pod(7, 0, PodPhase::Running);
        let reversed = story.clone().with(|world| world.pods.reverse());
        assert_eq!(format!("{:?}", plan(&story.0)), format!("{:?}", plan(&reversed.0)));
    }
}

#[test]
fn a_restart_writes_nothing() {
    for story in all() {
        let settled = story.settle();
        let restarted =
            settled.clone().with(|world| world.now = world.now.checked_add(SignedDuration::from_secs(77)).unwrap());
        assert_eq!(report::status(&restarted.0, &plan(&restarted.0)), settled.0.recorded, "{}", settled.line());
    }
}

#[test]
fn no_pod_without_every_reference_seen() {
    // All states of all three references: a Pod only where each is good.
    let states = |secret: &str| {
        let known = Keys::Known(["password".to_owned(), "ca.crt".to_owned()].into());
        let type_ = if secret == "regcred" { "kubernetes.io/dockerconfigjson" } else { "Opaque" };
        let present = |keys, type_: &str| {
            SecretKnowledge::Present(SecretFacts {
                uid: "u".into(),
                resource_version: "1".into(),
                type_: type_.into(),
                keys,
                data_changed_at: None,
                touched_since: false,
                expires_on: None,
            })
        };
        [
            (present(known.clone(), type_), true),
            (present(Keys::Unknown { count: 2 }, type_), true),
            (present(Keys::Known([].into()), "example.com/other"), false),
            (SecretKnowledge::Absent, false),
            (SecretKnowledge::Forbidden { retry_at: at(9) }, false),
            (SecretKnowledge::Unread { why: "x".into(), retry_at: at(9) }, false),
        ]
    };
    let mut worlds = 0;
    for (db, db_good) in states("db") {
        for (tls, tls_good) in states("tls") {
            for (regcred, regcred_good) in states("regcred") {
                let story = three().know("db", db.clone()).know("tls", tls.clone()).know("regcred", regcred);
                let good = db_good && tls_good && regcred_good;
                assert_eq!(!plan(&story.0).create.is_empty(), good, "{:?}", story.rows());
                worlds += 1;
            }
        }
    }
    assert_eq!(worlds, 216);
}
