//! A world -> what the operator would do about it now, and which Pods it would create later. Pure.

use k8s_openapi::api::core::v1::Pod;

use crate::api::reason::{Phase, Reason};
use crate::api::status::ReferenceStatus;
use crate::model::pod::STARTED_WITH_ANNOTATION;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{Step, Work};
use crate::model::world::{PodFacts, WorkState, World};
use crate::plan::{Plan, References, plan};

/// What would become of a Pipeline.
pub(super) struct Forecast {
    /// The number of its run.
    pub run: Option<i64>,
    /// In one word.
    pub phase: Phase,
    /// Why.
    pub reason: Reason,
    /// In words for people, the mend included.
    pub message: String,
    /// Each reference and its state.
    pub references: Vec<ReferenceStatus>,
    /// The Pods that would be created at once.
    pub now: Vec<Pod>,
    /// Those that would follow.
    pub later: Vec<Later>,
    /// The names of the Pods that would be deleted.
    pub delete: Vec<String>,
    /// Whether the Pipeline itself would be deleted.
    pub deletes_itself: bool,
}

/// A Pod that is not created yet.
pub(super) struct Later {
    /// What it waits for.
    pub why: String,
    /// The Pod of the first try.
    pub pod: Pod,
}

/// Looks ahead.
pub(super) fn of(world: &World) -> Forecast {
    let plan = plan(world);
    let later = match (&world.work, &plan.run) {
        (WorkState::Valid(work), Some(run)) if plan.verdict.result.is_none() => later(world, work, &plan, run),
        _ => Vec::new(),
    };
    Forecast {
        run: plan.run.map(|run| run.number),
        phase: plan.verdict.phase,
        reason: plan.verdict.reason,
        message: plan.verdict.message,
        references: match plan.references {
            References::Seen { rows, .. } => rows,
            References::AsRecorded => world.recorded.references.clone(),
            References::Unknown => Vec::new(),
        },
        now: plan.create,
        later,
        delete: plan.delete.into_iter().map(|pod| pod.name).collect(),
        deletes_itself: plan.delete_subject,
    }
}

/// The first Pod of each step and index that has none in this run, and may still get one.
fn later(world: &World, work: &Work, plan: &Plan, run: &RunRef) -> Vec<Later> {
    let begun: Vec<PodIdentity> =
        plan.create.iter().map(PodFacts::of).chain(world.pods.iter().cloned()).filter_map(|pod| pod.identity).collect();
    let mut later = Vec::new();
    for step in &work.steps {
        let status = plan.steps.iter().find(|status| status.name == step.name);
        if status.is_some_and(|status| status.state.is_over()) {
            continue;
        }
        let why = status.and_then(|status| status.message.clone()).unwrap_or_else(|| plan.verdict.message.clone());
        for index in 0..step.parallelism {
            let is_begun = |id: &PodIdentity| (id.run, id.step.as_str(), id.index) == (run.number, &step.name, index);
            if !begun.iter().any(is_begun) {
                later.push(Later { why: why.clone(), pod: first(world, run, step, index) });
            }
        }
    }
    later
}

fn first(world: &World, run: &RunRef, step: &Step, index: i32) -> Pod {
    let id = PodIdentity { run: run.number, step: step.name.clone(), index, attempt: 0, replacement: 0 };
    crate::build::pod(world, run, step, &id, step.parallelism)
}

impl Forecast {
    /// All Pods that are not there yet.
    pub(super) fn pods_mut(&mut self) -> impl Iterator<Item = &mut Pod> {
        self.now.iter_mut().chain(self.later.iter_mut().map(|later| &mut later.pod))
    }
}

/// Takes away what hangs on the uid that the Pipeline does not have yet: the end of the name, and the owner. What is left can be
/// given to `kubectl create --dry-run=server`.
pub(super) fn without_owner(pod: &mut Pod) {
    let name = pod.metadata.name.take().unwrap_or_default();
    pod.metadata.generate_name = name.rsplit_once('-').map(|(known, _)| format!("{known}-"));
    pod.metadata.owner_references = None;
}

