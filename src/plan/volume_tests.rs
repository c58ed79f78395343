//! Volumes: a ConfigMap or a claim that is not there holds its step back as a missing Secret does.

use serde_json::json;

use super::tests::{Story, at, story};
use super::{References, plan};
use crate::api::pipeline::OnMissingSecret;
use crate::api::reason::{ObjectKind, Trouble};
use crate::build;
use crate::model::names::ObjectName;
use crate::model::secret::{AccountKnowledge, SecretKnowledge};
use crate::model::volume::{ObjectKnowledge, ObjectRef};
use crate::model::world::{PodPhase, WorkState};
use crate::report;

impl Story {
    fn object(mut self, kind: ObjectKind, name: &str, known: ObjectKnowledge) -> Self {
        self.0.objects.insert(ObjectRef { kind, name: ObjectName::parse(name).unwrap() }, known);
        self
    }

    fn config_map(self, known: ObjectKnowledge) -> Self {
        self.object(ObjectKind::ConfigMap, "app", known)
    }

    fn claim(self, known: ObjectKnowledge) -> Self {
        self.object(ObjectKind::PersistentVolumeClaim, "data", known)
    }

    /// `kind/name:state` of each row.
    fn kinds(&self) -> Vec<String> {
        let References::Seen { rows, .. } = plan(&self.0).references else { panic!("not looked at") };
        let kind = |kind: Option<ObjectKind>| kind.map_or("Secret", ObjectKind::as_str);
        rows.iter().map(|row| format!("{}/{}:{}", kind(row.kind), row.name, row.state)).collect()
    }

    fn verdict_says(&self) -> String {
        plan(&self.0).verdict.message
    }
}

/// A claim, a ConfigMap and scratch space.
fn mounts() -> Story {
    story(&json!({"transform": {"image": "a", "volumes": [
        {"claim": "data", "mount_path": "/data"},
        {"config_map": "app", "mount_path": "/etc/app"},
        {"scratch": {"size": "1Gi", "memory": true}, "mount_path": "/tmp"},
    ]}}))
}

/// An env Secret, too.
fn with_secret() -> Story {
    story(&json!({"transform": {
        "image": "a",
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}],
        "volumes": [{"claim": "data", "mount_path": "/data"}, {"config_map": "app", "mount_path": "/etc/app"}],
    }}))
}

fn optional() -> Story {
    let volume = json!({"config_map": "app", "mount_path": "/etc/app", "optional": true});
    story(&json!({"transform": {"image": "a", "volumes": [volume]}}))
}

const THERE: ObjectKnowledge = ObjectKnowledge::Present;
const NOT: ObjectKnowledge = ObjectKnowledge::Absent;
const STARTS: &str = "Starting/PodsStarting run 1; create r0";

/// Asserts each story's line.
macro_rules! lines {
    ($($name:ident: $story:expr => $line:expr;)+) => {
        $(#[test]
        fn $name() {
            assert_eq!($story.line(), $line);
        })+
    };
}

lines! {
    scratch_space_alone_is_waited_for_by_nobody:
        story(&json!({"transform": {"image": "a", "memory_volume": true, "volumes": [{"scratch": {}, "mount_path": "/tmp"}]}})) => STARTS;
    it_starts_when_the_last_volume_is_there: mounts().claim(THERE).config_map(THERE) => STARTS;
    a_missing_claim_is_waited_for: mounts().claim(NOT).config_map(THERE) => "Waiting/WaitingForVolumes run 1";
    a_missing_config_map_is_waited_for: mounts().claim(THERE).config_map(NOT) => "Waiting/WaitingForVolumes run 1";
    a_claim_that_is_being_deleted_is_missing: mounts().claim(ObjectKnowledge::Leaving).config_map(THERE)
        => "Waiting/WaitingForVolumes run 1";
    a_watch_that_is_refused_means_forbidden_not_missing: mounts().claim(ObjectKnowledge::Forbidden).config_map(THERE)
        => "Waiting/VolumeForbidden run 1";
    what_was_not_looked_at_is_not_missing: mounts().claim(THERE) => "Waiting/NotRead run 1";
    an_optional_config_map_holds_nothing_back: optional().config_map(NOT) => STARTS;
    an_optional_config_map_holds_it_back_while_it_is_forbidden: optional().config_map(ObjectKnowledge::Forbidden)
        => "Waiting/VolumeForbidden run 1";
    a_missing_secret_is_named_first: with_secret().absent("db").claim(NOT).config_map(NOT)
        => "Waiting/WaitingForSecrets run 1";
    a_missing_volume_is_named_before_a_secret_that_is_forbidden:
        with_secret().know("db", SecretKnowledge::Forbidden { retry_at: at(5) }).claim(NOT).config_map(THERE)
        => "Waiting/WaitingForVolumes run 1";
    a_missing_volume_is_named_before_a_missing_account: mounts().claim(NOT).config_map(THERE).account("default", AccountKnowledge::Absent)
        => "Waiting/WaitingForVolumes run 1";
    a_running_pod_stays_though_its_config_map_went_away: mounts().claim(THERE).config_map(NOT).pod(1, 0, PodPhase::Running)
        => "Running/PodsRunning run 1";
    a_replacement_waits_for_its_volumes_too: mounts().claim(NOT).config_map(THERE).pod(1, 0, PodPhase::Running).last_pod(|pod| pod.gone = true)
        => "Waiting/WaitingForVolumes run 1";
}

