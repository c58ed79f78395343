//! What the stores of Registries tell of a change, and whom.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kube_runtime::watcher::Event;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::agenda::{Agenda, COUNT_PAUSE};
use super::wire::{StoredRegistry, Wire, WireClusterRegistry, WireRegistry};
use crate::controller::facts::ReadOutcome;
use crate::controller::index::Uses;
use crate::controller::key::ObjectKey;
use crate::controller::object::{StoredPipeline, WirePipeline};
use crate::controller::state::State;
use crate::model::attached::host_of;
use crate::model::registry::Host;
use crate::model::world::RegistryKind;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("team-a", name)
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

fn meta(namespace: &str, name: &str, version: u64, second: u32) -> Value {
    json!({
        "name": name, "namespace": namespace, "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
        "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
    })
}

/// A Registry of team-a, made in this second.
fn registry(name: &str, version: u64, second: u32, host: &str, secret: &str) -> Arc<StoredRegistry> {
    let spec = json!({"host": host, "secret": {"name": secret}});
    let wire = json!({"metadata": meta("team-a", name, version, second), "spec": spec});
    Arc::new(serde_json::from_value::<WireRegistry>(wire).unwrap().stored())
}

fn cluster_registry(name: &str, second: u32, host: &str) -> Arc<StoredRegistry> {
    let mut meta = meta("", name, 1, second);
    meta.as_object_mut().unwrap().remove("namespace");
    let spec = json!({"host": host, "secret": {"namespace": "platform", "name": "source"}});
    let wire = json!({"metadata": meta, "spec": spec});
    Arc::new(serde_json::from_value::<WireClusterRegistry>(wire).unwrap().stored())
}

fn pipeline(namespace: &str, name: &str, images: &[&str]) -> Arc<StoredPipeline> {
    let step = |(i, image): (usize, &&str)| json!({"name": format!("s{i}"), "image": image, "cmd": ["x"]});
    let steps: Vec<Value> = images.iter().enumerate().map(step).collect();
    let wire = json!({"metadata": {"name": name, "namespace": namespace, "uid": name}, "spec": {"steps": steps}});
    Arc::new(StoredPipeline::of(serde_json::from_value::<WirePipeline>(wire).unwrap()))
}

/// `edges` (reg.test and the Hub) and `plain` (the Hub) in team-a, `other` (reg.test) in team-b and in team-aa.
fn state() -> State {
    let mut state = State::default();
    for (version, (namespace, name, images)) in [
        ("team-a", "edges", &["reg.test/a", "busybox"][..]),
        ("team-a", "plain", &["busybox"]),
        ("team-aa", "other", &["reg.test/a"]),
        ("team-b", "other", &["reg.test/a"]),
    ]
    .into_iter()
    .enumerate()
    {
        let version = u64::try_from(version).unwrap() + 1;
        state.pipelines.apply(ObjectKey::new(namespace, name), version, pipeline(namespace, name, images));
    }
    state.registries_due(Instant::now());
    state
}

/// Tells the state, and returns who is woken, as `namespace/name`.
fn tell(state: &mut State, kind: RegistryKind, event: Event<Arc<StoredRegistry>>) -> Vec<String> {
    let change = state.registries_mut(kind).hear(event);
    state.registry_changed(kind, &change).iter().map(ToString::to_string).collect()
}

fn due(state: &mut State) -> Vec<String> {
    state.registries_due(Instant::now()).0.iter().map(|key| key.name.clone()).collect()
}

#[test]
fn a_change_wakes_those_with_an_image_of_the_host_in_its_namespace_and_no_other() {
    let mut state = state();
    let apply = |registry| Event::Apply(registry);
    let kind = RegistryKind::Registry;
    assert_eq!(tell(&mut state, kind, apply(registry("reg", 1, 0, "reg.test", "one"))), ["team-a/edges"]);
    assert_eq!(tell(&mut state, kind, apply(registry("reg", 1, 0, "reg.test", "one"))), [""; 0], "it is known");
    assert_eq!(
        tell(&mut state, kind, apply(registry("reg", 2, 0, "reg.test", "one"))),
        [""; 0],
        "its status was written"
    );
    assert_eq!(tell(&mut state, kind, apply(registry("reg", 3, 0, "reg.test", "two"))), ["team-a/edges"]);
    let both = ["team-a/edges", "team-a/plain"];
    assert_eq!(tell(&mut state, kind, apply(registry("reg", 4, 0, "docker.io", "two"))), both);
    assert_eq!(tell(&mut state, kind, Event::Delete(registry("reg", 5, 0, "docker.io", "two"))), both);
    assert_eq!(tell(&mut state, kind, apply(registry("no", 6, 0, "REG.test", "one"))), [""; 0], "that is no host");
}