/// Takes away the versions of Secrets that nobody looked at.
pub(super) fn without_versions(pod: &mut Pod) {
    if let Some(annotations) = &mut pod.metadata.annotations {
        annotations.remove(STARTED_WITH_ANNOTATION);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::names::SecretName;
    use crate::model::parse::parse;
    use crate::model::pod::{INDEX_LABEL, STEP_LABEL};
    use crate::model::secret::SecretKnowledge;
    use crate::model::world::Subject;

    fn world(spec: &Value) -> World {
        let work = parse(&serde_json::from_value(spec.clone()).unwrap()).unwrap();
        let subject = Subject::new("team-a", "edges", "uid-edges");
        World::of(subject, WorkState::Valid(Box::new(work)), "v1:k/".into(), Timestamp::UNIX_EPOCH)
    }

    /// `step/index` of each.
    fn ids<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Vec<String> {
        let label = |pod: &Pod, key: &str| pod.metadata.labels.as_ref().unwrap()[key].clone();
        pods.into_iter().map(|pod| format!("{}/{}", label(pod, STEP_LABEL), label(pod, INDEX_LABEL))).collect()
    }

    fn pods(forecast: &Forecast) -> (Vec<String>, Vec<String>) {
        (ids(&forecast.now), ids(forecast.later.iter().map(|later| &later.pod)))
    }

    fn graph() -> Value {
        let secret = json!([{"name": "db", "env_prefix": ""}]);
        json!({"steps": [
            {"name": "load", "image": "a", "needs": ["extract"], "parallelism": 2},
            {"name": "extract", "image": "a", "secrets": secret},
        ]})
    }

    #[test]
    fn steps_that_need_others_come_later_and_say_so() {
        let forecast = of(&world(&graph()).assuming_the_best());
        assert_eq!(pods(&forecast), (vec!["extract/0".into()], vec!["load/0".into(), "load/1".into()]));
        assert_eq!(forecast.later[0].why, "it starts when step extract has succeeded");
        assert!(forecast.delete.is_empty() && !forecast.deletes_itself);
    }

    #[test]
    fn what_waits_comes_later_with_what_is_missing() {
        let mut world = world(&graph());
        world.secrets.insert(SecretName::parse("db").unwrap(), SecretKnowledge::Absent);
        let forecast = of(&world);
        assert_eq!(pods(&forecast), (vec![], vec!["load/0".into(), "load/1".into(), "extract/0".into()]));
        assert_eq!((forecast.phase, forecast.reason), (Phase::Waiting, Reason::WaitingForSecrets));
        assert!(forecast.later[2].why.contains("Secret db"), "{}", forecast.later[2].why);
        assert_eq!(forecast.references[0].name, "db");
    }

    #[test]
    fn what_is_suspended_comes_later() {
        let spec = json!({"suspend": true, "transform": {"image": "a"}});
        let forecast = of(&world(&spec).assuming_the_best());
        assert_eq!(pods(&forecast), (vec![], vec!["main/0".into()]));
        assert_eq!(forecast.phase, Phase::Suspended);
    }

    #[test]
    fn what_is_there_already_comes_neither_now_nor_later() {
        let mut world = world(&graph()).assuming_the_best();
        world.pods = of(&world).now.iter().map(PodFacts::of).collect();
        let forecast = of(&world);
        assert_eq!(pods(&forecast), (vec![], vec!["load/0".into(), "load/1".into()]));
    }

    #[test]
    fn pods_of_other_work_go_first() {
        let mut old = world(&graph()).assuming_the_best();
        old.pods = of(&old).now.iter().map(PodFacts::of).collect();
        old.run_key = "v1:other/".into();
        let forecast = of(&old);
        assert_eq!(forecast.delete, [old.pods[0].name.clone()]);
        assert_eq!(forecast.run, Some(2));
        assert_eq!(pods(&forecast).1, ["load/0", "load/1", "extract/0"]);
    }

    #[test]
    fn of_a_pipeline_that_is_not_there_the_name_s_end_is_not_known() {
        let mut forecast = of(&world(&graph()).assuming_the_best());
        forecast.pods_mut().for_each(without_owner);
        forecast.pods_mut().for_each(without_versions);
        let meta = &forecast.now[0].metadata;
        assert_eq!((meta.name.as_deref(), meta.generate_name.as_deref()), (None, Some("edges-extract-")));
        assert!(meta.owner_references.is_none());
        assert!(!meta.annotations.as_ref().unwrap().contains_key(STARTED_WITH_ANNOTATION));
    }
}
