//! Tries: what the Pods of one of a step's indexes came to, and which Pod is next. A try that failed counts; a Pod that was taken away
//! (deleted, evicted, lost with its node) does not, and is replaced.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::crew::{Crew, Member, Record};
use super::{helper, trouble};
use crate::api::reason::Reason;
use crate::model::backoff::{DISRUPTED, RETRY};
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::Step;
use crate::model::world::{PodFacts, PodPhase, Termination, WorkState, World};

/// The API server's clock says when a deletion was asked for, a node's when a container ended, our own when a time is over:
/// so much they may differ. A Pod too many does less harm than a try, or a run, that failed because we ended its Pod.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(5);

/// How a container ended, or why it never ran.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// In words for people.
    pub message: String,
    /// The exit code, where a container ended.
    pub exit_code: Option<i32>,
    /// When.
    pub finished_at: Option<Timestamp>,
    /// Whether another try would end the same: its input cannot be rendered.
    pub is_invalid: bool,
}

/// Where one of a step's equal Pods stands by the tries there were.
pub(super) enum Tries<'a> {
    /// One ended well; its Pod, where it is known still.
    Succeeded(PodIdentity, Option<&'a PodFacts>, Outcome),
    /// A Pod lives.
    Alive(PodIdentity, &'a PodFacts),
    /// It failed more often than it may be tried again. The last Pod, where it is known still.
    Failed(PodIdentity, Option<&'a PodFacts>, Outcome),
    /// This Pod is next, not before that time; what failed last, if anything did.
    Next(PodIdentity, Option<Timestamp>, Option<Outcome>),
}

/// Reads the Pods of an index, and what status recorded of those that are gone.
pub(super) fn tries<'a>(world: &World, run: &RunRef, step: &Step, crew: &Crew<'a>, index: i32) -> Tries<'a> {
    let pods = crew.of_index(index);
    let recorded = crew.record(index);
    let id = |attempt: i32, replacement: i32| PodIdentity {
        run: run.number,
        step: step.name.clone(),
        index,
        attempt,
        replacement,
    };
    if let Some((id, pod)) = pods.iter().find(|(_, pod)| has_succeeded(step, pod)) {
        return Tries::Succeeded(id.clone(), Some(pod), outcome(world, step, pod));
    }
    if let Some(record) = recorded.as_ref().filter(|record| record.succeeded) {
        return Tries::Succeeded(id(record.attempts, record.replacements), None, outcome_of_record(record));
    }
    if let Some((id, pod)) = pods.iter().find(|(_, pod)| pod.is_live()) {
        return Tries::Alive(id.clone(), pod);
    }
    let failed = pods.iter().find(|(_, pod)| failed(step, pod));
    let by_pods = failed.map_or(0, |(id, _)| id.attempt.saturating_add(1));
    let by_record = recorded.as_ref().map_or(0, |record| record.attempts);
    let attempt = by_pods.max(by_record);
    let mut last = match failed {
        Some((_, pod)) if by_pods >= by_record => Some(outcome(world, step, pod)),
        _ => recorded.as_ref().filter(|_| attempt > 0).map(outcome_of_record),
    };
    let for_good = recorded.as_ref().is_some_and(|record| record.failed.is_some());
    if let Some(last) = last.take_if(|last| attempt > step.retries || for_good || last.is_invalid) {
        let replacements = recorded.map_or(0, |record| record.replacements);
        return Tries::Failed(id(attempt, replacements), failed.map(|(_, pod)| *pod), last);
    }
    let id = id(attempt, next_replacement(attempt, recorded.as_ref(), pods));
    let not_before = pause(world, run, &id, last.as_ref(), pods);
    Tries::Next(id, not_before, last)
}

