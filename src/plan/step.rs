//! One step of a run: what its Pods came to, or whether its Pod may start now.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::resolve::{Resolution, resolve};
use super::{Plan, References, Verdict, trouble};
use crate::api::pipeline::OnMissingSecret;
use crate::api::reason::{Phase, Reason};
use crate::api::status::{ReferenceStatus, RunResult, StepStatus};
use crate::build;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{Step, Work};
use crate::model::world::{PodFacts, PodPhase, SetbackKind, Termination, World};

/// The decision about one step.
pub(super) struct StepPlan {
    status: StepStatus,
    verdict: Verdict,
    references: References,
    create: Option<k8s_openapi::api::core::v1::Pod>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    waiting_since: Option<Timestamp>,
    look_again: Option<Timestamp>,
}

impl StepPlan {
    /// Makes the decision part of the run's.
    pub(super) fn merge_into(self, plan: &mut Plan) {
        plan.steps.push(self.status);
        plan.verdict = self.verdict;
        plan.references = self.references;
        plan.create.extend(self.create);
        plan.started_at = plan.started_at.or(self.started_at);
        plan.finished_at = plan.finished_at.or(self.finished_at);
        plan.waiting_since = self.waiting_since;
        plan.look_again = self.look_again;
    }
}

/// Decides about one step. Its Pods of this run speak first, then `suspend`, then the gate.
pub(super) fn plan(world: &World, work: &Work, run: &RunRef, step: &Step) -> StepPlan {
    let pods = pods_of(world, run, step);
    let resolution = resolve(world, step);
    if let Some((pod, outcome)) = outcome(step, &pods) {
        return ended(world, step, pod, &outcome, resolution);
    }
    if let Some((id, pod)) = pods.iter().find(|(_, pod)| pod.is_live()) {
        return alive(world, step, id, pod, resolution);
    }
    let next = next_identity(world, run, step, &pods);
    let base = StepPlan {
        status: status_of(step, &next),
        verdict: Verdict { phase: Phase::Starting, reason: Reason::PodsStarting, message: String::new(), result: None },
        references: References::Seen { rows: resolution.rows.clone(), gate: resolution.gate.clone() },
        create: None,
        started_at: None,
        finished_at: None,
        waiting_since: None,
        look_again: None,
    };
    if work.suspend {
        return suspended(base);
    }
    if resolution.gate.is_some() {
        return waiting(world, work, base, resolution);
    }
    starting(world, run, step, &next, base)
}

/// The Pods of this step in this run, the newest first, each with its identity.
///
/// A Pod whose labels were taken away is known again by its name.
fn pods_of<'a>(world: &'a World, run: &RunRef, step: &Step) -> Vec<(PodIdentity, &'a PodFacts)> {
    let most = i32::try_from(world.pods.len()).unwrap_or(i32::MAX);
    let tries = recorded_step(world, run, step).map_or(0, |s| s.replacements).saturating_add(most).min(64);
    let by_name = |pod: &PodFacts| {
        (0..=tries)
            .map(|replacement| PodIdentity {
                run: run.number,
                step: step.name.clone(),
                index: 0,
                attempt: 0,
                replacement,
            })
            .find(|id| id.pod_name(&world.subject.name, &world.subject.uid) == pod.name)
    };
    let mut pods: Vec<(PodIdentity, &PodFacts)> = world
        .pods
        .iter()
        .filter_map(|pod| Some((pod.identity.clone().or_else(|| by_name(pod))?, pod)))
        .filter(|(id, _)| id.run == run.number && id.step == step.name)
        .collect();
    pods.sort_by(|(a, _), (b, _)| b.cmp(a));
    pods
}

fn recorded_step<'a>(world: &'a World, run: &RunRef, step: &Step) -> Option<&'a StepStatus> {
    let same_run = world.recorded.run.as_ref().is_some_and(|recorded| recorded.number == run.number);
    world.recorded.steps.iter().find(|recorded| same_run && recorded.name == step.name)
}

/// The Pod that would be created now: the first, or a replacement of one that is gone without a result.
fn next_identity(world: &World, run: &RunRef, step: &Step, pods: &[(PodIdentity, &PodFacts)]) -> PodIdentity {
    let after = |last: i32| last.saturating_add(1);
    let seen = pods.iter().map(|(id, _)| after(id.replacement)).max();
    // A recorded step without a Pod is one whose creation was refused: that one is still to come.
    let recorded = recorded_step(world, run, step)
        .map(|s| if s.pod_uid.is_some() { after(s.replacements) } else { s.replacements });
    let replacement = seen.max(recorded).unwrap_or(0);
    PodIdentity { run: run.number, step: step.name.clone(), index: 0, attempt: 0, replacement }
}

