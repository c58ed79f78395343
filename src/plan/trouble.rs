//! What keeps a Pod from running: the kubelet's and the scheduler's words, sorted by cause and said plainly.
//!
//! The kubelet's waiting reasons are those of `pkg/kubelet/images/types.go` and `pkg/kubelet/kuberuntime`; the texts
//! behind `ErrImagePull` are the container runtime's and are told apart by what containerd and CRI-O write.

use std::fmt;

use super::{advice, helper};
use crate::api::reason::Trouble;
use crate::build;
use crate::model::names::SecretName;
use crate::model::render::CONTAINER;
use crate::model::secret::{SecretAccess, SecretKnowledge};
use crate::model::volume::{VolumeSource, VolumeUse};
use crate::model::work::{SecretUse, Step, Usage};
use crate::model::world::{PROJECTED_SECRET, PodFacts, World};

/// Text from elsewhere is cut here, in characters.
const MOST_TEXT: usize = 400;

/// What keeps this Pod from running, if anything is known to.
pub(super) fn of(world: &World, step: &Step, pod: &PodFacts) -> Option<(Trouble, String)> {
    if let Some(why) = &pod.unschedulable {
        let namespace = &world.subject.namespace;
        // The scheduler's words for a claim that has no volume, or one that no node can reach.
        let mend = if why.contains("PersistentVolumeClaim") || why.contains("volume node affinity") {
            format!("see what the claim waits for (kubectl describe persistentvolumeclaims -n {namespace})")
        } else {
            format!(
                "change resource_requests, scheduling_spec or tolerations, or add a node{}",
                asked_besides(world, step)
            )
        };
        let said = plain(why);
        let said = said.trim_end_matches('.');
        return Some((Trouble::Unschedulable, format!("no node takes the Pod: {said}: {mend}")));
    }
    if let Some(found) = helper::crash_loop(world, pod) {
        return Some(found);
    }
    if let Some((reason, message)) = &pod.helper.waiting
        && !is_on_its_way(reason)
        && reason != "CrashLoopBackOff"
    {
        return Some(waiting(world, step, &Image::of_helper(world), reason, message));
    }
    match &pod.waiting {
        Some((reason, _)) if reason == "CrashLoopBackOff" => Some(crash_loop(world, pod)),
        Some((reason, message)) if !is_on_its_way(reason) => {
            Some(waiting(world, step, &Image::of_step(step), reason, message))
        }
        _ => pod.mount_failure.as_deref().map(|why| mount(world, step, why)),
    }
}

/// An image that a Pod pulls, and the words for what can be changed of that.
struct Image<'a> {
    name: &'a str,
    /// What it is for, where it is not the step's own.
    role: &'a str,
    /// Where its name stands.
    field: &'a str,
    /// Where its pull policy stands.
    policy: &'a str,
    /// What to do where no pull secret is offered.
    add: &'a str,
}

impl<'a> Image<'a> {
    fn of_step(step: &'a Step) -> Self {
        Self {
            name: &step.image,
            role: "",
            field: "spec.transform.image",
            policy: "image_pull_policy",
            add: "name one in image_pull_secrets",
        }
    }

    fn of_helper(world: &'a World) -> Self {
        Self {
            name: &world.defaults.helper.image,
            role: " (the helper image, which renders what the step needs)",
            field: "the operator's --helper-image",
            policy: "the operator's --helper-image-pull-policy",
            add: "name one in image_pull_secrets, or in the operator's --helper-pull-secrets",
        }
    }
}

impl fmt::Display for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.role)
    }
}

/// Whether nothing is wrong with a container that waits so.
fn is_on_its_way(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing")
}

/// What the Pod asks of a node though its Pipeline does not.
fn asked_besides(world: &World, step: &Step) -> String {
    let defaults = world.defaults.node_selector.iter().filter(|(key, _)| !step.node_selector.contains_key(*key));
    let labels: Vec<String> = defaults.map(|(key, value)| format!("{key}={value}")).collect();
    if labels.is_empty() {
        return String::new();
    }
    format!(" (the operator's Pod defaults ask for nodes with {})", labels.join(", "))
}

