//! A Pod's template: its first container, and what the Pod says of it.

use serde_json::{Value, json};

use super::{env, security, volumes};
use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// Fields that a cluster fills in, with its defaults: they say nothing.
const DEFAULTS: [(&str, &str); 10] = [
    ("dnsPolicy", "ClusterFirst"),
    ("schedulerName", "default-scheduler"),
    ("terminationGracePeriodSeconds", "30"),
    ("enableServiceLinks", "true"),
    ("preemptionPolicy", "PreemptLowerPriority"),
    ("hostNetwork", "false"),
    ("hostPID", "false"),
    ("hostIPC", "false"),
    ("shareProcessNamespace", "false"),
    ("restartPolicy", ""),
];

/// Of a Pod: what has no counterpart, and what to do.
const LOST: [(&str, &str); 11] = [
    (
        "affinity",
        "there is nodeSelector (scheduling_spec.node_selector) and tolerations; the rest is the scheduler's to know: a PriorityClass, taints",
    ),
    ("topologySpreadConstraints", "Pods are spread as the scheduler does by default"),
    ("hostNetwork", "a Pipeline's Pods stay in their own network"),
    ("hostPID", "a Pipeline's Pods see their own processes only"),
    ("hostIPC", "a Pipeline's Pods have their own IPC"),
    ("terminationGracePeriodSeconds", "is 30 seconds, as Kubernetes has it"),
    ("runtimeClassName", "Pods run by the node's default runtime"),
    ("dnsConfig", "names are resolved as the cluster does by default"),
    ("dnsPolicy", "names are resolved as the cluster does by default"),
    ("hostAliases", "names are resolved as the cluster does by default"),
    ("schedulerName", "the default scheduler places the Pods"),
];

/// Maps the Pod at the pointer.
pub(super) fn map(source: &mut Source, draft: &mut Draft, at: &str) {
    let field = |name: &str| child(at, name);
    let container = format!("{at}/containers/0");
    if source.peek(&container).is_none() {
        source.error(&field("containers"), "is missing: a Pod has a container");
    }
    for other in source.elements(&field("containers")).into_iter().skip(1) {
        source.lost(&other, "a Pod of a Pipeline has one container: make this one a Pipeline of its own");
    }
    for init in source.elements(&field("initContainers")) {
        source.lost(
            &init,
            "is no part of the Pod: make it a step that this one needs (docs/steps.md), with the data on a claim",
        );
    }
    of_container(source, draft, &container);
    volumes::map(source, draft, at, &container);
    for element in source.elements(&field("imagePullSecrets")) {
        if let Some(name) = source.text(&child(&element, "name")) {
            draft.push("/spec/transform/image_pull_secrets", name);
        }
    }
    account(source, draft, at);
    draft.set("/spec/scheduling_spec/node_selector", json!(source.text_map(&field("nodeSelector"))));
    draft.set("/spec/scheduling_spec/priority_class_name", source.text(&field("priorityClassName")));
    source.take(&field("priority"));
    draft.set("/spec/tolerations", source.take(&field("tolerations")).unwrap_or_default());
    security::map(source, draft, &[field("securityContext"), child(&container, "securityContext")]);
    let seconds = source.integer(&field("activeDeadlineSeconds"));
    draft.set("/spec/timeout", seconds.map_or(Value::Null, |seconds| format!("{seconds}s").into()));
    without_counterpart(source, at);
}

fn without_counterpart(source: &mut Source, at: &str) {
    for (name, default) in DEFAULTS {
        let pointer = child(at, name);
        let says =
            source.peek(&pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
        if says.is_some_and(|says| default.is_empty() || says == default) {
            source.take(&pointer);
        }
    }
    for (name, why) in LOST {
        source.lost(&child(at, name), why);
    }
}

fn account(source: &mut Source, draft: &mut Draft, at: &str) {
    let (new, old) = (child(at, "serviceAccountName"), child(at, "serviceAccount"));
    let old = source.text(&old);
    let account = source.text(&new).or(old).filter(|account| !account.is_empty());
    let token = child(at, "automountServiceAccountToken");
    match (source.flag(&token), &account) {
        (Some(false), Some(_)) => {
            source.unserved(
                &token,
                "a token is mounted where a ServiceAccount is named: write this at the ServiceAccount",
            );
        }
        (Some(true), None) => {
            source.unserved(
                &token,
                "a token is mounted only where a ServiceAccount is named: write service_account_name: default",
            );
        }
        _ => {}
    }
    draft.set("/spec/service_account_name", account);
}

fn of_container(source: &mut Source, draft: &mut Draft, at: &str) {
    let field = |name: &str| child(at, name);
    let is_service = draft.text("/spec/mode") == "Service";
    source.take(&field("name"));
    draft.set("/spec/transform/image", source.text(&field("image")));
    draft.set("/spec/transform/cmd", source.texts(&field("command")));
    draft.set("/spec/transform/args", source.texts(&field("args")));
    draft.set("/spec/transform/working_dir", source.text(&field("workingDir")));
    draft.set("/spec/image_pull_policy", source.text(&field("imagePullPolicy")));
    env::map(source, draft, at);
    for (from, to) in [("requests", "resource_requests"), ("limits", "resource_limits")] {
        let mut amounts = source.take(&format!("{at}/resources/{from}")).unwrap_or_default();
        for amount in amounts.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            // Kubernetes takes a number with parts, as in `cpu: 0.5`; the schema of a CustomResourceDefinition cannot.
            if amount.is_f64() {
                *amount = Value::String(amount.to_string());
            }
        }
        draft.set(&child("/spec", to), amounts);
    }
    source.take_empty(&field("resources"));
    for port in source.elements(&field("ports")) {
        source.lost(&child(&port, "hostPort"), "takes a port of the node: put a Kubernetes Service in front");
        source.lost(&child(&port, "hostIP"), "goes with hostPort");
        if is_service {
            let port = source.take(&port).unwrap_or_default();
            draft.push("/spec/ports", without_nulls(port));
        } else {
            source.lost(&port, "only the Pods of mode: Service have ports to name");
        }
    }
    for (from, to) in [("readinessProbe", "readiness_probe"), ("livenessProbe", "liveness_probe")] {
        if is_service {
            draft.set(&child("/spec", to), source.take(&field(from)).unwrap_or_default());
        } else {
            source.lost(&field(from), "only the Pods of mode: Service are probed");
        }
    }
    source.lost(&field("startupProbe"), "there is none: give the liveness probe initialDelaySeconds");
    source.lost(&field("lifecycle"), "there are no hooks: let the program handle SIGTERM itself");
    for (name, default) in [("terminationMessagePath", "/dev/termination-log"), ("terminationMessagePolicy", "File")] {
        if source.peek(&field(name)).and_then(Value::as_str) == Some(default) {
            source.take(&field(name));
        }
    }
}

/// Without fields that were taken before.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}
