//! What is asked for of every object, besides what its source says.

use serde_json::json;

use super::draft::Draft;
use super::finding::{Finding, Severity};
use super::{Imported, Options};
use crate::api::pipeline::Security;

/// Kinds that are in no namespace, of those that stand in such files.
const IN_NO_NAMESPACE: [&str; 16] = [
    "APIService",
    "CSIDriver",
    "ClusterRegistry",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Sets namespace, security, and what a missing Secret means.
pub(super) fn apply(imported: &mut Imported, options: &Options) {
    for draft in &mut imported.drafts {
        let has_none = draft.text("/metadata/namespace").is_empty() && !IN_NO_NAMESPACE.contains(&draft.text("/kind"));
        if let Some(namespace) = options.namespace.as_deref().filter(|_| has_none) {
            draft.set("/metadata/namespace", namespace);
        }
        if !draft.is_pipeline() {
            continue;
        }
        if let Some(missing) = options.on_missing_secret {
            draft.set("/spec/on_missing_secret", json!(missing));
        }
        if let Some(security) = options.security {
            let ran_as_root = security == Security::Restricted && !secure(draft, &mut imported.findings);
            if !ran_as_root {
                draft.set("/spec/security", json!(security));
            }
        }
    }
}

/// Whether nothing of the Pipeline runs as root. What says no user ran as root where it came from, and gets that written out.
fn secure(draft: &mut Draft, findings: &mut Vec<Finding>) -> bool {
    let containers = draft.containers();
    let mut secure = true;
    for container in containers {
        let user = format!("{container}/user");
        if draft.text(&user).is_empty() {
            draft.set(&user, "0");
        }
        if draft.text(&user) == "0" {
            draft.comment(
                &user,
                "It ran as root, which security: Restricted forbids: write another number, then security: Restricted.",
            );
            secure = false;
        }
    }
    if !secure {
        let text = "ran as root, so that security: Restricted is not set: write another number as user where the comment stands, then security: Restricted";
        findings.push(draft.finding(Severity::Lost, "", text));
    }
    secure
}
