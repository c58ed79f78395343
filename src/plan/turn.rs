//! One of a step's equal Pods: what it came to, or whether it may start now.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::crew::Crew;
use super::resolve::Resolution;
use super::rotation::uses_old_value;
use super::tries::{self, Outcome, Tries};
use super::{PodDeletion, heal, seconds, trouble};
use crate::api::reason::{Reason, StepState, Trouble};
use crate::build;
use crate::model::names::SecretName;
use crate::model::render::CONTAINER;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{Step, Work};
use crate::model::world::{PodFacts, PodPhase, SetbackKind, World};

/// What the decision about a step's Pods looks at.
pub(super) struct Scene<'a> {
    pub world: &'a World,
    pub work: &'a Work,
    pub run: &'a RunRef,
    pub step: &'a Step,
    pub crew: Crew<'a>,
    pub resolution: Resolution,
    /// When the time of the step or of the run is over, and whose time that is.
    pub deadline: Option<(Timestamp, &'static str)>,
    /// Why no Pod is made any more.
    pub halted: Option<String>,
}

impl Scene<'_> {
    /// Whose time is over.
    pub(super) fn overdue(&self) -> Option<&'static str> {
        self.deadline.filter(|(at, _)| *at <= self.world.now).map(|(_, whose)| whose)
    }
}

/// The decision about one Pod.
#[derive(Clone)]
pub(super) struct Turn {
    pub index: i32,
    pub state: StepState,
    pub reason: Reason,
    /// In words for people, what follows included.
    pub message: String,
    /// The trouble or the outcome alone.
    pub note: Option<String>,
    pub trouble: Option<Trouble>,
    /// The Pod's name and uid.
    pub pod: Option<(String, String)>,
    pub attempts: i32,
    pub replacements: i32,
    pub exit_code: Option<i32>,
    pub finished_at: Option<Timestamp>,
    pub delete: Option<PodDeletion>,
    pub create: Option<Pod>,
    pub look_again: Option<Timestamp>,
}

impl Turn {
    pub(super) fn of(id: &PodIdentity) -> Self {
        Self {
            index: id.index,
            state: StepState::Starting,
            reason: Reason::PodsStarting,
            message: String::new(),
            note: None,
            trouble: None,
            pod: None,
            attempts: id.attempt,
            replacements: id.replacement,
            exit_code: None,
            finished_at: None,
            delete: None,
            create: None,
            look_again: None,
        }
    }

    /// How much a person should hear of it before the others: what has to be mended first, then what goes on.
    pub(super) fn rank(&self) -> u8 {
        match self.state {
            StepState::Waiting => 7,
            StepState::Starting if self.reason != Reason::PodsStarting => 6,
            StepState::Starting if self.trouble.is_some() => 5,
            StepState::Running => 4,
            StepState::Starting => 3,
            StepState::Suspended => 2,
            StepState::Pending => 1,
            StepState::Succeeded | StepState::Failed | StepState::Skipped => 0,
        }
    }

    /// Whether nothing more comes of it.
    pub(super) fn is_settled(&self) -> bool {
        self.state.is_over()
    }
}

/// Decides about one Pod of a Job's step. What its tries came to speaks first, then the time, then `suspend`, then the
/// gate, then the pause after a try that failed.
pub(super) fn turn(scene: &Scene<'_>, index: i32) -> Turn {
    let Scene { world, work, step, resolution, .. } = scene;
    match tries::tries(scene, index) {
        Tries::Succeeded(id, pod, outcome) => Turn {
            state: StepState::Succeeded,
            reason: Reason::Succeeded,
            message: outcome.message.clone(),
            ..ended(&id, pod, &outcome)
        },
        Tries::Alive(id, pod) => alive(scene, &id, pod),
        Tries::Failed(id, pod, outcome) => failed(world, &id, pod, &outcome),
        Tries::Next(id, not_before, last) => {
            let mut base = Turn {
                note: last.as_ref().map(|last| last.message.clone()),
                exit_code: last.as_ref().and_then(|last| last.exit_code),
                finished_at: last.as_ref().and_then(|last| last.finished_at),
                look_again: scene.deadline.map(|(at, _)| at),
                ..Turn::of(&id)
            };
            if let Some(whose) = scene.overdue() {
                base.look_again = None;
                base.finished_at = scene.deadline.map(|(at, _)| at);
                let message = format!("{whose} timeout has passed");
                Turn { state: StepState::Failed, reason: Reason::TimedOut, message, ..base }
            } else if let Some(why) = &scene.halted {
                not_again(base, last.as_ref(), why)
            } else if work.suspend {
                let message = "spec.suspend is true: no Pod is started".to_owned();
                Turn { state: StepState::Suspended, reason: Reason::Suspended, message, ..base }
            } else if let Some((reason, message)) = &resolution.gate {
                let look_again = resolution.look_again.into_iter().chain(base.look_again).min();
                let message = message.clone();
                Turn { state: StepState::Waiting, reason: *reason, message, look_again, ..base }
            } else if let Some(at) = not_before.filter(|at| *at > world.now) {
                pausing(step, at, base)
            } else {
                starting(scene, &id, base)
            }
        }
    }
}

