//! Registries: which Pods get their pull secrets, in which order, and which stuck Pod a change of them heals.

use proptest::prelude::*;
use serde_json::json;

use super::heal_tests::UNAUTHORIZED;
use super::tests::{Story, story};
use super::{References, plan};
use crate::model::attached::host_of;
use crate::model::names::SecretName;
use crate::model::registry::Host;
use crate::model::secret::{AccountKnowledge, Keys, SecretAccess, SecretKnowledge};
use crate::model::world::{PROJECTED_SECRET, PodPhase, RegistryFacts, RegistryKind};

const HOST: &str = "reg.test:5000";

impl Story {
    /// The next younger Registry.
    fn registry(self, name: &str, host: &str, secret: &str) -> Self {
        self.with(|world| world.registries.push(facts(RegistryKind::Registry, name, host, secret)))
    }

    /// The next younger ClusterRegistry.
    fn cluster_registry(self, name: &str, host: &str) -> Self {
        self.with(|world| world.registries.push(facts(RegistryKind::ClusterRegistry, name, host, PROJECTED_SECRET)))
    }

    fn without_registry(self, name: &str) -> Self {
        self.with(|world| world.registries.retain(|registry| registry.name != name))
    }

    /// A Pod that was made in this world, and cannot pull its image.
    fn made_and_stuck(self) -> Self {
        let (reason, message) = UNAUTHORIZED;
        self.settle().last_pod(|pod| pod.waiting = Some((reason.into(), message.into())))
    }

    fn heals(&self) -> bool {
        self.line().contains("; delete ")
    }

    fn messages(&self) -> Vec<String> {
        let References::Seen { rows, .. } = plan(&self.0).references else { panic!("not looked at") };
        rows.into_iter().filter_map(|row| row.message).collect()
    }
}

fn facts(kind: RegistryKind, name: &str, host: &str, secret: &str) -> RegistryFacts {
    let (host, secret) = (Host::parse(host).unwrap(), SecretName::parse(secret).unwrap());
    RegistryFacts { kind, name: name.to_owned(), host, secret }
}

/// It names no pull secret.
fn plain() -> Story {
    story(&json!({"transform": {"image": format!("{HOST}/team/a:1")}}))
}

#[test]
fn pull_secrets_come_in_one_order_and_each_once() {
    let of_account = AccountKnowledge::Present { pull_secrets: vec!["account".into(), "older".into()] };
    let story = story(&json!({
        "transform": {"image": format!("{HOST}/a"), "image_pull_secrets": ["step"]},
        "image_pull_secrets": ["spec"],
    }))
    .registry("z-older", HOST, "older")
    .cluster_registry("all", HOST)
    .registry("a-younger", HOST, "younger")
    .registry("same", HOST, "younger")
    .registry("own", HOST, "step")
    .registry("other", "reg.test", "other")
    .cluster_registry("more", HOST)
    .account("default", of_account)
    .defaults(&json!({"imagePullSecrets": ["default", "younger"]}));
    let all = ["step", "spec", "older", "younger", PROJECTED_SECRET, "account", "default"];
    let story = all.into_iter().fold(story, Story::pull);
    assert_eq!(story.listed(), all);
    assert_eq!(
        story.sources(),
        [
            "step:Resolved",
            "spec:Resolved",
            "registry/z-older>older:Resolved",
            "registry/a-younger>younger:Resolved",
            "clusterregistry/all>lockgate-registries:Resolved",
            "serviceaccount/default>account:Resolved",
            "pod-defaults>default:Resolved",
        ]
    );
}

