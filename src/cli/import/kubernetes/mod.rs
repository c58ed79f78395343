//! Plain manifests of Kubernetes: what makes Pods becomes a Pipeline, Secrets are left out, all else passes through.

mod env;
mod pod;
mod security;
mod volumes;
mod workload;

use super::draft::Draft;
use super::secrets::Sealed;
use super::source::Source;
use super::{Options, names};

/// Maps one object.
#[must_use]
pub(super) fn map(source: &mut Source, options: &Options) -> Vec<Draft> {
    let text = |pointer: &str| source.peek(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let (version, kind, called) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let group = version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
    source.object = format!("{kind} {called}");
    match (group.as_str(), kind.as_str()) {
        ("", "Secret") => {
            if let Some(manifest) = source.take("") {
                let sealed = Sealed::of(&manifest, source);
                source.secrets.push(sealed);
            }
            Vec::new()
        }
        ("", "Pod") | ("apps", "Deployment") | ("batch", "Job" | "CronJob") => {
            let name = options.name().map_or_else(|| names::pipeline(&called), ToOwned::to_owned);
            if name != called && options.name().is_none() {
                source.note(
                    "/metadata/name",
                    format!("is renamed to {name}: a Pipeline's name has at most 52 characters"),
                );
            }
            let mut draft = Draft::pipeline(&name);
            draft.called = called;
            workload::map(source, &mut draft, &kind);
            vec![draft]
        }
        _ => {
            if group == "apps" && matches!(kind.as_str(), "StatefulSet" | "DaemonSet" | "ReplicaSet") {
                source.note("", format!("passes through: a Pipeline is no {kind}; its Pods wait for their Secrets in ContainerCreating as before"));
            }
            source.take("").map(Draft::foreign).into_iter().collect()
        }
    }
}
