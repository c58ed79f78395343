//! What becomes of a run whose input, or whose folder of properties, cannot be rendered; and of one whose init container fails otherwise.

use serde_json::{Value, json};

use super::plan;
use super::tests::{Story, at, story};
use crate::api::reason::{Reason, StepState, Trouble};
use crate::model::run::PodIdentity;
use crate::model::world::{PodFacts, PodPhase};
use crate::report;

const WORDS: &str = "template at /x, character 4: null cannot be put into a string";

fn spec(more: &Value) -> Value {
    let mut spec = json!({"transform": {"image": "a", "input": {
        "secrets": [{"name": "db", "key": "password"}], "template": {"x": "jq(.secrets.db)"}, "mount_path": "/lockgate/input.json"}}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn job(more: &Value) -> Story {
    story(&spec(more)).db("41", -500)
}

fn service(more: &Value) -> Story {
    let mut service = json!({"mode": "Service"});
    service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job(&service)
}

impl Story {
    /// A Pod of this index, made with version 41, whose init container ended so; of a Service the kubelet tries it again.
    fn stands(self, run: i64, index: i32, phase: PodPhase) -> Self {
        let id = PodIdentity { run, step: "main".into(), index, attempt: 0, replacement: 0 };
        self.with(|world| {
            world.pods.push(PodFacts {
                name: id.pod_name("edges", "uid-edges"),
                uid: format!("uid-{run}-{index}"),
                identity: Some(id),
                run_key: Some(if run == 1 { world.run_key.clone() } else { format!("v1:{run}/") }),
                created_at: Some(at(-100)),
                phase,
                started_with: [("db".to_owned(), "41".to_owned())].into(),
                ..PodFacts::default()
            });
        })
    }

    /// As it stands in a Service: between two tries of the kubelet.
    fn looping(self, exit_code: i32) -> Self {
        self.helper_failed(exit_code, WORDS)
            .last_pod(|pod| pod.helper.waiting = Some(("CrashLoopBackOff".into(), "back-off 10s".into())))
    }
}

#[test]
fn a_secret_of_an_input_and_its_key_gate_like_any_other() {
    let absent = story(&spec(&json!({}))).absent("db");
    assert_eq!(absent.line(), "Waiting/WaitingForSecrets run 1");
    assert!(
        absent.says().contains("Secret db (input .secrets.db) does not exist: kubectl create secret"),
        "{}",
        absent.says()
    );
    let keyless = story(&spec(&json!({}))).secret("db", &["user"]);
    assert_eq!(keyless.line(), "Waiting/WaitingForSecrets run 1");
    assert!(keyless.says().contains("Secret db (input .secrets.db) has no key password"), "{}", keyless.says());
    assert_eq!(job(&json!({})).line(), "Starting/PodsStarting run 1; create r0");
    // Without a key whatever keys there are will do.
    let whole =
        json!({"transform": {"image": "a", "input": {"secrets": [{"name": "db"}], "template": 1, "env_var": "I"}}});
    assert_eq!(story(&whole).secret("db", &[]).line(), "Starting/PodsStarting run 1; create r0");
}

#[test]
fn what_cannot_be_rendered_ends_a_job_s_run_without_another_try() {
    let failed = job(&json!({"retries": 3})).stands(1, 0, PodPhase::Failed).helper_failed(65, WORDS);
    assert_eq!(failed.line(), "Failed/InvalidInput run 1; result bad");
    let name = failed.0.pods[0].name.clone();
    assert_eq!(failed.says(), format!("what Pod {name} needs cannot be rendered: {WORDS}"));
    let status = report::status(&failed.0, &plan(&failed.0));
    let stalled = status.conditions.iter().find(|condition| condition.type_ == "Stalled").unwrap();
    assert_eq!((stalled.status.as_str(), stalled.reason.as_str()), ("True", "InvalidInput"));
    let warnings = report::warnings(&failed.0.docs, &failed.0.recorded, &status);
    let said: Vec<_> = warnings.iter().map(|warning| (warning.reason, warning.about.clone())).collect();
    assert_eq!(said, [("InvalidInput", Some(report::About::Pod(name)))]);
    // For ever, though the Secret changes and the Pod goes.
    let settled = failed.settle().db("42", -1);
    assert_eq!(settled.line(), "Failed/InvalidInput run 1; result bad");
    let gone = settled.with(|world| world.pods.clear());
    assert_eq!(gone.line(), "Failed/InvalidInput run 1; result bad");
}

#[test]
fn an_exit_code_of_the_init_container_is_never_one_that_is_accepted() {
    let transform = json!({"image": "a", "accept_return_code": [65, 7], "input": {"template": 1, "env_var": "I"}});
    for code in [65, 7] {
        let failed = story(&json!({"transform": transform})).stands(1, 0, PodPhase::Failed).helper_failed(code, WORDS);
        assert!(failed.line().ends_with("result bad"), "{code}: {}", failed.line());
    }
}

#[test]
fn another_failure_of_the_init_container_is_a_failed_try() {
    let failed = |retries: i32| {
        let story = job(&json!({"retries": retries})).stands(1, 0, PodPhase::Failed).helper_failed(137, "");
        story.last_pod(|pod| pod.helper.failed.as_mut().unwrap().reason = "OOMKilled".into())
    };
    let once = failed(1).with(|world| world.now = at(-18));
    assert_eq!(once.line(), "Starting/RetryBackoff run 1");
    let name = once.0.pods[0].name.clone();
    let words = format!(
        "the init container lockgate-render of Pod {name}, which renders what the step needs, ended with exit code 137 (OOMKilled)"
    );
    assert!(once.says().starts_with(&words), "{}", once.says());
    let later = once.with(|world| world.now = at(60));
    assert_eq!(later.line(), "Starting/PodsStarting run 1; create r0");
    assert_eq!(failed(0).line(), "Failed/PodFailed run 1; result bad");
    let log = format!("{words}: kubectl logs {name} -c lockgate-render -n team-a");
    assert_eq!(failed(0).says(), log);
}

#[test]
fn a_pod_that_was_deleted_before_its_init_container_failed_is_replaced() {
    let failed = job(&json!({})).stands(1, 0, PodPhase::Failed).helper_failed(65, WORDS);
    let deleted = failed.last_pod(|pod| pod.deletion_requested_at = Some(at(-25)));
    assert_eq!(deleted.line(), "Starting/PodsStarting run 1; create r1");
}

#[test]
fn of_several_pods_the_others_run_on_and_the_reason_stands_though_the_pod_is_gone() {
    let one = job(&json!({"parallelism": 2, "retries": 5}))
        .stands(1, 0, PodPhase::Failed)
        .helper_failed(65, WORDS)
        .stands(1, 1, PodPhase::Running);
    assert_eq!(one.line(), "Running/PodsRunning run 1");
    let step = plan(&one.0).steps.remove(0);
    assert_eq!((step.failed_indexes.as_deref(), step.indexes[0].reason), (Some("0"), Some(Reason::InvalidInput)));
    let cleaned = one.settle().with(|world| world.pods.retain(|pod| pod.uid == "uid-1-1"));
    assert_eq!(cleaned.line(), "Running/PodsRunning run 1");
    let over = cleaned.last_pod(|pod| pod.phase = PodPhase::Succeeded);
    assert_eq!(over.line(), "Failed/InvalidInput run 1; result bad");
}

#[test]
fn in_a_graph_nothing_new_begins_after_it() {
    let spec = json!({"steps": [
        {"name": "a", "image": "a", "retries": 3, "input": {"template": 1, "env_var": "I"}}, {"name": "b", "image": "b", "needs": ["a"]}]});
    let failed =
        story(&spec).of("a", 0, 0, PodPhase::Failed).last_pod(|pod| pod.terminated = None).helper_failed(65, WORDS);
    assert_eq!(failed.line(), "Failed/InvalidInput run 1; result bad");
    let states: Vec<_> = plan(&failed.0).steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Failed, StepState::Skipped]);
}

#[test]
fn a_service_stalls_with_what_it_has_and_goes_on_when_the_secret_changes() {
    let looping = service(&json!({"pending_timeout": "10s"})).stands(1, 0, PodPhase::Pending).looping(65);
    assert_eq!(looping.line(), "Failed/InvalidInput run 1", "pending_timeout mends nothing, so it makes no fresh Pod");
    let status = report::status(&looping.0, &plan(&looping.0));
    let of = |name: &str| status.conditions.iter().find(|c| c.type_ == name).map(|c| c.status.clone());
    assert_eq!((of("Stalled").as_deref(), of("Ready").as_deref()), (Some("True"), Some("False")));
    assert!(looping.says().ends_with(WORDS), "{}", looping.says());
    let settled = looping.settle();
    assert_eq!(settled.line(), looping.line());
    // Also while the kubelet tries it again.
    assert_eq!(settled.clone().last_pod(|pod| pod.helper.waiting = None).line(), looping.line());
    let changed = settled.db("42", -1);
    assert_eq!(changed.line(), "Starting/PodsStarting run 1; delete uid-1-0");
    assert!(changed.says().contains("Secret db was mended"), "{}", changed.says());
    let fresh = changed.settle().with(|world| world.pods.iter_mut().for_each(|pod| pod.gone = true));
    assert_eq!(fresh.line(), "Starting/PodsStarting run 1; create r1");
    // Not while the gate is closed: a fresh Pod could not start.
    let closed = looping.db("42", -1).secret("db", &["user"]);
    assert_eq!(closed.line(), "Failed/InvalidInput run 1");
}

#[test]
fn another_secret_of_the_service_mends_no_input() {
    let more = json!({"secrets": [{"name": "other", "env_var": "O", "key": "k"}]});
    let looping = service(&more).secret("other", &["k"]).stands(1, 0, PodPhase::Pending).looping(65);
    assert_eq!(looping.line(), "Failed/InvalidInput run 1");
}

#[test]
fn a_roll_to_what_cannot_be_rendered_stops_and_another_version_goes_past_it() {
    let old = |story: Story| story.stands(1, 0, PodPhase::Running).last_pod(|pod| pod.ready = true);
    let rolling = old(service(&json!({"parallelism": 2, "max_surge": 2})));
    let rolling = rolling.stands(1, 1, PodPhase::Running).last_pod(|pod| pod.ready = true);
    let rolling = rolling.with(|world| world.run_key = "v1:2/".into()).stands(2, 0, PodPhase::Pending).looping(65);
    assert_eq!(rolling.line(), "Failed/InvalidInput run 2", "the second Pod is not touched");
    assert!(rolling.says().ends_with("; 2 of 2 Pods are ready and are left as they are"), "{}", rolling.says());
    let mended = rolling.with(|world| world.run_key = "v1:3/".into());
    assert!(mended.line().starts_with("Running/Rolling run 3"), "{}", mended.line());
    assert!(mended.line().contains("create r0"), "{}", mended.line());
}

#[test]
fn another_failure_in_a_service_is_told_as_a_crash_loop_of_the_init_container() {
    let looping = service(&json!({})).stands(1, 0, PodPhase::Pending).looping(1);
    assert_eq!(looping.line(), "Starting/PodsStarting run 1");
    let step = plan(&looping.0).steps.remove(0);
    let said = step.message.unwrap();
    assert_eq!(step.trouble, Some(Trouble::CrashLoop));
    assert!(said.contains("the init container lockgate-render of Pod"), "{said}");
    assert!(
        said.contains("exit code 1: kubectl logs") && said.ends_with("-c lockgate-render -n team-a --previous"),
        "{said}"
    );
}

#[test]
fn what_keeps_the_helper_image_from_being_pulled_is_told_of_that_image() {
    let waits = |reason: &str, said: &str| {
        let pod = job(&json!({"pending_timeout": "1h"})).stands(1, 0, PodPhase::Pending).last_pod(|pod| {
            pod.waiting = Some(("PodInitializing".into(), String::new()));
            pod.helper.waiting = Some((reason.into(), said.into()));
        });
        pod.with(|world| {
            let mut defaults = (*world.defaults).clone();
            defaults.helper.image = "mirror.test/lockgate:1".into();
            world.defaults = defaults.into();
        })
    };
    let told = |story: &Story| {
        let step = plan(&story.0).steps.remove(0);
        (step.trouble, step.message.unwrap_or_default())
    };
    for (reason, said, trouble, words) in [
        (
            "ErrImagePull",
            "401 Unauthorized",
            Trouble::ImageUnauthorized,
            "the operator's --helper-pull-secrets: kubectl create secret docker-registry NAME -n team-a --docker-server=mirror.test",
        ),
        ("ErrImagePull", "403 Forbidden", Trouble::ImageForbidden, "refuses mirror.test/lockgate:1 (the helper image"),
        (
            "ImagePullBackOff",
            "manifest unknown",
            Trouble::ImageNotFound,
            "correct the name or the tag in the operator's --helper-image",
        ),
        ("ErrImagePull", "dial tcp: no such host", Trouble::RegistryUnreachable, "the operator's --helper-image"),
        ("ErrImageNeverPull", "", Trouble::ImageNeverPull, "the operator's --helper-image-pull-policy is Never"),
        ("InvalidImageName", "", Trouble::InvalidImageName, "correct the operator's --helper-image"),
        (
            "CreateContainerError",
            "exec: no such file",
            Trouble::ContainerStart,
            "could not be started: exec: no such file",
        ),
    ] {
        let story = waits(reason, said);
        let (found, message) = told(&story);
        assert_eq!(found, Some(trouble), "{message}");
        assert!(message.contains("mirror.test/lockgate:1") && message.contains(words), "{message}");
        // And it does not wait for ever.
        let late = story.with(|world| world.now = at(3600));
        assert!(late.line().contains("delete uid-1-0"), "{}", late.line());
    }
    for reason in ["PodInitializing", "ContainerCreating"] {
        assert_eq!(told(&waits(reason, "")).0, None);
    }
}

#[test]
fn a_pull_secret_of_the_helper_image_that_came_replaces_the_pod_that_waits_for_it() {
    let stuck = job(&json!({})).stands(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.helper.waiting = Some(("ImagePullBackOff".into(), "401 Unauthorized".into()));
    });
    let stuck = stuck.with(|world| {
        let mut defaults = (*world.defaults).clone();
        defaults.helper.pull_secrets = vec![crate::model::names::SecretName::parse("mirror").unwrap()];
        world.defaults = defaults.into();
    });
    assert_eq!(stuck.clone().absent("mirror").line(), "Starting/PodsStarting run 1");
    assert_eq!(stuck.pull("mirror").line(), "Starting/PodsStarting run 1; delete uid-1-0");
}

