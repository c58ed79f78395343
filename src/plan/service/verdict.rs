//! What is said of a Service.

use super::Fleet;
use crate::api::pipeline::OnMissingSecret;
use crate::api::reason::{Phase, Reason, StepState};
use crate::api::status::{RunResult, StepStatus};
use crate::model::world::PodFacts;
use crate::plan::turn::{Scene, making_place};
use crate::plan::{Plan, References, Verdict};
use crate::plan::{advice, heal, helper, job, step};

/// Makes the fleet's decisions the plan's, with the words for them.
pub(super) fn tell(scene: &Scene<'_>, fleet: Fleet<'_>, mut plan: Plan) -> Plan {
    let world = scene.world;
    plan.verdict = waiting(scene, &fleet, &mut plan).unwrap_or_else(|| going(scene, &fleet));
    let first = fleet.first();
    let trouble = fleet.trouble.as_ref().and_then(|(_, found)| found.clone());
    let state = match plan.verdict.phase {
        Phase::Waiting => StepState::Waiting,
        Phase::Suspended => StepState::Suspended,
        Phase::Failed if plan.verdict.result.is_some() => StepState::Failed,
        _ => fleet.state(),
    };
    plan.steps.push(StepStatus {
        state,
        ready: i32::try_from(fleet.ready()).ok(),
        pod: first.map(|pod| pod.name.clone()),
        pod_uid: first.map(|pod| pod.uid.clone()),
        replacements: first.and_then(|pod| pod.identity.as_ref()).map_or(0, |id| id.replacement),
        trouble: trouble.as_ref().map(|(kind, _)| *kind),
        message: trouble.map(|(_, text)| text),
        ..step::status(scene)
    });
    let staying: Vec<&PodFacts> = world.pods.iter().filter(|pod| pod.stays()).collect();
    plan.references = References::Seen { rows: step::rows_with(scene, &staying), gate: scene.resolution.gate.clone() };
    if plan.verdict.result.is_none() {
        plan.look_again = fleet.timers.iter().copied().chain(plan.look_again).filter(|at| *at > world.now).min();
    }
    for deletion in fleet.delete {
        if !plan.delete.iter().any(|known| known.uid == deletion.uid) {
            plan.delete.push(deletion);
        }
    }
    plan.create = fleet.create.into_iter().filter_map(|turn| turn.create).collect();
    plan
}

/// Pods are missing and may not be made.
fn waiting(scene: &Scene<'_>, fleet: &Fleet<'_>, plan: &mut Plan) -> Option<Verdict> {
    let work = scene.work;
    if fleet.empty.is_empty() {
        return None;
    }
    if work.suspend {
        let message = "spec.suspend is true: no Pod is started".to_owned();
        return Some(Verdict { phase: Phase::Suspended, reason: Reason::Suspended, message, result: None });
    }
    let (reason, message) = scene.resolution.gate.clone()?;
    let since = job::waiting_since(scene.world, scene.run);
    let deadline = work.missing_secret_timeout.and_then(|timeout| since.checked_add(timeout).ok());
    // As long as any Pod of it runs, the Service is not given up.
    let none_runs = fleet.berths.iter().all(super::Berth::is_empty);
    let given_up = if scene.resolution.missing && work.on_missing_secret == OnMissingSecret::Fail {
        let all = advice::refused(&[&scene.resolution]);
        Some((Reason::SecretMissing, format!("on_missing_secret is Fail: {all}")))
    } else if reason != Reason::NotRead && deadline.is_some_and(|deadline| deadline <= scene.world.now) {
        Some((Reason::MissingSecretTimeout, format!("missing_secret_timeout has passed: {message}")))
    } else {
        None
    };
    if let Some((reason, message)) = given_up.filter(|_| none_runs) {
        plan.finished_at = Some(scene.world.now);
        plan.gives_up = true;
        let result = Some(RunResult { succeeded: false, reason, message: message.clone() });
        return Some(Verdict { phase: Phase::Failed, reason, message, result });
    }
    plan.waiting_since = Some(since);
    plan.look_again = deadline;
    Some(Verdict { phase: Phase::Waiting, reason, message, result: None })
}

