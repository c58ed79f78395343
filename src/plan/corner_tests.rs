//! Corners: where two rules meet, and what somebody could write who means ill.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::plan;
use super::steps_tests::three_pods;
use super::tests::{Story, at, one, story};
use crate::api::reason::StepState;
use crate::model::run::PodIdentity;
use crate::model::secret::SecretKnowledge;
use crate::model::world::{PodFacts, PodPhase};

/// One pull secret, waited for at most an hour.
fn impatient() -> Story {
    story(&json!({"missing_secret_timeout": "1h", "transform": {"image": "a", "image_pull_secrets": ["regcred"]}}))
}

/// The same as a Service.
fn impatient_service() -> Story {
    story(&json!({"missing_secret_timeout": "1h", "mode": "Service",
        "transform": {"image": "a", "image_pull_secrets": ["regcred"]}}))
}

fn unread(retry_at: i64) -> SecretKnowledge {
    SecretKnowledge::Unread { why: "the API server did not answer in time".into(), retry_at: at(retry_at) }
}

fn look_again(story: &Story) -> Option<Timestamp> {
    plan(&story.0).look_again
}

#[test]
fn a_wait_is_not_given_up_before_it_is_known_that_something_is_missing() {
    for waiting in [impatient(), impatient_service()] {
        // The hour is over when the operator is started again, and the API server does not answer.
        let late = waiting.absent("regcred").settle().know("regcred", unread(3705)).with(|world| world.now = at(3700));
        assert_eq!(late.line(), "Waiting/NotRead run 1");
        assert_eq!(look_again(&late), Some(at(3705)), "the next read, and no time that is past");
        assert_eq!(late.clone().absent("regcred").line(), "Failed/MissingSecretTimeout run 1; result bad");
        assert_eq!(late.pull("regcred").line(), "Starting/PodsStarting run 1; create r0", "it came meanwhile");
    }
}

#[test]
fn a_403_is_waited_for_as_long_as_anything_else() {
    let forbidden = |retry_at| SecretKnowledge::Forbidden { retry_at: at(retry_at) };
    let late = impatient().know("regcred", forbidden(5)).settle().know("regcred", forbidden(3700));
    assert_eq!(late.with(|world| world.now = at(3600)).line(), "Failed/MissingSecretTimeout run 1; result bad");
}

#[test]
fn each_run_waits_for_its_own_time() {
    for waiting in [impatient(), impatient_service()] {
        let first = waiting.absent("regcred").settle();
        let again = first.with(|world| {
            world.now = at(3599);
            world.run_key = format!("{}again", world.run_key);
        });
        let second = again.settle();
        assert_eq!(second.0.recorded.waiting_since.as_ref().map(|since| since.0), Some(at(3599)));
        assert_eq!(look_again(&second), Some(at(2 * 3600 - 1)));
        assert_eq!(second.with(|world| world.now = at(3600)).line(), "Waiting/WaitingForSecrets run 2");
    }
}

#[test]
fn a_wait_that_ended_is_no_part_of_the_next() {
    let came = impatient().absent("regcred").settle().pull("regcred").with(|world| world.now = at(3000)).settle();
    assert_eq!(came.0.recorded.waiting_since, None);
    let gone = came.absent("regcred").with(|world| {
        world.pods[0].gone = true;
        world.now = at(5000);
    });
    assert_eq!(gone.line(), "Waiting/WaitingForSecrets run 1");
    assert_eq!(look_again(&gone), Some(at(5000 + 3600)));
}

#[test]
fn since_when_one_of_several_pods_waits_is_told_while_its_equals_run() {
    let spec = json!({"parallelism": 2, "retries": 1, "missing_secret_timeout": "1h",
        "transform": {"image": "a", "secrets": [{"name": "db", "env_prefix": ""}]}});
    let one_waits =
        story(&spec).absent("db").of("main", 0, 0, PodPhase::Running).of("main", 1, 0, PodPhase::Failed).settle();
    assert_eq!(one_waits.line(), "Waiting/WaitingForSecrets run 1");
    assert_eq!(one_waits.0.recorded.waiting_since.as_ref().map(|since| since.0), Some(at(0)));
    // It is not given up under a Pod that runs.
    let late = one_waits.with(|world| world.now = at(4000));
    assert_eq!((late.line().as_str(), look_again(&late)), ("Waiting/WaitingForSecrets run 1", None));
    let alone = late.of("main", 0, 0, PodPhase::Succeeded);
    assert_eq!(alone.line(), "Failed/MissingSecretTimeout run 1; result bad");
}