/// How the step ended, if one of its Pods says so.
struct Outcome {
    succeeded: bool,
    message: String,
    exit_code: Option<i32>,
    finished_at: Option<Timestamp>,
}

fn outcome<'a>(step: &Step, pods: &[(PodIdentity, &'a PodFacts)]) -> Option<(&'a PodFacts, Outcome)> {
    let succeeded = pods.iter().find(|(_, pod)| has_succeeded(step, pod));
    let alive = pods.iter().any(|(_, pod)| pod.is_live());
    let failed = pods.iter().find(|(_, pod)| pod.phase == PodPhase::Failed && !interrupted(pod));
    let (_, pod) = succeeded.or_else(|| failed.filter(|_| !alive))?;
    let ended = pod.terminated.as_ref();
    Some((
        pod,
        Outcome {
            succeeded: has_succeeded(step, pod),
            message: outcome_message(step, pod),
            exit_code: ended.map(|t| t.exit_code),
            finished_at: ended.and_then(|t| t.finished_at),
        },
    ))
}

/// Whether a Pod ended well, for Kubernetes or by a code that the step accepts.
fn has_succeeded(step: &Step, pod: &PodFacts) -> bool {
    pod.phase == PodPhase::Succeeded || accepted(step, pod)
}

/// Whether a Pod failed with a code that counts as success. It has to be the command's own: the kubelet gives codes,
/// too, to a container that never started, that was evicted, or of which it knows nothing more.
fn accepted(step: &Step, pod: &PodFacts) -> bool {
    let own = |ended: &&Termination| ended.start_error.is_none() && ended.reason != "ContainerStatusUnknown";
    let ended = pod.terminated.as_ref().filter(own).filter(|_| pod.reason.is_none());
    pod.phase == PodPhase::Failed
        && !interrupted(pod)
        && ended.is_some_and(|ended| step.accepted_codes.contains(&ended.exit_code))
}

