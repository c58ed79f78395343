//! Environment: Secret variables first, then literals by name, so that a literal may hold `$(SECRET_VARIABLE)`.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, SecretEnvSource, SecretKeySelector};

use crate::model::work::{Step, Usage};

/// Single variables. The kubelet expands `$(NAME)` from those that stand before
/// (`third_party/forked/golang/expansion`), hence the order.
pub(super) fn env(step: &Step) -> Vec<EnvVar> {
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
    let literals = step.env.iter().map(|(name, value)| EnvVar {
        name: name.to_string(),
        value: Some(value.clone()),
        ..EnvVar::default()
    });
    secrets.chain(literals).collect()
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