#[test]
fn suspension_stops_the_clock_of_a_wait() {
    let suspend = |story: Story, suspend: bool| {
        story.with(|world| {
            let spec = json!({"suspend": suspend, "missing_secret_timeout": "1h",
                "transform": {"image": "a", "image_pull_secrets": ["regcred"]}});
            world.work = super::tests::story(&spec).0.work;
        })
    };
    let suspended = suspend(impatient().absent("regcred").settle(), true).with(|world| world.now = at(1800)).settle();
    assert_eq!((suspended.line().as_str(), look_again(&suspended)), ("Suspended/Suspended run 1", None));
    assert_eq!(suspended.0.recorded.waiting_since, None);
    let resumed = suspend(suspended, false).with(|world| world.now = at(9000));
    assert_eq!(resumed.line(), "Waiting/WaitingForSecrets run 1");
    assert_eq!(look_again(&resumed), Some(at(9000 + 3600)));
}

#[test]
fn fail_says_the_same_of_a_service_as_of_a_job() {
    let said = |mode: &str| {
        let spec = json!({"mode": mode, "on_missing_secret": "Fail", "transform": {"image": "a", "secrets": [
            {"name": "db", "env_var": "DB", "key": "password"}, {"name": "api", "env_var": "API", "key": "token"},
        ]}});
        plan(&story(&spec).absent("db").secret("api", &["user"]).0).verdict.message
    };
    let begins = "on_missing_secret is Fail: missing Kubernetes secret db; Kubernetes secret api missing key token. To mend it: ";
    assert!(said("Job").starts_with(begins), "{}", said("Job"));
    assert_eq!(said("Service"), said("Job"));
}

/// A Pod that somebody made with our owner reference and these labels.
fn forged(story: Story, index: i32, parallelism: Option<i32>) -> Story {
    let id = PodIdentity { run: 1, step: "main".into(), index, attempt: 0, replacement: 0 };
    story.with(|world| {
        world.pods.push(PodFacts {
            name: "forged".into(),
            uid: "uid-forged".into(),
            identity: Some(id),
            run_key: Some(world.run_key.clone()),
            phase: PodPhase::Running,
            ..PodFacts::default()
        });
        if let (Some(parallelism), Some(step)) = (parallelism, world.recorded.steps.first_mut()) {
            step.parallelism = parallelism;
        }
    })
}

#[test]
fn no_label_and_no_status_makes_more_pods_than_a_step_may_have() {
    for mode in ["Job", "Service"] {
        let spec = json!({"mode": mode, "transform": {"image": "a"}});
        let most = plan(&forged(story(&spec), i32::MAX, None).0);
        assert!(most.create.len() <= 1000, "{mode}: {} Pods", most.create.len());
        let recorded = plan(&forged(story(&spec).settle(), 7, Some(i32::MAX)).0);
        assert!(recorded.create.len() <= 1000, "{mode}: {} Pods", recorded.create.len());
        let less = plan(&forged(story(&spec).settle(), -1, Some(-5)).0);
        assert!(less.create.len() <= 1, "{mode}");
    }
}

#[test]
fn labels_that_no_pod_of_ours_has_say_nothing() {
    let known = |index: &str, attempt: &str, run: &str| {
        let labels = json!({
            "lockgate.dev/step": "main", "lockgate.dev/index": index, "lockgate.dev/attempt": attempt,
            "lockgate.dev/run": run, "lockgate.dev/replacement": "0",
        });
        let pod = serde_json::from_value(json!({"metadata": {"name": "forged", "labels": labels}})).unwrap();
        PodFacts::of(&pod).identity.is_some()
    };
    assert!(known("0", "0", "1") && known("999", "1000", "7"));
    for (index, attempt, run) in [
        ("1000", "0", "1"),
        ("2147483647", "0", "1"),
        ("-1", "0", "1"),
        ("0", "-1", "1"),
        ("0", "0", "0"),
        ("", "0", "1"),
    ] {
        assert!(!known(index, attempt, run), "{index} {attempt} {run}");
    }
}

