//! Wire to meaning: a spec becomes [`Work`], or the whole list of rules that it breaks.
//!
//! These are the CRD's rules once more, bounds included. The API server checked them for every Pipeline that the
//! operator sees, but perhaps by the CRD of another version, and `lockgate check` has no server at all.

mod amounts;
mod conflicts;
mod image;
mod placement;
mod report;
mod secrets;
mod transform;

use report::Report;

use super::work::{Step, Work};
use crate::api::pipeline::{PipelineSpec, Security};
use crate::api::rules;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as in `spec.transform.secrets[0].key`.
    pub field: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// References that one Pipeline may have: its status has a row for each.
const MAX_REFERENCES: usize = 256;

/// The bound of `history_limit`.
const MAX_HISTORY: i32 = 100;

/// The bound of `retries`.
const MAX_RETRIES: i32 = 1000;

/// Parses a spec.
///
/// # Errors
/// Every rule that it breaks, not only the first.
pub fn parse(spec: &PipelineSpec) -> Result<Work, Vec<Violation>> {
    let mut report = Report::default();
    let container = transform::parse(&spec.transform, &mut report);
    let uses = secrets::parse(spec, &mut report);
    conflicts::check(spec, &mut report);
    if uses.len() > MAX_REFERENCES {
        report.add("spec", rules::REFERENCES_AT_MOST);
    }
    let root = spec.security == Security::Restricted && spec.transform.user.as_deref() == Some("0");
    report.require(!root, "spec.transform.user", rules::USER_RESTRICTED);
    let placement = placement::parse(spec, &mut report);
    let mut duration = |field: &str, text: Option<&str>| {
        let parsed = text.map(amounts::duration)?;
        if parsed.is_none() {
            report.add(field, rules::DURATION);
        }
        parsed
    };
    let missing_secret_timeout = duration("spec.missing_secret_timeout", spec.missing_secret_timeout.as_deref());
    let timeout = duration("spec.timeout", spec.timeout.as_deref());
    let pending_timeout = duration("spec.pending_timeout", spec.pending_timeout.as_deref());
    report.require((0..=MAX_HISTORY).contains(&spec.history_limit), "spec.history_limit", rules::HISTORY_LIMIT);
    report.require((0..=MAX_RETRIES).contains(&spec.retries), "spec.retries", rules::RETRIES);
    let (labels, annotations) = placement::pod_metadata(spec.metadata.as_ref(), &mut report);
    let work = Work {
        steps: vec![Step {
            name: super::work::MAIN_STEP.to_owned(),
            image: container.image,
            image_pull_policy: spec.image_pull_policy,
            command: container.command,
            args: container.args,
            stdin: container.stdin,
            accepted_codes: container.accepted_codes,
            env: container.env,
            working_dir: container.working_dir,
            user: container.user,
            group: container.group,
            fs_group: container.fs_group,
            uses,
            security: spec.security,
            service_account: placement.service_account,
            requests: placement.requests,
            limits: placement.limits,
            node_selector: placement.node_selector,
            priority_class_name: placement.priority_class_name,
            tolerations: placement.tolerations,
        }],
        on_missing_secret: spec.on_missing_secret,
        missing_secret_timeout,
        retries: spec.retries,
        history_limit: spec.history_limit,
        timeout,
        pending_timeout,
        suspend: spec.suspend,
        labels,
        annotations,
    };
    report.into_result(work)
}

#[cfg(test)]
mod tests;
