//! What is said of a Registry, one small world each.
#![allow(clippy::unnecessary_wraps)] // A story's parts are what a Scene takes.

use super::*;
use crate::model::secret::{Keys, SecretFacts};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn asked(host: &str) -> Result<Asked, Flaw> {
    Ok(Asked { host: Host::parse(host).unwrap(), secret: SecretName::parse("regcred").unwrap() })
}

fn present(type_: &str) -> Option<SecretKnowledge> {
    Some(SecretKnowledge::Present(SecretFacts {
        uid: "uid".into(),
        resource_version: "7".into(),
        type_: type_.into(),
        keys: Keys::Unknown { count: 1 },
        data_changed_at: None,
        touched_since: false,
        expires_on: None,
    }))
}

fn good() -> Option<SecretKnowledge> {
    present("kubernetes.io/dockerconfigjson")
}

/// The status of a Registry `reg` after what was recorded.
fn after(
    recorded: &RegistryStatus,
    now: i64,
    asked: &Result<Asked, Flaw>,
    secret: Option<SecretKnowledge>,
    of_host: &[&str],
) -> RegistryStatus {
    status(&Scene {
        now: at(now),
        docs: &Docs::default(),
        namespace: "team-a",
        name: "reg",
        generation: 3,
        asked,
        secret,
        of_host: of_host.iter().map(|&name| name.to_owned()).collect(),
        used_by: 2,
        recorded,
    })
}

fn first(asked: &Result<Asked, Flaw>, secret: Option<SecretKnowledge>) -> RegistryStatus {
    after(&RegistryStatus::default(), 0, asked, secret, &["reg"])
}

/// `status/reason: message` of its condition.
fn line(status: &RegistryStatus) -> String {
    let [ready] = status.conditions.as_slice() else { panic!("{status:?}") };
    assert_eq!((ready.type_.as_str(), ready.observed_generation), ("Ready", Some(3)));
    format!("{}/{}: {}", ready.status, ready.reason, ready.message)
}

#[test]
fn each_state_has_its_reason_and_what_mends_it() {
    const CREATE: &str = "kubectl create secret docker-registry regcred -n team-a --docker-server=reg.test:5000 --docker-username=USER --docker-password=PASSWORD";
    let of_host = asked("reg.test:5000");
    for (secret, expected) in [
        (good(), "True/SecretResolved: Secret regcred is attached to every image of reg.test:5000".to_owned()),
        (present("kubernetes.io/dockercfg"), "True/SecretResolved: Secret regcred is attached to every image of reg.test:5000".to_owned()),
        (
            Some(SecretKnowledge::Absent),
            format!("False/SecretNotFound: Secret regcred does not exist: {CREATE} (docs/troubleshooting.md#secretnotfound)"),
        ),
        (
            present("Opaque"),
            format!("False/WrongType: Secret regcred is of type Opaque, which the kubelet skips; a type cannot be changed, so make it anew: kubectl delete secret regcred -n team-a && {CREATE} (docs/troubleshooting.md#wrongtype)"),
        ),
        (
            Some(SecretKnowledge::Forbidden { retry_at: at(5) }),
            "False/SecretForbidden: Lockgate may not get Secret regcred in namespace team-a: grant its ServiceAccount get, list and watch on secrets there (docs/troubleshooting.md#secretforbidden)".to_owned(),
        ),
        (
            Some(SecretKnowledge::Unread { why: "the API server answered 500".into(), retry_at: at(5) }),
            "Unknown/NotRead: Secret regcred could not be read: the API server answered 500; it is tried again (docs/troubleshooting.md#notread)".to_owned(),
        ),
        (
            None,
            "True/SecretsNotLookedAt: Secret regcred is attached to every image of reg.test:5000; whether it is there, and a pull secret, is not known, since no Secret is looked at (--secret-access=none): the kubelet passes over one that is not (docs/troubleshooting.md#secretsnotlookedat)".to_owned(),
        ),
    ] {
        assert_eq!(line(&first(&of_host, secret)), expected);
    }
    let hub = first(&asked("index.docker.io"), Some(SecretKnowledge::Absent));
    assert!(line(&hub).contains("--docker-server=https://index.docker.io/v1/ "), "{}", line(&hub));
    let invalid = first(&Err(Flaw::Host("must be a host".into())), good());
    assert_eq!(line(&invalid), "False/InvalidHost: spec.host: must be a host (docs/troubleshooting.md#invalidhost)");
    let unreadable = first(&Err(Flaw::Spec("missing field `secret`".into())), None);
    assert!(line(&unreadable).starts_with("False/InvalidSpec: "), "{}", line(&unreadable));
}

#[test]
fn who_else_names_the_host_is_said() {
    let of = |names: &[&str]| line(&after(&RegistryStatus::default(), 0, &asked("reg.test"), good(), names));
    assert!(!of(&["reg"]).contains(';'));
    assert!(
        of(&["old", "reg"])
            .ends_with("; 2 Registries name reg.test, and both are attached, the oldest first: old, reg")
    );
    let many = of(&["a", "b", "c", "d", "e", "f", "reg"]);
    assert!(
        many.ends_with(
            "; 7 Registries name reg.test, and all are attached, the oldest first: a, b, c, d, e and 2 more"
        ),
        "{many}"
    );
}

#[test]
fn equal_truths_give_equal_statuses_and_the_time_is_that_of_the_transition() {
    let of_host = asked("reg.test");
    let missing = first(&of_host, Some(SecretKnowledge::Absent));
    assert_eq!(missing.used_by, Some(2));
    let later = after(&missing, 60, &of_host, Some(SecretKnowledge::Absent), &["reg"]);
    assert_eq!(missing, later);
    let wrong = after(&missing, 60, &of_host, present("Opaque"), &["reg"]);
    assert_eq!(
        wrong.conditions[0].last_transition_time, missing.conditions[0].last_transition_time,
        "it is False still"
    );
    let ready = after(&wrong, 90, &of_host, good(), &["reg"]);
    assert_eq!(ready.conditions[0].last_transition_time, seconds(at(90)));
}

#[test]
fn only_what_became_worse_is_an_event() {
    let of_host = asked("reg.test");
    let none = RegistryStatus::default();
    let (missing, ready) = (first(&of_host, Some(SecretKnowledge::Absent)), first(&of_host, good()));
    let wrong = first(&of_host, present("Opaque"));
    let invalid = first(&Err(Flaw::Host("no".into())), None);
    let unseen = first(&of_host, None);
    let warned = |before: &RegistryStatus, after: &RegistryStatus| {
        warning(&Docs::default(), before, after).map(|warning| warning.reason)
    };
    for (before, after, reason) in [
        (&none, &missing, None),
        (&none, &ready, None),
        (&missing, &ready, None),
        (&ready, &missing, Some("SecretNotFound")),
        (&none, &wrong, Some("WrongType")),
        (&ready, &wrong, Some("WrongType")),
        (&wrong, &wrong, None),
        (&wrong, &missing, None),
        (&none, &invalid, Some("InvalidHost")),
        // Nobody knew that it was there.
        (&unseen, &missing, None),
        (&unseen, &wrong, Some("WrongType")),
    ] {
        assert_eq!(warned(before, after), reason, "{} -> {}", before.conditions.len(), line(after));
    }
}
