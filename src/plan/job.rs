//! A run of a Job: which steps may begin, what a failed step means for the others, and how the run ended.
//!
//! A step begins when every step that it needs has succeeded. Once a step has failed, or the run's time is over,
//! nothing new begins: Pods that live run on to their end, and steps that have not begun are skipped.

use k8s_openapi::jiff::Timestamp;

use super::crew::Crew;
use super::resolve::{Resolution, resolve};
use super::step::{self, StepPlan};
use super::tries::{self, Tries};
use super::turn::Scene;
use super::{Plan, References, Verdict, advice, rotation};
use crate::api::pipeline::OnMissingSecret;
use crate::api::reason::{Phase, Reason, StepState};
use crate::api::status::RunResult;
use crate::model::run::RunRef;
use crate::model::work::{Step, Work};
use crate::model::world::World;

/// Decides about a run that has no result yet.
pub(super) fn plan(world: &World, work: &Work, run: RunRef) -> Plan {
    let crews: Vec<Crew<'_>> = work.steps.iter().map(|step| Crew::of(world, &run, step)).collect();
    let started_at = started_at(world, &run, &crews);
    let deadline = work.timeout.and_then(|timeout| started_at?.checked_add(timeout).ok());
    let begun = crews.iter().any(Crew::has_begun);
    let mut scenes: Vec<Scene<'_>> = Vec::with_capacity(crews.len());
    for (step, crew) in work.steps.iter().zip(crews) {
        let own = step.timeout.and_then(|timeout| crew.started_at()?.checked_add(timeout).ok());
        let deadline = own.map(|at| (at, "the step's")).into_iter().chain(deadline.map(|at| (at, "the run's"))).min();
        let resolution = resolve(world, step);
        scenes.push(Scene { world, work, run: &run, step, crew, resolution, deadline, halted: None });
    }
    let graph = Graph::of(&scenes);
    let wait = Wait::of(&scenes, &graph, begun, waiting_since(world, &run));
    let late = deadline.filter(|at| *at <= world.now).map(|_| "the run's timeout has passed".to_owned());
    let halted = late.or_else(|| graph.failed()).or_else(|| wait.failed(&scenes));
    let steps: Vec<StepPlan> = scenes
        .into_iter()
        .enumerate()
        .map(|(at, scene)| plan_step(&Scene { halted: halted.clone(), ..scene }, at, &graph, &wait))
        .collect();
    let mut plan = Plan::empty(world, Some(run));
    plan.started_at = started_at;
    plan.waiting_since = steps.iter().any(|step| step.status.state == StepState::Waiting).then_some(wait.since);
    plan.gives_up = !wait.over.is_empty();
    plan.look_again = steps.iter().filter_map(|step| step.look_again).chain(wait.look_again()).min();
    gather(world, plan, steps)
}

fn plan_step(scene: &Scene<'_>, at: usize, graph: &Graph, wait: &Wait) -> StepPlan {
    if let Some(recorded) = scene.crew.recorded().filter(|recorded| recorded.state.is_over()) {
        return step::recorded(scene, recorded);
    }
    if let Some((_, reason, message)) = wait.over.iter().find(|(over, _, _)| *over == at) {
        return step::given_up(scene, *reason, message.clone());
    }
    if scene.crew.has_begun() {
        return step::plan(scene);
    }
    if let Some(why) = &scene.halted {
        let message = format!("it does not start: {why}");
        return step::idle(scene, StepState::Skipped, message);
    }
    match graph.needs_of(scene.step) {
        Some(need) => step::idle(scene, StepState::Pending, format!("it starts when step {need} has succeeded")),
        None => step::plan(scene),
    }
}

/// Since when this run waits for what is missing. How long an earlier one waited is no matter of this one.
pub(super) fn waiting_since(world: &World, run: &RunRef) -> Timestamp {
    let is_current = world.recorded.run.as_ref().is_some_and(|recorded| recorded.number == run.number);
    world.recorded.waiting_since.as_ref().filter(|_| is_current).map_or(world.now, |time| time.0)
}

