//! One step: what its Pods came to, put together, and what is to be said of its references.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::turn::{Scene, Turn, after_tries, turn, with_log};
use super::{PodDeletion, rotation, seconds};
use crate::api::reason::{Reason, StepState};
use crate::api::status::{IndexStatus, ReferenceStatus, StepStatus};
use crate::model::ranges;
use crate::model::world::PodFacts;

/// `indexes` lists this many.
const MOST_INDEXES: usize = 20;
/// Each with a message of this many characters, so that all of a graph's stay far from what etcd takes (1.5 MiB).
const MOST_ROW: usize = 200;

/// The decision about one step.
pub(super) struct StepPlan {
    pub status: StepStatus,
    pub reason: Reason,
    pub message: String,
    /// How much a person should hear of it before other steps.
    pub rank: u8,
    /// Its references; `None`: what was last said of them stands.
    pub rows: Option<Vec<ReferenceStatus>>,
    /// Why its Pods may not start, if they may not and still want to.
    pub gate: Option<(Reason, String)>,
    pub delete: Vec<PodDeletion>,
    pub create: Vec<Pod>,
    pub finished_at: Option<Timestamp>,
    pub look_again: Option<Timestamp>,
}

impl StepPlan {
    /// Whether nothing more comes of it in this run.
    pub(super) fn is_settled(&self) -> bool {
        self.status.state.is_over()
    }
}

/// A step whose end stands in status. It stands for ever.
pub(super) fn recorded(scene: &Scene<'_>, step: &StepStatus) -> StepPlan {
    let good = step.state == StepState::Succeeded;
    let message = step.message.clone().unwrap_or_default();
    let pod = scene.crew.pods().find(|pod| step.pod_uid.as_ref() == Some(&pod.uid));
    let failed_pod = pod.filter(|_| step.state == StepState::Failed);
    StepPlan {
        reason: if good { Reason::Succeeded } else { step.reason.unwrap_or(Reason::PodFailed) },
        message: with_log(scene.world, failed_pod, message),
        rank: 0,
        rows: None,
        gate: None,
        delete: Vec::new(),
        create: Vec::new(),
        finished_at: step.finished_at.as_ref().map(|time| time.0),
        look_again: None,
        status: step.clone(),
    }
}

/// A step that has not begun, and does not begin now.
pub(super) fn idle(scene: &Scene<'_>, state: StepState, message: String) -> StepPlan {
    let gate = scene.resolution.gate.clone().filter(|_| state == StepState::Pending);
    StepPlan {
        status: StepStatus { state, message: Some(message.clone()), ..status(scene) },
        reason: Reason::PodsStarting,
        message,
        rank: u8::from(state == StepState::Pending),
        rows: Some(scene.resolution.rows.clone()),
        gate,
        delete: Vec::new(),
        create: Vec::new(),
        finished_at: None,
        look_again: scene.resolution.look_again,
    }
}

/// A step that waited, and does not wait any longer.
pub(super) fn given_up(scene: &Scene<'_>, reason: Reason, message: String) -> StepPlan {
    let recorded = scene.crew.recorded();
    StepPlan {
        status: StepStatus {
            state: StepState::Failed,
            reason: Some(reason),
            attempts: recorded.map_or(0, |recorded| recorded.attempts),
            completed_indexes: recorded.and_then(|recorded| recorded.completed_indexes.clone()),
            failed_indexes: recorded.and_then(|recorded| recorded.failed_indexes.clone()),
            message: Some(message.clone()),
            finished_at: Some(seconds(scene.world.now)),
            ..status(scene)
        },
        reason,
        message,
        rank: 0,
        rows: Some(scene.resolution.rows.clone()),
        gate: scene.resolution.gate.clone(),
        delete: Vec::new(),
        create: Vec::new(),
        finished_at: Some(scene.world.now),
        look_again: None,
    }
}

/// Decides about a step that has begun, or may.
pub(super) fn plan(scene: &Scene<'_>) -> StepPlan {
    let turns: Vec<Turn> = (0..scene.crew.parallelism).map(|index| turn(scene, index)).collect();
    let Some(speaker) = speaker(&turns).cloned() else {
        return none_asked_for(scene);
    };
    let state = speaker.state;
    let settled = turns.iter().all(Turn::is_settled);
    let several = turns.len() > 1;
    let in_state = |state: StepState| turns.iter().filter(move |turn| turn.state == state);
    let done: BTreeSet<i32> = in_state(StepState::Succeeded).map(|turn| turn.index).collect();
    // Also of an index that `indexes` has no place for the end stands, though its Pods are deleted.
    let is_for_good = |turn: &&Turn| turn.attempts > scene.step.retries || turn.reason == Reason::InvalidInput;
    let for_good = in_state(StepState::Failed).filter(is_for_good);
    let failed: BTreeSet<i32> = for_good.map(|turn| turn.index).collect();
    let set = |indexes: &BTreeSet<i32>| (several && !indexes.is_empty()).then(|| ranges::format(indexes));
    let said = |text: &str| match state {
        _ if !several => text.to_owned(),
        StepState::Succeeded => format!("all {} Pods have ended well", turns.len()),
        _ => format!("{} of {} Pods have ended well; index {}: {text}", done.len(), turns.len(), speaker.index),
    };
    let note = match (state, speaker.reason) {
        (StepState::Failed, Reason::PodFailed) => {
            speaker.note.as_deref().map(|note| after_tries(speaker.attempts, note))
        }
        _ => speaker.note.clone(),
    };
    let status = StepStatus {
        state,
        reason: (state == StepState::Failed).then_some(speaker.reason),
        pod: speaker.pod.as_ref().map(|(name, _)| name.clone()),
        pod_uid: speaker.pod.as_ref().map(|(_, uid)| uid.clone()),
        attempts: turns.iter().map(|turn| turn.attempts).max().unwrap_or_default(),
        replacements: speaker.replacements,
        trouble: speaker.trouble,
        message: note.as_deref().map(said),
        exit_code: speaker.exit_code,
        finished_at: speaker.finished_at.map(seconds),
        completed_indexes: set(&done),
        failed_indexes: set(&failed),
        indexes: if several && !settled { indexes(&turns) } else { Vec::new() },
        ..status(scene)
    };
    let finished_at = turns.iter().filter_map(|turn| turn.finished_at).max().filter(|_| settled);
    StepPlan {
        status,
        reason: speaker.reason,
        message: said(&speaker.message),
        rank: speaker.rank(),
        // What the Pods were started with is settled; a Secret that went away since is no longer their business.
        rows: (!settled || !scene.world.recorded.references.iter().any(|row| row.step == scene.step.name))
            .then(|| rows(scene)),
        gate: scene.resolution.gate.clone(),
        finished_at: settled.then(|| finished_at.unwrap_or(scene.world.now)),
        look_again: turns.iter().filter_map(|turn| turn.look_again).min(),
        delete: turns.iter().filter_map(|turn| turn.delete.clone()).collect(),
        create: turns.into_iter().filter_map(|turn| turn.create).collect(),
    }
}

