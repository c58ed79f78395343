//! Small worlds, and what is decided in each.

mod words;

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::api::registry::Scope;
use crate::api::registry::{ClusterRegistryStatus, SecretOfNamespace};
use crate::model::docs::Docs;
use crate::model::registry::Host;
use crate::reach::Selector;
use crate::values::{Form, PullFile};

const NOW: i64 = 1_000;

/// What makes another world of a world.
type Change<'a> = &'a dyn Fn(&mut World);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A pull secret with such a file.
pub(super) fn source(file: &str) -> Arc<Source> {
    let file = SecretValue::new(file.as_bytes().to_vec());
    Arc::new(Source::Pull(PullSource::read("s".into(), "7".into(), Form::ConfigJson, &file)))
}

/// A file with a login for each of these keys.
pub(super) fn logins(keys: &[&str]) -> String {
    let entries = keys.iter().map(|key| ((*key).to_owned(), json!({"username": "u", "password": "canary-7c1f"})));
    json!({"auths": entries.collect::<serde_json::Map<_, _>>()}).to_string()
}

fn wants(host: &str, secret: &str) -> Wants {
    Wants {
        host: Host::parse(host).unwrap(),
        secret: SecretOfNamespace { namespace: "sys".into(), name: secret.into() },
        scope: Scope::Global,
        selector: None,
    }
}

/// A ClusterRegistry; the name says how old it is.
pub(super) fn registry(name: &str, host: &str, secret: &str) -> Registry {
    Registry {
        name: name.into(),
        uid: format!("uid-{name}"),
        resource_version: "1".into(),
        generation: 1,
        created: Some(at(1)),
        wants: Ok(wants(host, secret)),
        status: ClusterRegistryStatus::default(),
    }
}

fn place(hosts: &[&str]) -> Place {
    Place { hosts: hosts.iter().map(|host| Host::parse(host).unwrap()).collect(), ..Place::default() }
}

/// One ClusterRegistry for a.example, its Secret, and a namespace that needs it.
pub(super) fn world() -> World {
    let secrets = BTreeMap::from([("reg".to_owned(), source(&logins(&["a.example", "b.example"])))]);
    World {
        now: at(NOW),
        docs: Docs::default(),
        registries: vec![Arc::new(registry("a", "a.example", "reg"))],
        places: BTreeMap::from([("team".to_owned(), place(&["a.example", "docker.io"]))]),
        sources: BTreeMap::from([("sys".to_owned(), SourceNamespace { listed: true, forbidden: false, secrets })]),
    }
}

impl World {
    fn team(&mut self) -> &mut Place {
        self.places.get_mut("team").unwrap()
    }

    fn add(&mut self, registry: Registry) {
        self.registries.push(Arc::new(registry));
    }

    /// Changes the first ClusterRegistry's wishes.
    fn first(&mut self, change: impl FnOnce(&mut Wants)) {
        change(Arc::make_mut(&mut self.registries[0]).wants.as_mut().unwrap());
    }

    fn secret(&mut self, name: &str, secret: Option<Arc<Source>>) {
        let secrets = &mut self.sources.get_mut("sys").unwrap().secrets;
        match secret {
            Some(secret) => drop(secrets.insert(name.into(), secret)),
            None => drop(secrets.remove(name)),
        }
    }

    /// The world in which every write was made.
    fn settle(&mut self) {
        for (namespace, write) in plan(self).writes {
            let place = self.places.get_mut(&namespace).unwrap();
            place.setback = None;
            place.copy = match write {
                Write::Remove { .. } => None,
                Write::Apply(content) => Some(Copy {
                    uid: "c".into(),
                    resource_version: "8".into(),
                    marked: true,
                    recipe: Some(content.recipe),
                    owners: content.owners.into_iter().map(|(_, uid)| uid).collect(),
                    intact: true,
                    deleting: false,
                }),
            };
        }
    }

    fn settled(mut self) -> Self {
        self.settle();
        self
    }

