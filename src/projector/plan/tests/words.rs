//! What is said of ClusterRegistries.

use super::*;
use crate::api::reason::ClusterRegistryReason;

#[test]
fn a_removal_that_fails_is_said_of_those_whose_credentials_are_left() {
    let mut world = world().settled();
    world.team().hosts.clear();
    world.set_back(Obstacle::Forbidden, NOW + 5);
    assert_eq!(said(&world), ["a: False/CopyFailed 1"]);
}

/// Each fits into a Secret, and the two do not.
#[test]
fn what_no_secret_can_hold_is_said_and_not_sent_and_what_stands_stays_unless_it_is_revoked() {
    let large = |host: &str| {
        let login = json!({"username": "u", "password": "canary-7c1f".repeat(40_000)});
        source(&json!({"auths": {host: login}}).to_string())
    };
    let mut world = world().settled();
    let small = plan(&world).writes.len();
    assert_eq!(small, 0, "it stands");
    world.secret("reg", Some(large("a.example")));
    world.secret("other", Some(large("b.example")));
    world.add(registry("b", "b.example", "other"));
    world.team().hosts.insert(Host::parse("b.example").unwrap());
    assert_eq!(writes(&world), [""; 0]);
    assert_eq!(said(&world), ["a: False/CopyFailed 1", "b: False/CopyFailed 0"]);
    let told = message(&world, "a");
    assert!(told.starts_with("the copy in namespace team would be larger than the 1 MiB"), "{told}");
    assert!(!told.contains("canary") && plan(&world).retry_at.is_none(), "{told}");

    // The first is for other images now: what was copied of it may not stay.
    world.registries.remove(0);
    world.add(registry("c", "c.example", "third"));
    world.secret("third", Some(large("c.example")));
    world.team().hosts.insert(Host::parse("c.example").unwrap());
    assert_eq!(writes(&world), ["team: remove c@8"]);
    // And with less it goes on at once.
    world.team().hosts.remove(&Host::parse("c.example").unwrap());
    assert_eq!(writes(&world), ["team: b.example over 8"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_mend_and_without_a_value() {
    let mut world = world();
    let file = r#"{"auths": {"https://canary-7c1f:canary-7c1f@a.example": {"auth": "canary-7c1f"}, "a.example/x": {"username": "canary-7c1f"}}}"#;
    world.secret("reg", Some(source(file)));
    let told = message(&world, "a");
    assert!(told.starts_with("entry a.example of Secret sys/reg has an auth that is no base64"), "{told}");
    assert!(
        told.contains("entry a.example/x of Secret sys/reg has a user without a password, and is left out"),
        "{told}"
    );
    assert!(told.ends_with("(docs/troubleshooting.md#clusterregistry-entrymalformed)"), "{told}");
    assert!(!told.contains("canary"), "{told}");

    let mut world = self::world();
    for name in ["n1", "n2", "n3", "n4"] {
        world.places.insert(name.into(), Place { copy: Some(Copy::default()), ..place(&["a.example"]) });
    }
    world.set_back(Obstacle::Forbidden, NOW + 5);
    let told = message(&world, "a");
    for words in [
        "namespaces n1, n2, n3 and 1 more have a Secret lockgate-registries",
        "the copy in namespace team was refused for want of a right",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(plan(&world).retry_at, Some(at(NOW + 5)));
}

#[test]
fn a_status_is_written_where_it_changes_and_a_warning_goes_with_what_is_newly_wrong() {
    let mut world = world().settled();
    let store = |world: &mut World| {
        for notice in report(world, &plan(world)).notices {
            let registry = world.registries.iter_mut().find(|registry| registry.name == notice.name).unwrap();
            Arc::make_mut(registry).status = notice.status;
        }
    };
    let warnings = |world: &World| -> Vec<&'static str> {
        let notices = report(world, &plan(world)).notices;
        notices.iter().filter_map(|notice| notice.warning.as_ref()).map(|(reason, _)| reason.as_str()).collect()
    };
    assert_eq!(warnings(&world), [""; 0]);
    store(&mut world);
    world.now = at(NOW + 60);
    assert_eq!(said(&world), [""; 0], "a later look at the same says nothing new");
    world.secret("reg", None);
    assert_eq!(warnings(&world), ["SecretNotFound"]);
    store(&mut world);
    assert_eq!(warnings(&world), [""; 0], "once");
    world.settle();
    assert_eq!(said(&world), ["a: False/SecretNotFound 0"], "one copy less");
    assert_eq!(warnings(&world), [""; 0]);
}

#[test]
fn troubleshooting_has_a_heading_for_every_reason_that_is_not_good_and_no_other() {
    let page = include_str!("../../../../docs/troubleshooting.md");
    let (_, section) = page.split_once("\n## What a ClusterRegistry says\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let headings: BTreeSet<&str> =
        section.lines().filter_map(|line| line.strip_prefix("### ClusterRegistry-")).collect();
    let good = [ClusterRegistryReason::Copied, ClusterRegistryReason::NotNeeded];
    let reasons = ClusterRegistryReason::ALL.iter().filter(|reason| !good.contains(reason));
    assert_eq!(headings, reasons.map(|reason| reason.as_str()).collect());
}
