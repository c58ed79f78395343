//! What an emitted Pod holds, fact by fact.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::pod;
use crate::model::defaults::Defaults;
use crate::model::parse::parse;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::world::{Subject, WorkState, World};

fn built(spec: &Value) -> Pod {
    built_with(spec, Defaults::default())
}

pub(super) fn built_with(spec: &Value, defaults: Defaults) -> Pod {
    let spec = serde_json::from_value(spec.clone()).unwrap();
    let work = parse(&spec).unwrap();
    let step = work.steps[0].clone();
    let subject = Subject::new("team-a", "edges", "uid-edges");
    let work = WorkState::Valid(Box::new(work));
    let world =
        World { defaults: Arc::new(defaults), ..World::of(subject, work, "v1:key/".into(), Timestamp::UNIX_EPOCH) };
    let id = PodIdentity { run: 1, step: "main".into(), index: 0, attempt: 0, replacement: 0 };
    pod(&world, &RunRef { number: 1, key: "v1:key/".into() }, &step, &id, 3)
}

pub(super) fn spec_of(spec: &Value) -> PodSpec {
    built(spec).spec.unwrap()
}

fn container(spec: &Value) -> Container {
    spec_of(spec).containers.remove(0)
}

#[test]
fn secret_variables_stand_before_literals_so_that_these_may_name_them() {
    let container = container(&json!({
        "transform": {"image": "a", "env": {"DSN": "postgres://u:$(DB_PASSWORD)@db", "A": "1"},
            "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]},
        "secrets": [{"name": "api", "env_var": "Z_TOKEN", "key": "token"}],
    }));
    let names: Vec<_> = container.env.iter().flatten().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["DB_PASSWORD", "Z_TOKEN", "LOCKGATE_INDEX", "LOCKGATE_PARALLELISM", "A", "DSN"]);
}

#[test]
fn a_secret_s_value_never_stands_in_a_pod() {
    let pod = built(&json!({"transform": {"image": "a", "secrets": [
        {"name": "db", "env_var": "DB_PASSWORD", "key": "password"}, {"name": "app", "env_prefix": "APP_"},
    ]}}));
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let variable = &container.env.as_ref().unwrap()[0];
    assert!(variable.value.is_none());
    let reference = variable.value_from.as_ref().unwrap().secret_key_ref.as_ref().unwrap();
    assert_eq!((reference.name.as_str(), reference.key.as_str()), ("db", "password"));
    let all = &container.env_from.as_ref().unwrap()[0];
    assert_eq!(all.prefix.as_deref(), Some("APP_"));
    assert_eq!(all.secret_ref.as_ref().unwrap().name, "app");
}

#[test]
fn secrets_at_one_path_share_a_projected_volume_and_others_have_their_own() {
    let spec = spec_of(&json!({"transform": {"image": "a", "secrets": [
        {"name": "tls", "mount_path": "/etc/tls"},
        {"name": "ca", "mount_path": "/etc/tls", "items": [{"key": "ca.crt", "path": "ca.pem", "mode": 288}]},
        {"name": "tls", "mount_path": "/etc/again"},
        {"name": "app", "mount_path": "/etc/app.conf", "items": [{"key": "conf", "path": "app.conf"}], "sub_path": "app.conf"},
    ]}}));
    let volumes = spec.volumes.unwrap();
    let mounts = spec.containers[0].volume_mounts.clone().unwrap();
    let volume_at = |path: &str| {
        let mount = mounts.iter().find(|mount| mount.mount_path == path).unwrap();
        assert_eq!(mount.read_only, Some(true));
        volumes.iter().find(|volume| volume.name == mount.name).unwrap()
    };
    assert_eq!(volumes.len(), 3);
    let shared = volume_at("/etc/tls").projected.as_ref().unwrap().sources.as_ref().unwrap();
    let sources: Vec<_> = shared.iter().map(|source| source.secret.as_ref().unwrap()).collect();
    assert_eq!(sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["tls", "ca"]);
    assert_eq!(sources[1].items.as_ref().unwrap()[0].mode, Some(0o440));
    assert_eq!(volume_at("/etc/again").secret.as_ref().unwrap().secret_name.as_deref(), Some("tls"));
    let file = mounts.iter().find(|mount| mount.mount_path == "/etc/app.conf").unwrap();
    assert_eq!(file.sub_path.as_deref(), Some("app.conf"));
}

