//! Valid specs and their meaning; any spec, and no panic. Broken rules stand in `tests/corpus`.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ContainerPort, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::collection::{btree_map, vec};
use proptest::option::{of, weighted};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::pipeline::{PodMetadata, Quantity, SchedulingSpec};
use crate::api::step::Step as WireStep;
use crate::api::transform::{Format, Item, SecretEntry, Transform};
use crate::api::volume::{Scratch, VolumeEntry};
use crate::model::validate::validate;
use crate::model::work::{Files, Step, Usage};

fn spec(transform: serde_json::Value) -> PipelineSpec {
    let spec = serde_json::Value::from_iter([("transform", transform)]);
    serde_json::from_value(spec).unwrap()
}

fn step(spec: &PipelineSpec) -> Step {
    parse(spec).unwrap().steps.remove(0)
}

#[test]
fn uses_stand_in_order_and_pull_secrets_once() {
    let mut spec = spec(json!({
        "image": "busybox",
        "secrets": [
            {"name": "db", "env_var": "PASSWORD", "key": "password", "mount_path": "/etc/db", "env_prefix": "DB_"},
            {"name": "tls", "mount_path": "/etc/tls", "optional": true},
        ],
        "image_pull_secrets": ["own", "both"],
    }));
    spec.secrets = serde_json::from_value(json!([{"name": "all", "env_prefix": ""}])).unwrap();
    spec.image_pull_secrets = vec!["both".into(), "theirs".into()];
    let uses = step(&spec).uses;
    let names: Vec<&str> = uses.iter().map(|used| used.secret.as_str()).collect();
    assert_eq!(names, ["db", "db", "db", "tls", "all", "own", "both", "theirs"]);
    assert!(
        matches!(&uses[0].usage, Usage::Env { var, key } if var.as_str() == "PASSWORD" && key.as_str() == "password")
    );
    assert!(matches!(&uses[1].usage, Usage::EnvPrefix { prefix } if prefix == "DB_"));
    assert!(
        matches!(&uses[2].usage, Usage::Mount { path, files: Files::All, sub_path: None } if path.as_str() == "/etc/db")
    );
    assert!(uses[3].optional && !uses[2].optional);
    assert!(uses[5..].iter().all(|used| used.usage == Usage::ImagePull));
}

#[test]
fn fs_group_is_the_user_unless_it_is_given() {
    let ids = |transform| {
        let step = step(&spec(transform));
        (step.user, step.group, step.fs_group)
    };
    assert_eq!(ids(json!({"image": "a"})), (None, None, None));
    assert_eq!(ids(json!({"image": "a", "user": "1000"})), (Some(1000), None, Some(1000)));
    assert_eq!(ids(json!({"image": "a", "user": "1", "group": "2", "fs_group": "3"})), (Some(1), Some(2), Some(3)));
}

#[test]
fn stdin_has_a_newline_after_each_line_and_is_measured_in_bytes() {
    let stdin = |lines: &[&str]| parse(&spec(json!({"image": "a", "cmd": ["sh"], "stdin": lines})));
    let text = |lines| stdin(lines).unwrap().steps.remove(0).stdin;
    assert_eq!(text(&[]), None);
    assert_eq!(text(&[""]).as_deref(), Some("\n"));
    assert_eq!(text(&["a", "", " b\nc "]).as_deref(), Some("a\n\n b\nc \n"));
    // Two bytes each: as many characters as the API server takes, and twice the bytes.
    assert_eq!(text(&[&"é".repeat(102_399)]).map(|text| text.len()), Some(204_799));
    let violations = stdin(&[&"é".repeat(102_400)]).unwrap_err();
    assert_eq!(violations[0].field, "spec.transform.stdin");
    assert!(violations[0].message.contains("at most 200 KiB"), "{violations:?}");
}

