//! Wire to meaning: a spec becomes [`Work`], or the whole list of rules that it breaks.
//!
//! These are the CRD's rules once more, bounds included. The API server checked them for every Pipeline that the
//! operator sees, but perhaps by the CRD of another version, and `lockgate check` has no server at all.

mod amounts;
mod conflicts;
mod defaults;
mod graph;
mod input;
mod lifecycle;
mod placement;
mod report;
mod secrets;
mod service;
mod steps;
mod transform;
mod volumes;

pub use defaults::pod_defaults;
use report::Report;

use super::work::Work;
use crate::api::pipeline::PipelineSpec;
use crate::api::rules;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as in `spec.transform.secrets[0].key`.
    pub field: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// The bound of `history_limit`.
const MAX_HISTORY: i32 = 100;

/// Parses a spec.
///
/// # Errors
/// Every rule that it breaks, not only the first.
pub fn parse(spec: &PipelineSpec) -> Result<Work, Vec<Violation>> {
    let mut report = Report::default();
    let steps = steps::parse(spec, &mut report);
    let lifecycle = lifecycle::parse(spec, &mut report);
    let missing_secret_timeout = report.duration("spec.missing_secret_timeout", spec.missing_secret_timeout.as_deref());
    let timeout = report.duration("spec.timeout", spec.timeout.as_deref());
    let ttl_after_finished = report.duration("spec.ttl_after_finished", spec.ttl_after_finished.as_deref());
    let rotation_debounce = report.duration("spec.rotation_debounce", spec.rotation_debounce.as_deref());
    report.require((0..=MAX_HISTORY).contains(&spec.history_limit), "spec.history_limit", rules::HISTORY_LIMIT);
    let (labels, annotations) = placement::pod_metadata(spec.metadata.as_ref(), &mut report);
    let work = Work {
        steps,
        on_secret_change: lifecycle::on_secret_change(spec),
        lifecycle,
        on_missing_secret: spec.on_missing_secret,
        missing_secret_timeout,
        rotation_debounce: rotation_debounce.unwrap_or(lifecycle::ROTATION_DEBOUNCE),
        history_limit: spec.history_limit,
        timeout,
        ttl_after_finished,
        termination_message: spec.termination_message,
        suspend: spec.suspend,
        labels,
        annotations,
    };
    report.into_result(work)
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod tests;
