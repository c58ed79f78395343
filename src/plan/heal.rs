//! Healing: the Pod that is stuck in what was just mended makes place for a fresh one.

use crate::api::reason::Trouble;
use crate::model::work::{Step, Usage};
use crate::model::world::{PodFacts, World};

/// The Secret whose change may have mended what the Pod is stuck in, if one changed since the Pod was created.
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
    changed(world, step, pod, |name| if by_pull_secret { for_pull(name) } else { in_container(name) })
}

/// The Secret whose change may have made it possible to render what the Pod needs.
///
/// The kubelet tries a Service's Pod again, too, but later each time.
pub(super) fn mended_input(world: &World, step: &Step, pod: &PodFacts) -> Option<String> {
    pod.invalid_input()?;
    let sources = step.helper_sources();
    changed(world, step, pod, |name| sources.iter().any(|usage| usage.secret.as_str() == name))
}

/// The first Secret of these that has another version than when the Pod was created.
fn changed(world: &World, step: &Step, pod: &PodFacts, concerned: impl Fn(&str) -> bool) -> Option<String> {
    let is_other = |(name, version): &(String, String)| concerned(name) && pod.started_with.get(name) != Some(version);
    world.versions(step).into_iter().find(is_other).map(|(name, _)| name)
}