#[test]
fn on_missing_secret_and_its_timeout_speak_of_volumes_too() {
    let spec = |more: serde_json::Value| {
        let mut spec = json!({"transform": {"image": "a", "volumes": [{"claim": "data", "mount_path": "/data"}]}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        story(&spec)
    };
    let fail = || spec(json!({"on_missing_secret": "Fail"}));
    assert_eq!(fail().claim(NOT).line(), "Failed/SecretMissing run 1; result bad");
    assert_eq!(fail().claim(ObjectKnowledge::Forbidden).line(), "Waiting/VolumeForbidden run 1");
    let waiting = spec(json!({"missing_secret_timeout": "1h"})).claim(NOT).settle();
    assert_eq!(plan(&waiting.0).look_again, Some(at(3600)));
    assert_eq!(waiting.with(|world| world.now = at(3600)).line(), "Failed/MissingSecretTimeout run 1; result bad");
}

#[test]
fn a_wait_for_volumes_sets_no_timer() {
    let waiting = [mounts().claim(NOT).config_map(NOT), mounts().claim(ObjectKnowledge::Forbidden).config_map(NOT)];
    for story in waiting {
        assert_eq!(plan(&story.0).look_again, None);
    }
}

#[test]
fn each_mount_of_an_object_has_a_row_that_says_its_kind() {
    let story = with_secret().absent("db").claim(NOT).config_map(THERE);
    assert_eq!(story.kinds(), ["Secret/db:NotFound", "PersistentVolumeClaim/data:NotFound", "ConfigMap/app:Resolved"]);
    assert_eq!(optional().config_map(NOT).kinds(), ["ConfigMap/app:Absent"]);
    assert_eq!(optional().config_map(ObjectKnowledge::Leaving).kinds(), ["ConfigMap/app:Absent"]);
    assert_eq!(optional().kinds(), ["ConfigMap/app:Unchecked"]);
}

#[test]
fn all_problems_are_told_at_once_with_their_commands() {
    let all = with_secret().absent("db").claim(NOT).config_map(NOT);
    let said = all.verdict_says();
    for fix in [
        "kubectl create secret generic db -n team-a --from-literal=password=VALUE",
        "ConfigMap app (mounted at /etc/app) does not exist: kubectl create configmap app -n team-a --from-literal=KEY=VALUE",
        "PersistentVolumeClaim data (mounted at /data) does not exist: echo '{\"apiVersion\":\"v1\"",
        "| kubectl apply -n team-a -f -",
    ] {
        assert!(said.contains(fix), "{fix} is not in {said}");
    }
    let status = report::status(&all.0, &plan(&all.0));
    assert_eq!(status.waiting_for.as_deref(), Some("Secret db, claim data, ConfigMap app"));
    assert_eq!(status.resolved.as_deref(), Some("0/3"));

    let forbidden = mounts().claim(THERE).config_map(ObjectKnowledge::Forbidden);
    assert!(forbidden.verdict_says().contains("list and watch on configmaps"), "{}", forbidden.verdict_says());
    let status = report::status(&forbidden.0, &plan(&forbidden.0));
    assert_eq!(status.waiting_for.as_deref(), Some("access to ConfigMap app"));
    let leaving = mounts().claim(ObjectKnowledge::Leaving).config_map(THERE);
    assert!(leaving.verdict_says().contains("is being deleted: when it is gone"), "{}", leaving.verdict_says());
}

#[test]
fn the_command_names_the_key_that_is_mounted() {
    let volume = json!({"config_map": "app", "mount_path": "/etc/app.conf", "sub_path": "app.conf"});
    let said = story(&json!({"transform": {"image": "a", "volumes": [volume]}})).config_map(NOT).verdict_says();
    assert!(said.contains("--from-literal=app.conf=VALUE"), "{said}");
}

#[test]
fn a_config_map_is_not_taken_for_the_secret_of_its_name() {
    let spec = json!({"transform": {
        "image": "a", "secrets": [{"name": "app", "env_prefix": ""}],
        "volumes": [{"config_map": "app", "mount_path": "/etc/app"}],
    }});
    let started = || story(&spec).secret("app", &["a"]).config_map(THERE);
    let running =
        started().pod(1, 0, PodPhase::Running).last_pod(|pod| drop(pod.started_with.insert("app".into(), "42".into())));
    let References::Seen { rows, .. } = plan(&running.0).references else { panic!("not looked at") };
    let versions: Vec<_> = rows.iter().map(|row| row.started_with.as_deref()).collect();
    assert_eq!(versions, [Some("42"), None]);
    assert_eq!(started().absent("app").kinds(), ["Secret/app:NotFound", "ConfigMap/app:Resolved"]);
}

#[test]
fn no_pod_without_every_volume_seen() {
    // All states of both objects, the ConfigMap optional or not: a Pod only where each is good.
    let states = [THERE, NOT, ObjectKnowledge::Leaving, ObjectKnowledge::Forbidden, ObjectKnowledge::Unread];
    for optional in [false, true] {
        let spec = json!({"transform": {"image": "a", "volumes": [
            {"claim": "data", "mount_path": "/data"}, {"config_map": "app", "mount_path": "/a", "optional": optional},
        ]}});
        for claim in states {
            for config_map in states {
                let story = story(&spec).claim(claim).config_map(config_map);
                let absent = matches!(config_map, ObjectKnowledge::Absent | ObjectKnowledge::Leaving);
                let good = claim == THERE && (config_map == THERE || optional && absent);
                assert_eq!(!plan(&story.0).create.is_empty(), good, "{:?}", story.kinds());
                // What follows is settled: once its writes are done, the plan wants nothing more.
                let settled = story.settle();
                let again = plan(&settled.0);
                assert!(again.create.is_empty() && again.delete.is_empty(), "{}", settled.line());
                assert_eq!(report::status(&settled.0, &again), settled.0.recorded);
            }
        }
    }
}

#[test]
fn a_volume_that_the_kubelet_cannot_mount_is_named_as_people_wrote_it() {
    let said = |why: &dyn Fn(&str) -> String, which: usize| {
        let story = mounts().claim(THERE).config_map(THERE);
        let WorkState::Valid(work) = &story.0.work else { panic!("not valid") };
        let name = build::mount_name(&work.steps[0].volumes[which]);
        let stuck = story.pod(1, 0, PodPhase::Pending).last_pod(|pod| pod.mount_failure = Some(why(&name)));
        let step = plan(&stuck.0).steps.remove(0);
        assert_eq!(step.trouble, Some(Trouble::VolumeMount));
        step.message.unwrap()
    };
    let gone = said(&|name| format!("MountVolume.SetUp failed for volume \"{name}\" : configmap \"app\" not found"), 1);
    assert!(gone.starts_with("ConfigMap app (mounted at /etc/app) cannot be mounted"), "{gone}");
    assert!(gone.ends_with("(kubectl describe configmaps app -n team-a)"), "{gone}");
    let late = said(&|name| format!("Unable to attach or mount volumes: unmounted volumes=[{name}]"), 0);
    assert!(late.starts_with("PersistentVolumeClaim data (mounted at /data) cannot be mounted"), "{late}");
    let of_storage =
        said(&|_| "MountVolume.SetUp failed for volume \"pv-7\" : hostPath type check failed".to_owned(), 0);
    assert!(of_storage.contains("kubectl describe persistentvolumeclaims -n team-a"), "{of_storage}");
}

#[test]
fn a_claim_without_storage_is_no_matter_of_nodes() {
    let pending = mounts().claim(THERE).config_map(THERE).pod(1, 0, PodPhase::Pending).last_pod(|pod| {
        pod.unschedulable = Some("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.".into());
    });
    let said = plan(&pending.0).steps.remove(0).message.unwrap();
    assert!(said.ends_with("(kubectl describe persistentvolumeclaims -n team-a)"), "{said}");
}

#[test]
fn pachyderm_s_sentences_are_of_secrets_only() {
    let fail = mounts().config_map(ObjectKnowledge::Absent).claim(ObjectKnowledge::Absent).with(|world| {
        let WorkState::Valid(work) = &mut world.work else { panic!("it is valid") };
        work.on_missing_secret = OnMissingSecret::Fail;
    });
    assert!(!fail.verdict_says().contains("Kubernetes secret"), "{}", fail.verdict_says());
}