#[test]
fn a_registry_s_secret_that_is_missing_or_of_the_wrong_type_is_told_and_neither_listed_nor_waited_for() {
    let one = || plain().registry("reg", HOST, "regcred");
    let missing = one().absent("regcred");
    assert_eq!(missing.sources(), ["registry/reg>regcred:NotFound"]);
    assert!(missing.listed().is_empty());
    let wrong = one().secret("regcred", &["a"]);
    assert_eq!(wrong.sources(), ["registry/reg>regcred:WrongType"]);
    assert!(wrong.listed().is_empty());
    for (story, words) in [
        (&missing, "kubectl create secret docker-registry regcred -n team-a --docker-server=reg.test:5000 "),
        (&wrong, "kubectl delete secret regcred -n team-a && kubectl create secret docker-registry regcred "),
    ] {
        assert_eq!(story.line(), "Starting/PodsStarting run 1; create r0");
        assert!(story.messages()[0].contains(words), "{:?}", story.messages());
    }
    // What is not known is no reason to leave it out: the kubelet passes over what is not there.
    for known in [
        SecretKnowledge::Forbidden { retry_at: super::tests::at(5) },
        SecretKnowledge::Unread { why: "x".into(), retry_at: super::tests::at(5) },
    ] {
        assert_eq!(one().know("regcred", known).listed(), ["regcred"]);
    }
    let dark = one().with(|world| world.secret_access = SecretAccess::None);
    assert_eq!(
        (dark.listed(), dark.sources()),
        (vec!["regcred".into()], vec!["registry/reg>regcred:Unchecked".into()])
    );
}

#[test]
fn what_another_source_names_too_is_listed_as_ever() {
    let of_account = AccountKnowledge::Present { pull_secrets: vec!["regcred".into()] };
    let story = plain().registry("reg", HOST, "regcred").account("default", of_account).absent("regcred");
    assert_eq!(story.listed(), ["regcred"]);
    assert_eq!(story.sources(), ["registry/reg>regcred:NotFound"]);
}

#[test]
fn the_copy_of_cluster_registries_is_attached_where_it_is_and_not_asked_for_where_it_is_not() {
    let one = || plain().cluster_registry("all", HOST);
    assert_eq!(one().pull(PROJECTED_SECRET).listed(), [PROJECTED_SECRET]);
    let elsewhere = one().absent(PROJECTED_SECRET);
    assert!(elsewhere.listed().is_empty() && elsewhere.sources().is_empty(), "{:?}", elsewhere.sources());
    let strange = one().secret(PROJECTED_SECRET, &["a"]);
    assert!(strange.listed().is_empty());
    assert_eq!(strange.sources(), ["clusterregistry/all>lockgate-registries:WrongType"]);
    assert!(!strange.messages()[0].contains("create secret"), "{:?}", strange.messages());
    assert!(plain().cluster_registry("all", "other.test").pull(PROJECTED_SECRET).listed().is_empty());
}

#[test]
fn a_step_that_is_rendered_gets_what_the_helper_image_needs() {
    let helper = |story: Story| {
        story.registry("helper", "mirror.test", "of-mirror").pull("of-mirror").secret("api", &["token"]).with(|world| {
            let mut defaults = (*world.defaults).clone();
            defaults.helper.image = "mirror.test/lockgate:1".into();
            world.defaults = defaults.into();
        })
    };
    let transform = json!({"image": format!("{HOST}/a"), "input": {
        "secrets": [{"name": "api", "key": "token"}], "template": {}, "mount_path": "/in.json",
    }});
    let has = |story: &Story| story.sources().contains(&"registry/helper>of-mirror:Resolved".to_owned());
    assert!(has(&helper(story(&json!({"transform": transform})))));
    assert!(!has(&helper(plain())), "nothing is rendered for it");
}

#[test]
fn registries_are_no_part_of_the_work() {
    let before = plain();
    assert_eq!(before.key(), before.clone().registry("reg", HOST, "regcred").key());
    let running = before.settle().last_pod(|pod| pod.phase = PodPhase::Running);
    let changed = running.registry("reg", HOST, "regcred").pull("regcred");
    assert_eq!(changed.line(), "Running/PodsRunning run 1", "what runs is left alone");
}