#[test]
fn what_stands_on_a_step_wins_and_maps_replace() {
    let spec: PipelineSpec = serde_json::from_value(json!({
        "steps": [
            {"name": "plain", "image": "a"},
            {
                "name": "own", "image": "a", "needs": ["plain"],
                "retries": 0, "timeout": "1m", "pending_timeout": "2m", "parallelism": 4,
                "service_account_name": "own", "image_pull_policy": "Never", "resource_limits": {"memory": "1Gi"},
                "scheduling_spec": {"priority_class_name": "high"}, "tolerations": [{"key": "own"}],
            },
        ],
        "retries": 3, "timeout": "1h", "pending_timeout": "15m", "parallelism": 2,
        "service_account_name": "all", "image_pull_policy": "Always",
        "resource_requests": {"cpu": 1}, "resource_limits": {"cpu": 2},
        "scheduling_spec": {"node_selector": {"disk": "ssd"}}, "tolerations": [{"key": "all"}, {"key": "more"}],
    }))
    .unwrap();
    let told = |step: &Step| {
        let limits: Vec<&str> = step.limits.keys().map(String::as_str).collect();
        format!(
            "{} {:?} retries={} parallelism={} timeout={:?} pending={:?} {:?} {:?} requests={} limits={limits:?} {:?} {:?} {}",
            step.name,
            step.needs,
            step.retries,
            step.parallelism,
            step.timeout.map(|time| time.as_mins()),
            step.pending_timeout.map(|time| time.as_mins()),
            step.service_account,
            step.image_pull_policy,
            step.requests.len(),
            step.node_selector,
            step.priority_class_name,
            step.tolerations.len(),
        )
    };
    let work = parse(&spec).unwrap();
    assert_eq!(
        work.steps.iter().map(told).collect::<Vec<_>>(),
        [
            r#"plain [] retries=3 parallelism=2 timeout=None pending=Some(15) Some("all") Some(Always) requests=1 limits=["cpu"] {"disk": "ssd"} None 2"#,
            r#"own ["plain"] retries=0 parallelism=4 timeout=Some(1) pending=Some(2) Some("own") Some(Never) requests=1 limits=["memory"] {} Some("high") 1"#,
        ]
    );
    assert_eq!(work.timeout.map(|time| time.as_mins()), Some(60));
}

#[test]
fn keys_of_other_tools_are_not_passed_on() {
    let mut spec = spec(json!({"image": "a"}));
    spec.metadata = serde_json::from_value(json!({
        "labels": {"team": "a", "app.kubernetes.io/instance": "x", "app.kubernetes.io/name": "y", "helm.sh/chart": "z"},
        "annotations": {
            "note": "b", "argocd.argoproj.io/tracking-id": "x", "meta.helm.sh/release-name": "x", "lockgate.dev/run": "x",
            "kustomize.toolkit.fluxcd.io/name": "x", "helm.toolkit.fluxcd.io/name": "x",
            "kubectl.kubernetes.io/last-applied-configuration": "x", "kubectl.kubernetes.io/default-container": "main",
        },
    }))
    .unwrap();
    let work = parse(&spec).unwrap();
    assert_eq!(work.labels.into_keys().collect::<Vec<_>>(), ["app.kubernetes.io/name", "team"]);
    assert_eq!(work.annotations.into_keys().collect::<Vec<_>>(), ["kubectl.kubernetes.io/default-container", "note"]);
}

#[test]
fn every_broken_rule_is_told_at_once() {
    let broken = spec(json!({
        "image": "app:#(dockertag)#",
        "user": "root",
        "debug": true,
        "secrets": [{"name": "db", "env_var": "A"}, {"name": "T_", "key": "k"}],
    }));
    let fields: Vec<String> = parse(&broken).unwrap_err().into_iter().map(|violation| violation.field).collect();
    assert_eq!(
        fields,
        [
            "spec.transform.image",
            "spec.transform.debug",
            "spec.transform.user",
            "spec.transform.secrets[0].key",
            "spec.transform.secrets[1].key",
            "spec.transform.secrets[1]",
            "spec.transform.secrets[1].name",
        ]
    );
}

/// Mostly one of the good texts, now and then anything.
fn text(good: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![60 => proptest::sample::select(good).prop_map(str::to_owned), 1 => any::<String>()].boxed()
}

/// Mostly absent, so that a spec is not always broken by it.
fn rare<T: std::fmt::Debug + Clone + 'static>(some: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    weighted(0.02, some).boxed()
}

fn names() -> BoxedStrategy<String> {
    text(&["db", "tls", "a.b-c", "0"])
}

fn entry() -> BoxedStrategy<SecretEntry> {
    let paths = || text(&["/a", "/b", "/c/d", "/c/e", "/etc/app.conf"]);
    let keys = || text(&["password", "tls.crt", ".dockerconfigjson", "a_B"]);
    let item = (keys(), text(&["a", "b", "c/d", "app.conf"]), of(prop_oneof![Just(0o440), any::<i32>()]));
    let items = vec(item.prop_map(|(key, path, mode)| Item { key, path, mode }), 0..3);
    let env = of((text(&["A", "B", "C", "D d", "E"]), keys()));
    (names(), env, of((paths(), items)), rare(keys()), of(text(&["", "P_", "Q"])), any::<bool>())
        .prop_map(|(name, env, mount, sub_path, env_prefix, optional)| {
            let (env_var, key) = env.unzip();
            let (mount_path, items) = mount.unzip();
            SecretEntry {
                name,
                env_var,
                key,
                mount_path,
                items: items.unwrap_or_default(),
                sub_path,
                env_prefix,
                format: None,
                optional,
            }
        })
        .boxed()
}

