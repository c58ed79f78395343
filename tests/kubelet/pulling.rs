//! Pulling images: every way in which it goes wrong, and the sentence that a person reads then.

use std::time::Instant;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Patch, PatchParams};
use lockgate::api::reason::{Phase, ReferenceState, ReferenceUse, Trouble};
use serde_json::json;

use crate::support::{condition, message, states};
use crate::{OF_THE_PLATFORM, in_trouble, journey, nothing_leaked, printed, shell};

/// A loopback port at which nobody listens: no other program is given one below 1024 by the kernel.
const CLOSED_PORT: u16 = 1;

/// The content of a pull secret for another registry than the one that is asked.
fn for_another_registry() -> String {
    json!({"auths": {"elsewhere.test": {"username": "somebody", "password": "canary-elsewhere"}}}).to_string()
}

#[tokio::test]
async fn each_way_to_pull_or_not_has_its_own_sentence() {
    let Some((space, node)) = journey("pulls").await else {
        return;
    };
    let registry = node.registry();
    let pipeline = async |name: &str, image: &str, pull_secrets: &[&str]| {
        space.pipeline(name, shell(image, "echo pulled", json!({"image_pull_secrets": pull_secrets}))).await;
    };
    let image = |name: &str| registry.push_busybox(&format!("pulls/{name}:1")).unwrap();
    let wrong = json!({"auths": {registry.host(): {"username": registry.username(), "password": "canary-wrong"}}});
    let mut malformed = json!({"auths": {"elsewhere.test": {"auth": "canary, and no base64"}}});
    malformed["auths"][registry.host()] = json!({"username": registry.username(), "password": registry.password()});
    space.pull_secret("good", &registry.docker_config_json()).await;
    space.pull_secret("wrong-password", &wrong.to_string()).await;
    space.pull_secret("elsewhere", &for_another_registry()).await;
    space.pull_secret("malformed", &malformed.to_string()).await;
    // Base64 of `canary without a colon`.
    let no_colon = json!({"auths": {registry.host(): {"auth": "Y2FuYXJ5IHdpdGhvdXQgYSBjb2xvbg=="}}});
    space.pull_secret("no-colon", &no_colon.to_string()).await;
    let no_object = json!({"auths": {registry.host(): "canary"}});
    space.pull_secret("no-object", &no_object.to_string()).await;

    // An image for each, so that what one has pulled helps no other.
    pipeline("valid", &image("valid"), &["good"]).await;
    pipeline("two", &image("two"), &["wrong-password", "good"]).await;
    pipeline("invalid", &image("invalid"), &["wrong-password"]).await;
    pipeline("absent", &image("absent"), &["nobody-made-it"]).await;
    pipeline("none", &image("none"), &[]).await;
    pipeline("other-host", &image("other-host"), &["elsewhere"]).await;
    image("bad-tag");
    pipeline("bad-tag", &format!("{}/pulls/bad-tag:2", registry.host()), &["good"]).await;
    pipeline("bad-name", &format!("{}/pulls/nowhere:1", registry.host()), &["good"]).await;
    pipeline("unreachable", &format!("127.0.0.1:{CLOSED_PORT}/pulls/app:1"), &["good"]).await;
    pipeline("no-such-host", "registry.invalid/pulls/app:1", &["good"]).await;
    pipeline("malformed", &image("malformed"), &["malformed"]).await;
    pipeline("no-colon", &image("no-colon"), &["no-colon"]).await;
    pipeline("no-object", &image("no-object"), &["good", "no-object"]).await;
    let never = shell("lockgate.test/absent:1", "true", json!({}));
    space.pipeline("never", crate::with(never, json!({"image_pull_policy": "Never"}))).await;

    assert_eq!(printed(&space, "valid").await, "pulled\n");
    assert_eq!(printed(&space, "two").await, "pulled\n");
    // The node holds the image by now; the kubelet gives it only to whom the registry would.
    pipeline("stranger", &format!("{}/pulls/valid:1", registry.host()), &[]).await;

    let said = in_trouble(&space, "invalid", Trouble::ImageUnauthorized).await;
    assert!(
        said.contains("(pull secrets: wrong-password): make it anew: kubectl delete secret wrong-password -n pulls && kubectl create secret docker-registry wrong-password -n pulls --docker-server=127.0.0.1:"),
        "{said}"
    );
    let said = in_trouble(&space, "none", Trouble::ImageUnauthorized).await;
    assert!(said.contains("(no pull secret is named): name one in image_pull_secrets"), "{said}");
    in_trouble(&space, "stranger", Trouble::ImageUnauthorized).await;
    let said = in_trouble(&space, "other-host", Trouble::ImageUnauthorized).await;
    assert!(said.contains("(pull secrets: elsewhere)"), "{said}");

    let absent = space.phase("absent", Phase::Waiting).await;
    println!("absent: {}", message(&absent));
    assert_eq!(condition(&absent, "Ready"), "False/WaitingForSecrets");
    assert_eq!(states(&absent), ["nobody-made-it:NotFound"]);

    let said = in_trouble(&space, "bad-tag", Trouble::ImageNotFound).await;
    assert!(said.contains("/pulls/bad-tag:2: correct the name or the tag in spec.transform.image"), "{said}");
    in_trouble(&space, "bad-name", Trouble::ImageNotFound).await;
    let said = in_trouble(&space, "unreachable", Trouble::RegistryUnreachable).await;
    assert!(said.contains("connection refused"), "{said}");
    in_trouble(&space, "no-such-host", Trouble::RegistryUnreachable).await;
    let said = in_trouble(&space, "malformed", Trouble::PullSecretMalformed).await;
    assert!(said.contains("(pull secrets: malformed)"), "{said}");
    in_trouble(&space, "no-colon", Trouble::PullSecretMalformed).await;
    let said = in_trouble(&space, "no-object", Trouble::PullSecretMalformed).await;
    assert!(said.contains("(pull secrets: good, no-object)"), "{said}");
    let said = in_trouble(&space, "never", Trouble::ImageNeverPull).await;
    assert!(said.contains("image_pull_policy is Never"), "{said}");

    // The same sentence is an event of the Pipeline's.
    for (name, trouble) in [("invalid", Trouble::ImageUnauthorized), ("bad-tag", Trouble::ImageNotFound)] {
        let of_this = |event: &Event| {
            let regarding = event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref());
            regarding == Some(name) && event.reason.as_deref() == Some(trouble.as_str())
        };
        // It is written after the status.
        space.until_many::<Event>(1, &format!("an event {trouble} of {name}"), Instant::now(), of_this).await;
    }
    nothing_leaked(&space).await;
}

