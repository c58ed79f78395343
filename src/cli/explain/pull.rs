//! By which credential a Pod's images are pulled, and what is wrong with its pull secrets. Pure.

use k8s_openapi::api::core::v1::Pod;

use super::seen::Seen;
use super::way::Problem;
use crate::cli::credentials::{Credential, Listed, Offer, of_pod};

/// What is offered for the images of a step's Pod: its own, and the one that renders its input.
pub(super) fn credentials(seen: &Seen, step: &str, pod: &Pod) -> Vec<Credential> {
    let spec = serde_json::to_value(&seen.pipeline.spec).unwrap_or_default();
    let references = seen.pipeline.status.as_ref().map(|status| status.references.as_slice()).unwrap_or_default();
    let images = of_pod(pod, step, &spec, references);
    images.into_iter().map(|image| Credential::of(image, &seen.pull_secrets)).collect()
}

/// The same of one of the two.
pub(super) fn offer(seen: &Seen, step: &str, pod: &Pod, is_helper: bool) -> Offer {
    let found = credentials(seen, step, pod).into_iter().find(|found| found.image.is_helper == is_helper);
    found.map(|found| found.offer).unwrap_or_default()
}

/// What is wrong with the pull secrets.
pub(super) fn problems(Offer { missing, broken, .. }: &Offer) -> Vec<Problem> {
    let problem = |reason: &str, said: String| Problem { reason: reason.to_owned(), said, command: None };
    let missing = missing.iter().map(|Listed { name, .. }| {
        problem("NotFound", format!("pull secret {name} does not exist, and the kubelet goes on without it"))
    });
    let broken = broken.iter().map(|(Listed { name, .. }, fault)| {
        problem("PullSecretMalformed", format!("Secret {name} {}: {}", fault.message(), fault.fix()))
    });
    broken.chain(missing).collect()
}