fn volume() -> BoxedStrategy<VolumeEntry> {
    let paths = text(&["/a", "/x", "/y/z", "/c", "/pfs"]);
    let size =
        of(prop_oneof![any::<i64>().prop_map(Quantity::Number), text(&["1Gi", "0.0", "1e3"]).prop_map(Quantity::Text)]);
    let scratch = (size, any::<bool>()).prop_map(|(size, memory)| Scratch { size, memory });
    let sub_path = || of(text(&["in", "a/b", "app.conf"]));
    let claim = (names(), sub_path(), any::<bool>()).prop_map(|(name, sub_path, read_only)| VolumeEntry {
        claim: Some(name),
        sub_path,
        read_only,
        ..VolumeEntry::default()
    });
    let config_map = (names(), sub_path(), any::<bool>()).prop_map(|(name, sub_path, optional)| VolumeEntry {
        config_map: Some(name),
        sub_path,
        optional,
        ..VolumeEntry::default()
    });
    let scratch = (scratch, rare(any::<bool>())).prop_map(|(scratch, odd)| VolumeEntry {
        scratch: Some(scratch),
        read_only: odd == Some(true),
        optional: odd == Some(false),
        ..VolumeEntry::default()
    });
    (prop_oneof![claim, config_map, scratch], paths, rare(names()))
        .prop_map(|(entry, mount_path, claim)| VolumeEntry { mount_path, claim: entry.claim.or(claim), ..entry })
        .boxed()
}

fn transform() -> impl Strategy<Value = Transform> {
    let ids = || of(text(&["0", "1000", "2147483647"]));
    let images = text(&["busybox", "a.b/c:1", "localhost:5000/a_b/c__d", "A/b"]);
    let stdin = prop_oneof![3 => Just(vec![]), 1 => vec(any::<String>(), 0..3)];
    let run = (images, vec(any::<String>(), 0..3), vec(any::<String>(), 0..3), of("[ -~]{0,9}"), stdin);
    let env = btree_map(text(&["X", "Y", "Z z"]), any::<String>(), 0..3);
    let codes = prop_oneof![60 => vec(0..=255_i64, 0..3), 1 => vec(any::<i64>(), 1)];
    let refused = (rare(vec(any::<String>(), 1)), codes, rare(any::<bool>()), rare(any::<String>()));
    let volumes = (vec(volume(), 0..3), any::<bool>());
    (run, env, (ids(), ids(), ids()), vec(entry(), 0..3), vec(names(), 0..3), volumes, refused).prop_map(
        |(
            (image, cmd, args, working_dir, stdin),
            env,
            (user, group, fs_group),
            secrets,
            image_pull_secrets,
            (volumes, memory_volume),
            refused,
        )| {
            Transform {
                image,
                cmd,
                args,
                env,
                working_dir,
                user,
                group,
                fs_group,
                input: None,
                secrets,
                image_pull_secrets,
                volumes,
                stdin,
                err_cmd: refused.0.clone().unwrap_or_default(),
                err_stdin: refused.0.unwrap_or_default(),
                accept_return_code: refused.1,
                debug: refused.2.unwrap_or_default(),
                dockerfile: refused.3,
                memory_volume,
                datum_batching: refused.2.unwrap_or_default(),
            }
        },
    )
}

/// Steps of which each may need the ones before it; now and then one needs itself or one after it.
fn steps() -> impl Strategy<Value = Vec<WireStep>> {
    let numbers = || (of(0..9_i32), of(0..9_i32), of(text(&["1h", "1m"])), of(text(&["1h", "1m"])));
    let needs = prop_oneof![20 => vec(0..4_usize, 0..3), 1 => vec(4..6_usize, 1)];
    let name = weighted(0.02, any::<String>());
    let own = (transform(), numbers(), needs, name, of(names()), of(text(&["", "high"])));
    vec(own, 1..4).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(index, own)| {
                let (container, (parallelism, retries, timeout, pending_timeout), needs, name, account, priority) = own;
                // A number below the step's own is one before it.
                let needs: BTreeSet<usize> = needs.into_iter().filter(|need| *need < index || *need > 3).collect();
                WireStep {
                    name: name.unwrap_or_else(|| format!("s{index}")),
                    needs: needs.into_iter().map(|need| format!("s{}", need % 4)).collect(),
                    container,
                    parallelism,
                    retries,
                    timeout,
                    pending_timeout,
                    service_account_name: account,
                    scheduling_spec: priority
                        .map(|name| SchedulingSpec { priority_class_name: Some(name), ..SchedulingSpec::default() }),
                    ..WireStep::default()
                }
            })
            .collect()
    })
}

