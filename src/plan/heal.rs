//! Healing: the Pod that is stuck in what was just mended makes place for a fresh one.

use crate::api::reason::Trouble;
use crate::model::work::{Step, Usage};
use crate::model::world::{PodFacts, World};

/// What may have mended what the Pod is stuck in, if anything of that changed since the Pod was created: `Secret db was mended`.
///
/// The kubelet tries again after 10 s to 5 min, counted by the Pod's uid (`pkg/kubelet/images`), so that a fresh Pod is
/// quicker. A Pod that runs is never touched by this.
pub(super) fn mended(world: &World, step: &Step, pod: &PodFacts, trouble: Trouble) -> Option<String> {
    let by_pull_secret = match trouble {
        Trouble::ImageUnauthorized
        | Trouble::ImageForbidden
        | Trouble::ImagePullFailed
        | Trouble::PullSecretMalformed
        // A registry that hides what one may not see answers "not found".
        | Trouble::ImageNotFound => true,
        Trouble::SecretGone | Trouble::VolumeMount => false,
        Trouble::Unschedulable
        | Trouble::InvalidImageName
        | Trouble::RegistryUnreachable
        | Trouble::RegistryTls
        | Trouble::ImageNeverPull
        | Trouble::RootImage
        | Trouble::ContainerConfig
        | Trouble::ContainerStart
        | Trouble::CrashLoop => return None,
    };
    let in_container = |name: &str| step.uses.iter().any(|u| u.usage != Usage::ImagePull && u.secret.as_str() == name);
    let pull_secrets = world.pull_secrets(step);
    let for_pull = |name: &str| pull_secrets.iter().any(|listed| listed == name);
    let concerned = |name: &str| if by_pull_secret { for_pull(name) } else { in_container(name) };
    changed(world, step, pod, concerned).or_else(|| {
        let taken_away = || taken_away(world, step, pod, trouble == Trouble::PullSecretMalformed);
        let name = by_pull_secret.then(taken_away).flatten()?;
        Some(format!("Secret {name} is no pull secret of it any more"))
    })
}

/// What may have made it possible to render what the Pod needs.
///
/// The kubelet tries a Service's Pod again, too, but later each time.
pub(super) fn mended_input(world: &World, step: &Step, pod: &PodFacts) -> Option<String> {
    pod.invalid_input()?;
    let sources = step.helper_sources();
    changed(world, step, pod, |name| sources.iter().any(|usage| usage.secret.as_str() == name))
}

/// Says of the first Secret of these that has another version than when the Pod was created, that it was mended.
fn changed(world: &World, step: &Step, pod: &PodFacts, concerned: impl Fn(&str) -> bool) -> Option<String> {
    let is_other = |(name, version): &(String, String)| concerned(name) && pod.started_with.get(name) != Some(version);
    let (name, _) = world.versions(step).into_iter().find(is_other)?;
    let what = if pod.started_with.contains_key(&name) { "was mended" } else { "is there now" };
    Some(format!("Secret {name} {what}"))
}

/// A pull secret that the Pod was started with, and that a fresh one would not list: its Registry or ServiceAccount does not name it
/// any more. A wrong credential may stand before a right one, or before none at all.
///
/// That the Secret itself is gone mends nothing, but where it could not be parsed.
fn taken_away(world: &World, step: &Step, pod: &PodFacts, malformed: bool) -> Option<String> {
    let attached = world.attached_pull_secrets(step);
    let is_named = |name: &String| {
        step.uses.iter().any(|usage| usage.secret.as_str() == name)
            || attached.iter().any(|attached| attached.name == *name && (attached.listed || !malformed))
    };
    pod.started_with.keys().find(|name| !is_named(name)).cloned()
}