    fn set_back(&mut self, kind: Obstacle, retry_at: i64) {
        self.team().setback = Some(Setback { kind, failures: 1, retry_at: at(retry_at) });
    }
}

/// The keys of a copy.
fn keys(content: &Content) -> Vec<String> {
    PullFile::read(Form::ConfigJson, content.file.expose()).entries.into_iter().map(|entry| entry.key).collect()
}

/// The writes as text: where, what, and on what condition.
fn writes(world: &World) -> Vec<String> {
    let told = plan(world).writes.into_iter().map(|(namespace, write)| match write {
        Write::Remove { uid, resource_version } => format!("{namespace}: remove {uid}@{resource_version}"),
        Write::Apply(content) => {
            let seen = content.seen.as_deref().map_or_else(String::new, |seen| format!(" over {seen}"));
            format!("{namespace}: {}{seen}", keys(&content).join(" "))
        }
    });
    told.collect()
}

/// What is said of each ClusterRegistry: name, reason, copies.
fn said(world: &World) -> Vec<String> {
    let told = report(world, &plan(world)).notices.into_iter().map(|notice| {
        let ready = &notice.status.conditions[0];
        format!("{}: {}/{} {}", notice.name, ready.status, ready.reason, notice.status.copies.unwrap())
    });
    told.collect()
}

fn message(world: &World, name: &str) -> String {
    let notices = report(world, &plan(world)).notices;
    notices.iter().find(|notice| notice.name == name).unwrap().status.conditions[0].message.clone()
}

