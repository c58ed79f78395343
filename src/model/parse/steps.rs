//! The steps: a `transform` is one named `main`; those of `steps` have names, needs and fields that win over the spec's.

use std::collections::BTreeSet;

use super::placement::{self, Placement};
use super::report::Report;
use super::secrets::{self, Lists};
use super::{conflicts, graph, input, transform, volumes};
use crate::api::pipeline::{PipelineSpec, Security};
use crate::api::rules;
use crate::api::step::Step as WireStep;
use crate::model::work::{MAIN_STEP, MAX_PARALLELISM, SecretUse, Step, Usage};

/// References that one Pipeline may have: its status has a row for each.
const MAX_REFERENCES: usize = 256;

/// The bound of `retries`.
const MAX_RETRIES: i32 = 1000;

/// Parses `transform` or `steps`, whichever there is.
pub(super) fn parse(spec: &PipelineSpec, report: &mut Report) -> Vec<Step> {
    graph::check(&spec.steps, report);
    let general = placement::of_spec(spec, report);
    let mut steps = Vec::new();
    if let Some(transform) = &spec.transform {
        let main = WireStep { name: MAIN_STEP.to_owned(), ..WireStep::default() };
        let lists = Lists { base: "spec.transform", own: transform, bounds: secrets::OF_A_TRANSFORM, spec };
        steps.push(step(&main, &lists, general.clone(), report));
    }
    for (index, wire) in spec.steps.iter().enumerate() {
        let base = format!("spec.steps[{index}]");
        let placement = placement::of_step(&base, spec, wire, &general, report);
        let lists = Lists { base: &base, own: &wire.container, bounds: secrets::OF_A_STEP, spec };
        steps.push(step(wire, &lists, placement, report));
    }
    report.require(spec.transform.is_some() == spec.steps.is_empty(), "spec", rules::TRANSFORM_OR_STEPS);
    report.require(references(&steps) <= MAX_REFERENCES, "spec", rules::REFERENCES_AT_MOST);
    steps
}

fn step(wire: &WireStep, lists: &Lists<'_>, placement: Placement, report: &mut Report) -> Step {
    let Lists { base, own, spec, .. } = *lists;
    let container = transform::parse(base, own, report);
    let mut uses = secrets::parse(lists, report);
    let input = own.input.as_ref().and_then(|own| input::parse(&format!("{base}.input"), own, &mut uses, report));
    conflicts::check(lists, report);
    if let (Some(stdin), Some(input)) = (&container.stdin, &input) {
        let fits = stdin.len() + input.template.to_string().len() <= transform::MAX_STDIN;
        report.require(fits, &format!("{base}.input.template"), rules::INPUT_AND_STDIN);
    }
    let volumes = volumes::parse(lists, report);
    let root = spec.security == Security::Restricted && own.user.as_deref() == Some("0");
    report.require(!root, &format!("{base}.user"), rules::USER_RESTRICTED);
    let retries = wire.retries.unwrap_or(spec.retries);
    report.require((0..=MAX_RETRIES).contains(&retries), &field(base, wire.retries, "retries"), rules::RETRIES);
    let parallelism = wire.parallelism.unwrap_or(spec.parallelism);
    report.require(
        (0..=MAX_PARALLELISM).contains(&parallelism),
        &field(base, wire.parallelism, "parallelism"),
        rules::PARALLELISM,
    );
    let timeout = report.duration(&format!("{base}.timeout"), wire.timeout.as_deref());
    let pending_timeout = match &wire.pending_timeout {
        Some(text) => report.duration(&format!("{base}.pending_timeout"), Some(text)),
        None => report.duration("spec.pending_timeout", spec.pending_timeout.as_deref()),
    };
    Step {
        name: wire.name.clone(),
        needs: wire.needs.clone(),
        parallelism,
        retries,
        timeout,
        pending_timeout,
        image: container.image,
        image_pull_policy: wire.image_pull_policy.or(spec.image_pull_policy),
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
        input,
        volumes,
        security: spec.security,
        service_account: placement.service_account,
        requests: placement.requests,
        limits: placement.limits,
        node_selector: placement.node_selector,
        priority_class_name: placement.priority_class_name,
        tolerations: placement.tolerations,
        ports: spec.ports.clone(),
        readiness_probe: spec.readiness_probe.clone(),
        liveness_probe: spec.liveness_probe.clone(),
    }
}

/// Where a number stands: on the step, or on the spec.
fn field(base: &str, own: Option<i32>, name: &str) -> String {
    if own.is_some() { format!("{base}.{name}") } else { format!("spec.{name}") }
}

/// How many references there are: each use of each step, each claim and ConfigMap that it mounts, and each distinct pull
/// secret of it.
fn references(steps: &[Step]) -> usize {
    let of = |step: &Step| {
        let named = |u: &&SecretUse| u.usage != Usage::ImagePull;
        let pull: BTreeSet<_> = step.uses.iter().filter(|u| u.usage == Usage::ImagePull).map(|u| &u.secret).collect();
        let volumes = step.volumes.iter().filter(|volume| volume.object().is_some()).count();
        step.uses.iter().filter(named).count() + volumes + pull.len()
    };
    steps.iter().map(of).sum()
}