/// A Job with no Pods asked for waits until there are: whoever scales to none wants it to pause.
fn none_asked_for(scene: &Scene<'_>) -> StepPlan {
    let message = "parallelism is 0: no Pod is started";
    let base = idle(scene, StepState::Suspended, message.to_owned());
    StepPlan { reason: Reason::Suspended, rank: 2, gate: scene.resolution.gate.clone(), ..base }
}

/// The Pod that speaks for the step: the one that a person should hear of first; once all is over, one that failed.
fn speaker(turns: &[Turn]) -> Option<&Turn> {
    // The first of the highest rank, so that equal worlds have one speaker.
    let open = turns.iter().filter(|turn| !turn.is_settled()).rev().max_by_key(|turn| turn.rank());
    let of = |state: StepState| turns.iter().find(|turn| turn.state == state);
    open.or_else(|| of(StepState::Failed)).or_else(|| of(StepState::Skipped)).or_else(|| turns.first())
}

/// The parts of a status that do not depend on how the Pods stand.
pub(super) fn status(scene: &Scene<'_>) -> StepStatus {
    StepStatus {
        name: scene.step.name.clone(),
        state: StepState::Starting,
        reason: None,
        parallelism: scene.crew.parallelism,
        ready: None,
        completed_indexes: None,
        failed_indexes: None,
        indexes: Vec::new(),
        started_at: scene.crew.started_at().map(seconds),
        pod: None,
        pod_uid: None,
        attempts: 0,
        replacements: 0,
        trouble: None,
        message: None,
        exit_code: None,
        finished_at: None,
    }
}

/// The Pods of which there is something to be said.
fn indexes(turns: &[Turn]) -> Vec<IndexStatus> {
    let notable = |turn: &&Turn| {
        turn.state != StepState::Succeeded && (turn.attempts > 0 || turn.replacements > 0 || turn.trouble.is_some())
    };
    let row = |turn: &Turn| IndexStatus {
        index: turn.index,
        state: turn.state,
        reason: (turn.reason == Reason::InvalidInput).then_some(turn.reason),
        pod: turn.pod.as_ref().map(|(name, _)| name.clone()),
        attempts: turn.attempts,
        replacements: turn.replacements,
        message: turn.note.as_ref().map(|note| note.chars().take(MOST_ROW).collect()),
        exit_code: turn.exit_code,
        finished_at: turn.finished_at.map(seconds),
    };
    // The number of tries is known from here alone once their Pods are gone: it comes before a trouble, which passes.
    let mut listed: Vec<&Turn> = turns.iter().filter(notable).collect();
    listed.sort_by_key(|turn| (turn.attempts == 0, turn.index));
    listed.truncate(MOST_INDEXES);
    listed.sort_by_key(|turn| turn.index);
    listed.into_iter().map(row).collect()
}

/// The rows of the step's references as its Pods of this run have them, or the last one had.
fn rows(scene: &Scene<'_>) -> Vec<ReferenceStatus> {
    let staying: Vec<&PodFacts> = scene.crew.pods().filter(|pod| pod.stays()).collect();
    if staying.is_empty() {
        return rows_with(scene, &scene.crew.pods().take(1).collect::<Vec<_>>());
    }
    rows_with(scene, &staying)
}

/// The rows, each with the version of its Secret that the oldest of these Pods was started with, and whether any of them
/// has a value from before a change.
pub(super) fn rows_with(scene: &Scene<'_>, pods: &[&PodFacts]) -> Vec<ReferenceStatus> {
    let oldest = pods.iter().min_by_key(|pod| (pod.created_at, &pod.name));
    // A ConfigMap may have the name of a Secret.
    let secret = |row: &ReferenceStatus| row.kind.is_none();
    let version = |row: &ReferenceStatus| oldest.and_then(|pod| pod.started_with.get(&row.name).cloned());
    let row =
        |row: &ReferenceStatus| ReferenceStatus { started_with: version(row).filter(|_| secret(row)), ..row.clone() };
    rotation::tell(scene.world, scene.step, pods, scene.resolution.rows.iter().map(row).collect())
}