#[test]
fn a_volume_s_name_is_a_label_though_the_secret_s_is_none() {
    let long = format!("a.{}", ["b"; 120].join("."));
    let volumes = spec_of(&json!({"transform": {"image": "a", "secrets": [{"name": long, "mount_path": "/x"}]}}))
        .volumes
        .unwrap();
    assert!(volumes[0].name.len() <= 63 && !volumes[0].name.contains('.'));
}

#[test]
fn the_pod_belongs_to_its_pipeline_and_carries_our_marks() {
    let meta = built(&json!({"transform": {"image": "a"}, "metadata": {"labels": {
        "team": "a", "app.kubernetes.io/managed-by": "somebody", "lockgate.dev/run": "9",
        "argocd.argoproj.io/instance": "x", "app.kubernetes.io/instance": "y",
    }, "annotations": {"kustomize.toolkit.fluxcd.io/name": "z", "note": "kept"}}}))
    .metadata;
    let owner = &meta.owner_references.unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.uid.as_str(), owner.controller), ("Pipeline", "uid-edges", Some(true)));
    assert_eq!(owner.block_owner_deletion, None);
    assert!(meta.finalizers.is_none());
    let labels = meta.labels.unwrap();
    assert_eq!(labels["team"], "a");
    assert_eq!(labels["app.kubernetes.io/managed-by"], "lockgate");
    assert_eq!(labels["lockgate.dev/run"], "1");
    assert!(!labels.keys().any(|key| key.starts_with("argocd") || key == "app.kubernetes.io/instance"));
    let annotations = meta.annotations.unwrap();
    assert_eq!(annotations["note"], "kept");
    assert!(!annotations.keys().any(|key| key.contains("fluxcd")));
}

#[test]
fn a_token_is_mounted_only_for_an_account_that_somebody_chose() {
    let plain = spec_of(&json!({"transform": {"image": "a"}}));
    assert_eq!((plain.service_account_name, plain.automount_service_account_token), (None, Some(false)));
    let chosen = spec_of(&json!({"transform": {"image": "a"}, "service_account_name": "robot"}));
    assert_eq!((chosen.service_account_name.as_deref(), chosen.automount_service_account_token), (Some("robot"), None));
}

#[test]
fn the_user_s_group_owns_the_files_unless_another_is_named() {
    let security = |spec: Value| spec_of(&spec).security_context.unwrap();
    let user = security(json!({"transform": {"image": "a", "user": "1000"}}));
    assert_eq!((user.run_as_user, user.fs_group), (Some(1000), Some(1000)));
    let other = security(json!({"transform": {"image": "a", "user": "1000", "group": "7", "fs_group": "2000"}}));
    assert_eq!((other.run_as_group, other.fs_group), (Some(7), Some(2000)));
    assert_eq!(security(json!({"transform": {"image": "a"}})).fs_group, None);
}

#[test]
fn baseline_sets_seccomp_and_nothing_else_and_restricted_all() {
    let baseline = spec_of(&json!({"transform": {"image": "a"}}));
    let context = baseline.security_context.unwrap();
    assert_eq!(context.seccomp_profile.unwrap().type_, "RuntimeDefault");
    assert_eq!((context.run_as_non_root, baseline.containers[0].security_context.is_none()), (None, true));
    let restricted = spec_of(&json!({"transform": {"image": "a"}, "security": "Restricted"}));
    assert_eq!(restricted.security_context.unwrap().run_as_non_root, Some(true));
    let container = restricted.containers[0].security_context.clone().unwrap();
    assert_eq!(container.allow_privilege_escalation, Some(false));
    assert_eq!(container.capabilities.unwrap().drop.unwrap(), ["ALL"]);
}

