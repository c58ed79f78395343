//! Report: what was seen and decided -> the status to write and the events to send. Pure; the controller writes.

mod events;
mod pointer;
pub mod registry;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

pub use events::{About, Warning, warnings};
pub(crate) use pointer::cut;

use crate::api::reason::{ConditionType, ObjectKind, Phase, Reason, ReferenceState};
use crate::api::status::{PastRun, PipelineStatus, ReferenceStatus, RunResult, RunStatus};
use crate::model::pod::PIPELINE_LABEL;
use crate::model::run::{RunRef, cause, request_of};
use crate::model::secret::SecretAccess;
use crate::model::work::Lifecycle;
use crate::model::world::{WorkState, World};
use crate::plan::{Plan, References, Verdict, advice, rotation, seconds};

/// `waitingFor` names this many things and counts the rest.
const MOST_NAMED: usize = 3;
/// `runs` lists this many.
const MOST_RUNS: usize = 10;
/// A condition's message is cut here, in bytes (the API server refuses more than 32768).
const MOST_MESSAGE: usize = 4096;

/// The whole status, computed anew. Only times are carried over: equal truths give equal statuses.
#[must_use]
pub fn status(world: &World, plan: &Plan) -> PipelineStatus {
    let recorded = &world.recorded;
    let (references, resolved, waiting_for) = match &plan.references {
        References::Seen { rows, .. } => (
            rows.clone(),
            Some(resolved(world, rows)),
            (plan.verdict.phase == Phase::Waiting).then(|| waiting_for(plan, rows)),
        ),
        References::AsRecorded if plan.verdict.result.is_some() => {
            (recorded.references.iter().map(rotation::over).collect(), recorded.resolved.clone(), None)
        }
        References::AsRecorded => (recorded.references.clone(), recorded.resolved.clone(), None),
        References::Unknown => (Vec::new(), None, None),
    };
    PipelineStatus {
        observed_generation: Some(world.subject.generation),
        phase: Some(plan.verdict.phase),
        conditions: conditions(world, plan),
        resolved,
        waiting_for,
        waiting_since: plan.waiting_since.map(seconds),
        references,
        steps: plan.steps.clone(),
        last_handled_run_request: match &plan.run {
            Some(run) => request_of(&run.key).map(ToOwned::to_owned),
            None => recorded.last_handled_run_request.clone(),
        },
        runs: past_runs(world, plan),
        replicas: i32::try_from(world.pods.iter().filter(|pod| pod.stays()).count()).ok(),
        selector: Some(format!("{PIPELINE_LABEL}={}", world.subject.name)),
        run: plan.run.as_ref().map(|run| run_status(world, plan, run)),
    }
}

fn run_status(world: &World, plan: &Plan, run: &RunRef) -> RunStatus {
    let recorded = world.recorded.run.as_ref();
    let same = recorded.filter(|recorded| recorded.number == run.number);
    RunStatus {
        number: run.number,
        key: run.key.clone(),
        started_by: match same {
            Some(same) => same.started_by,
            None => Some(cause(recorded.map(|recorded| recorded.key.as_str()), &run.key)),
        },
        result: plan.verdict.result.as_ref().map(|result| RunResult {
            message: pointer::cut(&result.message, MOST_MESSAGE).to_owned(),
            ..result.clone()
        }),
        started_at: plan.started_at.map(seconds),
        finished_at: plan.finished_at.map(seconds),
    }
}

/// The runs before the current one: when a run follows another, that one joins them.
fn past_runs(world: &World, plan: &Plan) -> Vec<PastRun> {
    let recorded = &world.recorded;
    let followed = recorded.run.as_ref().filter(|old| plan.run.as_ref().is_some_and(|run| run.number > old.number));
    let joins = followed.map(|old| PastRun {
        number: old.number,
        started_by: old.started_by,
        succeeded: old.result.as_ref().map(|result| result.succeeded),
        reason: old.result.as_ref().map(|result| result.reason),
        started_at: old.started_at.clone(),
        finished_at: old.finished_at.clone(),
    });
    joins.into_iter().chain(recorded.runs.iter().cloned()).take(MOST_RUNS).collect()
}

fn named(row: &ReferenceStatus) -> bool {
    row.via.is_none()
}

fn good(row: &ReferenceStatus) -> bool {
    matches!(row.state, ReferenceState::Resolved | ReferenceState::KeyUnverified | ReferenceState::Absent)
}

fn resolved(world: &World, rows: &[ReferenceStatus]) -> String {
    let all = rows.iter().filter(|row| named(row)).count();
    if is_in_the_dark(world, rows) {
        return format!("?/{all}");
    }
    let good = rows.iter().filter(|row| named(row)).filter(|row| good(row)).count();
    format!("{good}/{all}")
}

/// Whether a Secret is used and none is looked at.
fn is_in_the_dark(world: &World, rows: &[ReferenceStatus]) -> bool {
    world.secret_access == SecretAccess::None && rows.iter().any(|row| named(row) && row.kind.is_none())
}

