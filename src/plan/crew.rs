//! The Pods of one step, each known for which one it is, and what status recorded of those that are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::seconds_of;
use crate::api::reason::{Reason, StepState};
use crate::api::status::StepStatus;
use crate::model::ranges;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{MAX_PARALLELISM, Step};
use crate::model::world::{PodFacts, World};
use k8s_openapi::jiff::Timestamp;

/// One Pod and which one it is.
pub(super) type Member<'a> = (PodIdentity, &'a PodFacts);

/// The Pods of one step in one run.
pub(super) struct Crew<'a> {
    /// The highest index first, and of each the newest first.
    members: Vec<Member<'a>>,
    recorded: Option<&'a StepStatus>,
    /// With several Pods: those that are recorded as ended well.
    completed: BTreeSet<i32>,
    /// With several Pods: those that are recorded as failed for good.
    failed: BTreeSet<i32>,
    /// How many equal Pods the step has in this run.
    pub parallelism: i32,
}

/// What status holds of one of the step's Pods.
pub(super) struct Record {
    pub succeeded: bool,
    /// Why it is not tried again, where it failed for good.
    pub failed: Option<Reason>,
    pub attempts: i32,
    pub replacements: i32,
    /// Whether its Pod was made.
    pub has_pod: bool,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub finished_at: Option<Timestamp>,
}

impl<'a> Crew<'a> {
    /// The step's Pods in this run. Its number of Pods is that of the first one's time.
    pub(super) fn of(world: &'a World, run: &RunRef, step: &Step) -> Self {
        let recorded = recorded(world, run, step);
        let mut members: Vec<Member<'a>> = identified(world, run, step, recorded);
        members.retain(|(id, _)| id.run == run.number);
        members.sort_by(|(a, _), (b, _)| b.cmp(a));
        let begun = !members.is_empty() || recorded.is_some_and(has_begun);
        // Where status was never written, no Pod is left out though fewer are asked for by now.
        let there = members.first().map_or(0, |(id, _)| id.index.saturating_add(1));
        let asked_for = step.parallelism.max(there);
        let parallelism = recorded.filter(|_| begun).map_or(asked_for, |recorded| recorded.parallelism);
        // Neither labels nor status are the spec: nobody's number makes this loop for long.
        let parallelism = parallelism.clamp(0, MAX_PARALLELISM);
        let set = |text: Option<&String>| text.map(|text| ranges::parse(text)).unwrap_or_default();
        let completed = set(recorded.and_then(|recorded| recorded.completed_indexes.as_ref()));
        let failed = set(recorded.and_then(|recorded| recorded.failed_indexes.as_ref()));
        Self { members, recorded, completed, failed, parallelism }
    }

    /// The Pods of this index, the newest first.
    pub(super) fn of_index(&self, index: i32) -> &[Member<'a>] {
        let before = self.members.partition_point(|(id, _)| id.index > index);
        let upto = self.members.partition_point(|(id, _)| id.index >= index);
        self.members.get(before..upto).unwrap_or_default()
    }