#[test]
#[allow(clippy::too_many_lines)] // One table.
fn a_copy_comes_to_be_where_it_is_for_and_needed_and_nowhere_else() {
    let system = |world: &mut World| world.first(|wants| wants.scope = Scope::GlobalPrivate);
    let label = |world: &mut World, value: &str| {
        world.team().labels = Arc::new(BTreeMap::from([("lockgate.dev/system".to_owned(), value.to_owned())]));
    };
    let select = |world: &mut World, tier: &str| {
        let selector = serde_json::from_value(json!({"matchLabels": {"tier": tier}})).unwrap();
        world.first(|wants| wants.selector = Some(Selector::parse(&selector).unwrap()));
    };
    let rows: &[(&str, Change<'_>, &[&str], &str)] = &[
        ("needed", &|_| (), &["team: a.example"], "a: True/NotNeeded 0"),
        (
            "another host",
            &|w| w.team().hosts = place(&["a.example:443", "x.a.example"]).hosts,
            &[],
            "a: True/NotNeeded 0",
        ),
        ("no Pipeline", &|w| w.team().hosts.clear(), &[], "a: True/NotNeeded 0"),
        ("namespace ends", &|w| w.team().ending = true, &[], "a: True/NotNeeded 0"),
        ("private, tenant", &|w| system(w), &[], "a: True/NotNeeded 0"),
        (
            "private, system",
            &|w| {
                system(w);
                label(w, "true");
            },
            &["team: a.example"],
            "a: True/NotNeeded 0",
        ),
        (
            "private, another value",
            &|w| {
                system(w);
                label(w, "yes");
            },
            &[],
            "a: True/NotNeeded 0",
        ),
        ("not selected", &|w| select(w, "gold"), &[], "a: True/NotNeeded 0"),
        (
            "private, selected, no system",
            &|w| {
                system(w);
                select(w, "gold");
                w.team().labels = Arc::new(BTreeMap::from([("tier".to_owned(), "gold".to_owned())]));
            },
            &[],
            "a: True/NotNeeded 0",
        ),
        ("Secret gone", &|w| w.secret("reg", None), &[], "a: False/SecretNotFound 0"),
        ("another type", &|w| w.secret("reg", Some(Arc::new(Source::OtherType))), &[], "a: False/WrongType 0"),
        (
            "no entry",
            &|w| w.secret("reg", Some(source(&logins(&["*.example", "c.example"])))),
            &[],
            "a: False/NoEntryForHost 0",
        ),
        ("no JSON", &|w| w.secret("reg", Some(source("canary-7c1f"))), &[], "a: False/EntryMalformed 0"),
        (
            "one of two is malformed",
            &|w| {
                w.secret(
                    "reg",
                    Some(source(r#"{"auths": {"a.example": {"auth": "canary"}, "a.example/x": {"auth": "dTpw"}}}"#)),
                );
            },
            &["team: a.example/x"],
            "a: False/EntryMalformed 0",
        ),
        (
            "an entry of another host is malformed",
            &|w| {
                w.secret(
                    "reg",
                    Some(source(r#"{"auths": {"b.example": {"auth": 7}, "https://a.example/v2/": {"auth": "dTpw"}}}"#)),
                );
            },
            &["team: https://a.example/v2/"],
            "a: True/NotNeeded 0",
        ),
        (
            "not a source",
            &|w| w.first(|wants| wants.secret.namespace = "other".into()),
            &[],
            "a: False/SourceNamespaceNotAllowed 0",
        ),
        (
            "source not seen",
            &|w| *w.sources.get_mut("sys").unwrap() = SourceNamespace { forbidden: true, ..SourceNamespace::default() },
            &[],
            "a: False/SourceForbidden 0",
        ),
        (
            "unreadable",
            &|w| Arc::make_mut(&mut w.registries[0]).wants = Err("host: none".into()),
            &[],
            "a: False/Invalid 0",
        ),
        (
            "stranger",
            &|w| w.team().copy = Some(Copy { intact: true, ..Copy::default() }),
            &[],
            "a: False/NameConflict 0",
        ),
        ("quota", &|w| w.set_back(Obstacle::Quota, NOW + 5), &[], "a: False/CopyFailed 0"),
        ("quota, time is up", &|w| w.set_back(Obstacle::Quota, NOW), &["team: a.example"], "a: False/CopyFailed 0"),
        ("somebody wrote", &|w| w.set_back(Obstacle::Behind, NOW + 5), &[], "a: True/NotNeeded 0"),
    ];
    for (what, change, expected, verdict) in rows {
        let mut world = world();
        change(&mut world);
        assert_eq!(writes(&world), *expected, "{what}");
        assert_eq!(said(&world), [*verdict], "{what}");
    }
}

#[test]
fn a_copy_that_stands_is_left_alone_until_something_changes() {
    let private = |w: &mut World| w.first(|wants| wants.scope = Scope::GlobalPrivate);
    let rows: &[(&str, Change<'_>, &[&str])] = &[
        ("nothing", &|_| (), &[]),
        (
            "rotated",
            &|w| {
                let file = SecretValue::new(logins(&["a.example"]).into_bytes());
                let newer = PullSource::read("s".into(), "9".into(), Form::ConfigJson, &file);
                w.secret("reg", Some(Arc::new(Source::Pull(newer))));
            },
            &["team: a.example over 8"],
        ),
        ("edited by somebody", &|w| w.team().copy.as_mut().unwrap().intact = false, &["team: a.example over 8"]),
        ("owners edited", &|w| w.team().copy.as_mut().unwrap().owners.clear(), &["team: a.example over 8"]),
        ("annotation edited", &|w| w.team().copy.as_mut().unwrap().recipe = None, &["team: a.example over 8"]),
        ("marks taken away", &|w| w.team().copy.as_mut().unwrap().marked = false, &[]),
        (
            "edited, and cannot be changed",
            &|w| {
                w.team().copy.as_mut().unwrap().intact = false;
                w.set_back(Obstacle::Fixed, NOW + 300);
            },
            &["team: remove c@8"],
        ),
        ("being deleted", &|w| w.team().copy.as_mut().unwrap().deleting = true, &[]),
        ("ClusterRegistry gone", &|w| w.registries.clear(), &["team: remove c@8"]),
        ("scope", &private, &["team: remove c@8"]),
        ("no Pipeline", &|w| w.team().hosts.clear(), &["team: remove c@8"]),
        ("Secret gone", &|w| w.secret("reg", None), &["team: remove c@8"]),
        ("namespace ends", &|w| w.team().ending = true, &[]),
        ("source cannot be seen any more", &|w| w.sources.get_mut("sys").unwrap().forbidden = true, &[]),
        (
            "source was never seen",
            &|w| {
                *w.sources.get_mut("sys").unwrap() = SourceNamespace { forbidden: true, ..SourceNamespace::default() };
            },
            &[],
        ),
        (
            "never seen, and given up",
            &|w| {
                *w.sources.get_mut("sys").unwrap() = SourceNamespace { forbidden: true, ..SourceNamespace::default() };
                w.registries.clear();
            },
            &["team: remove c@8"],
        ),
        ("not a source any more", &|w| w.sources.clear(), &["team: remove c@8"]),
    ];
    for (what, change, expected) in rows {
        let mut world = world().settled();
        change(&mut world);
        assert_eq!(writes(&world), *expected, "{what}");
        // Whatever it was: after the writes there are no more, but for a copy that is made anew.
        world.settle();
        if !what.contains("cannot be changed") {
            assert_eq!(writes(&world), [""; 0], "{what}");
        }
    }
}

#[test]
fn what_another_wrote_is_left_as_it_is_until_all_can_have_been_heard_that_it_was_written_for() {
    let rows: &[(&str, Change<'_>, &str)] = &[
        ("no Pipeline is known", &|w| w.team().hosts.clear(), "team: remove c@8"),
        ("no ClusterRegistry is known", &|w| w.registries.clear(), "team: remove c@8"),
        ("made of another source", &|w| w.team().copy.as_mut().unwrap().recipe = None, "team: a.example over 8"),
    ];
    for (what, change, expected) in rows {
        let mut world = world().settled();
        change(&mut world);
        world.team().settles_at = Some(at(NOW + 2));
        assert_eq!(writes(&world), [""; 0], "{what}");
        assert_eq!(plan(&world).retry_at, Some(at(NOW + 2)), "{what}");
        world.now = at(NOW + 2);
        assert_eq!(writes(&world), [*expected], "{what}");
        assert_eq!(plan(&world).retry_at, None, "{what}");
    }
    // What is as it has to be needs no other look.
    let mut world = world().settled();
    world.team().settles_at = Some(at(NOW + 2));
    assert_eq!(plan(&world).retry_at, None);
}

#[test]
fn one_copy_has_the_credentials_of_all_and_the_older_wins() {
    let mut world = world();
    world.add(registry("b", "a.example", "second"));
    world.add(registry("c", "docker.io", "second"));
    world.secret(
        "second",
        Some(source(&logins(&["https://a.example/", "a.example/team", "https://index.docker.io/v1/"]))),
    );
    assert_eq!(writes(&world), ["team: a.example a.example/team https://index.docker.io/v1/"]);
    world.settle();
    assert_eq!(said(&world), ["a: True/Copied 1", "b: False/Shadowed 1", "c: True/Copied 1"]);
    let told = message(&world, "b");
    assert!(told.contains("in namespace team the older ClusterRegistry a gives"), "{told}");
    // The older goes: the younger's takes its place.
    world.registries.remove(0);
    assert_eq!(writes(&world), ["team: a.example/team https://a.example/ https://index.docker.io/v1/ over 8"]);
}

#[test]
fn what_is_revoked_goes_though_another_source_cannot_be_seen() {
    let mut world = world();
    world.add(registry("b", "docker.io", "hub"));
    world.secret("hub", Some(source(&logins(&["docker.io"]))));
    Arc::make_mut(&mut world.registries[1]).wants.as_mut().unwrap().secret.namespace = "hubs".into();
    let hubs = world.sources["sys"].clone();
    world.sources.insert("hubs".into(), hubs);
    world.settle();
    world.sources.insert("hubs".into(), SourceNamespace::default());
    assert_eq!(writes(&world), [""; 0], "what cannot be seen stays as it is");
    world.registries.remove(0);
    assert_eq!(writes(&world), ["team: remove c@8"], "but not beside what is revoked");
}