#[test]
fn a_cluster_registry_wakes_them_in_all_namespaces() {
    let mut state = state();
    let woken = tell(&mut state, RegistryKind::ClusterRegistry, Event::Apply(cluster_registry("all", 0, "reg.test")));
    assert_eq!(woken, ["team-a/edges", "team-aa/other", "team-b/other"]);
    assert!(due(&mut state).is_empty(), "what is said of it is the projector's");
}

#[test]
fn who_is_rendered_is_concerned_by_the_helper_image_s_host() {
    let mut state = state();
    state.pipelines.tally_mut().hosts.helper = host_of("mirror.test/lockgate:1");
    let input = json!({"secrets": [{"name": "api", "key": "t"}], "template": {}, "mount_path": "/in.json"});
    let wire = json!({
        "metadata": {"name": "rendered", "namespace": "team-a", "uid": "r"},
        "spec": {"transform": {"image": "busybox", "input": input}},
    });
    let rendered = Arc::new(StoredPipeline::of(serde_json::from_value::<WirePipeline>(wire).unwrap()));
    state.pipelines.apply(key("rendered"), 9, rendered);
    let woken = tell(&mut state, RegistryKind::Registry, Event::Apply(registry("mirror", 1, 0, "mirror.test", "one")));
    assert_eq!(woken, ["team-a/rendered"]);
}

#[test]
fn what_a_relist_lacks_is_gone_and_a_refusal_is_a_list_of_none() {
    let mut state = state();
    let kind = RegistryKind::Registry;
    assert!(!state.registries.have_answer(), "nothing is decided before the list is complete");
    for event in [
        Event::Init,
        Event::InitApply(registry("gone", 1, 0, "reg.test", "one")),
        Event::InitApply(registry("stays", 2, 0, "docker.io", "two")),
        Event::InitDone,
    ] {
        tell(&mut state, kind, event);
    }
    assert!(state.registries.have_answer());
    tell(&mut state, kind, Event::Init);
    assert_eq!(tell(&mut state, kind, Event::InitApply(registry("stays", 2, 0, "docker.io", "two"))), [""; 0]);
    assert_eq!(tell(&mut state, kind, Event::InitDone), ["team-a/edges"]);
    let change = state.registries.refused();
    let woken: Vec<String> = state.registry_changed(kind, &change).iter().map(ToString::to_string).collect();
    assert_eq!(woken, ["team-a/edges", "team-a/plain"]);
    assert!(state.registries.have_answer());
    let mut fresh = State::default();
    fresh.registries.refused();
    assert!(fresh.registries.have_answer());
}

#[test]
fn the_oldest_comes_first_whichever_kind_it_is() {
    let mut state = state();
    for stored in [
        registry("z", 1, 3, "reg.test", "z"),
        registry("b", 2, 5, "reg.test", "b"),
        registry("a", 3, 5, "reg.test", "a"),
        registry("other", 4, 1, "docker.io", "other"),
    ] {
        tell(&mut state, RegistryKind::Registry, Event::Apply(stored));
    }
    tell(&mut state, RegistryKind::ClusterRegistry, Event::Apply(cluster_registry("all", 4, "reg.test")));
    let hosts = BTreeSet::from([host("reg.test")]);
    let names: Vec<String> = state.registries_of("team-a", &hosts).into_iter().map(|facts| facts.name).collect();
    assert_eq!(names, ["z", "all", "a", "b"]);
    let elsewhere: Vec<String> = state.registries_of("team-b", &hosts).into_iter().map(|facts| facts.name).collect();
    assert_eq!(elsewhere, ["all"]);
}