#[test]
fn a_registry_that_comes_heals_a_stuck_pod_once() {
    let stuck = plain().made_and_stuck();
    assert!(!stuck.heals());
    let announced = stuck.registry("reg", HOST, "regcred").absent("regcred");
    assert!(!announced.heals(), "its Secret is not there yet");
    let healing = announced.pull_of("regcred", "5");
    assert!(healing.heals());
    assert!(plan(&healing.0).verdict.message.starts_with("Secret regcred is there now: Pod "));
    let fresh = healing.settle().with(|world| world.pods.clear()).made_and_stuck();
    assert!(!fresh.heals(), "the fresh Pod has it, and it did not help");
    assert!(fresh.pull_of("regcred", "6").heals(), "it changed");
}

#[test]
fn a_registry_that_goes_or_turns_to_another_host_or_secret_heals_a_stuck_pod_once() {
    let stuck = || plain().registry("reg", HOST, "regcred").pull_of("regcred", "5").made_and_stuck();
    assert!(!stuck().heals());
    let removed = stuck().without_registry("reg");
    assert!(removed.heals());
    assert!(plan(&removed.0).verdict.message.starts_with("Secret regcred is no pull secret of it any more: Pod "));
    let fresh = removed.settle().with(|world| world.pods.clear()).made_and_stuck();
    assert!(!fresh.heals());
    let turned = stuck().without_registry("reg").registry("reg", "other.test", "regcred");
    assert!(turned.heals());
    let renamed = stuck().without_registry("reg").registry("reg", HOST, "another").pull_of("another", "9");
    assert!(renamed.heals());
}

#[test]
fn a_secret_that_goes_heals_only_where_it_was_malformed() {
    let stuck = || plain().registry("reg", HOST, "regcred").pull_of("regcred", "5").made_and_stuck().absent("regcred");
    assert!(!stuck().heals());
    let malformed = stuck().last_pod(|pod| {
        pod.waiting = Some(("unexpected end of JSON input".into(), String::new()));
    });
    assert!(malformed.heals(), "{}", malformed.line());
}

#[test]
fn what_another_registry_s_host_gets_heals_nothing() {
    let stuck = plain().made_and_stuck().registry("reg", "reg.test", "regcred").pull_of("regcred", "5");
    assert!(!stuck.heals());
}

/// What people write for `reg.example.com`, and what looks like it. Each is the host of a Registry or of an image.
const LOOK_ALIKES: &[&str] = &[
    "reg.example.com",
    "reg.example.com:443",
    "reg.example.com:80",
    "reg.example.com:5000",
    "reg.example.com:05000",
    "reg.example.com.",
    "reg.example.com:",
    "REG.example.com",
    "Reg.Example.Com",
    "xreg.example.com",
    "reg.example.com.evil.test",
    "reg.example.comevil",
    "reg.example.co",
    "eg.example.com",
    "sub.reg.example.com",
    "example.com",
    "reg-example.com",
    "reg.examp1e.com",
    "reg.exarnple.com",
    "xn--rg-bja.example.com",
    "r\u{435}g.example.com",
    "r\u{e9}g.example.com",
    "reg\u{3002}example.com",
    "reg.example.com\u{200b}",
    "\u{ff52}eg.example.com",
    "user@reg.example.com",
    "user:pass@reg.example.com",
    "reg.example.com@evil.test",
    "https://reg.example.com",
    "http://reg.example.com",
    "//reg.example.com",
    "*.example.com",
    "reg.*.com",
    "reg.example.com/team",
    "reg.example.com%2fteam",
    "reg.example.com\\evil.test",
    "reg.example.com#evil.test",
    "reg.example.com?evil.test",
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "https://index.docker.io/v1/",
    "docker.io:443",
    "docker.io.evil.test",
    "xdocker.io",
    "hub.docker.com",
    "localhost",
    "localhost:5000",
    "localhost.evil.test",
    "127.0.0.1:5000",
    "127.0.0.1",
    "127.1:5000",
    "0x7f.0.0.1:5000",
    "[::1]",
    "[::1]:5000",
    "[0:0:0:0:0:0:0:1]:5000",
    "::1",
    "registry",
    "registry:5000",
    "team",
];

