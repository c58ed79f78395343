//! Where a Pod may run: what its step asks for, and the operator's defaults where that leaves room for them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;

use crate::model::defaults::Defaults;
use crate::model::work::Step;

/// Merged by key; the step's wins.
pub(super) fn node_selector(defaults: &Defaults, step: &Step) -> Option<BTreeMap<String, String>> {
    let mut labels = defaults.node_selector.clone();
    labels.extend(step.node_selector.clone());
    (!labels.is_empty()).then_some(labels)
}

/// The default holds where the step has none.
pub(super) fn priority_class_name(defaults: &Defaults, step: &Step) -> Option<String> {
    step.priority_class_name.clone().or_else(|| defaults.priority_class_name.clone())
}

/// The step's, then the defaults that are not among them.
pub(super) fn tolerations(defaults: &Defaults, step: &Step) -> Vec<Toleration> {
    let mut all = step.tolerations.clone();
    for toleration in &defaults.tolerations {
        if !all.contains(toleration) {
            all.push(toleration.clone());
        }
    }
    all
}
