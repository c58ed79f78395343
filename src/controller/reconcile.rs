//! One look at one Pipeline: observe -> plan -> apply -> report, whatever happens in between.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, Span, error, warn};

use super::apply::Applied;
use super::context::Context;
use super::key::ObjectKey;
use super::object::StoredPipeline;
use super::patch::Written;
use super::queue::Queue;
use super::realms::Realms;
use super::write::{self, Regarding};
use super::{apply, observe, second_look};
use crate::api::reason::{Phase, StepState};
use crate::api::status::{PipelineStatus, StepStatus};
use crate::model::backoff::TRANSIENT;
use crate::model::world::World;
use crate::ops::metrics::LookResult;
use crate::ops::spans;
use crate::plan::{Plan, plan};
use crate::report;

/// One look takes no longer, so that none holds its place for ever.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);
/// After a write that met another's: the event that tells of it is on its way.
const AFTER_CONFLICT: Duration = Duration::from_millis(200);

/// Looks at Pipelines until the queue is closed.
pub(super) async fn work(queue: Arc<Queue>, realms: Arc<Realms>, elected: bool) {
    while let Some(key) = queue.next().await {
        // A namespace whose lists are not complete, or are from before this process led, wakes its Pipelines when they are.
        let ready = |context: &&Arc<Context>| context.with_state(|state| state.is_ready(elected));
        let Some(context) = realms.of(&key.namespace).filter(ready) else {
            queue.done(&key, None);
            continue;
        };
        let began = Instant::now();
        let span = spans::look(&key.namespace, &key.name, queue.cause(&key));
        let look = AssertUnwindSafe(reconcile(context, &key)).catch_unwind().instrument(span.clone());
        let (ended, outcome) = match tokio::time::timeout(DEADLINE, look).await {
            Ok(Ok(ended)) => (ended, ended.result().as_str()),
            Ok(Err(_)) => {
                error!(pipeline = %key, "a look at it broke off; this is a defect of Lockgate");
                context.metrics.panicked();
                (Look::Failed, "panic")
            }
            Err(_) => {
                warn!(pipeline = %key, seconds = DEADLINE.as_secs(), "a look at it took too long");
                context.metrics.timed_out();
                (Look::Failed, "timeout")
            }
        };
        spans::ended(&span, outcome, ended == Look::Failed);
        drop(span);
        context.metrics.looked(ended.result(), began.elapsed());
        let failures = context.with_state(|state| state.looked(&key, ended == Look::Failed));
        let pause = match ended {
            Look::Done(pause) => pause,
            Look::Failed => Duration::try_from(TRANSIENT.delay(failures, &key.to_string())).ok(),
        };
        queue.done(&key, pause.map(|pause| Instant::now() + pause));
    }
}

/// How a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// All was read and written; after so long look again though no event came.
    Done(Option<Duration>),
    /// Something could not be read or written: try again, later each time.
    Failed,
}

impl Look {
    fn result(self) -> LookResult {
        match self {
            Self::Done(None) => LookResult::Success,
            Self::Done(Some(_)) => LookResult::RequeueAfter,
            Self::Failed => LookResult::Error,
        }
    }
}