#[test]
fn a_pod_that_the_kubelet_refused_is_no_failed_try() {
    let line = |reason: &str| {
        let pod = json!({"metadata": {"creationTimestamp": at(-30)}, "status": {"phase": "Failed", "reason": reason}});
        let refused = PodFacts::of(&serde_json::from_value(pod).unwrap());
        let story = story(&json!({"transform": {"image": "a"}})).pod(1, 0, refused.phase);
        story.last_pod(|pod| pod.disrupted_at = refused.disrupted_at).line()
    };
    let refusals = ["OutOfcpu", "OutOfephemeral-storage", "OutOfnvidia.com/gpu", "UnexpectedAdmissionError", "Evicted"];
    for reason in refusals {
        assert_eq!(line(reason), "Starting/PodsStarting run 1; create r1", "{reason}");
    }
    assert_eq!(line("DeadlineExceeded"), "Failed/PodFailed run 1; result bad");
}

#[test]
fn an_old_run_s_pod_that_the_watch_does_not_see_is_looked_at_again() {
    let old = one().secret("db", &["password"]).pod(1, 0, PodPhase::Running).last_pod(|pod| {
        pod.run_key = Some("v1:old/".into());
        pod.unwatched = true;
    });
    let ending = old.settle();
    assert_eq!(ending.line(), "Starting/EndingOldRun run 2");
    assert_eq!(look_again(&ending), Some(at(10)), "no event tells of its end");
}

#[test]
fn a_change_of_the_work_ends_the_pod_of_a_suspended_job_and_nothing_follows_it() {
    let suspended = story(&json!({"suspend": true, "transform": {"image": "a"}})).pod(1, 0, PodPhase::Running);
    let edited = suspended.last_pod(|pod| pod.run_key = Some("v1:old/".into()));
    assert_eq!(edited.line(), "Starting/EndingOldRun run 2; delete uid-pod-1-0");
    let ended = edited.settle().with(|world| world.pods[0].gone = true);
    assert_eq!(ended.line(), "Suspended/Suspended run 2");
}

#[test]
fn a_request_and_a_change_of_the_spec_at_once_are_one_run() {
    let done = one().secret("db", &["password"]).pod(1, 0, PodPhase::Succeeded).ended(0, -5).settle();
    let both = done.with(|world| world.run_key = "v1:other/now".into()).settle();
    let status = &both.0.recorded;
    assert_eq!(both.line(), "Starting/PodsStarting run 2");
    assert_eq!(status.last_handled_run_request.as_deref(), Some("now"));
    assert_eq!(status.run.as_ref().unwrap().started_by, Some(crate::api::reason::RunCause::SpecChanged));
}

#[test]
fn fewer_retries_than_there_were_tries_end_the_run() {
    let with = |retries: i32| story(&json!({"retries": retries, "transform": {"image": "a"}}));
    let tried = with(5).of("main", 0, 0, PodPhase::Failed).of("main", 0, 1, PodPhase::Failed);
    let tried = tried.with(|world| world.now = at(-19)).settle();
    assert_eq!(tried.line(), "Starting/RetryBackoff run 1");
    let fewer = tried.with(|world| world.work = with(0).0.work);
    assert_eq!(fewer.line(), "Failed/PodFailed run 1; result bad");
    // A result stands, whatever is allowed from then on.
    assert_eq!(fewer.settle().with(|world| world.work = with(9).0.work).line(), "Failed/PodFailed run 1; result bad");
}

#[test]
fn a_longer_timeout_holds_for_the_run_that_is_under_way() {
    let with = |timeout: &str| story(&json!({"timeout": timeout, "transform": {"image": "a"}}));
    let running = with("31s").pod(1, 0, PodPhase::Running).settle();
    assert_eq!(look_again(&running), Some(at(1)));
    let longer = running.with(|world| {
        world.work = with("1h").0.work;
        world.now = at(60);
    });
    assert_eq!((longer.line().as_str(), look_again(&longer)), ("Running/PodsRunning run 1", Some(at(3570))));
}

#[test]
fn suspension_does_not_stop_the_time_of_a_run_that_has_begun() {
    let spec = json!({"suspend": true, "retries": 3, "timeout": "40s", "transform": {"image": "a"}});
    let suspended = story(&spec).of("main", 0, 0, PodPhase::Failed);
    assert_eq!((suspended.line().as_str(), look_again(&suspended)), ("Suspended/Suspended run 1", Some(at(10))));
    assert_eq!(suspended.with(|world| world.now = at(10)).line(), "Failed/TimedOut run 1; result bad");
}