#[tokio::test]
async fn pull_secrets_of_the_service_account_are_merged() {
    let Some((space, node)) = journey("account-pulls").await else {
        return;
    };
    let registry = node.registry();
    space.pull_secret("of-the-account", &registry.docker_config_json()).await;
    space.pull_secret("elsewhere", &for_another_registry()).await;
    let patch = Patch::Merge(json!({"imagePullSecrets": [{"name": "of-the-account"}, {"name": "never-made"}]}));
    space.api::<ServiceAccount>().patch("default", &PatchParams::default(), &patch).await.unwrap();

    for (name, own) in [("own-and-account", &["elsewhere"][..]), ("account-only", &[])] {
        let image = registry.push_busybox(&format!("account-pulls/{name}:1")).unwrap();
        space.pipeline(name, shell(&image, "echo pulled", json!({"image_pull_secrets": own}))).await;
    }
    for (name, own) in [("own-and-account", 1), ("account-only", 0)] {
        assert_eq!(printed(&space, name).await, "pulled\n");
        let status = space.phase(name, Phase::Succeeded).await.status.unwrap();
        assert_eq!(status.resolved, Some(format!("{own}/{own}")), "only what the Pipeline names is counted");
        let others: Vec<_> = status.references.iter().filter(|row| row.via.is_some()).collect();
        let sources: Vec<&str> = others.iter().filter_map(|row| row.via.as_deref()).collect();
        assert_eq!(sources, ["serviceaccount/default", "serviceaccount/default", "pod-defaults"]);
        assert!(others.iter().all(|row| row.usage == ReferenceUse::ImagePull));
    }
}

#[tokio::test]
async fn a_default_of_the_operators_is_enough_and_heals_when_it_comes() {
    let Some((space, node)) = journey("default-pulls").await else {
        return;
    };
    let registry = node.registry();
    let image = registry.push_busybox("default-pulls/late:1").unwrap();
    space.pipeline("late", shell(&image, "echo pulled", json!({}))).await;
    // Nothing waits for it, and what the Pod is stuck in is told.
    let said = in_trouble(&space, "late", Trouble::ImageUnauthorized).await;
    assert!(said.contains("(no pull secret is named)"), "{said}");
    space.pull_secret(OF_THE_PLATFORM, &registry.docker_config_json()).await;
    assert_eq!(printed(&space, "late").await, "pulled\n");
    let status = space.phase("late", Phase::Succeeded).await.status.unwrap();
    assert_eq!((status.steps[0].attempts, status.steps[0].replacements), (0, 1), "a fresh Pod, and no try lost");

    let image = registry.push_busybox("default-pulls/there:1").unwrap();
    space.pipeline("there", shell(&image, "echo pulled", json!({}))).await;
    assert_eq!(printed(&space, "there").await, "pulled\n");
    let status = space.phase("there", Phase::Succeeded).await.status.unwrap();
    let [row] = status.references.as_slice() else { panic!("one reference: {:?}", status.references) };
    assert_eq!((row.name.as_str(), row.via.as_deref()), (OF_THE_PLATFORM, Some("pod-defaults")));
    assert_eq!((row.state, status.resolved.as_deref()), (ReferenceState::Resolved, Some("0/0")));
    nothing_leaked(&space).await;
}
