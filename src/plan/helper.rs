//! The init container that renders, in words: what it failed with, and what keeps it from running.

use crate::api::reason::Trouble;
use crate::model::render::CONTAINER;
use crate::model::world::{PodFacts, Termination, World};

/// How it failed.
pub(super) fn failed(pod: &PodFacts, failed: &Termination) -> String {
    if let Some(why) = pod.invalid_input() {
        let why = if why.is_empty() { "the init container did not say why" } else { why };
        return format!("what Pod {} needs cannot be rendered: {why}", pod.name);
    }
    let said = failed.last_words.as_ref().map(|said| format!("; it said: {said}")).unwrap_or_default();
    let reason = Some(&failed.reason).filter(|reason| !reason.is_empty() && *reason != "Error");
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let why = match &failed.start_error {
        Some(why) => format!(
            "could not be started: {}: --helper-image of the operator names its image",
            super::trouble::plain(why)
        ),
        None => format!("ended with exit code {}{reason}", failed.exit_code),
    };
    format!("the init container {CONTAINER} of Pod {}, which renders what the step needs, {why}{said}", pod.name)
}

/// The kubelet starts it again and again, later each time, for another reason than that nothing could be rendered.
pub(super) fn crash_loop(world: &World, pod: &PodFacts) -> Option<(Trouble, String)> {
    let (reason, _) = pod.helper.waiting.as_ref()?;
    if reason != "CrashLoopBackOff" || pod.invalid_input().is_some() {
        return None;
    }
    let namespace = &world.subject.namespace;
    let last = pod.helper.failed.as_ref().map(|failed| format!(", the last time with exit code {}", failed.exit_code));
    Some((
        Trouble::CrashLoop,
        format!(
            "the init container {CONTAINER} of Pod {}, which renders what the step needs, ends again and again{}: kubectl logs {} -c {CONTAINER} -n {namespace} --previous",
            pod.name,
            last.unwrap_or_default(),
            pod.name
        ),
    ))
}
