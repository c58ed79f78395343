//! Environment: Secret variables and a rendered input first, then literals by name, so that a literal may hold `$(SECRET_VARIABLE)`.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, SecretEnvSource, SecretKeySelector};

use super::helper;
use crate::model::work::{Step, Usage};

/// Single variables. The kubelet expands `$(NAME)` from those that stand before
/// (`third_party/forked/golang/expansion`), hence the order.
///
/// Between them stands which of the step's equal Pods this is and, for a Job, how many there are: a Service's number may
/// change while the Pod runs.
pub(super) fn env(step: &Step, index: i32, parallelism: Option<i32>) -> Vec<EnvVar> {
    let secrets = step.uses.iter().filter_map(|usage| match &usage.usage {
        Usage::Env { var, key } => Some(EnvVar {
            name: var.to_string(),
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: usage.secret.to_string(),
                    key: key.to_string(),
                    optional: usage.optional.then_some(true),
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        }),
        _ => None,
    });
    let own = [("LOCKGATE_INDEX", Some(index)), ("LOCKGATE_PARALLELISM", parallelism)];
    let own = own.into_iter().filter_map(|(name, number)| {
        Some(EnvVar { name: name.to_owned(), value: Some(number?.to_string()), ..EnvVar::default() })
    });
    let literals = step.env.iter().map(|(name, value)| EnvVar {
        name: name.to_string(),
        value: Some(value.clone()),
        ..EnvVar::default()
    });
    secrets.chain(helper::variable(step)).chain(own).chain(literals).collect()
}

/// Secrets of which every key becomes a variable.
pub(super) fn env_from(step: &Step) -> Vec<EnvFromSource> {
    step.uses
        .iter()
        .filter_map(|usage| match &usage.usage {
            Usage::EnvPrefix { prefix } => Some(EnvFromSource {
                prefix: (!prefix.is_empty()).then(|| prefix.clone()),
                secret_ref: Some(SecretEnvSource {
                    name: usage.secret.to_string(),
                    optional: usage.optional.then_some(true),
                }),
                ..EnvFromSource::default()
            }),
            _ => None,
        })
        .collect()
}
