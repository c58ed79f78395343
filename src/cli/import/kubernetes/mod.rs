//! Plain manifests of Kubernetes: what makes Pods becomes a Pipeline, Secrets are left out, all else passes through.

mod env;
mod pod;
mod security;
mod volumes;
mod workload;

use serde_json::Value;

use super::draft::Draft;
use super::secrets::Sealed;
use super::source::Source;
use super::{Options, names};

/// The Pipeline's name.
fn named(source: &mut Source, options: &Options, called: &str) -> String {
    if let Some(name) = options.name() {
        return name.to_owned();
    }
    let begins = source.peek("/metadata/generateName").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !called.is_empty() {
        let name = names::pipeline(called);
        if name != called {
            source.note("/metadata/name", names::renamed(&name, 52));
        }
        return name;
    }
    let name = names::pipeline(&begins);
    if begins.is_empty() {
        source.error("/metadata/name", "is missing: give it one in the source, or with --name");
    } else {
        source.note(
            "/metadata/generateName",
            format!("becomes the name {name}: a Pipeline has one, and its runs have numbers"),
        );
    }
    name
}

/// Maps one object.
#[must_use]
pub(super) fn map(source: &mut Source, options: &Options) -> Vec<Draft> {
    let text = |pointer: &str| source.peek(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, kind, called) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let group = version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
    format!("{kind} {called}").trim_end().clone_into(&mut source.object);
    match (group.as_str(), kind.as_str()) {
        ("", "Secret") => {
            if let Some(manifest) = source.take("") {
                let sealed = Sealed::of(&manifest, source);
                source.secrets.push(sealed);
            }
            Vec::new()
        }
        ("", "Pod") | ("apps", "Deployment") | ("batch", "Job" | "CronJob") => {
            let name = named(source, options, &called);
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
