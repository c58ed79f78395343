//! Of which containers the logs are printed. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::model::run::PodIdentity;
use crate::model::world::PodFacts;

/// What of a Pipeline is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// One step; else all.
    pub step: Option<String>,
    /// One of a step's equal Pods; else all.
    pub index: Option<i32>,
    /// One run; else the latest.
    pub run: Option<i64>,
    /// The try before the last one.
    pub previous: bool,
}

/// A Pod whose log can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Its name.
    pub pod: String,
    /// Which Pod of the Pipeline it is.
    pub identity: PodIdentity,
    /// How often its container was started again; `None`: it has never started.
    pub started: Option<i32>,
    /// The versions of the Secrets that it was made with, by name.
    pub started_with: Vec<(String, String)>,
}

impl Source {
    /// What it is, with where its container stands.
    fn of(pod: &Pod) -> Option<Self> {
        let facts = PodFacts::of(pod);
        let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let has_started = facts.started_at.is_some() || facts.terminated.is_some() || facts.last_exit_code.is_some();
        let restarts = containers.into_iter().map(|container| container.restart_count).next().unwrap_or_default();
        Some(Self {
            pod: facts.name,
            identity: facts.identity?,
            started: has_started.then_some(restarts),
            started_with: facts.started_with.into_iter().collect(),
        })
    }
}

impl Choice {
    /// All tries that fit, in the order of steps, indexes and tries; without a run those of the latest.
    pub(super) fn all(&self, pods: &[Pod], latest: Option<i64>) -> Vec<Source> {
        let mut found: Vec<Source> = pods.iter().filter_map(Source::of).collect();
        let run = self.run.or_else(|| found.iter().map(|source| source.identity.run).chain(latest).max());
        found.retain(|source| {
            let identity = &source.identity;
            Some(identity.run) == run
                && self.step.as_ref().is_none_or(|step| *step == identity.step)
                && self.index.is_none_or(|index| index == identity.index)
        });
        found.sort_by(|one, other| one.identity.cmp(&other.identity));
        found
    }

    /// Of each of a step's equal Pods the last try, or the one before it.
    pub(super) fn one_each(&self, pods: &[Pod], latest: Option<i64>, is_service: bool) -> Vec<Source> {
        let all = self.all(pods, latest);
        let places: BTreeSet<(String, i32)> =
            all.iter().map(|source| (source.identity.step.clone(), source.identity.index)).collect();
        // The container before the last one is in the same Pod where the kubelet starts it again.
        let back = usize::from(self.previous && !is_service);
        let of = |(step, index): (String, i32)| {
            let tries =
                all.iter().rev().filter(|source| source.identity.step == step && source.identity.index == index);
            tries.skip(back).take(1).cloned().collect::<Vec<_>>()
        };
        places.into_iter().flat_map(of).collect()
    }
}

/// The Secrets whose values a Pod may have: as variables, as files, and for its image.
pub(super) fn secrets_of(pod: &Pod) -> BTreeSet<String> {
    let Some(spec) = &pod.spec else { return BTreeSet::new() };
    let mut names: BTreeSet<String> =
        spec.image_pull_secrets.iter().flatten().map(|reference| reference.name.clone()).collect();
    for volume in spec.volumes.iter().flatten() {
        names.extend(volume.secret.iter().filter_map(|secret| secret.secret_name.clone()));
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        names.extend(sources.filter_map(|source| source.secret.as_ref()).map(|secret| secret.name.clone()));
    }
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        names.extend(of_container(container));
    }
    names.retain(|name| !name.is_empty());
    names
}

fn of_container(container: &Container) -> Vec<String> {
    let keys = container.env.iter().flatten().filter_map(|var| var.value_from.as_ref()?.secret_key_ref.as_ref());
    let whole = container.env_from.iter().flatten().filter_map(|from| from.secret_ref.as_ref());
    keys.map(|key| key.name.clone()).chain(whole.map(|secret| secret.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `step/run/index/attempt/replacement`
    fn pod(id: &str) -> Pod {
        let parts: Vec<&str> = id.split('/').collect();
        let label = |name: &str| format!("lockgate.dev/{name}");
        serde_json::from_value(json!({
            "metadata": {"name": id, "labels": {
                label("step"): parts[0], label("run"): parts[1], label("index"): parts[2], label("attempt"): parts[3],
                label("replacement"): parts[4],
            }},
            "status": {"containerStatuses": [{
                "name": "a", "image": "a", "imageID": "a", "ready": false, "restartCount": 2,
                "state": {"terminated": {"exitCode": 0}},
            }]},
        }))
        .unwrap()
    }

    fn names(sources: &[Source]) -> Vec<&str> {
        sources.iter().map(|source| source.pod.as_str()).collect()
    }

    fn pods() -> Vec<Pod> {
        ["b/2/0/0/0", "a/2/1/0/0", "a/2/0/1/0", "a/2/0/0/1", "a/2/0/0/0", "a/1/0/0/0"].map(pod).into()
    }

    #[test]
    fn of_each_pod_the_last_try_of_the_latest_run_is_printed() {
        let choice = |choice: Choice| names(&choice.one_each(&pods(), None, false)).join(" ");
        let none = Choice::default;
        assert_eq!(choice(none()), "a/2/0/1/0 a/2/1/0/0 b/2/0/0/0");
        assert_eq!(choice(Choice { step: Some("b".into()), ..none() }), "b/2/0/0/0");
        assert_eq!(choice(Choice { index: Some(1), ..none() }), "a/2/1/0/0");
        assert_eq!(choice(Choice { run: Some(1), ..none() }), "a/1/0/0/0");
        assert_eq!(choice(Choice { run: Some(3), ..none() }), "");
        assert_eq!(choice(Choice { previous: true, ..none() }), "a/2/0/0/1", "the others had one try");
        let service = Choice { previous: true, ..none() }.one_each(&pods(), None, true);
        assert_eq!(names(&service)[0], "a/2/0/1/0", "the kubelet has the container before");
    }

    #[test]
    fn of_a_run_that_has_no_pod_yet_nothing_is_printed() {
        assert_eq!(Choice::default().all(&pods(), Some(3)), []);
    }

    #[test]
    fn a_container_that_never_ran_has_no_log() {
        let mut never = pod("a/1/0/0/0");
        assert_eq!(Source::of(&never).unwrap().started, Some(2));
        never.status = None;
        assert_eq!(Source::of(&never).unwrap().started, None);
    }

    #[test]
    fn all_that_a_pod_may_print_of_secrets_is_known() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "imagePullSecrets": [{"name": "pull"}],
            "volumes": [
                {"name": "a", "secret": {"secretName": "file"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "no"}}]}},
            ],
            "containers": [{
                "name": "a", "envFrom": [{"secretRef": {"name": "all"}}],
                "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}}, {"name": "B", "value": "b"}],
            }],
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}],
        }}))
        .unwrap();
        let names: Vec<String> = secrets_of(&pod).into_iter().collect();
        assert_eq!(names, ["all", "file", "init", "one", "projected", "pull"]);
    }
}