/// Pods are made, run or are exchanged.
fn going(scene: &Scene<'_>, fleet: &Fleet<'_>) -> Verdict {
    let (ready, wanted) = (fleet.ready(), fleet.berths.len());
    let verdict = |phase, reason, message| Verdict { phase, reason, message, result: None };
    let held = fleet.create.iter().find(|turn| turn.reason != Reason::PodsStarting);
    if let Some(turn) = held.filter(|_| ready < wanted) {
        return verdict(Phase::Starting, turn.reason, turn.message.clone());
    }
    if let Some(invalid) = fleet.invalid {
        let left = if ready > 0 {
            format!("; {ready} of {wanted} Pods are ready and are left as they are")
        } else {
            String::new()
        };
        let why = invalid.helper.failed.as_ref().map(|how| helper::failed(invalid, how)).unwrap_or_default();
        return verdict(Phase::Failed, Reason::InvalidInput, format!("{why}{left}"));
    }
    if let Some(stuck) = fleet.stuck {
        let known = fleet.trouble.as_ref().and_then(|(_, found)| found.as_ref());
        let why = known.map_or_else(|| how_far(scene, stuck), |(_, text)| text.clone());
        return verdict(
            Phase::Failed,
            Reason::RollStuck,
            format!(
                "the roll stopped, since Pod {} is not ready after progress_deadline; {ready} of {wanted} Pods are ready and are left as they are: {why}",
                stuck.name
            ),
        );
    }
    let going = fleet.delete.iter().find(|deletion| deletion.resource_version.is_some());
    if let (Some(going), Some((pod, found))) = (going, &fleet.trouble)
        && going.uid == pod.uid
        && let healed = found.as_ref().and_then(|(kind, _)| heal::mended(scene.world, scene.step, pod, *kind))
        && let Some(mended) = healed.or_else(|| heal::mended_input(scene.world, scene.step, pod))
    {
        return verdict(Phase::Starting, Reason::PodsStarting, making_place(pod, &mended));
    }
    if ready < wanted {
        // Not how far it came: each step on its way would be a write.
        let why = fleet.trouble.as_ref().map(|(pod, found)| match found {
            Some((_, text)) => text.clone(),
            None => format!("Pod {} is not ready yet", pod.name),
        });
        let message = match (why, fleet.create.first()) {
            (Some(why), _) => format!("{ready} of {wanted} Pods are ready: {why}"),
            (None, Some(turn)) => turn.message.clone(),
            (None, None) => format!("{ready} of {wanted} Pods are ready"),
        };
        return verdict(Phase::Starting, Reason::PodsStarting, message);
    }
    let old = fleet.berths.iter().filter(|berth| !berth.old.is_empty()).count();
    if old > 0 {
        let why = match (&scene.resolution.gate, scene.work.suspend, held) {
            (_, true, _) => "; it goes on when spec.suspend is false".to_owned(),
            (Some((_, message)), ..) => format!("; it goes on when all is there: {message}"),
            (None, false, Some(turn)) => format!("; the next one could not be made: {}", turn.message),
            (None, false, None) => String::new(),
        };
        let message = format!("{old} of {wanted} Pods are being exchanged for fresh ones{why}");
        return verdict(Phase::Running, Reason::Rolling, message);
    }
    let message = match wanted {
        0 => "no Pod is asked for: parallelism is 0".to_owned(),
        1 => "1 Pod is ready".to_owned(),
        _ => format!("{wanted} Pods are ready"),
    };
    verdict(Phase::Running, Reason::PodsRunning, message)
}

/// How far a Pod came of which no trouble is known.
fn how_far(scene: &Scene<'_>, pod: &PodFacts) -> String {
    let what = match pod.started_at {
        Some(_) => "it runs, and its readiness_probe does not succeed",
        None => "it does not run yet",
    };
    format!("{what}: kubectl describe pod {} -n {}", pod.name, scene.world.subject.namespace)
}
