//! The Pod: assembled from its parts.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, LocalObjectReference, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{env, helper, meta, mounts, placement, some, stdin, volumes};
use crate::api::pipeline::{ImagePullPolicy, Security};
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{Lifecycle, Step};
use crate::model::world::{WorkState, World};

/// The Pod of one step, index, attempt and replacement; `parallelism` is how many equal ones the run has.
#[must_use]
pub fn pod(world: &World, run: &RunRef, step: &Step, id: &PodIdentity, parallelism: i32) -> Pod {
    let is_service = matches!(&world.work, WorkState::Valid(work) if matches!(work.lifecycle, Lifecycle::Service(_)));
    let (mut volumes, mut mounts) = volumes::volumes(step);
    let (others, other_mounts) = mounts::mounts(step);
    volumes.extend(others);
    mounts.extend(other_mounts);
    if let Some((volume, mount)) = stdin::volume(step) {
        volumes.push(volume);
        mounts.push(mount);
    }
    let (rendered, rendered_mounts) = helper::volumes(step);
    volumes.extend(rendered);
    mounts.extend(rendered_mounts);
    Pod {
        metadata: meta::meta(world, run, step, id),
        spec: Some(PodSpec {
            init_containers: helper::container(world, step).map(|container| vec![container]),
            containers: vec![Container {
                name: step.name.clone(),
                image: Some(step.image.clone()),
                image_pull_policy: step.image_pull_policy.map(|policy| ImagePullPolicy::as_str(policy).to_owned()),
                command: some(stdin::command(step)),
                args: some(step.args.clone()),
                working_dir: step.working_dir.clone(),
                env: some(env::env(step, id.index, (!is_service).then_some(parallelism))),
                env_from: some(env::env_from(step)),
                volume_mounts: some(mounts),
                resources: resources(step),
                ports: some(step.ports.clone()),
                readiness_probe: step.readiness_probe.clone(),
                liveness_probe: step.liveness_probe.clone(),
                // Last words come from their file and never from the log, which may hold anything.
                termination_message_policy: Some("File".into()),
                security_context: container_security(step.security),
                ..Container::default()
            }],
            volumes: some(volumes),
            image_pull_secrets: some(
                world.pull_secrets(step).into_iter().map(|name| LocalObjectReference { name }).collect(),
            ),
            restart_policy: Some(if is_service { "Always" } else { "Never" }.into()),
            service_account_name: step.service_account.clone(),
            // A token is a credential too: it is mounted only for an account that somebody chose.
            automount_service_account_token: step.service_account.is_none().then_some(false),
            security_context: Some(pod_security(step)),
            node_selector: placement::node_selector(&world.defaults, step),
            priority_class_name: placement::priority_class_name(&world.defaults, step),
            tolerations: some(placement::tolerations(&world.defaults, step)),
            ..PodSpec::default()
        }),
        status: None,
    }
}

fn resources(step: &Step) -> Option<ResourceRequirements> {
    let quantities = |map: &BTreeMap<String, String>| {
        (!map.is_empty()).then(|| map.iter().map(|(name, amount)| (name.clone(), Quantity(amount.clone()))).collect())
    };
    let (requests, limits) = (quantities(&step.requests), quantities(&step.limits));
    (requests.is_some() || limits.is_some()).then(|| ResourceRequirements {
        requests,
        limits,
        ..ResourceRequirements::default()
    })
}

fn pod_security(step: &Step) -> PodSecurityContext {
    PodSecurityContext {
        run_as_user: step.user,
        run_as_group: step.group,
        fs_group: step.fs_group,
        run_as_non_root: (step.security == Security::Restricted).then_some(true),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

/// What Pod Security `restricted` asks of a container beyond the Pod's own context (KEP-2579).
fn container_security(security: Security) -> Option<SecurityContext> {
    match security {
        Security::Baseline => None,
        Security::Restricted => Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
            ..SecurityContext::default()
        }),
    }
}
