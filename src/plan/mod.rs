//! Plan: a [`World`] in, a [`Plan`] out. Total, synchronous, without a clock or a client; a missing Secret is an
//! answer here, never an error.

pub(crate) mod advice;
mod crew;
mod expiry;
mod heal;
mod helper;
mod job;
mod resolve;
pub(crate) mod rotation;
mod service;
mod step;
mod tries;
mod trouble;
mod ttl;
mod turn;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::reason::{Phase, Reason};
use crate::api::status::{ReferenceStatus, RunResult, StepStatus};
use crate::model::run::RunRef;
use crate::model::work::{Lifecycle, Work};
use crate::model::world::{PodFacts, WorkState, World};

/// A message names this many Pods and counts the rest.
const MOST_NAMED: usize = 3;

/// What to write, and what is true of the subject.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The current run; `None` where the spec says nothing that could be run.
    pub run: Option<RunRef>,
    /// Pods to delete, first.
    pub delete: Vec<PodDeletion>,
    /// Pods to create, then.
    pub create: Vec<Pod>,
    /// Whether the subject itself is to be deleted, and with it all that it owns.
    pub delete_subject: bool,
    /// What is true.
    pub verdict: Verdict,
    /// Each reference and its state.
    pub references: References,
    /// Each step and its state.
    pub steps: Vec<StepStatus>,
    /// When the run's first Pod was created.
    pub started_at: Option<Timestamp>,
    /// When the run ended.
    pub finished_at: Option<Timestamp>,
    /// Since when a reference is missing.
    pub waiting_since: Option<Timestamp>,
    /// Whether something is waited for no longer, for good (`on_missing_secret`, `missing_secret_timeout`): that what is missing
    /// is not there has to be certain.
    pub gives_up: bool,
    /// Which Secrets' ends are near or past, and what to do.
    pub expiring: Option<(Reason, String)>,
    /// When to look again though no event came.
    pub look_again: Option<Timestamp>,
}

/// A Pod to delete, and the proof that it is the one that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodDeletion {
    /// Its name.
    pub name: String,
    /// Its uid, sent as a precondition.
    pub uid: String,
    /// Sent as a precondition, too, where the Pod is to go only as long as it stands as it was seen: not running.
    pub resource_version: Option<String>,
}

impl PodDeletion {
    /// The Pod goes, however it stands.
    fn of(pod: &PodFacts) -> Self {
        Self { name: pod.name.clone(), uid: pod.uid.clone(), resource_version: None }
    }

    /// The Pod goes only if nothing became of it since it was seen.
    fn as_seen(pod: &PodFacts) -> Self {
        Self { resource_version: Some(pod.resource_version.clone()), ..Self::of(pod) }
    }
}

/// What is true of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In one word.
    pub phase: Phase,
    /// Why.
    pub reason: Reason,
    /// In words for people, the mend included.
    pub message: String,
    /// How the run ended, where it has.
    pub result: Option<RunResult>,
}

/// What is to be said of the references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum References {
    /// These rows are true now.
    Seen {
        /// One row per reference.
        rows: Vec<ReferenceStatus>,
        /// Why a Pod may not start, if it may not.
        gate: Option<(Reason, String)>,
    },
    /// They were not looked at: what was last said of them stands.
    AsRecorded,
    /// There is nothing to be said: the spec cannot be understood.
    Unknown,
}

/// Kubernetes' times have whole seconds: what is written must read back the same.
pub(crate) fn seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

fn seconds_of(time: Option<&Time>) -> Option<Timestamp> {
    time.map(|time| time.0)
}

/// Decides.
#[must_use]
pub fn plan(world: &World) -> Plan {
    match &world.work {
        WorkState::Unreadable(why) => Plan::stalled(world, Reason::Unreadable, advice::unreadable(why)),
        WorkState::Invalid(violations) => Plan::stalled(world, Reason::InvalidSpec, advice::invalid(violations)),
        WorkState::Valid(work) => {
            let run = current_run(world);
            let ended = recorded_result(world, &run);
            // A Service keeps no Pod that ended.
            let outdated = match work.lifecycle {
                Lifecycle::Job => outdated(world, work, &run, ended.is_some()),
                Lifecycle::Service(_) => Vec::new(),
            };
            let mut plan = match ended {
                Some(result) => ttl::tell(world, work, true, Plan::finished(world, run, result)),
                None => ttl::tell(world, work, false, expiry::tell(world, unfinished(world, work, run))),
            };
            plan.delete.extend(outdated);
            held_back(world, plan)
        }
    }
}

/// The highest run that status or a Pod of ours knows, or the next one where that one ran something else.
fn current_run(world: &World) -> RunRef {
    let recorded = world.recorded.run.as_ref().map(|run| RunRef { number: run.number, key: run.key.clone() });
    let latest = world.pods.iter().filter_map(PodFacts::run).chain(recorded).max_by_key(|run| run.number);
    match latest {
        Some(run) if run.key == world.run_key => run,
        Some(run) => RunRef { number: run.number.saturating_add(1), key: world.run_key.clone() },
        None => RunRef { number: 1, key: world.run_key.clone() },
    }
}

/// The result that status holds of this run. It stands for ever.
fn recorded_result(world: &World, run: &RunRef) -> Option<RunResult> {
    let recorded = world.recorded.run.as_ref()?;
    (recorded.number == run.number).then(|| recorded.result.clone())?
}

