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
