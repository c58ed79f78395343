//! The kubelet's own tables: inputs and verdicts of `pkg/credentialprovider/keyring_test.go` of Kubernetes 1.36.3.

use super::key::Key;
use super::keyring::{Keyring, is_of_the_hub};

fn keyring<'a>(keys: &[&'a str]) -> Keyring<&'a str> {
    let mut keyring = Keyring::default();
    for &key in keys {
        assert!(keyring.add(key, key), "{key}");
    }
    keyring
}

/// `TestURLsMatch`.
#[test]
fn hosts_match_label_by_label() {
    for (glob, target, matches) in [
        ("*.kubernetes.io", "prefix.kubernetes.io", true),
        ("prefix.*.io", "prefix.kubernetes.io", true),
        ("prefix.kubernetes.*", "prefix.kubernetes.io", true),
        ("*-good.kubernetes.io", "prefix-good.kubernetes.io", true),
        ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah", true),
        ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar", true),
        ("*.kubernetes.io:1111/blah", "prefix.kubernetes.io:1111/blah", true),
        ("prefix.*.io:1111/foo", "prefix.kubernetes.io:1111/foo/bar", true),
        ("*.kubernetes.io", "kubernetes.io", false),
        ("*.*.kubernetes.io", "prefix.kubernetes.io", false),
        ("*.*.kubernetes.io", "kubernetes.io", false),
        ("*kubernetes.io", "a.kubernetes.io", false),
        ("*kubernetes.io", "kubernetes.io", true),
        ("*.*.*.kubernetes.io", "a.b.c.kubernetes.io", true),
        ("kubernetes.io", "kubernetes.com", false),
        ("k*.io", "quay.io", false),
        ("*.kubernetes.io:1234/blah", "prefix.kubernetes.io:1111/blah", false),
        ("prefix.*.io/foo", "prefix.kubernetes.io:1111/foo/bar", false),
    ] {
        assert_eq!(Key::parse(glob).unwrap().matches(target), matches, "{glob} {target}");
    }
}

/// `TestDockerKeyringForGlob` and `TestKeyringMiss`.
#[test]
fn keys_are_found_for_images() {
    for (key, target) in [
        ("https://hello.kubernetes.io", "hello.kubernetes.io"),
        ("https://*.docker.io", "prefix.docker.io"),
        ("https://prefix.*.io", "prefix.docker.io"),
        ("https://prefix.docker.*", "prefix.docker.io"),
        ("https://*.docker.io/path", "prefix.docker.io/path"),
        ("https://prefix.*.io/path", "prefix.docker.io/path/subpath"),
        ("https://prefix.docker.*/path", "prefix.docker.io/path"),
        ("https://*.docker.io:8888", "prefix.docker.io:8888"),
        ("https://prefix.*.io:8888", "prefix.docker.io:8888"),
        ("https://prefix.docker.*:8888", "prefix.docker.io:8888"),
        ("https://*.docker.io/path:1111", "prefix.docker.io/path:1111"),
        ("https://*.docker.io/v1/", "prefix.docker.io/path:1111"),
        ("https://*.docker.io/v2/", "prefix.docker.io/path:1111"),
        ("https://prefix.docker.*/path:1111", "prefix.docker.io/path:1111"),
        ("prefix.docker.io:1111", "prefix.docker.io:1111/path"),
        ("*.docker.io:1111", "prefix.docker.io:1111/path"),
    ] {
        assert_eq!(keyring(&[key]).lookup(&format!("{target}/foo/bar")), [&key], "{key} {target}");
    }
    for (key, target) in [
        ("https://hello.kubernetes.io", "world.mesos.org/foo/bar"),
        ("https://*.docker.com", "prefix.docker.io"),
        ("https://suffix.*.io", "prefix.docker.io"),
        ("https://prefix.docker.c*", "prefix.docker.io"),
        ("https://prefix.*.io/path:1111", "prefix.docker.io/path/subpath:1111"),
        ("suffix.*.io", "prefix.docker.io"),
    ] {
        assert!(keyring(&[key]).lookup(&format!("{target}/foo/bar")).is_empty(), "{key} {target}");
    }
}

/// `TestKeyringMissWithDockerHubCredentials`, `TestKeyringHitWithUnqualifiedDockerHub`,
/// `TestKeyringHitWithUnqualifiedLibraryDockerHub`, `TestKeyringHitWithQualifiedDockerHub`.
#[test]
fn the_hubs_entry_is_for_images_of_the_hub() {
    let hub = "https://index.docker.io/v1/";
    for (image, is_found) in [
        ("world.mesos.org/foo/bar", false),
        ("google/docker-registry", true),
        ("jenkins", true),
        ("index.docker.io/v1//google/docker-registry", true),
    ] {
        assert_eq!(!keyring(&[hub]).lookup(image).is_empty(), is_found, "{image}");
    }
}

/// `TestIsDefaultRegistryMatch`.
#[test]
fn names_without_a_host_are_the_hubs() {
    for (image, is_so) in [
        ("foo/bar", true),
        ("docker.io/foo/bar", true),
        ("index.docker.io/foo/bar", true),
        ("foo", true),
        ("", false),
        ("registry.tld/foo/bar", false),
        ("registry:5000/foo/bar", false),
        ("myhostdocker.io/foo/bar", false),
    ] {
        assert_eq!(is_of_the_hub(image), is_so, "{image}");
    }
}

/// `TestDockerKeyringLookup`.
#[test]
fn the_more_specific_key_comes_first_and_a_path_is_a_prefix_of_text() {
    let (pong, whole) = ("bar.example.com/pong", "bar.example.com");
    let keyring = keyring(&[pong, whole]);
    for (image, found) in [
        ("bar.example.com", &[&whole][..]),
        ("bar.example.com/pong", &[&pong, &whole]),
        ("bar.example.com/ping", &[&whole]),
        ("bar.example.com/pongz", &[&pong, &whole]),
        ("bar.example.com/pong/pang", &[&pong, &whole]),
        ("example.com", &[]),
        ("foo.example.com", &[]),
    ] {
        assert_eq!(keyring.lookup(image), found, "{image}");
    }
}

/// `TestIssue3797`.
#[test]
fn the_version_of_the_api_is_no_path() {
    for image in ["quay.io", "quay.io/foo", "quay.io/foo/bar"] {
        assert_eq!(keyring(&["https://quay.io/v1/"]).lookup(image).len(), 1, "{image}");
    }
}
