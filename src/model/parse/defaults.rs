//! The file of `--pod-defaults`, by the rules that the API server has for Pods: a mistake here would otherwise be one in
//! every Pod.

use k8s_openapi::api::core::v1::Toleration;

use super::report::Report;
use super::{Violation, placement};
use crate::api::defaults::PodDefaults;
use crate::api::rules;
use crate::model::defaults::{Defaults, Helper};
use crate::model::names::{SecretName, is_dns_subdomain, is_label_value, is_qualified_name};

/// As many as a Pipeline may list.
const MAX_PULL_SECRETS: usize = 32;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Parses the defaults.
///
/// # Errors
/// Every rule that they break, not only the first.
pub fn pod_defaults(wire: &PodDefaults) -> Result<Defaults, Vec<Violation>> {
    let mut report = Report::default();
    report.at_most(wire.image_pull_secrets.len(), MAX_PULL_SECRETS, "imagePullSecrets");
    let mut pull_secrets: Vec<SecretName> = Vec::new();
    for (index, name) in wire.image_pull_secrets.iter().enumerate() {
        let parsed = report.keep(format!("imagePullSecrets[{index}]"), SecretName::parse(name));
        pull_secrets.extend(parsed.filter(|name| !pull_secrets.contains(name)));
    }
    placement::labels(&wire.node_selector, "nodeSelector", &mut report);
    report.at_most(wire.tolerations.len(), placement::MAX_TOLERATIONS, "tolerations");
    for (index, toleration) in wire.tolerations.iter().enumerate() {
        check_toleration(&format!("tolerations[{index}]"), toleration, &mut report);
    }
    // Empty is how Kubernetes itself writes "none".
    let priority_class_name = Some(wire.priority_class_name.clone()).filter(|name| !name.is_empty());
    let named = priority_class_name.as_deref().is_none_or(is_dns_subdomain);
    report.require(named, "priorityClassName", rules::PRIORITY_CLASS_NAME);
    placement::labels(&wire.pod_labels, "podLabels", &mut report);
    for key in wire.pod_labels.keys().filter(|key| !placement::is_passed_on(key)) {
        report.add(format!("podLabels.{key}"), rules::POD_LABEL_RESERVED);
    }
    report.into_result(Defaults {
        helper: Helper::default(),
        pull_secrets,
        node_selector: wire.node_selector.clone(),
        tolerations: wire.tolerations.clone(),
        priority_class_name,
        labels: wire.pod_labels.clone(),
    })
}

/// `ValidateTolerations` in Kubernetes' `pkg/apis/core/validation`. Whether a server takes `Lt` and `Gt` is its own feature
/// gate: they are refused here.
fn check_toleration(field: &str, toleration: &Toleration, report: &mut Report) {
    let at = |name: &str| format!("{field}.{name}");
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (key, operator, value) = (text(&toleration.key), text(&toleration.operator), text(&toleration.value));
    let effect = text(&toleration.effect);
    report.require(key.is_empty() || is_qualified_name(&key), &at("key"), rules::TOLERATION_KEY);
    report.require(matches!(operator.as_str(), "" | "Equal" | "Exists"), &at("operator"), rules::TOLERATION_OPERATOR);
    report.require(!key.is_empty() || operator == "Exists", &at("operator"), rules::TOLERATION_WITHOUT_KEY);
    let fits = if operator == "Exists" { value.is_empty() } else { is_label_value(&value) };
    report.require(fits, &at("value"), rules::TOLERATION_VALUE);
    report.require(effect.is_empty() || EFFECTS.contains(&effect.as_str()), &at("effect"), rules::TOLERATION_EFFECT);
    let evicts = toleration.toleration_seconds.is_none() || effect == "NoExecute";
    report.require(evicts, &at("tolerationSeconds"), rules::TOLERATION_SECONDS);
}