/// When the run's first Pod was created.
fn started_at(world: &World, run: &RunRef, crews: &[Crew<'_>]) -> Option<Timestamp> {
    let recorded = world.recorded.run.as_ref().filter(|recorded| recorded.number == run.number);
    recorded
        .and_then(|recorded| recorded.started_at.as_ref())
        .map(|time| time.0)
        .or_else(|| crews.iter().filter_map(Crew::started_at).min())
}

/// How each step ended, where it has.
struct Graph {
    ends: Vec<(String, Option<StepState>)>,
}

impl Graph {
    fn of(scenes: &[Scene<'_>]) -> Self {
        let end = |scene: &Scene<'_>| {
            let recorded = scene.crew.recorded().map(|recorded| recorded.state).filter(|state| state.is_over());
            let end = recorded.or_else(|| by_pods(scene));
            (scene.step.name.clone(), end)
        };
        Self { ends: scenes.iter().map(end).collect() }
    }

    /// The first of a step's needs that has not succeeded.
    fn needs_of<'a>(&self, step: &'a Step) -> Option<&'a str> {
        let succeeded = |name: &str| self.ends.iter().any(|(of, end)| of == name && *end == Some(StepState::Succeeded));
        step.needs.iter().map(String::as_str).find(|need| !succeeded(need))
    }

    /// Why nothing new begins, if a step failed.
    fn failed(&self) -> Option<String> {
        let (name, _) = self.ends.iter().find(|(_, end)| *end == Some(StepState::Failed))?;
        Some(if self.ends.len() == 1 { "another of its Pods failed".to_owned() } else { format!("step {name} failed") })
    }
}

/// How the step ended as far as its Pods and its time say: it failed with the first of them.
fn by_pods(scene: &Scene<'_>) -> Option<StepState> {
    let crew = &scene.crew;
    let over = crew.has_begun() && scene.overdue().is_some();
    let mut all = crew.parallelism > 0;
    for index in 0..crew.parallelism {
        match tries::tries(scene, index) {
            Tries::Failed(..) => return Some(StepState::Failed),
            Tries::Next(..) if over => return Some(StepState::Failed),
            Tries::Succeeded(..) => {}
            Tries::Alive(..) | Tries::Next(..) => all = false,
        }
    }
    all.then_some(StepState::Succeeded)
}

/// What becomes of the steps that wait for what is missing.
struct Wait {
    /// Since when any of them waits, if one does.
    since: Timestamp,
    /// When the waiting ends.
    until: Option<Timestamp>,
    /// Steps that do not wait any longer, and why.
    over: Vec<(usize, Reason, String)>,
}

impl Wait {
    fn of(scenes: &[Scene<'_>], graph: &Graph, begun: bool, since: Timestamp) -> Self {
        let mut wait = Self { since, until: None, over: Vec::new() };
        let Some(Scene { world, work, .. }) = scenes.first() else { return wait };
        let eligible = |scene: &Scene<'_>| {
            let ended = graph.ends.iter().any(|(name, end)| *name == scene.step.name && end.is_some());
            let lives = scene.crew.pods().any(crate::model::world::PodFacts::is_live);
            // What is refused for a missing Secret was refused when that was seen, though nobody may have written it down since.
            let refused = work.on_missing_secret == OnMissingSecret::Fail && scene.resolution.missing;
            let may_begin = refused || scene.overdue().is_none();
            let held_back = work.suspend || scene.crew.parallelism == 0;
            !ended && !lives && !held_back && may_begin && graph.needs_of(scene.step).is_none()
        };
        let waiting: Vec<(usize, &Resolution, &(Reason, String))> = scenes
            .iter()
            .enumerate()
            .filter(|(_, scene)| eligible(scene))
            .filter_map(|(at, scene)| Some((at, &scene.resolution, scene.resolution.gate.as_ref()?)))
            .collect();
        if waiting.is_empty() {
            return wait;
        }
        let until = work.missing_secret_timeout.and_then(|timeout| since.checked_add(timeout).ok());
        let late = until.is_some_and(|until| until <= world.now);
        wait.until = until.filter(|_| !late);
        // Pachyderm refuses a pipeline for all that it lacks, before anything of it runs. The first that waits says it.
        let lacking = scenes.iter().map(|scene| &scene.resolution).filter(|resolution| resolution.missing);
        let mut everything: Vec<&Resolution> = lacking.filter(|_| !begun).collect();
        for (at, resolution, (reason, message)) in waiting {
            if resolution.missing && work.on_missing_secret == OnMissingSecret::Fail {
                let everything = std::mem::take(&mut everything);
                let all =
                    if everything.is_empty() { advice::refused(&[resolution]) } else { advice::refused(&everything) };
                wait.over.push((at, Reason::SecretMissing, format!("on_missing_secret is Fail: {all}")));
            } else if late && *reason != Reason::NotRead {
                let message = format!("missing_secret_timeout has passed: {message}");
                wait.over.push((at, Reason::MissingSecretTimeout, message));
            }
        }
        wait
    }