fn ended(id: &PodIdentity, pod: Option<&PodFacts>, outcome: &Outcome) -> Turn {
    Turn {
        pod: pod.map(|pod| (pod.name.clone(), pod.uid.clone())),
        note: Some(outcome.message.clone()),
        exit_code: outcome.exit_code,
        finished_at: outcome.finished_at,
        ..Turn::of(id)
    }
}

/// It failed more often than it may be tried again, or in a way that no other try would change.
fn failed(world: &World, id: &PodIdentity, pod: Option<&PodFacts>, outcome: &Outcome) -> Turn {
    let (reason, message) = if outcome.is_invalid {
        (Reason::InvalidInput, outcome.message.clone())
    } else {
        (Reason::PodFailed, with_log(world, pod, after_tries(id.attempt, &outcome.message)))
    };
    Turn { state: StepState::Failed, reason, message, ..ended(id, pod, outcome) }
}

/// How many tries there were, where there was more than one.
pub(super) fn after_tries(attempts: i32, message: &str) -> String {
    if attempts > 1 { format!("{attempts} tries failed, the last: {message}") } else { message.to_owned() }
}

/// The command that shows the log. There is one only of a container that was started, and only as long as its Pod is
/// there.
pub(super) fn with_log(world: &World, pod: Option<&PodFacts>, message: String) -> String {
    let has_log = |pod: &&PodFacts| {
        let was_started = pod.ended().is_some_and(|ended| ended.start_error.is_none());
        !pod.gone && was_started && pod.invalid_input().is_none()
    };
    match pod.filter(has_log) {
        Some(pod) => {
            let container = pod.helper.failed.as_ref().map(|_| format!(" -c {CONTAINER}")).unwrap_or_default();
            format!("{message}: kubectl logs {}{container} -n {}", pod.name, world.subject.namespace)
        }
        None => message,
    }
}

/// No Pod is made any more: what failed already has failed, what has not begun does not begin.
fn not_again(base: Turn, last: Option<&Outcome>, why: &str) -> Turn {
    let base = Turn { look_again: None, ..base };
    match last {
        Some(last) => Turn {
            state: StepState::Failed,
            reason: Reason::PodFailed,
            message: format!("{}; it is not tried again: {why}", last.message),
            ..base
        },
        None => Turn {
            state: StepState::Skipped,
            reason: Reason::PodFailed,
            message: format!("it does not start: {why}"),
            note: Some(format!("it does not start: {why}")),
            ..base
        },
    }
}