#[test]
fn a_job_scaled_to_none_fails_for_no_secret() {
    let with = |parallelism: i32| {
        let spec = json!({"on_missing_secret": "Fail", "parallelism": parallelism, "missing_secret_timeout": "1h",
            "transform": {"image": "a", "image_pull_secrets": ["regcred"]}});
        story(&spec).absent("regcred")
    };
    assert_eq!((with(0).line().as_str(), look_again(&with(0))), ("Suspended/Suspended run 1", None));
    assert_eq!(with(1).line(), "Failed/SecretMissing run 1; result bad");
}

/// The container ended so many seconds after its deletion was asked for, by the node's clock.
fn ended_after(story: Story, seconds: i64) -> Story {
    story.pod(1, 0, PodPhase::Failed).ended(143, -20 + seconds).last_pod(|pod| {
        pod.deletion_requested_at = Some(at(-20));
        pod.gone = true;
    })
}

#[test]
fn a_pod_that_was_ended_is_no_failed_try_though_its_node_s_clock_is_behind() {
    let plain = || story(&json!({"transform": {"image": "a"}}));
    for seconds in [30, 0, -1, -5] {
        assert_eq!(ended_after(plain(), seconds).line(), "Starting/PodsStarting run 1; create r1", "{seconds}");
    }
    assert_eq!(ended_after(plain(), -6).line(), "Failed/PodFailed run 1; result bad");
    // What was told before stands.
    let told = plain().pod(1, 0, PodPhase::Failed).ended(3, -1).settle();
    let deleted = told.last_pod(|pod| {
        pod.deletion_requested_at = Some(at(0));
        pod.gone = true;
    });
    assert_eq!(deleted.line(), "Failed/PodFailed run 1; result bad");
}

#[test]
fn a_pod_that_is_given_up_counts_though_the_operator_s_clock_is_ahead() {
    let spec = json!({"pending_timeout": "30s", "transform": {"image": "a"}});
    let given_up = |after: i64| {
        story(&spec).pod(1, 0, PodPhase::Pending).last_pod(|pod| {
            pod.deletion_requested_at = Some(at(-30 + after));
            pod.gone = true;
        })
    };
    for after in [31, 30, 25] {
        assert_eq!(given_up(after).line(), "Failed/PodFailed run 1; result bad", "{after}");
    }
    assert_eq!(given_up(24).line(), "Starting/PodsStarting run 1; create r1", "somebody deleted it before");
}

#[test]
fn a_job_scaled_to_none_while_it_runs_goes_on() {
    let running = three_pods(&json!({})).settle();
    let scaled = running.with(|world| world.work = three_pods(&json!({"parallelism": 0})).0.work);
    assert_eq!(plan(&scaled.0).steps[0].parallelism, 3);
    assert_eq!(plan(&scaled.0).steps[0].state, StepState::Starting);
}

/// A graph of two steps side by side, with one Secret each, one as files.
fn pair(more: &Value) -> Story {
    let mut spec = json!({"steps": [
        {"name": "a", "image": "a", "secrets": [{"name": "of-a", "mount_path": "/etc/a"}]},
        {"name": "b", "image": "a", "secrets": [{"name": "of-b", "env_prefix": ""}]},
    ]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story(&spec).secret("of-a", &["a"]).secret("of-b", &["b"])
}

#[test]
fn restart_all_exchanges_the_pod_of_the_step_whose_secret_changed_and_no_other() {
    let running = |more: Value| {
        let started = pair(&more).of("a", 0, 0, PodPhase::Running).of("b", 0, 0, PodPhase::Running);
        started.with(|world| {
            for pod in &mut world.pods {
                pod.created_at = Some(at(-60));
                pod.started_at = Some(at(-60));
                pod.started_with = [("of-a".to_owned(), "41".to_owned()), ("of-b".to_owned(), "42".to_owned())].into();
            }
            let Some(SecretKnowledge::Present(facts)) = world.secrets.values_mut().next() else { panic!("of-a") };
            facts.data_changed_at = Some(at(-20));
        })
    };
    assert_eq!(running(json!({"on_secret_change": "Restart"})).line(), "Running/PodsRunning run 1");
    assert_eq!(running(json!({})).line(), "Running/PodsRunning run 1");
    let all = running(json!({"on_secret_change": "RestartAll"}));
    assert_eq!(all.line(), "Running/PodsRunning run 1; delete uid-a-0-0");
    let gone = all.settle().with(|world| world.pods[0].gone = true);
    assert_eq!(gone.steps(), "a=Starting b=Running; create a/0");
    assert_eq!(plan(&gone.0).steps[0].attempts, 0, "no try is lost");
}
