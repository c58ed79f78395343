//! `ttl_after_finished`: the subject itself is deleted so long after its run ended.

use super::{Plan, seconds};
use crate::model::work::Work;
use crate::model::world::World;

/// Adds to the plan of a run that is over when its subject goes, or why it does not. It goes only once the result stands
/// in status: `recorded`.
pub(super) fn tell(world: &World, work: &Work, recorded: bool, mut plan: Plan) -> Plan {
    let (Some(ttl), Some(finished_at)) = (work.ttl_after_finished, plan.finished_at) else { return plan };
    if plan.verdict.result.is_none() {
        return plan;
    }
    if let Some(tool) = world.subject.managed_by {
        plan.verdict.message = format!(
            "{}; ttl_after_finished does not count, because {tool} manages this Pipeline and would make it anew: take the field away",
            plan.verdict.message
        );
        return plan;
    }
    let Ok(due) = seconds(finished_at).0.checked_add(ttl) else { return plan };
    let setback = world.setback.as_ref().filter(|setback| setback.pod == world.subject.name);
    if let Some(setback) = setback {
        plan.verdict.message = format!("{}; {}", plan.verdict.message, setback.message);
    }
    let at = setback.map_or(due, |setback| setback.retry_at.max(due));
    // What is deleted now is looked at again when the watch says what became of it.
    plan.delete_subject = recorded && at <= world.now;
    if !plan.delete_subject {
        plan.look_again = plan.look_again.into_iter().chain([at]).min();
    }
    plan
}