#[test]
fn a_secret_that_cannot_be_mounted_for_the_init_container_is_named() {
    let stuck = job(&json!({})).stands(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.mount_failure = Some("MountVolume.SetUp failed for volume \"lockgate-secret-000\" : references non-existent secret key: password".into());
    });
    let step = plan(&stuck.0).steps.remove(0);
    assert_eq!(step.trouble, Some(Trouble::VolumeMount));
    let said = step.message.unwrap();
    assert!(said.starts_with("what lockgate-render reads (Secret db) cannot be mounted"), "{said}");
}

#[test]
fn what_was_rendered_follows_no_change_and_a_fresh_pod_takes_its_place() {
    let runs = |transform: &Value| {
        let spec = json!({"mode": "Service", "rotation_debounce": "1s", "transform": transform});
        story(&spec).db("42", -50).stands(1, 0, PodPhase::Running).last_pod(|pod| {
            pod.started_at = Some(at(-90));
            pod.ready = true;
        })
    };
    let folder = |more: &Value| json!({"image": "a", "secrets": [{"name": "db", "mount_path": "/a"}, more]});
    let rolls = |story: &Story| (story.line().contains("Rolling"), plan(&story.0));
    for (transform, is_stale) in [
        (json!({"image": "a", "input": {"secrets": [{"name": "db"}], "template": 1, "env_var": "I"}}), true),
        (json!({"image": "a", "secrets": [{"name": "db", "mount_path": "/a", "format": "properties"}]}), true),
        // Another entry makes the whole folder one that is rendered.
        (folder(&json!({"name": "app", "mount_path": "/a", "format": "properties"})), true),
        (folder(&json!({"name": "app", "mount_path": "/b", "format": "properties"})), false),
    ] {
        let story = runs(&transform).secret("app", &["k"]).last_pod(|pod| {
            pod.started_with.insert("app".into(), "42".into());
        });
        let (rolling, plan) = rolls(&story);
        assert_eq!(rolling, is_stale, "{transform}");
        let super::References::Seen { rows, .. } = plan.references else { panic!("they were looked at") };
        assert_eq!(rows[0].stale, is_stale.then_some(true), "{transform}");
    }
    // A Secret that changed before the Pod was made is what it has.
    let transform = json!({"image": "a", "input": {"secrets": [{"name": "db"}], "template": 1, "env_var": "I"}});
    assert_eq!(runs(&transform).db("42", -150).line(), "Running/PodsRunning run 1");
}

#[test]
fn another_helper_is_no_other_work() {
    let told = job(&json!({}));
    let other = told.clone().with(|world| {
        let mut defaults = (*world.defaults).clone();
        defaults.helper.image = "mirror.test/lockgate:2".into();
        world.defaults = defaults.into();
    });
    assert_eq!(told.key(), other.key());
    let image = |story: &Story| {
        plan(&story.0).create[0].spec.as_ref().unwrap().init_containers.as_ref().unwrap()[0].image.clone()
    };
    assert_eq!(image(&other).as_deref(), Some("mirror.test/lockgate:2"));
    let names = |story: &Story| plan(&story.0).create[0].metadata.name.clone();
    assert_eq!(names(&told), names(&other));
    // Its template is.
    let mut changed = spec(&json!({}));
    changed["transform"]["input"]["template"] = json!({"x": "jq(.secrets.db) "});
    assert_ne!(story(&changed).key(), told.key());
}