    /// All of them.
    pub(super) fn pods(&self) -> impl Iterator<Item = &'a PodFacts> {
        self.members.iter().map(|(_, pod)| *pod)
    }

    /// Whether a Pod of the step was ever made in this run.
    pub(super) fn has_begun(&self) -> bool {
        !self.members.is_empty() || self.recorded.is_some_and(has_begun)
    }

    /// What status says of the step.
    pub(super) fn recorded(&self) -> Option<&'a StepStatus> {
        self.recorded
    }

    /// When its first Pod was created.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        let recorded = self.recorded.and_then(|recorded| recorded.started_at.as_ref()).map(|time| time.0);
        recorded.or_else(|| self.pods().filter_map(|pod| pod.created_at).min())
    }

    /// What status says of this index.
    pub(super) fn record(&self, index: i32) -> Option<Record> {
        let step = self.recorded?;
        if self.parallelism == 1 {
            return Some(Record {
                succeeded: step.state == StepState::Succeeded,
                failed: (step.state == StepState::Failed).then(|| step.reason.unwrap_or(Reason::PodFailed)),
                attempts: step.attempts,
                replacements: step.replacements,
                has_pod: step.pod_uid.is_some(),
                message: step.message.clone(),
                exit_code: step.exit_code,
                finished_at: seconds_of(step.finished_at.as_ref()),
            });
        }
        let row = step.indexes.iter().find(|row| row.index == index);
        let (succeeded, failed) = (self.completed.contains(&index), self.failed.contains(&index));
        if row.is_none() && !succeeded && !failed {
            return None;
        }
        Some(Record {
            succeeded,
            failed: failed.then(|| row.and_then(|row| row.reason).unwrap_or(Reason::PodFailed)),
            attempts: row.map_or(i32::from(failed), |row| row.attempts),
            replacements: row.map_or(0, |row| row.replacements),
            has_pod: row.is_some_and(|row| row.pod.is_some()),
            message: row.and_then(|row| row.message.clone()),
            exit_code: row.and_then(|row| row.exit_code),
            finished_at: row.and_then(|row| seconds_of(row.finished_at.as_ref())),
        })
    }
}

fn has_begun(recorded: &StepStatus) -> bool {
    recorded.pod_uid.is_some() || recorded.started_at.is_some() || recorded.attempts > 0
}

/// What status says of the step in this run.
fn recorded<'a>(world: &'a World, run: &RunRef, step: &Step) -> Option<&'a StepStatus> {
    let same_run = world.recorded.run.as_ref().is_some_and(|recorded| recorded.number == run.number);
    world.recorded.steps.iter().find(|recorded| same_run && recorded.name == step.name)
}

/// Every Pod of the step, of whichever run. One whose labels were taken away is known again by its name.
pub(super) fn identified<'a>(
    world: &'a World,
    run: &RunRef,
    step: &Step,
    recorded: Option<&StepStatus>,
) -> Vec<Member<'a>> {
    let labelled = world.pods.iter().filter_map(|pod| Some((pod.identity.as_ref()?, pod)));
    let mut members: Vec<Member<'a>> =
        labelled.filter(|(id, _)| id.step == step.name).map(|(id, pod)| (id.clone(), pod)).collect();
    let unlabelled: BTreeMap<&str, &PodFacts> =
        world.pods.iter().filter(|pod| pod.identity.is_none()).map(|pod| (pod.name.as_str(), pod)).collect();
    if !unlabelled.is_empty() {
        let known = |id: PodIdentity| {
            let pod = unlabelled.get(id.pod_name(&world.subject.name, &world.subject.uid).as_str())?;
            Some((id, *pod))
        };
        members.extend(possible(world, run, step, recorded).filter_map(known));
    }
    members
}

/// The Pods that there may be of this run by now.
fn possible(
    world: &World,
    run: &RunRef,
    step: &Step,
    recorded: Option<&StepStatus>,
) -> impl Iterator<Item = PodIdentity> {
    let indexes = step.parallelism.max(recorded.map_or(0, |recorded| recorded.parallelism)).clamp(1, 1000);
    // Few Pods lose their labels, and few of those are retries of one of many.
    let most = if indexes == 1 { 64 } else { 4 };
    let pods = i32::try_from(world.pods.len()).unwrap_or(i32::MAX);
    let upto = |known: Option<i32>| known.unwrap_or(0).saturating_add(pods).min(most);
    let (attempts, replacements) = (upto(recorded.map(|s| s.attempts)), upto(recorded.map(|s| s.replacements)));
    let tries =
        (0..=attempts).flat_map(move |attempt| (0..=replacements).map(move |replacement| (attempt, replacement)));
    let (run, step) = (run.number, step.name.clone());
    let all = (0..indexes)
        .flat_map(move |index| tries.clone().map(move |(attempt, replacement)| (index, attempt, replacement)));
    all.map(move |(index, attempt, replacement)| PodIdentity { run, step: step.clone(), index, attempt, replacement })
}