/// The kubelet starts the container again and again, later each time.
fn crash_loop(world: &World, pod: &PodFacts) -> (Trouble, String) {
    let code = pod.last_exit_code.map(|code| format!(", the last time with exit code {code}")).unwrap_or_default();
    (
        Trouble::CrashLoop,
        format!(
            "the container of Pod {} ends again and again{code}: kubectl logs {} -n {} --previous",
            pod.name, pod.name, world.subject.namespace
        ),
    )
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

fn waiting(world: &World, step: &Step, image: &Image<'_>, reason: &str, message: &str) -> (Trouble, String) {
    let said = plain(message);
    match reason {
        "ErrImagePull" | "ImagePullBackOff" => pull(world, step, image, message),
        "InvalidImageName" => {
            (Trouble::InvalidImageName, format!("image {image} is no image reference: correct {}", image.field))
        }
        "ErrImageNeverPull" => (
            Trouble::ImageNeverPull,
            format!(
                "image {image} is not on the node and {} is Never: use IfNotPresent, or load the image",
                image.policy
            ),
        ),
        "CreateContainerConfigError" => config(world, &said),
        "CreateContainerError" | "RunContainerError" | "StartError" if image.role.is_empty() => {
            (Trouble::ContainerStart, not_started(step, message))
        }
        "CreateContainerError" | "RunContainerError" | "StartError" => {
            (Trouble::ContainerStart, format!("image {image} could not be started: {said}: correct {}", image.field))
        }
        // The kubelet puts the raw error text into the reason where a listed pull secret cannot be parsed.
        other if unparsable(other) => malformed(world, step, image, other),
        other => (Trouble::ContainerConfig, format!("{}: {said}", plain(other))),
    }
}

/// Why a container was never started, in the runtime's words. They quote the program's name, in which the kubelet has
/// put a value where it holds `$(VARIABLE)`: then they are left out.
pub(super) fn not_started(step: &Step, said: &str) -> String {
    if step.stdin.is_some() {
        // The program that is quoted is the shell then, whatever the command's own name holds.
        let said = plain(said);
        return format!(
            "the container could not be started: {said}: stdin needs /bin/sh in the image; check working_dir, too"
        );
    }
    let program = step.command.first().or(step.args.first());
    let said = if program.is_some_and(|program| program.contains("$(")) {
        "what was said of it may quote a value, since the program's name holds a variable, and is left out".to_owned()
    } else {
        plain(said)
    };
    format!("the container could not be started: {said}: check cmd, args and working_dir")
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
                "the kubelet does not find what the container needs: {said}: add it, and the Pod goes on by itself (kubectl describe secrets -n {namespace} lists the keys that are there)"
            ),
        );
    }
    (Trouble::ContainerConfig, format!("the kubelet cannot set the container up: {said}"))
}

fn mount(world: &World, step: &Step, why: &str) -> (Trouble, String) {
    if let Some(volume) = step.volumes.iter().find(|volume| why.contains(&build::mount_name(volume))) {
        return (Trouble::VolumeMount, mount_of(world, volume, why));
    }
    // The kubelet speaks of the volume, whose name is a hash.
    let mounted = |usage: &SecretUse| match &usage.usage {
        Usage::Mount { path, .. } if why.contains(&build::volume_name(path)) => {
            Some((path.to_string(), usage.secret.clone()))
        }
        _ => None,
    };
    let rendered = step
        .helper_sources()
        .into_iter()
        .enumerate()
        .filter(|(number, _)| why.contains(&build::source_volume_name(*number)));
    let rendered = rendered.map(|(_, usage)| (format!("what {CONTAINER} reads"), usage.secret.clone()));
    let found: Vec<_> = step.uses.iter().filter_map(mounted).chain(rendered).collect();
    let what = match found.first() {
        Some((path, _)) => {
            let secrets: Vec<&str> = found.iter().map(|(_, secret)| secret.as_str()).collect();
            format!("{path} (Secret {}) cannot be mounted", secrets.join(", "))
        }
        None => "a volume cannot be mounted".to_owned(),
    };
    // Of a claim's storage the kubelet gives the PersistentVolume's name, which the step does not know.
    let is_claim = |volume: &VolumeUse| matches!(volume.source, VolumeSource::Claim { .. });
    let namespace = &world.subject.namespace;
    let see = if found.is_empty() && step.volumes.iter().any(is_claim) {
        format!("kubectl describe persistentvolumeclaims -n {namespace} tells of the claims")
    } else {
        format!("kubectl describe secrets -n {namespace} lists the keys that are there")
    };
    (Trouble::VolumeMount, format!("{what}: {}: mend it, and the Pod goes on by itself ({see})", plain(why)))
}

