//! One step of a run: what its Pods came to, or whether its Pod may start now.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::resolve::{Resolution, resolve};
use super::tries::{self, Outcome, Tries};
use super::{Plan, PodDeletion, References, Verdict, seconds, trouble};
use crate::api::pipeline::OnMissingSecret;
use crate::api::reason::{Phase, Reason, Trouble};
use crate::api::status::{ReferenceStatus, RunResult, StepStatus};
use crate::build;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{Step, Usage, Work};
use crate::model::world::{PodFacts, PodPhase, SetbackKind, World};

/// The decision about one step.
pub(super) struct StepPlan {
    status: StepStatus,
    verdict: Verdict,
    references: References,
    delete: Option<PodDeletion>,
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
        plan.delete.extend(self.delete);
        plan.create.extend(self.create);
        plan.started_at = plan.started_at.or(self.started_at);
        plan.finished_at = plan.finished_at.or(self.finished_at);
        plan.waiting_since = self.waiting_since;
        plan.look_again = self.look_again;
    }
}

/// Decides about one step. Its Pods of this run speak first, then the run's `timeout`, then `suspend`, then the gate,
/// then the pause after a try that failed.
pub(super) fn plan(world: &World, work: &Work, run: &RunRef, step: &Step) -> StepPlan {
    let resolution = resolve(world, step);
    let recorded = world.recorded.run.as_ref().filter(|recorded| recorded.number == run.number);
    let started_at = recorded
        .and_then(|recorded| recorded.started_at.as_ref())
        .map(|time| time.0)
        .or_else(|| tries::first_created(world, run, step));
    let deadline = work.timeout.and_then(|timeout| started_at?.checked_add(timeout).ok());
    let decided = match tries::tries(world, run, step) {
        Tries::Succeeded(id, pod, outcome) => {
            let status = StepStatus { attempts: id.attempt, ..ended_status(step, &id, Some(pod), &outcome) };
            let message = outcome.message.clone();
            ended(world, status, Reason::Succeeded, message, resolution, Some(pod), outcome.finished_at)
        }
        Tries::Alive(id, pod) => alive(world, step, &id, pod, resolution, deadline),
        Tries::Failed(attempts, pod, outcome) => failed(world, step, attempts, pod, &outcome, resolution),
        Tries::Next(id, _, _) if deadline.is_some_and(|deadline| deadline <= world.now) => {
            let status = StepStatus { state: Phase::Failed, ..status_of(step, &id) };
            let message = "the run's timeout has passed".to_owned();
            ended(world, status, Reason::TimedOut, message, resolution, None, deadline)
        }
        Tries::Next(id, not_before, last) => {
            let mut base = next(step, &id, &resolution, last.as_ref());
            base.look_again = deadline;
            if work.suspend {
                suspended(base)
            } else if resolution.gate.is_some() {
                waiting(world, work, base, resolution)
            } else if let Some(at) = not_before.filter(|at| *at > world.now) {
                pausing(step, &id, at, base)
            } else {
                starting(world, run, step, &id, base)
            }
        }
    };
    StepPlan { started_at, ..decided }
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
        finished_at: None,
    }
}

fn ended_status(step: &Step, id: &PodIdentity, pod: Option<&PodFacts>, outcome: &Outcome) -> StepStatus {
    StepStatus {
        state: Phase::Succeeded,
        pod: pod.map(|pod| pod.name.clone()),
        pod_uid: pod.map(|pod| pod.uid.clone()),
        message: Some(outcome.message.clone()),
        exit_code: outcome.exit_code,
        finished_at: outcome.finished_at.map(seconds),
        ..status_of(step, id)
    }
}

/// The step has no Pod: this one is next.
fn next(step: &Step, id: &PodIdentity, resolution: &Resolution, last: Option<&Outcome>) -> StepPlan {
    StepPlan {
        status: StepStatus {
            message: last.map(|last| last.message.clone()),
            exit_code: last.and_then(|last| last.exit_code),
            finished_at: last.and_then(|last| last.finished_at).map(seconds),
            ..status_of(step, id)
        },
        verdict: Verdict { phase: Phase::Starting, reason: Reason::PodsStarting, message: String::new(), result: None },
        references: References::Seen { rows: resolution.rows.clone(), gate: resolution.gate.clone() },
        delete: None,
        create: None,
        started_at: None,
        finished_at: None,
        waiting_since: None,
        look_again: None,
    }
}

/// The rows, each with the version of its Secret that the Pod was started with.
fn started_rows(rows: Vec<ReferenceStatus>, pod: &PodFacts) -> Vec<ReferenceStatus> {
    rows.into_iter()
        .map(|row| {
            // A ConfigMap may have the name of a Secret.
            let version = pod.started_with.get(&row.name).filter(|_| row.kind.is_none());
            ReferenceStatus { started_with: version.cloned(), ..row }
        })
        .collect()
}

/// The step is over.
fn ended(
    world: &World,
    status: StepStatus,
    reason: Reason,
    message: String,
    resolution: Resolution,
    pod: Option<&PodFacts>,
    finished_at: Option<Timestamp>,
) -> StepPlan {
    let succeeded = reason == Reason::Succeeded;
    StepPlan {
        verdict: Verdict {
            phase: status.state,
            reason,
            message: message.clone(),
            result: Some(RunResult { succeeded, reason, message }),
        },
        status,
        // What the Pod was started with is settled; a Secret that went away since is no longer its business.
        references: match pod {
            Some(pod) if world.recorded.references.is_empty() => {
                References::Seen { rows: started_rows(resolution.rows, pod), gate: resolution.gate }
            }
            _ => References::AsRecorded,
        },
        delete: None,
        create: None,
        started_at: None,
        finished_at: Some(finished_at.unwrap_or(world.now)),
        waiting_since: None,
        look_again: None,
    }
}