async fn reconcile(context: &Arc<Context>, key: &ObjectKey) -> Look {
    let found: Option<Arc<StoredPipeline>> = context.with_state(|state| state.pipelines.get(key).cloned());
    // The Pods of one that is being deleted go with it: garbage collection follows the owner reference.
    let Some(stored) = found.filter(|stored| !stored.subject.deleting) else {
        context.with_state(|state| state.at_rest(key));
        return Look::Done(None);
    };
    Span::current().record("lockgate.pipeline.generation", stored.subject.generation);
    let began = Timestamp::now();
    let mut world = match observe::observe(context, &stored).instrument(spans::observe()).await {
        Ok(world) => world,
        Err(error) => {
            warn!(pipeline = %key, "a Pod could not be read: {}", kind(&error));
            return Look::Failed;
        }
    };
    if world.subject.deleting {
        return Look::Done(None);
    }
    let mut decided = decide(&world);
    if decided.gives_up {
        if let Err(error) = second_look::second_look(context, &mut world, &decided, began).await {
            warn!(pipeline = %key, "whether what it lacks is there could not be read: {}", kind(&error));
            return Look::Failed;
        }
        decided = decide(&world);
    }
    note_opening(context, key, &stored, !decided.create.is_empty());
    let Applied { outcome, put_off } = apply::apply(context, &world, &decided).await;
    if outcome.subject_deleted {
        return Look::Done(None);
    }

    // The report is the plan of the world after the writes: the same words now and after a restart.
    let mut after = world.after(&outcome);
    let settled = plan(&after);
    let status = report::status(&after, &settled);
    Span::current().record("lockgate.pipeline.phase", status.phase.map(Phase::as_str));
    if put_off && !tells_of_pods(&stored.status, &status) {
        // A status that says "starting" now would be written again in a moment.
        return Look::Done(settled.look_again.map(|at| until(after.now, at)));
    }
    let warnings = report::warnings(&after.docs, &stored.status, &status);
    let written = write::status(context, &stored, &status).await;
    match written {
        Written::Gone => Look::Done(None),
        Written::Behind => Look::Done(Some(AFTER_CONFLICT)),
        Written::Failed => Look::Failed,
        Written::Yes => {
            context.with_state(|state| state.forget_ended(&after.subject.uid, &after.pods));
            let subject = &stored.subject;
            let regarding =
                Regarding { kind: "Pipeline", namespace: &subject.namespace, name: &subject.name, uid: &subject.uid };
            write::events(context, regarding, warnings).await;
            // What is recorded now may ask for more (a result that stands lets old Pods go), and no event will tell.
            after.recorded = status;
            let next = plan(&after);
            if !next.delete.is_empty() || (!next.create.is_empty() && !put_off) {
                let got_on = !outcome.created.is_empty() || !outcome.deleted.is_empty();
                return Look::Done(Some(match &outcome.setback {
                    _ if got_on => Duration::ZERO,
                    Some(setback) => until(after.now, setback.retry_at),
                    // Without progress our view was behind, and the event that mends it is on its way.
                    None => AFTER_CONFLICT,
                }));
            }
            Look::Done(settled.look_again.map(|at| until(after.now, at)))
        }
    }
}

fn decide(world: &World) -> Plan {
    let span = spans::plan().entered();
    let decided = plan(world);
    span.record("lockgate.plan.deletes", decided.delete.len());
    span.record("lockgate.plan.creates", decided.create.len());
    decided
}

/// Notes when the event came that completed a Pipeline which has waited; `apply` tells how long its first Pod took from
/// there. A look without an event of its own (its turn to create, another try) goes on with what was noted.
fn note_opening(context: &Context, key: &ObjectKey, stored: &StoredPipeline, opens: bool) {
    let waited = stored.status.phase == Some(Phase::Waiting);
    let event_at = context.queue.event_at(key);
    context.with_state(|state| {
        if !(waited && opens) {
            state.opening.remove(key);
        } else if let Some(at) = event_at {
            state.opening.entry(key.clone()).or_insert(at);
        }
    });
}

/// Whether the new status says more of Pods that are or were there than the old one.
fn tells_of_pods(old: &PipelineStatus, new: &PipelineStatus) -> bool {
    let over = |step: &StepStatus| matches!(step.state, StepState::Succeeded | StepState::Failed | StepState::Skipped);
    let tells = |step: &&StepStatus| step.pod.is_some() || over(step);
    new.steps.iter().filter(tells).any(|step| !old.steps.contains(step))
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

fn kind(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
        _ => "the API server could not be reached".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(steps: &Value) -> PipelineStatus {
        serde_json::from_value(json!({"phase": "Starting", "steps": steps})).unwrap()
    }

    #[test]
    fn a_look_that_was_put_off_is_told_only_if_there_is_news_of_a_pod() {
        let waits = json!({"name": "main", "state": "Waiting"});
        let starts = json!({"name": "main", "state": "Starting"});
        let runs = json!({"name": "main", "state": "Running", "pod": "p"});
        let ended = json!({"name": "main", "state": "Succeeded", "pod": "p"});
        let lost = json!({"name": "main", "state": "Failed"});
        for (old, new, news) in [
            (json!([]), json!([starts]), false),
            (json!([waits]), json!([starts]), false),
            (json!([ended]), json!([starts]), false),
            (json!([runs]), json!([runs, starts]), false),
            (json!([runs]), json!([ended, starts]), true),
            (json!([starts]), json!([runs, starts]), true),
            (json!([starts]), json!([lost]), true),
        ] {
            assert_eq!(tells_of_pods(&status(&old), &status(&new)), news, "{old} -> {new}");
        }
    }
}
