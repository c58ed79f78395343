//! The kubelet's words, as they came from a real one, and what a person reads instead.

use super::tests::*;
use crate::api::reason::Trouble;
use crate::model::world::PodPhase;
use serde_json::json;

fn said(reason: &str, message: &str) -> (Trouble, String) {
    let story = story(&json!({"transform": {"image": "reg.test:5000/team/403:1", "image_pull_secrets": ["regcred"]}}))
        .pull("regcred")
        .pod(1, 0, PodPhase::Pending)
        .last_pod(|pod| pod.waiting = Some((reason.into(), message.into())));
    let step = super::plan(&story.0).steps.remove(0);
    (step.trouble.unwrap(), step.message.unwrap())
}

/// One row: reason, message, the trouble, a word of what the person reads.
macro_rules! rows {
    ($($name:ident: $reason:literal, $message:literal => $trouble:ident, $word:literal;)+) => {
        $(#[test]
        fn $name() {
            let (trouble, message) = said($reason, $message);
            assert_eq!(trouble, Trouble::$trouble, "{message}");
            assert!(message.contains($word), "{message}");
        })+
    };
}

rows! {
    unauthorized: "ErrImagePull", "failed to pull and unpack image \"reg.test:5000/team/403:1\": failed to resolve reference: pulling from host reg.test:5000 failed with status code [manifests 1]: 401 Unauthorized"
        => ImageUnauthorized, "regcred";
    no_credentials: "ImagePullBackOff", "Back-off pulling image: ErrImagePull: no basic auth credentials"
        => ImageUnauthorized, "kubectl create secret docker-registry";
    hub_denies: "ErrImagePull", "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"
        => ImageUnauthorized, "other credentials";
    forbidden: "ErrImagePull", "unexpected status from HEAD request: 403 Forbidden" => ImageForbidden, "grant them pull access";
    no_such_tag: "ErrImagePull", "rpc error: code = NotFound desc = reg.test:5000/team/403:1: not found" => ImageNotFound, "the tag";
    no_host: "ErrImagePull", "dial tcp: lookup reg.test: no such host" => RegistryUnreachable, "check the host";
    refused: "ErrImagePull", "dial tcp 127.0.0.1:1: connect: connection refused" => RegistryUnreachable, "does not answer";
    not_tls: "ErrImagePull", "http: server gave HTTP response to HTTPS client" => RegistryTls, "trusted TLS";
    unknown_authority: "ErrImagePull", "tls: failed to verify certificate: x509: certificate signed by unknown authority" => RegistryTls, "trusted TLS";
    one_bad_auth_fails_all: "unable to parse auth field, must be formatted as base64(username:password)", "" => PullSecretMalformed, "every image of the Pod";
    bad_base64: "illegal base64 data at input byte 3", "" => PullSecretMalformed, "regcred";
    something_else: "ErrImagePull", "layer checksum mismatch" => ImagePullFailed, "layer checksum mismatch";
    bad_name: "InvalidImageName", "couldn't parse image name" => InvalidImageName, "spec.transform.image";
    never: "ErrImageNeverPull", "Container image is not present with pull policy of Never" => ImageNeverPull, "IfNotPresent";
    secret_gone: "CreateContainerConfigError", "secret \"db\" not found" => SecretGone, "goes on by itself";
    key_gone: "CreateContainerConfigError", "couldn't find key password in Secret team-a/db" => SecretGone, "goes on by itself";
    root: "CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod: \"x\", container: main)" => RootImage, "Baseline";
    named_user: "CreateContainerConfigError", "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root" => RootImage, "spec.transform.user";
    no_command: "CreateContainerError", "exec: \"nope\": executable file not found in $PATH" => ContainerStart, "cmd";
    odd: "SomethingNew", "words" => ContainerConfig, "SomethingNew";
}

#[test]
fn what_is_said_is_one_short_line() {
    let (_, message) = said("ErrImagePull", &format!("a\nb\u{1b}[31m {}", "x".repeat(5000)));
    assert!(!message.contains(char::is_control) && message.len() < 1000, "{message}");
}

#[test]
fn a_failed_mount_counts_only_while_the_container_is_being_created() {
    let failing = || story(&json!({"transform": {"image": "a"}})).pod(1, 0, PodPhase::Pending);
    let mount = "MountVolume.SetUp failed for volume \"secret-x\" : references non-existent secret key: ca.crt";
    let story = failing().last_pod(|pod| pod.mount_failure = Some(mount.into()));
    assert_eq!(super::plan(&story.0).steps[0].trouble, Some(Trouble::VolumeMount));
    let runs = story.last_pod(|pod| pod.phase = PodPhase::Running);
    assert_eq!(super::plan(&runs.0).steps[0].trouble, None);
}