/// What stands behind the host in an image.
const TAILS: &[&str] = &[
    "/team/app",
    "/team/app:1",
    "/app:5000",
    "/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "/app:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "/reg.example.com/app",
    "/docker.io/app",
];

/// The host as the kubelet takes it from an image, by its own words for the Hub alone; `None`: the image is none.
fn plainly(image: &str) -> Option<String> {
    let image = crate::model::image::Image::parse(image).ok()?;
    Some(image.domain)
}

/// Whether a Pod with this image gets the Secret of a Registry of this host.
fn is_attached(image: &str, host: &Host) -> bool {
    let spec = json!({"transform": {"image": image}});
    let one = story(&spec).pull("regcred").with(|world| {
        let secret = SecretName::parse("regcred").unwrap();
        let kind = RegistryKind::Registry;
        world.registries.push(RegistryFacts { kind, name: "reg".into(), host: host.clone(), secret });
    });
    let crate::model::world::WorkState::Valid(work) = &one.0.work else { return false };
    !one.0.pull_secrets(&work.steps[0]).is_empty()
}

#[test]
fn no_credential_is_attached_to_another_host_s_image() {
    let mut attached = Vec::new();
    for host in LOOK_ALIKES {
        let Ok(parsed) = Host::parse(host) else { continue };
        for look_alike in LOOK_ALIKES {
            for tail in TAILS {
                let image = format!("{look_alike}{tail}");
                // The same text, or the Hub by one of its two names in images.
                let same = plainly(&image).is_some_and(|domain| domain == parsed.as_str());
                assert_eq!(is_attached(&image, &parsed), same, "{image} for {host}");
                if same && tail == &TAILS[0] {
                    attached.push((*host, *look_alike));
                }
            }
        }
    }
    let to =
        |host: &str| -> Vec<&str> { attached.iter().filter(|(of, _)| *of == host).map(|(_, image)| *image).collect() };
    assert_eq!(to("reg.example.com"), ["reg.example.com", "reg.example.com/team"], "the latter is a path on it");
    assert_eq!(to("reg.example.com:5000"), ["reg.example.com:5000"]);
    assert_eq!(to("registry-1.docker.io"), ["docker.io", "index.docker.io", "registry", "team"]);
    assert_eq!(to("localhost:5000"), ["localhost:5000"]);
}

proptest! {
    /// Whatever the two texts are: a Secret is attached exactly where the image's host is the Registry's.
    #[test]
    fn it_is_attached_exactly_where_the_hosts_are_equal(
        host in "([a-c]{1,2}\\.){0,2}[a-cA-C]{1,3}(:[0-9]{0,3})?|docker\\.io|index\\.docker\\.io|\\[::[0-9]\\](:5)?",
        domain in "([a-c]{1,2}\\.){0,2}[a-cA-C]{1,3}(:[0-9]{0,3})?|docker\\.io|index\\.docker\\.io|\\[::[0-9]\\](:5)?",
        tail in "/[a-c]{1,3}(/[a-c]{1,2})?(:[0-9a]{1,3})?",
    ) {
        let image = format!("{domain}{tail}");
        if let Ok(host) = Host::parse(&host) {
            let equal = host_of(&image).is_some_and(|of_image| of_image == host);
            prop_assert_eq!(is_attached(&image, &host), equal);
            prop_assert_eq!(equal, plainly(&image).as_deref() == Some(host.as_str()));
        }
    }
}

#[test]
fn without_credentials_of_its_own_an_image_of_nowhere_gets_none() {
    let nowhere = story(&json!({"transform": {"image": "a_b.c/app"}}));
    let keys = Keys::Known([".dockerconfigjson".to_owned()].into());
    let nowhere = nowhere.registry("hub", "docker.io", "hub").typed("hub", "kubernetes.io/dockerconfigjson", keys);
    assert!(nowhere.listed().is_empty());
}