/// It failed more often than it may be tried again.
fn failed(
    world: &World,
    step: &Step,
    attempts: u32,
    pod: Option<&PodFacts>,
    outcome: &Outcome,
    resolution: Resolution,
) -> StepPlan {
    // There is a log only of a container that was started, and only as long as its Pod is there.
    let logged =
        pod.filter(|pod| !pod.gone && pod.terminated.as_ref().is_some_and(|ended| ended.start_error.is_none()));
    let mut message = outcome.message.clone();
    if attempts > 1 {
        message = format!("{attempts} tries failed, the last: {message}");
    }
    if let Some(pod) = logged {
        message = format!("{message}: kubectl logs {} -n {}", pod.name, world.subject.namespace);
    }
    let recorded = world.recorded.steps.iter().find(|recorded| recorded.name == step.name);
    let id = PodIdentity {
        run: 0,
        step: step.name.clone(),
        index: 0,
        attempt: i32::try_from(attempts).unwrap_or(i32::MAX),
        replacement: recorded.map_or(0, |recorded| recorded.replacements),
    };
    let status = StepStatus { state: Phase::Failed, ..ended_status(step, &id, pod, outcome) };
    ended(world, status, Reason::PodFailed, message, resolution, pod, outcome.finished_at)
}

fn alive(
    world: &World,
    step: &Step,
    id: &PodIdentity,
    pod: &PodFacts,
    resolution: Resolution,
    deadline: Option<Timestamp>,
) -> StepPlan {
    let (phase, reason) = match pod.phase {
        PodPhase::Running => (Phase::Running, Reason::PodsRunning),
        _ => (Phase::Starting, Reason::PodsStarting),
    };
    let found = (phase == Phase::Starting).then(|| trouble::of(world, step, pod)).flatten();
    let pending = tries::pending_deadline(step, pod).filter(|_| phase == Phase::Starting);
    let passed = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| deadline <= world.now);
    let healed = found.as_ref().and_then(|(kind, _)| mended(world, step, pod, *kind));
    let why_over = if passed(deadline) {
        Some("the run's timeout has passed")
    } else if passed(pending) {
        Some("it did not start within pending_timeout")
    } else {
        None
    };
    let message = match (why_over, &found, pod.deletion_requested_at) {
        (Some(why), _, _) => format!("Pod {} is being deleted: {why}", pod.name),
        (None, _, None) if healed.is_some() => format!(
            "Secret {} was mended: Pod {} makes place for a fresh one, which need not wait for the kubelet's next try",
            healed.as_deref().unwrap_or_default(),
            pod.name
        ),
        (None, _, Some(_)) => format!("Pod {} is being deleted; a fresh one follows when it has ended", pod.name),
        (None, Some((_, text)), _) => text.clone(),
        (None, None, _) if phase == Phase::Running => format!("Pod {} runs", pod.name),
        (None, None, _) => format!("Pod {} was created; it does not run yet", pod.name),
    };
    let delete = if why_over.is_some() && phase == Phase::Running {
        Some(PodDeletion::of(pod))
    } else {
        // It may have begun to run since it was seen; then it is no longer what was decided about.
        (why_over.is_some() || healed.is_some()).then(|| PodDeletion::as_seen(pod))
    };
    let next_deadline = deadline.into_iter().chain(pending).filter(|at| *at > world.now);
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
        delete: delete.filter(|_| pod.deletion_requested_at.is_none()),
        create: None,
        started_at: None,
        finished_at: None,
        waiting_since: None,
        look_again: resolution.look_again.into_iter().chain(unwatched_again(world, pod)).chain(next_deadline).min(),
    }
}

/// The Secret whose change may have mended what the Pod is stuck in, if one changed since the Pod was created.
///
/// The kubelet tries again after 10 s to 5 min, counted by the Pod's uid (`pkg/kubelet/images`), so that a fresh Pod is
/// quicker. A Pod that runs is never touched by this.
fn mended(world: &World, step: &Step, pod: &PodFacts, trouble: Trouble) -> Option<String> {
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
        | Trouble::ContainerStart => return None,
    };
    let in_container =
        |name: &String| step.uses.iter().any(|u| u.usage != Usage::ImagePull && u.secret.as_str() == name);
    let for_pull = |name: &String| {
        step.uses.iter().any(|u| u.usage == Usage::ImagePull && u.secret.as_str() == name) || !in_container(name)
    };
    let concerned = |name: &String| if by_pull_secret { for_pull(name) } else { in_container(name) };
    let changed = |(name, version): &(String, String)| concerned(name) && pod.started_with.get(name) != Some(version);
    world.versions(step).into_iter().find(changed).map(|(name, _)| name)
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
            look_again: deadline.into_iter().chain(resolution.look_again).chain(base.look_again).min(),
            ..base
        },
    }
}

/// A try failed; the next one comes after a pause.
fn pausing(step: &Step, next: &PodIdentity, at: Timestamp, base: StepPlan) -> StepPlan {
    let last = base.status.message.clone().unwrap_or_else(|| "its Pod was taken away".to_owned());
    let message = format!(
        "{last}; try {} of {} comes at {}",
        next.attempt.saturating_add(1),
        step.retries.saturating_add(1),
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    );
    StepPlan {
        verdict: Verdict { reason: Reason::RetryBackoff, message, ..base.verdict },
        look_again: base.look_again.into_iter().chain([at]).min(),
        ..base
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
            look_again: base.look_again.into_iter().chain([setback.retry_at]).min(),
            ..base
        },
        _ => StepPlan {
            verdict: Verdict { message: format!("Pod {name} is being created"), ..base.verdict },
            create: Some(pod),
            ..base
        },
    }
}
