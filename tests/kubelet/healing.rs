//! Healing: a Pod in pull backoff whose pull secret was corrected does not wait for the kubelet's next try.

use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::reason::Trouble;
use serde_json::json;

use crate::{ended, in_trouble, journey, kubelet_says, printed, shell};

#[tokio::test]
async fn a_corrected_pull_secret_replaces_the_pod_that_waits_for_it() {
    let Some((space, node)) = journey("healing").await else {
        return;
    };
    let registry = node.registry();
    let image = registry.push_busybox("healing/app:1").unwrap();
    let wrong = json!({"auths": {registry.host(): {"username": registry.username(), "password": "canary-wrong"}}});
    space.pull_secret("regcred", &wrong.to_string()).await;
    space.pipeline("edges", shell(&image, "echo pulled", json!({"image_pull_secrets": ["regcred"]}))).await;
    // What plain Kubernetes does with the same, side by side.
    let plain_image = registry.push_busybox("healing/plain:1").unwrap();
    let plain = json!({"metadata": {"name": "plain"}, "spec": {"restartPolicy": "Never",
        "containers": [{"name": "main", "image": plain_image, "command": ["true"]}],
        "imagePullSecrets": [{"name": "regcred"}]}});
    space.api::<Pod>().create(&PostParams::default(), &serde_json::from_value(plain).unwrap()).await.unwrap();
    in_trouble(&space, "edges", Trouble::ImageUnauthorized).await;
    kubelet_says(&space, "plain", "ImagePullBackOff").await;

    let right = json!({"stringData": {".dockerconfigjson": registry.docker_config_json()}});
    let secrets = space.api::<k8s_openapi::api::core::v1::Secret>();
    secrets.patch("regcred", &PatchParams::default(), &Patch::Merge(right)).await.unwrap();
    let mended = Instant::now();
    let has_run = |pod: &Pod| pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Succeeded");
    let ((done, ours), plain) = tokio::join!(async { (ended(&space, "edges").await, mended.elapsed()) }, async {
        space.until("plain", "it ran", has_run).await;
        mended.elapsed()
    });
    println!(
        "from the correction of the pull secret to the end: {:.1} s (goal: 3 s until it runs); a plain Pod that had waited \
         as long, with nobody to replace it: {:.1} s (its pauses grow to 300 s)",
        ours.as_secs_f64(),
        plain.as_secs_f64()
    );

    let step = done.status.unwrap().steps.remove(0);
    assert_eq!((step.attempts, step.replacements), (0, 1), "replaced once, and no try lost");
    assert_eq!(printed(&space, "edges").await, "pulled\n");
}