/// What is missing, for a column: `Secret db, key tls/ca.crt and 2 more`.
fn waiting_for(plan: &Plan, rows: &[ReferenceStatus]) -> String {
    let mut names: Vec<String> = Vec::new();
    if plan.verdict.reason == Reason::ServiceAccountNotFound {
        names.push("ServiceAccount".to_owned());
    }
    for row in rows.iter().filter(|row| named(row)).filter(|row| !good(row)) {
        let what = match row.kind {
            None => "Secret",
            Some(ObjectKind::ConfigMap) => "ConfigMap",
            Some(ObjectKind::PersistentVolumeClaim) => "claim",
        };
        let name = match (row.state, &row.key) {
            (ReferenceState::KeyMissing, Some(key)) => format!("key {}/{key}", row.name),
            (ReferenceState::KeyMissing, None) => format!("keys of {}", row.name),
            (ReferenceState::WrongType, _) => format!("type of {}", row.name),
            (ReferenceState::Forbidden, _) if row.kind.is_none() => format!("access to {}", row.name),
            (ReferenceState::Forbidden, _) => format!("access to {what} {}", row.name),
            _ => format!("{what} {}", row.name),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let listed = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// The whole set of conditions: `Ready`, `SecretsResolved`, `Complete` of a Job; `CredentialExpiring` and kstatus' two only
/// while they are True.
fn conditions(world: &World, plan: &Plan) -> Vec<Condition> {
    let Verdict { phase, reason, message, result: _ } = &plan.verdict;
    let ready = match phase {
        Phase::Running | Phase::Succeeded | Phase::Suspended => true,
        Phase::Waiting | Phase::Starting | Phase::Failed => false,
    };
    let mut all = vec![condition(world, plan, ConditionType::Ready, ready.into(), *reason, message)];
    all.extend(secrets_resolved(world, plan));
    if !is_service(world) {
        all.push(condition(
            world,
            plan,
            ConditionType::Complete,
            (*phase == Phase::Succeeded).into(),
            *reason,
            message,
        ));
    }
    if let Some((reason, message)) = &plan.expiring {
        all.push(condition(world, plan, ConditionType::CredentialExpiring, true.into(), *reason, message));
    }
    if matches!(phase, Phase::Waiting | Phase::Starting) || *reason == Reason::Rolling {
        all.push(condition(world, plan, ConditionType::Reconciling, true.into(), *reason, message));
    }
    if *phase == Phase::Failed {
        all.push(condition(world, plan, ConditionType::Stalled, true.into(), *reason, message));
    }
    all
}

/// A Service is never complete.
fn is_service(world: &World) -> bool {
    matches!(&world.work, WorkState::Valid(work) if matches!(work.lifecycle, Lifecycle::Service(_)))
}

fn secrets_resolved(world: &World, plan: &Plan) -> Option<Condition> {
    let kind = ConditionType::SecretsResolved;
    match &plan.references {
        References::Seen { rows, gate: None } if is_in_the_dark(world, rows) => {
            let WorkState::Valid(work) = &world.work else { return None };
            let message = advice::without_access(work);
            Some(condition(world, plan, kind, Truth::Unknown, Reason::SecretsNotLookedAt, &message))
        }
        References::Seen { gate: None, .. } => {
            Some(condition(world, plan, kind, Truth::True, Reason::AllResolved, "every reference is good"))
        }
        References::Seen { gate: Some((reason, message)), .. } => {
            Some(condition(world, plan, kind, Truth::False, *reason, message))
        }
        References::AsRecorded => recorded(world, kind)
            .map(|old| Condition { observed_generation: Some(world.subject.generation), ..old.clone() }),
        References::Unknown => {
            let message = "the references are not known";
            Some(condition(world, plan, kind, Truth::Unknown, plan.verdict.reason, message))
        }
    }
}

/// A condition's status.
#[derive(Clone, Copy)]
enum Truth {
    True,
    False,
    Unknown,
}

impl From<bool> for Truth {
    fn from(is: bool) -> Self {
        if is { Self::True } else { Self::False }
    }
}

fn recorded(world: &World, kind: ConditionType) -> Option<&Condition> {
    world.recorded.conditions.iter().find(|old| old.type_ == kind.as_str())
}

/// Its message ends in the heading that tells more, if anything is to be done.
fn condition(
    world: &World,
    plan: &Plan,
    kind: ConditionType,
    truth: Truth,
    reason: Reason,
    message: &str,
) -> Condition {
    // What keeps Pods from starting is told of the first step that has a trouble.
    let heading = pointer::heading(reason, plan.steps.iter().find_map(|step| step.trouble));
    let status = match truth {
        Truth::True => "True",
        Truth::False => "False",
        Truth::Unknown => "Unknown",
    };
    let last_transition_time = match recorded(world, kind) {
        Some(old) if old.status == status => old.last_transition_time.clone(),
        _ => seconds(world.now),
    };
    Condition {
        type_: kind.to_string(),
        status: status.to_owned(),
        reason: reason.to_string(),
        message: pointer::end(&world.docs, message, heading, MOST_MESSAGE),
        last_transition_time,
        observed_generation: Some(world.subject.generation),
    }
}

#[cfg(test)]
mod kstatus_tests;
#[cfg(test)]
mod tests;