/// Which fresh Pod of this attempt is next.
fn next_replacement(attempt: i32, recorded: Option<&Record>, pods: &[Member<'_>]) -> i32 {
    let after = |last: i32| last.saturating_add(1);
    let seen = pods.iter().filter(|(id, _)| id.attempt == attempt).map(|(id, _)| after(id.replacement)).max();
    // What was recorded without a Pod is one whose creation is still to come, or was refused.
    let recorded = recorded
        .filter(|record| record.attempts == attempt)
        .map(|record| if record.has_pod { after(record.replacements) } else { record.replacements });
    seen.max(recorded).unwrap_or(0)
}

/// Until when to wait: after a try that failed, and after a Pod that was taken away by the cluster itself, lest it is
/// made and taken away without end. Derived from what is there, so that no timer is stored.
pub(super) fn pause(
    world: &World,
    run: &RunRef,
    next: &PodIdentity,
    last: Option<&Outcome>,
    pods: &[Member<'_>],
) -> Option<Timestamp> {
    // The first index keeps the seed that there was before there were several.
    let index = if next.index == 0 { String::new() } else { format!("/{}", next.index) };
    let seed = format!("{}/{}/{}{index}", world.subject.uid, run.number, next.attempt);
    let count = |number: i32| u32::try_from(number).unwrap_or_default();
    let disrupted = pods.iter().find(|(id, pod)| id.attempt == next.attempt && pod.disrupted_at.is_some() && !pod.gone);
    if let Some((id, pod)) = disrupted {
        return pod.disrupted_at.map(|at| DISRUPTED.next(at, count(id.replacement).saturating_add(1), &seed));
    }
    // A replacement of a Pod that vanished has paused already, before the Pod that it replaces.
    let finished = last.filter(|_| next.attempt > 0 && next.replacement == 0)?.finished_at?;
    Some(RETRY.next(finished, count(next.attempt), &seed))
}

/// Whether a Pod ended well, for Kubernetes or by a code that the step accepts.
fn has_succeeded(step: &Step, pod: &PodFacts) -> bool {
    pod.phase == PodPhase::Succeeded || accepted(step, pod)
}

/// Whether a Pod failed with a code that counts as success. It has to be the command's own: the kubelet gives codes,
/// too, to a container that never started, that was evicted, or of which it knows nothing more.
fn accepted(step: &Step, pod: &PodFacts) -> bool {
    let own = |ended: &&Termination| ended.start_error.is_none() && ended.reason != "ContainerStatusUnknown";
    let taken_away = pod.reason.is_some() || pod.disrupted_at.is_some();
    let ended = pod.terminated.as_ref().filter(own).filter(|_| !taken_away);
    pod.phase == PodPhase::Failed
        && !interrupted(pod)
        && ended.is_some_and(|ended| step.accepted_codes.contains(&ended.exit_code))
}

/// Whether a Pod is a try that counts.
fn failed(step: &Step, pod: &PodFacts) -> bool {
    let ended_badly = pod.phase == PodPhase::Failed && !interrupted(pod) && pod.disrupted_at.is_none();
    ended_badly || (!pod.is_live() && never_started(step, pod))
}

/// Whether a failed Pod failed because it was deleted: then that is no result, and it is replaced.
fn interrupted(pod: &PodFacts) -> bool {
    let finished = pod.ended().and_then(|ended| ended.finished_at);
    match (pod.deletion_requested_at, finished) {
        (Some(asked), Some(finished)) => asked.duration_since(finished) <= CLOCKS_DIFFER,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// When a Pod that does not start is given up.
pub(super) fn pending_deadline(step: &Step, pod: &PodFacts) -> Option<Timestamp> {
    pod.created_at?.checked_add(step.pending_timeout?).ok()
}

/// Whether the Pod never ran and was deleted because its `pending_timeout` had passed. The deletion's own time says so:
/// nothing else is remembered of it.
fn never_started(step: &Step, pod: &PodFacts) -> bool {
    let asked = pod.deletion_requested_at.map(|at| at.saturating_add(CLOCKS_DIFFER).unwrap_or(at));
    pod.ended().is_none()
        && pod.phase != PodPhase::Running
        && pending_deadline(step, pod).is_some_and(|deadline| asked.is_some_and(|asked| asked >= deadline))
}

fn outcome(world: &World, step: &Step, pod: &PodFacts) -> Outcome {
    let ended = pod.ended();
    let last_words = last_words(world, pod).map(|said| format!("; it said: \"{said}\"")).unwrap_or_default();
    Outcome {
        message: format!("{}{last_words}", message(step, pod)),
        exit_code: ended.map(|ended| ended.exit_code),
        finished_at: ended.and_then(|ended| ended.finished_at).or(pod.deletion_requested_at),
        is_invalid: pod.invalid_input().is_some(),
    }
}

/// What the container left as its last words, where the spec lets it stand in status.
fn last_words<'a>(world: &World, pod: &'a PodFacts) -> Option<&'a str> {
    let WorkState::Valid(work) = &world.work else { return None };
    pod.terminated.as_ref()?.last_words.as_deref().filter(|_| work.termination_message)
}

fn outcome_of_record(record: &Record) -> Outcome {
    let unknown = if record.succeeded { "its Pod ended well" } else { "the last try failed" };
    Outcome {
        message: record.message.clone().unwrap_or_else(|| unknown.to_owned()),
        exit_code: record.exit_code,
        finished_at: record.finished_at,
        is_invalid: record.failed == Some(Reason::InvalidInput),
    }
}

fn message(step: &Step, pod: &PodFacts) -> String {
    if pod.phase == PodPhase::Succeeded {
        return format!("Pod {} ended with exit code 0", pod.name);
    }
    if let Some(failed) = &pod.helper.failed {
        return helper::failed(pod, failed);
    }
    if let Some(why) = pod.terminated.as_ref().and_then(|ended| ended.start_error.as_ref()) {
        return format!("Pod {} failed: {}", pod.name, trouble::not_started(step, why));
    }
    match (&pod.terminated, &pod.reason) {
        (Some(ended), _) if accepted(step, pod) => {
            format!("Pod {} ended with exit code {}, which accept_return_code accepts", pod.name, ended.exit_code)
        }
        (Some(ended), _) if !ended.reason.is_empty() && ended.reason != "Error" => {
            format!("Pod {} ended with exit code {} ({})", pod.name, ended.exit_code, ended.reason)
        }
        (Some(ended), _) => format!("Pod {} ended with exit code {}", pod.name, ended.exit_code),
        (None, Some((reason, message))) => format!("Pod {} failed: {reason}: {}", pod.name, trouble::plain(message)),
        (None, None) if pod.phase == PodPhase::Failed => format!("Pod {} failed", pod.name),
        (None, None) => format!("Pod {} did not start within pending_timeout", pod.name),
    }
}