/// A mount that is no Secret's.
fn mount_of(world: &World, volume: &VolumeUse, why: &str) -> String {
    let namespace = &world.subject.namespace;
    let (what, mend) = match volume.object() {
        Some(object) => (
            advice::mounted(volume, &object),
            format!(" (kubectl describe {} {} -n {namespace})", advice::resource(object.kind), object.name),
        ),
        None => (format!("the scratch space at {}", volume.path), String::new()),
    };
    format!("{what} cannot be mounted: {}: mend it, and the Pod goes on by itself{mend}", plain(why))
}

fn unparsable(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["unable to parse auth field", "illegal base64", "invalid character", "cannot unmarshal", "unexpected end of json"]
        .iter()
        .any(|needle| text.contains(needle))
}

fn malformed(world: &World, step: &Step, image: &Image<'_>, said: &str) -> (Trouble, String) {
    let secrets = pull_secrets(world, step);
    (
        Trouble::PullSecretMalformed,
        format!(
            "a pull secret cannot be parsed ({}), which fails every image of the Pod ({}): make it anew: {}",
            plain(said),
            offered(&secrets),
            make_anew(world, image, &secrets)
        ),
    )
}

/// The pull secrets that the kubelet offers to the registry: those that the step names, and those that it gets besides that
/// are there, as far as that is known.
fn pull_secrets(world: &World, step: &Step) -> Vec<String> {
    let own = step.uses.iter().filter(|usage| usage.usage == Usage::ImagePull).map(|usage| usage.secret.to_string());
    let is_there = |name: &String| {
        let known = SecretName::parse(name).ok().and_then(|name| world.secrets.get(&name));
        matches!(known, Some(SecretKnowledge::Present(_))) || world.secret_access == SecretAccess::None
    };
    let attached = world.attached_pull_secrets(step).into_iter().filter(|attached| attached.listed);
    let attached = attached.map(|attached| attached.name);
    own.chain(attached.filter(is_there)).collect()
}

fn offered(secrets: &[String]) -> String {
    if secrets.is_empty() {
        "no pull secret is named".to_owned()
    } else {
        format!("pull secrets: {}", secrets.join(", "))
    }
}

/// The command that makes a pull secret for the image's registry, in the place of the one that is named.
fn make_anew(world: &World, image: &Image<'_>, secrets: &[String]) -> String {
    let namespace = &world.subject.namespace;
    // The copy of the ClusterRegistries' credentials is the projector's: another stands beside it, none in its place.
    let secrets: Vec<&String> = secrets.iter().filter(|name| *name != PROJECTED_SECRET).collect();
    let name = if let [name] = secrets.as_slice() { name.as_str() } else { "NAME" };
    // Nobody looked whether it is there.
    let tolerant = if world.secret_access == SecretAccess::None { " --ignore-not-found" } else { "" };
    let delete = if secrets.is_empty() {
        String::new()
    } else {
        format!("kubectl delete secret {name} -n {namespace}{tolerant} && ")
    };
    format!("{delete}{}", advice::create_pull_secret(namespace, name, &advice::server(image.name)))
}

/// The text without images, URLs and media types: such a name may hold any of the words that are looked for.
fn without_names(text: &str) -> String {
    text.split_whitespace().filter(|word| !word.contains('/')).collect::<Vec<_>>().join(" ")
}

/// Why an image could not be pulled, by the runtime's text, and which reference is behind it.
fn pull(world: &World, step: &Step, image: &Image<'_>, message: &str) -> (Trouble, String) {
    let text = without_names(message).to_ascii_lowercase();
    let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let secrets = pull_secrets(world, step);
    let offered = offered(&secrets);
    // Order is policy: a text can hold several of these words, and the first that fits names the nearest cause.
    if any(&["x509", "certificate", "http response to https client", "tls:"]) {
        (Trouble::RegistryTls, format!("the registry of {image} does not speak trusted TLS: {}", plain(message)))
    } else if any(&[
        "dial tcp",
        "failed to do request",
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
                "the registry of {image} does not answer: {}: check the host in {} and the node's network",
                plain(message),
                image.field
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
        let mend = if secrets.is_empty() { image.add } else { "make it anew" };
        (
            Trouble::ImageUnauthorized,
            format!(
                "the registry wants other credentials for {image} ({offered}): {mend}: {}",
                make_anew(world, image, &secrets)
            ),
        )
    } else if any(&["not found", "manifest unknown", "name unknown", "does not exist"]) {
        (Trouble::ImageNotFound, format!("the registry has no {image}: correct the name or the tag in {}", image.field))
    } else {
        (Trouble::ImagePullFailed, format!("image {image} could not be pulled ({offered}): {}", plain(message)))
    }
}