/// Whether a failed Pod failed because it was deleted: then that is no result, and it is replaced.
fn interrupted(pod: &PodFacts) -> bool {
    let finished = pod.terminated.as_ref().and_then(|ended| ended.finished_at);
    match (pod.deletion_requested_at, finished) {
        (Some(asked), Some(finished)) => finished >= asked,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn outcome_message(step: &Step, pod: &PodFacts) -> String {
    if pod.phase == PodPhase::Succeeded {
        return format!("Pod {} ended with exit code 0", pod.name);
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
        (None, None) => format!("Pod {} failed", pod.name),
    }
}

fn status_of(step: &Step, id: &PodIdentity) -> StepStatus {
    StepStatus {
        name: step.name.clone(),
        state: Phase::Starting,
        pod: None,
        pod_uid: None,
        attempts: id.attempt,
        replacements: id.replacement,
        trouble: None,
        message: None,
        exit_code: None,
    }
}

/// The rows, each with the version of its Secret that the Pod was started with.
fn started_rows(rows: Vec<ReferenceStatus>, pod: &PodFacts) -> Vec<ReferenceStatus> {
    rows.into_iter()
        .map(|row| ReferenceStatus { started_with: pod.started_with.get(&row.name).cloned(), ..row })
        .collect()
}

fn ended(world: &World, step: &Step, pod: &PodFacts, outcome: &Outcome, resolution: Resolution) -> StepPlan {
    let reason = if outcome.succeeded { Reason::Succeeded } else { Reason::PodFailed };
    let phase = if outcome.succeeded { Phase::Succeeded } else { Phase::Failed };
    let message = if outcome.succeeded {
        outcome.message.clone()
    } else if pod.terminated.as_ref().is_some_and(|ended| ended.start_error.is_some()) {
        // There is no log of a container that never started.
        outcome.message.clone()
    } else {
        format!("{}: kubectl logs {} -n {}", outcome.message, pod.name, world.subject.namespace)
    };
    let id = pod.identity.clone().unwrap_or_else(|| PodIdentity {
        run: 0,
        step: step.name.clone(),
        index: 0,
        attempt: 0,
        replacement: 0,
    });
    StepPlan {
        status: StepStatus {
            state: phase,
            pod: Some(pod.name.clone()),
            pod_uid: Some(pod.uid.clone()),
            message: Some(outcome.message.clone()),
            exit_code: outcome.exit_code,
            ..status_of(step, &id)
        },
        verdict: Verdict {
            phase,
            reason,
            message: message.clone(),
            result: Some(RunResult { succeeded: outcome.succeeded, reason, message }),
        },
        // What the Pod was started with is settled; a Secret that went away since is no longer its business.
        references: if world.recorded.references.is_empty() {
            References::Seen { rows: started_rows(resolution.rows, pod), gate: resolution.gate }
        } else {
            References::AsRecorded
        },
        create: None,
        started_at: pod.created_at,
        finished_at: Some(outcome.finished_at.unwrap_or(world.now)),
        waiting_since: None,
        look_again: None,
    }
}

fn alive(world: &World, step: &Step, id: &PodIdentity, pod: &PodFacts, resolution: Resolution) -> StepPlan {
    let (phase, reason) = match pod.phase {
        PodPhase::Running => (Phase::Running, Reason::PodsRunning),
        _ => (Phase::Starting, Reason::PodsStarting),
    };
    let found = (phase == Phase::Starting).then(|| trouble::of(world, step, pod)).flatten();
    let message = match (&found, phase, pod.deletion_requested_at) {
        (_, _, Some(_)) => format!("Pod {} is being deleted; a fresh one follows when it has ended", pod.name),
        (Some((_, text)), _, _) => text.clone(),
        (None, Phase::Running, _) => format!("Pod {} runs", pod.name),
        (None, _, _) => format!("Pod {} was created; it does not run yet", pod.name),
    };
    StepPlan {
        status: StepStatus {
            state: phase,
            pod: Some(pod.name.clone()),
            pod_uid: Some(pod.uid.clone()),
            trouble: found.as_ref().map(|(kind, _)| *kind),
            message: found.map(|(_, text)| text),
            ..status_of(step, id)
        },
        verdict: Verdict { phase, reason, message, result: None },
        references: References::Seen { rows: started_rows(resolution.rows, pod), gate: resolution.gate },
        create: None,
        started_at: pod.created_at,
        finished_at: None,
        waiting_since: None,
        look_again: resolution.look_again.into_iter().chain(unwatched_again(world, pod)).min(),
    }
}

/// When to look again at a Pod of which no event will tell.
fn unwatched_again(world: &World, pod: &PodFacts) -> Option<Timestamp> {
    let again = world.now.checked_add(SignedDuration::from_secs(10)).unwrap_or(world.now);
    pod.unwatched.then_some(again)
}

fn suspended(base: StepPlan) -> StepPlan {
    StepPlan {
        status: StepStatus { state: Phase::Suspended, ..base.status },
        verdict: Verdict {
            phase: Phase::Suspended,
            reason: Reason::Suspended,
            message: "spec.suspend is true: no Pod is started".into(),
            result: None,
        },
        ..base
    }
}

fn waiting(world: &World, work: &Work, base: StepPlan, resolution: Resolution) -> StepPlan {
    let since = world.recorded.waiting_since.as_ref().map_or(world.now, |time| time.0);
    let deadline = work.missing_secret_timeout.and_then(|timeout| since.checked_add(timeout).ok());
    let (reason, message) = resolution.gate.unwrap_or((Reason::WaitingForSecrets, String::new()));
    let failure = if resolution.missing && work.on_missing_secret == OnMissingSecret::Fail {
        Some((Reason::SecretMissing, format!("on_missing_secret is Fail: {message}")))
    } else if deadline.is_some_and(|deadline| deadline <= world.now) {
        Some((Reason::MissingSecretTimeout, format!("missing_secret_timeout has passed: {message}")))
    } else {
        None
    };
    match failure {
        Some((reason, message)) => StepPlan {
            status: StepStatus { state: Phase::Failed, ..base.status },
            verdict: Verdict {
                phase: Phase::Failed,
                reason,
                message: message.clone(),
                result: Some(RunResult { succeeded: false, reason, message }),
            },
            finished_at: Some(world.now),
            ..base
        },
        None => StepPlan {
            status: StepStatus { state: Phase::Waiting, ..base.status },
            verdict: Verdict { phase: Phase::Waiting, reason, message, result: None },
            waiting_since: Some(since),
            look_again: deadline.into_iter().chain(resolution.look_again).min(),
            ..base
        },
    }
}

fn starting(world: &World, run: &RunRef, step: &Step, next: &PodIdentity, base: StepPlan) -> StepPlan {
    let pod = build::pod(world, run, step, next);
    let name = pod.metadata.name.clone().unwrap_or_default();
    match world.setback.as_ref().filter(|setback| setback.pod == name) {
        Some(setback) if setback.retry_at > world.now => StepPlan {
            status: StepStatus { message: Some(setback.message.clone()), ..base.status },
            verdict: Verdict {
                reason: match setback.kind {
                    SetbackKind::Quota => Reason::QuotaExceeded,
                    SetbackKind::PodSecurity => Reason::PodSecurityRefused,
                    SetbackKind::Refused => Reason::PodRefused,
                    SetbackKind::NameConflict => Reason::NameConflict,
                    SetbackKind::Io => Reason::WriteFailed,
                },
                message: setback.message.clone(),
                ..base.verdict
            },
            look_again: Some(setback.retry_at),
            ..base
        },
        _ => StepPlan {
            verdict: Verdict { message: format!("Pod {name} is being created"), ..base.verdict },
            create: Some(pod),
            ..base
        },
    }
}
