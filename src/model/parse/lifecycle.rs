//! How the Pods live: run to their end, or kept running, and then how they are exchanged.

use k8s_openapi::jiff::SignedDuration;

use super::report::Report;
use super::service;
use crate::api::pipeline::{Mode, OnSecretChange, PipelineSpec};
use crate::api::rules;
use crate::model::work::{Lifecycle, Service};

/// What an absent `rotation_debounce` means.
pub(super) const ROTATION_DEBOUNCE: SignedDuration = SignedDuration::from_secs(10);

/// What an absent `progress_deadline` means, as in a Deployment.
const PROGRESS_DEADLINE: SignedDuration = SignedDuration::from_secs(600);

/// The bound of `max_surge` and `max_unavailable`: that of `parallelism`.
const MAX_PODS: i32 = 1000;

/// Parses `mode` and the fields that belong to it.
pub(super) fn parse(spec: &PipelineSpec, report: &mut Report) -> Lifecycle {
    service::check(spec, report);
    let progress_deadline = report.duration("spec.progress_deadline", spec.progress_deadline.as_deref());
    match spec.mode {
        Mode::Job => {
            let only_of_services = [
                ("spec.ports", !spec.ports.is_empty()),
                ("spec.readiness_probe", spec.readiness_probe.is_some()),
                ("spec.liveness_probe", spec.liveness_probe.is_some()),
                ("spec.max_surge", spec.max_surge.is_some()),
                ("spec.max_unavailable", spec.max_unavailable.is_some()),
                ("spec.progress_deadline", spec.progress_deadline.is_some()),
            ];
            for (field, present) in only_of_services {
                report.require(!present, field, rules::ONLY_OF_SERVICES);
            }
            Lifecycle::Job
        }
        Mode::Service => {
            report.require(spec.steps.is_empty(), "spec.steps", rules::SERVICE_HAS_NO_STEPS);
            report.require(spec.timeout.is_none(), "spec.timeout", rules::SERVICE_HAS_NO_END);
            report.require(spec.ttl_after_finished.is_none(), "spec.ttl_after_finished", rules::SERVICE_HAS_NO_END);
            let max_surge = spec.max_surge.unwrap_or(1);
            let max_unavailable = spec.max_unavailable.unwrap_or(0);
            for (field, count) in [("spec.max_surge", max_surge), ("spec.max_unavailable", max_unavailable)] {
                report.require((0..=MAX_PODS).contains(&count), field, rules::MAX_PODS);
            }
            report.require(max_surge > 0 || max_unavailable > 0, "spec.max_surge", rules::ROLL_NEEDS_ROOM);
            Lifecycle::Service(Service {
                max_surge,
                max_unavailable,
                progress_deadline: progress_deadline.unwrap_or(PROGRESS_DEADLINE),
            })
        }
    }
}

/// What a changed Secret means where the spec does not say.
pub(super) fn on_secret_change(spec: &PipelineSpec) -> OnSecretChange {
    spec.on_secret_change.unwrap_or(match spec.mode {
        Mode::Service => OnSecretChange::Restart,
        Mode::Job => OnSecretChange::Ignore,
    })
}