fn alive(scene: &Scene<'_>, id: &PodIdentity, pod: &PodFacts) -> Turn {
    let Scene { world, work, step, resolution, .. } = scene;
    let (state, reason) = match pod.phase {
        PodPhase::Running => (StepState::Running, Reason::PodsRunning),
        _ => (StepState::Starting, Reason::PodsStarting),
    };
    let found = (state == StepState::Starting).then(|| trouble::of(world, step, pod)).flatten();
    let pending = tries::pending_deadline(step, pod).filter(|_| state == StepState::Starting);
    // A Pod goes for another's sake only if that one could start now: the gate is open (a Secret that changed while it is
    // closed was not mended), and nothing else holds new Pods back.
    let may_follow = resolution.gate.is_none() && scene.halted.is_none() && !work.suspend;
    let stuck = found.as_ref().filter(|_| may_follow);
    let healed = stuck.and_then(|(kind, _)| heal::mended(world, step, pod, *kind));
    let old = uses_old_value(world, step, pod, work.on_secret_change).filter(|_| may_follow);
    let rotation = old.as_ref().map(|old| old.due(work.rotation_debounce));
    let rotated = old.filter(|_| rotation.is_some_and(|due| due <= world.now));
    let why_over = match scene.overdue() {
        Some(whose) => Some(format!("{whose} timeout has passed")),
        None if rotated.is_some() => rotated.map(|old| {
            let names: Vec<&str> = old.secrets.iter().map(SecretName::as_str).collect();
            format!("Secret {} changed, and a fresh Pod takes the new value", names.join(", "))
        }),
        None if pending.is_some_and(|at| at <= world.now) => Some("it did not start within pending_timeout".to_owned()),
        None => None,
    };
    let message = match (&why_over, &found, pod.deletion_requested_at) {
        (Some(why), _, _) => format!("Pod {} is being deleted: {why}", pod.name),
        (None, _, None) if healed.is_some() => making_place(pod, healed.as_deref().unwrap_or_default()),
        (None, _, Some(_)) => format!("Pod {} is being deleted; a fresh one follows when it has ended", pod.name),
        (None, Some((_, text)), _) => text.clone(),
        (None, None, _) if state == StepState::Running => format!("Pod {} runs", pod.name),
        (None, None, _) => format!("Pod {} was created; it does not run yet", pod.name),
    };
    let delete = if why_over.is_some() && state == StepState::Running {
        Some(PodDeletion::of(pod))
    } else {
        // It may have begun to run since it was seen; then it is no longer what was decided about.
        (why_over.is_some() || healed.is_some()).then(|| PodDeletion::as_seen(pod))
    };
    let deadlines =
        scene.deadline.map(|(at, _)| at).into_iter().chain(pending).chain(rotation).filter(|at| *at > world.now);
    Turn {
        state,
        reason,
        message,
        trouble: found.as_ref().map(|(kind, _)| *kind),
        note: found.map(|(_, text)| text),
        pod: Some((pod.name.clone(), pod.uid.clone())),
        delete: delete.filter(|_| pod.deletion_requested_at.is_none()),
        look_again: resolution.look_again.into_iter().chain(unwatched_again(world, pod)).chain(deadlines).min(),
        ..Turn::of(id)
    }
}

/// Why a Pod that is stuck goes.
pub(super) fn making_place(pod: &PodFacts, mended: &str) -> String {
    format!("{mended}: Pod {} makes place for a fresh one, which need not wait for the kubelet's next try", pod.name)
}

/// When to look again at a Pod of which no event will tell.
pub(super) fn unwatched_again(world: &World, pod: &PodFacts) -> Option<Timestamp> {
    let again = world.now.checked_add(SignedDuration::from_secs(10)).unwrap_or(world.now);
    pod.unwatched.then_some(again)
}

/// A try failed; the next one comes after a pause.
fn pausing(step: &Step, at: Timestamp, base: Turn) -> Turn {
    let last = base.note.clone().unwrap_or_else(|| "its Pod was taken away".to_owned());
    let message = format!(
        "{last}; try {} of {} comes at {}",
        base.attempts.saturating_add(1),
        step.retries.saturating_add(1),
        seconds(at).0
    );
    let look_again = base.look_again.into_iter().chain([at]).min();
    Turn { reason: Reason::RetryBackoff, message, look_again, ..base }
}

/// The Pod is made now; where that was refused a moment ago the plan holds it back until its time.
pub(super) fn starting(scene: &Scene<'_>, next: &PodIdentity, base: Turn) -> Turn {
    let Scene { world, run, step, crew, .. } = scene;
    let pod = build::pod(world, run, step, next, crew.parallelism);
    let name = pod.metadata.name.clone().unwrap_or_default();
    let setback = world.setback.as_ref().filter(|setback| setback.pod == name && setback.retry_at > world.now);
    let Some(setback) = setback else {
        return Turn { message: format!("Pod {name} is being created"), create: Some(pod), ..base };
    };
    Turn {
        reason: match setback.kind {
            SetbackKind::Quota => Reason::QuotaExceeded,
            SetbackKind::PodSecurity => Reason::PodSecurityRefused,
            SetbackKind::Refused => Reason::PodRefused,
            SetbackKind::NameConflict => Reason::NameConflict,
            SetbackKind::Io => Reason::WriteFailed,
        },
        message: setback.message.clone(),
        note: Some(setback.message.clone()),
        create: Some(pod),
        ..base
    }
}