/// Pods of runs that ended longer ago than `history_limit` runs. A Pod of the current run only once its result stands in
/// status: until then it is the one that knows it.
fn outdated(world: &World, work: &Work, run: &RunRef, ended: bool) -> Vec<PodDeletion> {
    let over = |pod: &&PodFacts| !pod.is_live() && !pod.gone && pod.deletion_requested_at.is_none();
    let of = |pod: &PodFacts| pod.identity.as_ref().map(|id| id.run).filter(|of| *of < run.number || ended);
    let mut runs: Vec<i64> = world.pods.iter().filter_map(of).collect();
    runs.sort_unstable_by(|a, b| b.cmp(a));
    runs.dedup();
    let kept = usize::try_from(work.history_limit).unwrap_or_default();
    let outdated: Vec<i64> = runs.into_iter().skip(kept).collect();
    let is_outdated = |pod: &&PodFacts| of(pod).is_some_and(|run| outdated.contains(&run));
    let pods = world.pods.iter().filter(over).filter(is_outdated);
    pods.map(PodDeletion::of).collect()
}

fn unfinished(world: &World, work: &Work, run: RunRef) -> Plan {
    if let Lifecycle::Service(service) = &work.lifecycle {
        return service::plan(world, work, service, run);
    }
    let belongs = |pod: &&PodFacts| pod.identity.as_ref().is_some_and(|id| id.run != run.number);
    let old: Vec<_> = world.pods.iter().filter(|pod| pod.is_live()).filter(belongs).collect();
    if !old.is_empty() {
        return Plan::ending(world, run, &old);
    }
    job::plan(world, work, run)
}

/// A write that was refused is not tried again before its time, and then after the others, so that it holds none back.
/// What refuses one Pod of a subject (a quota, an admission rule) may refuse the next: while it is waited for, none is
/// made, or none deleted.
fn held_back(world: &World, mut plan: Plan) -> Plan {
    let Some(setback) = &world.setback else { return plan };
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
    let wanted = plan.create.iter().any(|pod| name(pod) == setback.pod);
    let unwanted = plan.delete.iter().any(|deletion| deletion.name == setback.pod);
    if setback.retry_at > world.now {
        if wanted {
            plan.create.clear();
        }
        if unwanted {
            plan.delete.clear();
            plan.verdict.message = format!("{}; {}", plan.verdict.message, setback.message);
        }
        if wanted || unwanted {
            plan.look_again = plan.look_again.into_iter().chain([setback.retry_at]).min();
        }
    } else {
        plan.create.sort_by_key(|pod| name(pod) == setback.pod);
        plan.delete.sort_by_key(|deletion| deletion.name == setback.pod);
    }
    plan
}

impl Plan {
    fn empty(world: &World, run: Option<RunRef>) -> Self {
        let same_run = world.recorded.run.as_ref().filter(|r| run.as_ref().is_some_and(|run| run.number == r.number));
        Self {
            delete: Vec::new(),
            create: Vec::new(),
            delete_subject: false,
            verdict: Verdict {
                phase: Phase::Starting,
                reason: Reason::PodsStarting,
                message: String::new(),
                result: None,
            },
            references: References::AsRecorded,
            steps: Vec::new(),
            started_at: same_run.and_then(|r| r.started_at.as_ref()).map(|time| time.0),
            finished_at: same_run.and_then(|r| r.finished_at.as_ref()).map(|time| time.0),
            waiting_since: None,
            gives_up: false,
            expiring: None,
            look_again: None,
            run,
        }
    }

    /// The spec cannot be acted on: what runs is left alone, nothing starts.
    fn stalled(world: &World, reason: Reason, message: String) -> Self {
        let run = world.recorded.run.as_ref().map(|run| RunRef { number: run.number, key: run.key.clone() });
        Self {
            verdict: Verdict {
                phase: Phase::Failed,
                reason,
                message,
                result: world.recorded.run.as_ref().and_then(|run| run.result.clone()),
            },
            references: References::Unknown,
            steps: world.recorded.steps.clone(),
            ..Self::empty(world, run)
        }
    }

    /// The run has its result.
    fn finished(world: &World, run: RunRef, result: RunResult) -> Self {
        Self {
            verdict: Verdict {
                phase: if result.succeeded { Phase::Succeeded } else { Phase::Failed },
                reason: result.reason,
                message: result.message.clone(),
                result: Some(result),
            },
            steps: world.recorded.steps.clone(),
            ..Self::empty(world, Some(run))
        }
    }

    /// Pods of an earlier run have to end before this one starts.
    fn ending(world: &World, run: RunRef, old: &[&PodFacts]) -> Self {
        let named = old.iter().take(MOST_NAMED).map(|pod| pod.name.as_str()).collect::<Vec<_>>().join(", ");
        let names = match old.len().saturating_sub(MOST_NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        };
        Self {
            delete: old
                .iter()
                .filter(|pod| pod.deletion_requested_at.is_none())
                .map(|pod| PodDeletion::of(pod))
                .collect(),
            verdict: Verdict {
                phase: Phase::Starting,
                reason: Reason::EndingOldRun,
                message: format!("run {} starts when the Pods of the one before have ended: {names}", run.number),
                result: None,
            },
            look_again: old.iter().filter_map(|pod| turn::unwatched_again(world, pod)).min(),
            ..Self::empty(world, Some(run))
        }
    }
}

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod corner_tests;
#[cfg(test)]
mod defaults_tests;
#[cfg(test)]
mod expiry_tests;
#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod heal_tests;
#[cfg(test)]
mod input_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod registry_tests;
#[cfg(test)]
mod rotation_tests;
#[cfg(test)]
mod runs_tests;
#[cfg(test)]
mod service_order_tests;
#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod simulated_tests;
#[cfg(test)]
mod steps_tests;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tries_tests;
#[cfg(test)]
mod trouble_tests;
#[cfg(test)]
mod ttl_tests;
#[cfg(test)]
mod volume_tests;