/// Either a transform or steps; now and then both.
fn work() -> impl Strategy<Value = (Option<Transform>, Vec<WireStep>)> {
    prop_oneof![
        10 => transform().prop_map(|transform| (Some(transform), vec![])),
        10 => steps().prop_map(|steps| (None, steps)),
        1 => (of(transform()), steps()),
    ]
}

fn any_spec() -> impl Strategy<Value = PipelineSpec> {
    let quantities = || {
        let amount = prop_oneof![
            (0..9_i64).prop_map(Quantity::Number),
            text(&["100m", "1.5Gi", "1e3"]).prop_map(Quantity::Text)
        ];
        btree_map(text(&["cpu", "memory", "nvidia.com/gpu"]), amount, 0..3)
    };
    let labels = || btree_map(text(&["a", "a.b/c", "D_e"]), text(&["", "x", "y.z"]), 0..3);
    let scheduling = (labels(), of(text(&["", "high"])))
        .prop_map(|(node_selector, priority_class_name)| SchedulingSpec { node_selector, priority_class_name });
    let metadata = (labels(), labels()).prop_map(|(labels, annotations)| PodMetadata { labels, annotations });
    let requests = || btree_map(text(&["cpu", "memory"]), (0..9_i64).prop_map(Quantity::Number), 0..3);
    let lists = (work(), vec(entry(), 0..3), vec(names(), 0..3));
    let rest = (of(text(&["1h", "1h2m3s", "999999s"])), of(names()), requests(), quantities());
    (lists, rest, of(scheduling), of(metadata)).prop_map(|(lists, rest, scheduling_spec, metadata)| PipelineSpec {
        transform: lists.0.0,
        steps: lists.0.1,
        secrets: lists.1,
        image_pull_secrets: lists.2,
        missing_secret_timeout: rest.0,
        service_account_name: rest.1,
        resource_requests: rest.2,
        resource_limits: rest.3,
        scheduling_spec,
        metadata,
        ..spec(json!({"image": "a"}))
    })
}

proptest! {
    #[test]
    fn whatever_parse_accepts_validate_accepts(spec in any_spec()) {
        let manifest = json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "any"}, "spec": spec,
        });
        let found = validate(&manifest);
        match parse(&spec) {
            Ok(work) => {
                prop_assert_eq!(found, vec![]);
                prop_assert_eq!(work.steps.len(), spec.steps.len().max(1));
            }
            Err(violations) => {
                prop_assert!(!violations.is_empty());
                prop_assert!(!found.is_empty());
            }
        }
    }

    #[test]
    fn no_text_makes_parse_panic(text in any::<String>(), other in any::<String>(), mode in any::<i32>()) {
        let entry = SecretEntry {
            name: text.clone(), env_var: Some(other.clone()), key: Some(text.clone()), mount_path: Some(other.clone()),
            items: vec![Item { key: text.clone(), path: other.clone(), mode: Some(mode) }],
            sub_path: Some(other.clone()), env_prefix: Some(text.clone()), format: Some(Format::Properties),
            optional: false,
        };
        let mut spec = spec(json!({"image": text, "user": text, "group": other, "fs_group": text, "working_dir": other}));
        let transform = spec.transform.as_mut().unwrap();
        transform.secrets = vec![entry.clone(), entry.clone()];
        transform.env = BTreeMap::from([(text.clone(), other.clone())]);
        spec.steps = vec![
            WireStep {
                name: text.clone(), needs: vec![other.clone(), text.clone()], container: transform.clone(),
                timeout: Some(other.clone()), parallelism: Some(mode), ..WireStep::default()
            },
            WireStep { name: other.clone(), needs: vec![text.clone()], ..WireStep::default() },
        ];
        spec.ports = vec![ContainerPort { name: Some(text.clone()), container_port: mode, ..ContainerPort::default() }];
        spec.readiness_probe = Some(Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::String(other.clone()), host: None }),
            ..Probe::default()
        });
        spec.secrets = vec![entry];
        spec.image_pull_secrets = vec![text.clone(), other.clone()];
        spec.missing_secret_timeout = Some(text.clone());
        spec.service_account_name = Some(other.clone());
        spec.resource_requests = BTreeMap::from([(text.clone(), Quantity::Text(other.clone()))]);
        spec.resource_limits = BTreeMap::from([(other.clone(), Quantity::Number(mode.into()))]);
        let labels = BTreeMap::from([(text.clone(), other.clone())]);
        spec.scheduling_spec =
            Some(SchedulingSpec { node_selector: labels.clone(), priority_class_name: Some(text) });
        spec.metadata = Some(PodMetadata { labels: labels.clone(), annotations: labels });
        prop_assert!(parse(&spec).is_err());
    }
}
