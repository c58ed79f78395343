//! What a Pipeline needs of registries: the hosts of its images, and whether its Pods use the helper image. Nothing else is kept.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::attached::host_of;
use crate::model::registry::Host;

/// What a Pipeline needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Where its images come from.
    pub hosts: BTreeSet<Host>,
    /// Whether a step's input or properties are rendered, which takes the helper image.
    pub helper: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    transform: Option<Step>,
    steps: Option<Vec<Step>>,
    secrets: Option<Vec<Entry>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    image: Option<String>,
    input: Option<IgnoredAny>,
    secrets: Option<Vec<Entry>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    format: Option<IgnoredAny>,
}

impl Needs {
    /// Reads them from a spec. What cannot be read needs nothing: no Pod is made of it.
    pub fn of(spec: &Value) -> Self {
        let Ok(Spec { transform, steps, secrets }) = Spec::deserialize(spec) else { return Self::default() };
        let is_formatted = |entries: &Option<Vec<Entry>>| entries.iter().flatten().any(|entry| entry.format.is_some());
        let mut needs = Self { hosts: BTreeSet::new(), helper: is_formatted(&secrets) };
        for step in transform.into_iter().chain(steps.into_iter().flatten()) {
            let host = step.image.and_then(|image| host_of(&image));
            needs.hosts.extend(host);
            needs.helper |= step.input.is_some() || is_formatted(&step.secrets);
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_images_of_all_steps_count_and_the_helper_s_where_something_is_rendered() {
        for (spec, hosts, helper) in [
            (json!({"transform": {"image": "busybox"}}), &["docker.io"][..], false),
            (
                json!({"steps": [{"name": "a", "image": "a.example:5000/x"}, {"name": "b", "image": "b.example/y@sha256:0"}]}),
                &["a.example:5000"],
                false,
            ),
            (json!({"transform": {"image": "a.example/x", "input": {"template": {}}}}), &["a.example"], true),
            (json!({"transform": {"image": "a.example/x", "input": null}}), &["a.example"], false),
            (
                json!({"transform": {"image": "a.example/x", "secrets": [{"name": "s", "format": "properties"}]}}),
                &["a.example"],
                true,
            ),
            (
                json!({"transform": {"image": "A.example/x"}, "secrets": [{"name": "s", "format": "properties"}]}),
                &[],
                true,
            ),
            (json!({"transform": {"image": 7}}), &[], false),
            (json!({"steps": null}), &[], false),
            (Value::Null, &[], false),
        ] {
            let needs = Needs::of(&spec);
            let found: Vec<&str> = needs.hosts.iter().map(Host::as_str).collect();
            assert_eq!((found.as_slice(), needs.helper), (hosts, helper), "{spec}");
        }
    }
}