    /// Why nothing new begins, if a step waits no longer.
    fn failed(&self, scenes: &[Scene<'_>]) -> Option<String> {
        let (at, _, _) = self.over.first()?;
        scenes.get(*at).map(|scene| format!("step {} failed", scene.step.name))
    }

    fn look_again(&self) -> Option<Timestamp> {
        self.until.filter(|_| self.over.is_empty())
    }
}

/// The plans of the steps become the plan of the run.
fn gather(world: &World, mut plan: Plan, steps: Vec<StepPlan>) -> Plan {
    let several = steps.len() > 1;
    let said = |step: &StepPlan| {
        if several { format!("step {}: {}", step.status.name, step.message) } else { step.message.clone() }
    };
    let failed: Vec<&StepPlan> = steps.iter().filter(|step| step.status.state == StepState::Failed).collect();
    // The first of the highest rank.
    let open = steps.iter().filter(|step| !step.is_settled()).rev().max_by_key(|step| step.rank);
    plan.verdict = match open {
        Some(step) => {
            let (phase, reason) = phase(step.status.state, step.reason);
            let but = failed.first().map(|failed| format!("; step {} failed", failed.status.name)).unwrap_or_default();
            Verdict { phase, reason, message: format!("{}{but}", said(step)), result: None }
        }
        None => over(&steps, &failed, &said),
    };
    if plan.verdict.result.is_some() {
        plan.finished_at = Some(steps.iter().filter_map(|step| step.finished_at).max().unwrap_or(world.now));
        plan.look_again = None;
    }
    plan.references = references(world, &steps);
    for step in steps {
        plan.steps.push(step.status);
        plan.delete.extend(step.delete);
        plan.create.extend(step.create);
    }
    plan
}

fn phase(state: StepState, reason: Reason) -> (Phase, Reason) {
    match state {
        StepState::Waiting => (Phase::Waiting, reason),
        StepState::Pending | StepState::Starting => (Phase::Starting, reason),
        StepState::Running => (Phase::Running, reason),
        StepState::Suspended => (Phase::Suspended, reason),
        StepState::Succeeded => (Phase::Succeeded, reason),
        StepState::Failed | StepState::Skipped => (Phase::Failed, reason),
    }
}

/// Every step is over.
fn over(steps: &[StepPlan], failed: &[&StepPlan], said: &dyn Fn(&StepPlan) -> String) -> Verdict {
    let skipped: Vec<&str> = steps
        .iter()
        .filter(|step| step.status.state == StepState::Skipped)
        .map(|step| step.status.name.as_str())
        .collect();
    let (reason, message) = match (failed, skipped.as_slice()) {
        ([first, ..], skipped) => {
            let mut message = failed.iter().map(|step| said(step)).collect::<Vec<_>>().join("; ");
            if !skipped.is_empty() {
                message = format!("{message}; skipped: {}", skipped.join(", "));
            }
            (first.reason, message)
        }
        // Only the run's own time keeps steps from beginning though none has failed.
        ([], [_, ..]) => (Reason::TimedOut, format!("the run's timeout has passed; skipped: {}", skipped.join(", "))),
        ([], []) => {
            let message = match steps {
                [only] => only.message.clone(),
                all => format!("all {} steps have succeeded", all.len()),
            };
            (Reason::Succeeded, message)
        }
    };
    let succeeded = reason == Reason::Succeeded;
    let phase = if succeeded { Phase::Succeeded } else { Phase::Failed };
    Verdict { phase, reason, message: message.clone(), result: Some(RunResult { succeeded, reason, message }) }
}

/// The rows of all steps. Those of a step that is over stand as they were last said.
fn references(world: &World, steps: &[StepPlan]) -> References {
    if steps.iter().all(|step| step.rows.is_none()) {
        return References::AsRecorded;
    }
    let rows = steps.iter().flat_map(|step| match &step.rows {
        Some(rows) => rows.clone(),
        None => {
            world.recorded.references.iter().filter(|row| row.step == step.status.name).map(rotation::over).collect()
        }
    });
    let gates: Vec<&(Reason, String)> = steps.iter().filter_map(|step| step.gate.as_ref()).collect();
    let messages: Vec<String> = gates.iter().map(|(_, message)| message.clone()).collect();
    let gate = gates.first().map(|(reason, _)| (*reason, advice::all(&messages)));
    References::Seen { rows: rows.collect(), gate }
}
