//! What is said of each ClusterRegistry.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::Plan;
use super::reasons::{Why, sentences};
use super::world::{Registry, World};
use crate::api::reason::ClusterRegistryReason as Reason;
use crate::api::registry::ClusterRegistryStatus;

/// The one condition.
const READY: &str = "Ready";

/// A status that is to be written, and what is to be told of it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::projector) struct Notice {
    /// Whose.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The version of it that was seen.
    pub resource_version: String,
    /// The status.
    pub status: ClusterRegistryStatus,
    /// Reason and words of a warning, where something is wrong that was not before.
    pub warning: Option<(Reason, String)>,
}

/// How many ClusterRegistries stand at each reason, and the statuses that are not as they should be.
pub(in crate::projector) struct Report {
    /// By reason.
    pub counts: Vec<(Reason, usize)>,
    /// What is to be written.
    pub notices: Vec<Notice>,
}

/// What is true now of every ClusterRegistry.
pub(in crate::projector) fn report(world: &World, plan: &Plan) -> Report {
    let mut report = Report { counts: Reason::ALL.iter().map(|reason| (*reason, 0)).collect(), notices: Vec::new() };
    for registry in &world.registries {
        let (reason, message) = verdict(world, plan, registry);
        for (_, count) in report.counts.iter_mut().filter(|(other, _)| *other == reason) {
            *count += 1;
        }
        report.notices.extend(notice(world, registry, reason, message));
    }
    report
}

fn verdict(world: &World, plan: &Plan, registry: &Registry) -> (Reason, String) {
    let troubles = plan.troubles.get(&registry.name).map(Vec::as_slice).unwrap_or_default();
    let wants = registry.wants.as_ref().ok();
    if let Some(reason) = troubles.iter().map(Why::reason).min() {
        let allowed: BTreeSet<&str> = world.sources.keys().map(String::as_str).collect();
        let pointer = world.docs.pointer(&format!("clusterregistry-{reason}"));
        return (reason, format!("{}{pointer}", sentences(troubles, wants, &allowed)));
    }
    match (copies(world, registry), wants) {
        (0, Some(wants)) => {
            let message = format!("no namespace that it is for has a Pipeline with an image of {}", wants.host);
            (Reason::NotNeeded, message)
        }
        (1, _) => (Reason::Copied, "its credentials stand in the one namespace that needs them".to_owned()),
        (all, _) => (Reason::Copied, format!("its credentials stand in all {all} namespaces that need them")),
    }
}

/// In how many namespaces its credentials stand.
fn copies(world: &World, registry: &Registry) -> usize {
    let copies = world.places.values().filter(|place| !place.ending).filter_map(|place| place.copy.as_ref());
    copies.filter(|copy| copy.marked && !copy.deleting && copy.owners.contains(&registry.uid)).count()
}

fn notice(world: &World, registry: &Registry, reason: Reason, message: String) -> Option<Notice> {
    let is_good = matches!(reason, Reason::Copied | Reason::NotNeeded);
    let word = if is_good { "True" } else { "False" };
    let before = registry.status.conditions.iter().find(|condition| condition.type_ == READY);
    let kept = before.filter(|before| before.status == word).map(|before| before.last_transition_time.clone());
    let is_new = before.is_none_or(|before| before.status != word || before.reason != reason.as_str());
    let warning = (!is_good && is_new).then(|| (reason, message.clone()));
    let status = ClusterRegistryStatus {
        observed_generation: Some(registry.generation),
        conditions: vec![Condition {
            type_: READY.to_owned(),
            status: word.to_owned(),
            reason: reason.as_str().to_owned(),
            message,
            observed_generation: Some(registry.generation),
            last_transition_time: kept.unwrap_or_else(|| Time(whole_second(world.now))),
        }],
        copies: i32::try_from(copies(world, registry)).ok(),
    };
    (status != registry.status).then(|| Notice {
        name: registry.name.clone(),
        uid: registry.uid.clone(),
        resource_version: registry.resource_version.clone(),
        status,
        warning,
    })
}

/// As it comes back from the API server.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
