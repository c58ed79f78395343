//! Whether everything that a Pipeline names is there now, in the words of its status.

use std::collections::BTreeSet;

use super::fields;
use crate::api::reason::ReferenceState;
use crate::api::status::ReferenceStatus;
use crate::cli::check::finding::{Finding, Severity};
use crate::cli::check::object::Object;
use crate::cli::check::rules::Rule;
use crate::model::secret::AccountKnowledge;
use crate::model::work::{Step, Work};
use crate::model::world::World;
use crate::plan::advice;

/// What a row of `status.references` would say; nothing where it is resolved, or comes with the same files.
pub(super) fn finding(
    pipeline: &Object<'_>,
    row: &ReferenceStatus,
    in_files: &dyn Fn(&str) -> bool,
) -> Option<Finding> {
    let (rule, severity) = match row.state {
        ReferenceState::Resolved | ReferenceState::Absent => return None,
        ReferenceState::NotFound if row.kind.is_none() && in_files(&row.name) => return None,
        // Nobody waits for what the Pipeline does not name.
        ReferenceState::NotFound | ReferenceState::KeyMissing | ReferenceState::WrongType if row.via.is_some() => {
            (Rule::ReferenceNotThere, Severity::Warning)
        }
        ReferenceState::NotFound | ReferenceState::KeyMissing | ReferenceState::WrongType => {
            (Rule::ReferenceNotThere, Severity::Error)
        }
        ReferenceState::KeyUnverified | ReferenceState::Forbidden | ReferenceState::Unchecked => {
            (Rule::NotLookedAt, Severity::Note)
        }
    };
    let message = row.message.clone().unwrap_or_else(|| format!("{} {}", row.name, row.state));
    let message = row.via.as_ref().map(|via| format!("from {via}: {message}")).unwrap_or(message);
    Some(pipeline.finding(rule, severity, &fields::reference(pipeline.value, row), message))
}

/// ServiceAccounts that are not there: the API server would refuse the Pods.
pub(super) fn accounts(pipeline: &Object<'_>, world: &World, work: &Work) -> Vec<Finding> {
    let names: BTreeSet<&str> = work.steps.iter().map(Step::service_account_name).collect();
    let absent = names.into_iter().filter(|name| world.accounts.get(*name) == Some(&AccountKnowledge::Absent));
    let finding = |name: &str| {
        let message = advice::account_missing(&world.subject.namespace, name);
        pipeline.finding(Rule::ReferenceNotThere, Severity::Error, "spec.service_account_name", message)
    };
    absent.map(finding).collect()
}
