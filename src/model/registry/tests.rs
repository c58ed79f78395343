//! What the kubelet's own tables leave out: images as people write them, and what is said of keys.

use proptest::prelude::*;

use super::*;
use crate::model::image::Image;

fn offered<'a>(keys: &[&'a str], image: &str) -> Vec<&'a str> {
    let mut keyring = Keyring::default();
    for &key in keys {
        keyring.add(key, key);
    }
    keyring.lookup(&Image::parse(image).unwrap().repository()).into_iter().copied().collect()
}

#[test]
fn images_as_people_write_them() {
    for (key, image, is_offered) in [
        ("https://index.docker.io/v1/", "busybox", true),
        ("https://index.docker.io/v2/", "team/app:1", true),
        ("index.docker.io", "docker.io/team/app", true),
        ("docker.io", "busybox", true),
        ("docker.io/library", "busybox", true),
        ("docker.io/team", "busybox", false),
        // No slash at the end: a path, then.
        ("https://index.docker.io/v1", "busybox", false),
        ("registry-1.docker.io", "busybox", false),
        ("https://hub.docker.com/", "busybox", false),
        ("*.docker.io", "busybox", false),
        ("registry.example.com", "registry.example.com/team/app", true),
        ("https://registry.example.com/v2/", "registry.example.com/team/app", true),
        ("https://registry.example.com/v2", "registry.example.com/team/app", false),
        ("registry.example.com:443", "registry.example.com/team/app", false),
        ("registry.example.com", "registry.example.com:443/team/app", false),
        ("registry.example.com/team/", "registry.example.com/team/app", true),
        ("registry.example.com/team/", "registry.example.com/team2/app", false),
        ("registry.example.com/team", "registry.example.com/team2/app", true),
        ("registry.example.com/Team", "registry.example.com/team/app", false),
        ("Registry.example.com", "registry.example.com/app", false),
        ("*", "registry.example.com/app", false),
        ("*.*.*", "registry.example.com/app", true),
        ("*.azurecr.io", "myregistry.azurecr.io/app", true),
        ("reg*y.ex*ple.com", "registry.example.com/app", true),
        ("[::1]:5000", "[::1]:5000/app", true),
        // The kubelet takes the brackets for a class of signs.
        ("[::1]", "[::1]/app", false),
        ("127.0.0.1:5000", "127.0.0.1:5000/app", true),
        // A host without a dot is the Hub's to the kubelet: its login goes to that host.
        ("https://index.docker.io/v1/", "localhost/app", true),
        ("https://index.docker.io/v1/", "localhost:5000/app", false),
        ("a_b.c", "a_b.c/app", true),
        ("HTTPS://registry.example.com", "registry.example.com/app", false),
        ("", "busybox", false),
        ("registry.example.com/te%61m", "registry.example.com/team/app", true),
        ("registry.example.com/team%3Fx", "registry.example.com/team/app", true),
        ("registry.example.com/team%25zz", "registry.example.com/team/app", false),
    ] {
        assert_eq!(!offered(&[key], image).is_empty(), is_offered, "{key} {image}");
    }
}

#[test]
fn all_that_match_are_offered_and_the_hubs_only_where_none_does() {
    let image = "registry.example.com/team/app";
    let keys = ["*.example.com", "registry.example.com", "https://registry.example.com/", "registry.example.com/team"];
    assert_eq!(
        offered(&keys, image),
        ["registry.example.com/team", "registry.example.com", "https://registry.example.com/", "*.example.com"]
    );
    assert_eq!(offered(&["index.docker.io", "docker.io"], "busybox"), ["docker.io"]);
    assert_eq!(offered(&["index.docker.io", "https://index.docker.io/v1/"], "busybox").len(), 2);
}

#[test]
fn a_key_says_what_is_wrong_with_it() {
    for (key, faults) in [
        ("registry.example.com", &[][..]),
        ("registry.example.com:5000/team", &[]),
        ("https://index.docker.io/v1/", &[]),
        ("docker.io", &[]),
        ("[::1]:5000", &[]),
        ("registry.example.com:port", &[Fault::KeyUnreadable]),
        (" registry.example.com", &[Fault::KeyUnreadable]),
        ("HTTPS://registry.example.com", &[Fault::KeyScheme]),
        ("oci://registry.example.com", &[Fault::KeyScheme]),
        ("https://index.docker.io/v1", &[Fault::HubAlias]),
        ("registry-1.docker.io", &[Fault::HubAlias]),
        ("hub.docker.com", &[Fault::HubAlias]),
        ("*.docker.io", &[Fault::HubAlias]),
        ("https://registry.example.com/v2", &[Fault::KeyVersion]),
        ("registry.example.com/Team", &[Fault::KeyPath]),
        ("registry.example.com/app:1", &[Fault::KeyPath]),
        ("Registry.example.com", &[Fault::KeyCase]),
        ("registry.example.com:443", &[Fault::KeyPort]),
    ] {
        assert_eq!(of_key(key), faults, "{key}");
    }
}

#[test]
fn cloud_registries_have_users_of_their_own() {
    let ecr = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    for (host, user, fault) in [
        (ecr, "AWS", Some(Fault::ShortLived)),
        (ecr, "somebody", Some(Fault::UserOfEcr)),
        ("https://eu.gcr.io/project", "_json_key", None),
        ("europe-docker.pkg.dev", "oauth2accesstoken", Some(Fault::ShortLived)),
        ("europe-docker.pkg.dev", "somebody", Some(Fault::UserOfGoogle)),
        ("myregistry.azurecr.io", "somebody", None),
        ("ecr.amazonaws.com.example", "somebody", None),
    ] {
        assert_eq!(of_user(host, user.as_bytes()), fault, "{host} {user}");
    }
}

#[test]
fn faults_have_ids_and_sentences_of_their_own() {
    let mut ids: Vec<&str> = Fault::ALL.iter().map(|fault| fault.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), Fault::ALL.len());
    for fault in Fault::ALL {
        assert!(!fault.message().ends_with('.') && !fault.fix().ends_with('.'), "{fault}");
    }
}

proptest! {
    /// Whatever stands in a Secret: no panic, and a key that was made normal stays as it is.
    #[test]
    fn any_text_is_a_key_or_none(text in "(https?://)?[a-z.*:%/\\[\\]@?#A-Z0-9 -]{0,40}|\\PC{0,40}") {
        let _faults = of_key(&text);
        let Some(key) = Key::parse(&text) else { return Ok(()); };
        let _matches = key.matches("registry.example.com:5000/team/app");
        prop_assert!(!key.as_str().starts_with("http://") || text.matches("http").count() > 1);
    }

    /// A host as it stands in an image's name, with or without the beginning of its path, is for that image.
    #[test]
    fn an_images_own_host_is_a_key_for_it(
        host in "[a-z0-9]{1,8}(\\.[a-z0-9](-?[a-z0-9]){0,3}){1,3}(:[0-9]{2,5})?",
        path in "[a-z]{3,8}(/[a-z]{3,5}){0,2}",
        cut in 0..4_usize,
        scheme in prop_oneof![Just(""), Just("https://"), Just("http://")],
    ) {
        let image = format!("{host}/{path}");
        let key = format!("{scheme}{host}/{}", path.chars().take(cut).collect::<String>());
        // `/v1/` is no path; these paths have no such part.
        prop_assert_eq!(offered(&[&key], &image).len(), 1, "{} {}", key, image);
    }
}
