//! `--diff`: the Pods that would be created against those whose place they take, as both stand in the API server.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Map, Value};
use similar::TextDiff;

use super::forecast::{Forecast, without_owner};
use crate::cli::error::Error;
use crate::model::run::PodIdentity;
use crate::model::world::PodFacts;

/// What the API server and the kubelet add to a Pod's metadata.
const THEIRS: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];
/// The volume of a ServiceAccount's token: the end of its name is random (`plugin/pkg/admission/serviceaccount`).
const TOKEN_VOLUME: &str = "kube-api-access-";

/// A Pod before and after.
pub(super) struct Change<'a> {
    before: Option<&'a Pod>,
    after: Option<&'a Pod>,
}

/// What would change of these Pods. A Pod that stays is no change.
pub(super) fn changes<'a>(forecast: &'a Forecast, there: &'a [Pod]) -> Vec<Change<'a>> {
    let known: Vec<(PodIdentity, &Pod)> =
        there.iter().filter_map(|pod| Some((PodFacts::of(pod).identity?, pod))).collect();
    let place_of = |pod: &Pod| PodFacts::of(pod).identity.map(|id| (id.step, id.index));
    let newest = |place: Option<(String, i32)>| {
        let of_place = known.iter().filter(|(id, _)| place.as_ref() == Some(&(id.step.clone(), id.index)));
        of_place.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, pod)| *pod)
    };
    let fresh = forecast.now.iter().chain(forecast.later.iter().map(|later| &later.pod));
    let mut changes: Vec<Change<'_>> =
        fresh.map(|pod| Change { before: newest(place_of(pod)), after: Some(pod) }).collect();
    for pod in there.iter().filter(|pod| pod.metadata.name.as_ref().is_some_and(|name| forecast.delete.contains(name)))
    {
        let is_followed = changes.iter().any(|change| change.before.is_some_and(|before| std::ptr::eq(before, pod)));
        if !is_followed {
            changes.push(Change { before: Some(pod), after: None });
        }
    }
    changes
}

impl Change<'_> {
    /// The unified diff. What is new is given to the API server for a dry run, so that its defaults stand on both sides.
    pub(super) async fn unified(&self, client: &Client, namespace: &str) -> Result<String, Error> {
        let before = self.before.map(serde_json::to_value).transpose()?;
        let after = match self.after {
            Some(pod) => Some(serde_json::to_value(defaulted(client, namespace, pod).await?)?),
            None => None,
        };
        let name = |pod: Option<&Pod>, side: &str| match pod {
            Some(Pod { metadata, .. }) => {
                let name = metadata.name.as_ref().or(metadata.generate_name.as_ref());
                format!("{side}/{namespace}/pods/{}", name.map(String::as_str).unwrap_or_default())
            }
            None => "/dev/null".to_owned(),
        };
        let sides = (name(self.before, "live"), name(self.after, "plan"));
        unified(before.map(plain), after.map(plain), (&sides.0, &sides.1))
    }
}

/// The Pod as the API server would store it.
async fn defaulted(client: &Client, namespace: &str, pod: &Pod) -> Result<Pod, Error> {
    let mut pod = pod.clone();
    let owner = pod.metadata.owner_references.clone();
    // A Pod of its name may be there.
    if pod.metadata.name.is_some() {
        without_owner(&mut pod);
        pod.metadata.owner_references = owner;
    }
    let dry = PostParams { dry_run: true, field_manager: None };
    Ok(Api::namespaced(client.clone(), namespace).create(&dry, &pod).await?)
}

/// Without what differs between any two Pods.
fn plain(mut pod: Value) -> Value {
    let Some(fields) = pod.as_object_mut() else { return pod };
    fields.remove("status");
    // The name stands in the header.
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| field != "name" && !THEIRS.contains(&field.as_str()));
    }
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("nodeName");
        token_volumes(spec);
    }
    pod
}

fn token_volumes(spec: &mut Map<String, Value>) {
    let containers = spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten();
    let mounts = containers.filter_map(|container| container.get_mut("volumeMounts")?.as_array_mut()).flatten();
    for mount in mounts {
        rename(mount);
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        rename(volume);
    }
}

