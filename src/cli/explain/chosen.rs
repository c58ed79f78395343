//! Of a step's Pods the one that tells most: the one that status speaks of, else the newest that is furthest from its end. Pure.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::api::pipeline::Pipeline;
use crate::api::status::StepStatus;
use crate::model::world::{PodFacts, PodPhase};

/// The Pods of one step in the current run.
pub(super) fn of_step<'a>(pipeline: &Pipeline, step: &str, pods: &'a [Pod]) -> Vec<(&'a Pod, PodFacts)> {
    let all: Vec<(&Pod, PodFacts)> = pods.iter().map(|pod| (pod, PodFacts::of(pod))).collect();
    let run_of = |facts: &PodFacts| facts.identity.as_ref().map(|identity| identity.run);
    let recorded = pipeline.status.as_ref().and_then(|status| status.run.as_ref()).map(|run| run.number);
    // What was made after status was written counts, too.
    let run = all.iter().filter_map(|(_, facts)| run_of(facts)).chain(recorded).max();
    let is_of_step = |facts: &PodFacts| facts.identity.as_ref().is_some_and(|identity| identity.step == step);
    all.into_iter().filter(|(_, facts)| run_of(facts) == run && is_of_step(facts)).collect()
}

/// The one of which the way is told.
pub(super) fn of<'a>(pipeline: &Pipeline, step: &StepStatus, pods: &'a [Pod]) -> Option<&'a Pod> {
    let all = of_step(pipeline, &step.name, pods);
    let newest = |index: i32| {
        let tries = all.iter().filter_map(|(_, facts)| facts.identity.as_ref()).filter(|id| id.index == index);
        tries.map(|id| (id.attempt, id.replacement)).max()
    };
    // Of each index only the last try stands for it.
    let current: Vec<&(&Pod, PodFacts)> = all
        .iter()
        .filter(|(_, facts)| {
            let identity = facts.identity.as_ref();
            identity.is_some_and(|id| newest(id.index) == Some((id.attempt, id.replacement)))
        })
        .collect();
    let told = current.iter().find(|(pod, _)| step.pod.as_deref() == Some(pod.name_any().as_str()));
    let worst = || current.iter().min_by_key(|(_, facts)| (rank(facts), facts.identity.clone()));
    told.or_else(worst).map(|(pod, _)| *pod)
}

/// How much there is to say: those in trouble first, those that ended well last.
fn rank(facts: &PodFacts) -> u8 {
    match facts.phase {
        PodPhase::Failed | PodPhase::Unknown => 0,
        PodPhase::Pending => 1,
        PodPhase::Running if !facts.ready => 2,
        PodPhase::Running => 3,
        PodPhase::Succeeded => 4,
    }
}

/// The chosen Pods of all steps.
pub(super) fn pods<'a>(pipeline: &Pipeline, pods: &'a [Pod]) -> Vec<&'a Pod> {
    let steps = pipeline.status.iter().flat_map(|status| &status.steps);
    steps.filter_map(|step| of(pipeline, step, pods)).collect()
}

/// How the Pods of a step with several stand; `None`: it has one.
pub(super) fn several(step: &StepStatus, pods: &[(&Pod, PodFacts)]) -> Option<String> {
    if step.parallelism <= 1 {
        return None;
    }
    let count = |phase: PodPhase| pods.iter().filter(|(_, facts)| facts.phase == phase).count();
    let mut parts = vec![format!("{} Pods", step.parallelism)];
    parts.extend(step.completed_indexes.as_ref().map(|done| format!("ended well: {done}")));
    parts.extend(step.failed_indexes.as_ref().map(|failed| format!("failed: {failed}")));
    parts.extend(step.ready.map(|ready| format!("{ready} ready")));
    for (phase, word) in [(PodPhase::Running, "running"), (PodPhase::Pending, "pending")] {
        let count = count(phase);
        parts.extend((count > 0).then(|| format!("{count} {word}")));
    }
    Some(parts.join(", "))
}
