//! Lockgate's own image, as the kubelet runs it.

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::support::{Space, image};
use crate::{labelled_journey, rendering_journey, with};

/// The strictest rules.
fn restricted() -> Value {
    json!({"pod-security.kubernetes.io/enforce": "restricted"})
}

/// Runs `lockgate --version` in a Pod.
async fn says_its_version(space: &Space, container: Value, pull_secrets: Value) {
    // `runAsUser` is absent: the image's own user has to be a number other than 0, or the kubelet refuses.
    let common = json!({
        "name": "lockgate", "args": ["--version"],
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
    });
    let pod = json!({
        "metadata": {"name": "version"},
        "spec": {
            "restartPolicy": "Never",
            "imagePullSecrets": pull_secrets,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [with(common, container)],
        },
    });
    space.api::<Pod>().create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let has_ended = |pod: &Pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    };
    let pod = space.until("version", "it has ended", has_ended).await;
    let log = space.log_of("version").await;
    assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Succeeded"), "it printed: {log}");
    assert_eq!(log, concat!("lockgate ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn the_image_runs_under_the_strictest_rules() {
    let Some((space, node)) = labelled_journey("own-image", restricted()).await else {
        return;
    };
    let reference = tokio::task::spawn_blocking(|| image::push(node)).await.unwrap();
    space.pull_secret("regcred", &node.registry().docker_config_json()).await;
    says_its_version(&space, json!({"image": reference}), json!([{"name": "regcred"}])).await;
}

#[tokio::test]
async fn the_image_of_the_init_containers_is_there_without_any_registry() {
    let Some((space, _)) = rendering_journey("helper-image", restricted()).await else {
        return;
    };
    says_its_version(&space, json!({"image": image::HELPER, "imagePullPolicy": "Never"}), json!([])).await;
}
