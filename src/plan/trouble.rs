//! What keeps a Pod from running: the kubelet's and the scheduler's words, sorted by cause and said plainly.
//!
//! The kubelet's waiting reasons are those of `pkg/kubelet/images/types.go` and `pkg/kubelet/kuberuntime`; the texts
//! behind `ErrImagePull` are the container runtime's and are told apart by what containerd and CRI-O write.

use crate::api::reason::Trouble;
use crate::model::work::{Step, Usage};
use crate::model::world::{PodFacts, World};

/// Text from elsewhere is cut here, in characters.
const MOST_TEXT: usize = 400;

/// What keeps this Pod from running, if anything is known to.
pub(super) fn of(world: &World, step: &Step, pod: &PodFacts) -> Option<(Trouble, String)> {
    if let Some(why) = &pod.unschedulable {
        return Some((
            Trouble::Unschedulable,
            format!(
                "no node takes the Pod: {}: change resource_requests, scheduling_spec or tolerations, or add a node",
                plain(why)
            ),
        ));
    }
    match &pod.waiting {
        Some((reason, message)) if reason != "ContainerCreating" && reason != "PodInitializing" => {
            Some(waiting(world, step, reason, message))
        }
        _ => pod.mount_failure.as_deref().map(|why| mount(world, why)),
    }
}

/// Text from elsewhere as one short line without control characters.
pub(super) fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn waiting(world: &World, step: &Step, reason: &str, message: &str) -> (Trouble, String) {
    let said = plain(message);
    match reason {
        "ErrImagePull" | "ImagePullBackOff" => pull(world, step, message),
        "InvalidImageName" => (
            Trouble::InvalidImageName,
            format!("image {} is no image reference: correct spec.transform.image", step.image),
        ),
        "ErrImageNeverPull" => (
            Trouble::ImageNeverPull,
            format!(
                "image {} is not on the node and image_pull_policy is Never: use IfNotPresent, or load the image",
                step.image
            ),
        ),
        "CreateContainerConfigError" => config(world, &said),
        "CreateContainerError" | "RunContainerError" | "StartError" => (
            Trouble::ContainerStart,
            format!("the container could not be started: {said}: check cmd, args and working_dir"),
        ),
        // The kubelet puts the raw error text into the reason where a listed pull secret cannot be parsed.
        other if unparsable(other) || unparsable(message) => pull(world, step, &format!("{other} {message}")),
        other => (Trouble::ContainerConfig, format!("{}: {said}", plain(other))),
    }
}

fn config(world: &World, said: &str) -> (Trouble, String) {
    let namespace = &world.subject.namespace;
    if said.contains("runAsNonRoot") || said.contains("verify user is non-root") {
        return (
            Trouble::RootImage,
            format!(
                "security is Restricted and the image would run as root: set spec.transform.user to a number other than 0 (such as \"1000\"), or spec.security to Baseline ({said})"
            ),
        );
    }
    if said.contains("secret") || said.contains("Secret") {
        return (
            Trouble::SecretGone,
            format!(
                "the kubelet does not find what the container needs: {said}: put it back, kubectl get secrets -n {namespace}; the Pod then goes on by itself"
            ),
        );
    }
    (Trouble::ContainerConfig, format!("the kubelet cannot set the container up: {said}"))
}

fn mount(world: &World, why: &str) -> (Trouble, String) {
    (
        Trouble::VolumeMount,
        format!(
            "a volume cannot be mounted: {}: the Pod goes on by itself when that is mended (kubectl get secrets -n {})",
            plain(why),
            world.subject.namespace
        ),
    )
}

fn unparsable(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("unable to parse auth field") || text.contains("illegal base64") || text.contains("invalid character")
}

/// Why an image could not be pulled, by the runtime's text, and which reference is behind it.
fn pull(world: &World, step: &Step, message: &str) -> (Trouble, String) {
    // Without the image: its name may hold any of the words.
    let text = message.replace(step.image.as_str(), "IMAGE").to_ascii_lowercase();
    let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let image = &step.image;
    let secrets: Vec<&str> =
        step.uses.iter().filter(|usage| usage.usage == Usage::ImagePull).map(|usage| usage.secret.as_str()).collect();
    let offered = if secrets.is_empty() {
        "no pull secret is named".to_owned()
    } else {
        format!("pull secrets: {}", secrets.join(", "))
    };
    let namespace = &world.subject.namespace;
    // Order is policy: a text can hold several of these words, and the first that fits names the nearest cause.
    if unparsable(message) {
        (
            Trouble::PullSecretMalformed,
            format!(
                "a pull secret cannot be parsed, which fails every image of the Pod ({offered}): make it anew with kubectl create secret docker-registry -n {namespace} ({})",
                plain(message)
            ),
        )
    } else if any(&["x509", "certificate", "http response to https client", "tls:"]) {
        (Trouble::RegistryTls, format!("the registry of {image} does not speak trusted TLS: {}", plain(message)))
    } else if any(&[
        "no such host",
        "connection refused",
        "i/o timeout",
        "no route to host",
        "network is unreachable",
        "connection reset",
        "deadline exceeded",
    ]) {
        (
            Trouble::RegistryUnreachable,
            format!(
                "the registry of {image} does not answer: {}: check the host in spec.transform.image and the node's network",
                plain(message)
            ),
        )
    } else if any(&["forbidden"]) {
        (
            Trouble::ImageForbidden,
            format!("the registry refuses {image} to these credentials ({offered}): grant them pull access"),
        )
    } else if any(&[
        "unauthorized",
        "no basic auth",
        "authentication required",
        "authorization failed",
        "insufficient_scope",
        "access denied",
    ]) {
        let mend = if secrets.is_empty() {
            "name one in image_pull_secrets".to_owned()
        } else {
            format!(
                "correct it: kubectl create secret docker-registry NAME -n {namespace} --docker-server=HOST --docker-username=USER --docker-password=PASSWORD"
            )
        };
        (Trouble::ImageUnauthorized, format!("the registry wants other credentials for {image} ({offered}): {mend}"))
    } else if any(&["not found", "manifest unknown", "name unknown", "does not exist"]) {
        (
            Trouble::ImageNotFound,
            format!("the registry has no {image}: correct the name or the tag in spec.transform.image"),
        )
    } else {
        (Trouble::ImagePullFailed, format!("image {image} could not be pulled ({offered}): {}", plain(message)))
    }
}
