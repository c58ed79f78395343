//! How Flux, Helm 4 and cli-utils read a custom resource. The rules are those of sigs.k8s.io/cli-utils,
//! `pkg/kstatus/status` (`Compute`, `checkGenericProperties`, `checkGeneration`, `checkReadyCondition`, and the rule of
//! `status.go` that what nothing speaks against is current), written anew.

use serde_json::Value;

/// What a tool waits for: `Current` ends the wait, `Failed` ends it badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kstatus {
    InProgress,
    Failed,
    Current,
    Terminating,
}

/// Reads an object as the API server gives it.
pub(crate) fn compute(object: &Value) -> Kstatus {
    if object["metadata"]["deletionTimestamp"].as_str().is_some_and(|time| !time.is_empty()) {
        return Kstatus::Terminating;
    }
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    if generation.is_some() && observed.is_some() && generation != observed {
        return Kstatus::InProgress;
    }
    // The first of the two that is found True decides.
    let is_true = |condition: &Value, kind: &str| condition["type"] == kind && condition["status"] == "True";
    let conditions = || object["status"]["conditions"].as_array().into_iter().flatten();
    let decided = conditions().find_map(|condition| match condition {
        c if is_true(c, "Reconciling") => Some(Kstatus::InProgress),
        c if is_true(c, "Stalled") => Some(Kstatus::Failed),
        _ => None,
    });
    // Where neither is there, Ready counts, if there is one.
    decided.unwrap_or_else(|| match conditions().find(|condition| condition["type"] == "Ready") {
        Some(ready) if ready["status"] != "True" => Kstatus::InProgress,
        _ => Kstatus::Current,
    })
}