#[test]
fn stdin_is_a_file_that_a_shell_hands_to_the_command() {
    let spec = json!({"transform": {"image": "a", "cmd": ["python3", "$(A) \"b\""], "args": ["c d"],
        "stdin": ["print('$(A)')", "\"$HOME\"", ""]}, "metadata": {"annotations": {"lockgate.dev/stdin": "another"}}});
    let pod = built(&spec);
    assert_eq!(pod.metadata.annotations.unwrap()["lockgate.dev/stdin"], "print('$(A)')\n\"$HOME\"\n\n");
    let spec = pod.spec.unwrap();
    let container = &spec.containers[0];
    let script = "exec \"$0\" \"$@\" < /lockgate/stdin";
    assert_eq!(container.command.as_deref().unwrap(), ["/bin/sh", "-c", script, "python3", "$(A) \"b\""]);
    assert_eq!(container.args.as_deref().unwrap(), ["c d"]);
    let mount = &container.volume_mounts.as_ref().unwrap()[0];
    assert_eq!((mount.mount_path.as_str(), mount.read_only), ("/lockgate/stdin", Some(true)));
    assert_eq!(mount.sub_path.as_deref(), Some("stdin"));
    let volume = &spec.volumes.as_ref().unwrap()[0];
    assert_eq!(volume.name, mount.name);
    let source = volume.downward_api.as_ref().unwrap();
    let file = &source.items.as_ref().unwrap()[0];
    assert_eq!((source.default_mode, file.path.as_str()), (Some(0o444), "stdin"));
    assert_eq!(file.field_ref.as_ref().unwrap().field_path, "metadata.annotations['lockgate.dev/stdin']");
}

#[test]
fn without_stdin_no_shell_stands_between() {
    let pod = built(&json!({"transform": {"image": "a", "cmd": ["python3"], "stdin": []}}));
    assert!(!pod.metadata.annotations.unwrap().contains_key("lockgate.dev/stdin"));
    let spec = pod.spec.unwrap();
    assert_eq!(spec.containers[0].command.as_deref().unwrap(), ["python3"]);
    assert!(spec.volumes.is_none());
}

#[test]
fn pods_run_once() {
    assert_eq!(spec_of(&json!({"transform": {"image": "a"}})).restart_policy.as_deref(), Some("Never"));
}

#[test]
fn what_is_empty_is_left_out() {
    let container = container(&json!({"transform": {"image": "a"}}));
    assert!(container.env_from.is_none() && container.command.is_none() && container.volume_mounts.is_none());
    assert_eq!(container.termination_message_policy.as_deref(), Some("File"));
    assert!(container.image_pull_policy.is_none() && container.resources.is_none());
}

#[test]
fn resources_keep_their_notation() {
    let resources = container(&json!({"transform": {"image": "a"},
        "resource_requests": {"cpu": "100m", "nvidia.com/gpu": 1}, "resource_limits": {"memory": "128Mi", "nvidia.com/gpu": 1}}))
    .resources
    .unwrap();
    assert_eq!(resources.requests.unwrap()["nvidia.com/gpu"].0, "1");
    assert_eq!(resources.limits.unwrap()["memory"].0, "128Mi");
}

#[test]
fn a_pod_of_a_job_ends_and_knows_which_of_how_many_it_is() {
    let spec = spec_of(&json!({"transform": {"image": "a"}}));
    assert_eq!(spec.restart_policy.as_deref(), Some("Never"));
    let env: Vec<_> =
        spec.containers[0].env.iter().flatten().map(|e| (e.name.as_str(), e.value.as_deref().unwrap())).collect();
    assert_eq!(env, [("LOCKGATE_INDEX", "0"), ("LOCKGATE_PARALLELISM", "3")]);
}

#[test]
fn a_pod_of_a_service_is_kept_running_with_its_ports_and_probes() {
    let spec = spec_of(&json!({"mode": "Service", "transform": {"image": "a"},
        "ports": [{"name": "http", "containerPort": 8080}],
        "readiness_probe": {"httpGet": {"port": "http", "path": "/ready"}},
        "liveness_probe": {"exec": {"command": ["true"]}}}));
    assert_eq!(spec.restart_policy.as_deref(), Some("Always"));
    let container = &spec.containers[0];
    assert_eq!(container.ports.as_ref().unwrap()[0].container_port, 8080);
    assert!(container.readiness_probe.is_some() && container.liveness_probe.is_some());
    let names: Vec<_> = container.env.iter().flatten().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["LOCKGATE_INDEX"], "how many there are may change while it runs");
}