fn rename(named: &mut Value) {
    if let Some(name) = named.get_mut("name").filter(|name| name.as_str().is_some_and(|n| n.starts_with(TOKEN_VOLUME)))
    {
        *name = Value::from(TOKEN_VOLUME.trim_end_matches('-'));
    }
}

/// The unified diff of the two as YAML; empty where they are equal.
fn unified(before: Option<Value>, after: Option<Value>, names: (&str, &str)) -> Result<String, Error> {
    let text =
        |side: Option<Value>| side.as_ref().map(serde_saphyr::to_string).transpose().map(Option::unwrap_or_default);
    let (before, after) = (text(before)?, text(after)?);
    let diff = TextDiff::from_lines(&before, &after);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", diff.unified_diff().context_radius(3).header(names.0, names.1));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::reason::{Phase, Reason};

    fn pod(name: &str, run: i64, step: &str, replacement: i32) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": {
            "lockgate.dev/run": run.to_string(), "lockgate.dev/step": step, "lockgate.dev/index": "0",
            "lockgate.dev/attempt": "0", "lockgate.dev/replacement": replacement.to_string(),
        }}}))
        .unwrap()
    }

    fn forecast(now: Vec<Pod>, delete: &[&str]) -> Forecast {
        let delete = delete.iter().map(|&name| name.to_owned()).collect();
        let (phase, reason) = (Phase::Starting, Reason::PodsStarting);
        Forecast {
            run: None,
            phase,
            reason,
            message: String::new(),
            references: vec![],
            now,
            later: vec![],
            delete,
            deletes_itself: false,
        }
    }

    fn pairs(forecast: &Forecast, there: &[Pod]) -> Vec<(String, String)> {
        let name = |pod: Option<&Pod>| pod.and_then(|pod| pod.metadata.name.clone()).unwrap_or_default();
        changes(forecast, there).iter().map(|change| (name(change.before), name(change.after))).collect()
    }

    #[test]
    fn a_fresh_pod_takes_the_place_of_the_last_one_of_its_step() {
        let there = [pod("old", 1, "main", 0), pod("last", 1, "main", 1), pod("other", 1, "load", 0)];
        let fresh = forecast(vec![pod("new", 2, "main", 0), pod("first", 2, "store", 0)], &["last", "other"]);
        let expected = [("last", "new"), ("", "first"), ("other", "")];
        assert_eq!(pairs(&fresh, &there), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn what_stays_is_no_change() {
        assert_eq!(pairs(&forecast(vec![], &[]), &[pod("here", 1, "main", 0)]), []);
    }

    #[test]
    fn equal_pods_have_no_diff_though_their_names_and_marks_of_the_server_differ() {
        let with = |end: &str| {
            json!({"metadata": {"name": end, "uid": end, "resourceVersion": end, "labels": {"a": "b"}},
                "spec": {"nodeName": end, "containers": [{"volumeMounts": [{"name": format!("kube-api-access-{end}")}]}],
                    "volumes": [{"name": format!("kube-api-access-{end}")}, {"name": "own"}]},
                "status": {"phase": end}})
        };
        assert_eq!(unified(Some(plain(with("x"))), Some(plain(with("y"))), ("a", "b")).unwrap(), "");
    }

    #[test]
    fn a_diff_is_as_diff_prints_it() {
        let side = |image: &str| json!({"spec": {"image": image, "name": "main"}});
        let text = unified(Some(side("a:1")), Some(side("a:2")), ("live/x", "plan/y")).unwrap();
        assert_eq!(
            text,
            "--- live/x\n+++ plan/y\n@@ -1,3 +1,3 @@\n spec:\n-  image: a:1\n+  image: a:2\n   name: main\n"
        );
        let gone = unified(Some(side("a:1")), None, ("live/x", "/dev/null")).unwrap();
        assert!(gone.starts_with("--- live/x\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-spec:\n"), "{gone}");
    }
}