#[test]
fn one_that_is_being_deleted_counts_no_more() {
    let mut state = state();
    tell(&mut state, RegistryKind::Registry, Event::Apply(registry("reg", 1, 0, "reg.test", "one")));
    let mut leaving = (*registry("reg", 2, 0, "reg.test", "one")).clone();
    leaving.leaving = true;
    assert_eq!(tell(&mut state, RegistryKind::Registry, Event::Apply(Arc::new(leaving))), ["team-a/edges"]);
    assert!(state.registries_of("team-a", &BTreeSet::from([host("reg.test")])).is_empty());
}

#[test]
fn something_has_to_be_said_of_a_registry_when_it_its_host_its_secret_or_its_users_changed() {
    let mut state = state();
    let kind = RegistryKind::Registry;
    tell(&mut state, kind, Event::Apply(registry("a", 1, 0, "reg.test", "one")));
    assert_eq!(due(&mut state), ["a"]);
    assert!(due(&mut state).is_empty());
    tell(&mut state, kind, Event::Apply(registry("b", 2, 1, "reg.test", "two")));
    assert_eq!(due(&mut state), ["a", "b"], "there are two of the host now");
    assert!(state.secrets_rang(&[key("two")]).is_empty(), "no Pipeline names it");
    assert_eq!(due(&mut state), ["b"]);
    state.pipelines.apply(key("late"), 9, pipeline("team-a", "late", &["reg.test/a"]));
    assert_eq!(due(&mut state), ["a", "b"]);
    state.pipelines.apply(key("late"), 10, pipeline("team-a", "late", &["reg.test/b"]));
    assert!(due(&mut state).is_empty(), "the same host");
    tell(&mut state, kind, Event::Delete(registry("b", 3, 1, "reg.test", "two")));
    assert_eq!(due(&mut state), ["a"], "nothing is said of what is gone");
}

#[test]
fn a_secret_is_known_as_long_as_anybody_names_it() {
    let mut state = State::default();
    state.book.init();
    state.book.init_done();
    let secret = key("regcred");
    let now = k8s_openapi::jiff::Timestamp::UNIX_EPOCH;
    let uses = Uses { secrets: BTreeSet::from([secret.clone()]), ..Uses::default() };
    tell(&mut state, RegistryKind::Registry, Event::Apply(registry("reg", 1, 0, "reg.test", "regcred")));
    state.depends_on(&key("edges"), uses);
    let ticket = state.book.begin(&secret, now).unwrap();
    state.book.finish(&secret, ticket, ReadOutcome::NotFound, now);
    let known = |state: &State| state.book.look_up(&secret, now).is_some();
    state.depends_on(&key("edges"), Uses::default());
    assert!(known(&state), "the Registry names it");
    tell(&mut state, RegistryKind::Registry, Event::Apply(registry("reg", 2, 0, "reg.test", "another")));
    assert!(!known(&state));
}

#[test]
fn the_agenda_has_the_earliest_time_of_each_and_spreads_counts() {
    let now = Instant::now();
    let later = now + Duration::from_secs(9);
    let mut agenda = Agenda::default();
    agenda.wake(key("a"), later);
    agenda.wake(key("b"), now);
    agenda.wake(key("b"), later);
    assert_eq!(agenda.take(now), (vec![key("b")], Some(later)));
    assert_eq!(agenda.take(later), (vec![key("a")], None));
    assert_eq!(agenda.may_count(&key("a"), now), Ok(()));
    agenda.wrote(&key("a"), now);
    assert_eq!(agenda.may_count(&key("a"), now), Err(now + COUNT_PAUSE));
    assert_eq!(agenda.may_count(&key("a"), now + COUNT_PAUSE), Ok(()));
    assert_eq!((agenda.looked(&key("a"), true), agenda.looked(&key("a"), true)), (1, 2));
    assert_eq!((agenda.looked(&key("a"), false), agenda.looked(&key("a"), true)), (0, 1));
}

#[test]
fn one_that_cannot_be_read_is_a_state_not_an_error() {
    let of = |spec: Value| {
        let wire = json!({"metadata": meta("team-a", "reg", 1, 0), "spec": spec, "status": {"conditions": 7}});
        serde_json::from_value::<WireRegistry>(wire).unwrap().stored()
    };
    for spec in [json!(7), json!({}), json!({"host": "reg.test"}), json!({"host": "reg.test", "secret": {"name": "A"}})]
    {
        assert!(of(spec).facts().is_none());
    }
    assert!(of(json!({"host": "reg.test", "secret": {"name": "a"}})).facts().is_some());
}
