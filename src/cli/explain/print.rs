//! The way for people, and as an object of a stable shape.

use std::io::Write;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::way::{Attached, Leg, OldValue, Problem, State, StepWay, Way};
use crate::cli::ages::age;
use crate::cli::credentials::Credential;
use crate::cli::error::Error;
use crate::cli::output::printable;

/// Prints it for people.
pub(super) fn text(out: &mut impl Write, way: &Way, now: Timestamp) -> Result<(), Error> {
    writeln!(out, "{}", printable(&headline(way)))?;
    writeln!(out)?;
    leg(out, &way.applied, now)?;
    // A transform is one step, whose name nobody wrote.
    let is_graph = way.steps.len() > 1 || way.steps.iter().any(|step| step.step != "main");
    for step in &way.steps {
        let pods = step.pods.as_deref().map(|pods| format!(": {pods}; one of them")).unwrap_or_default();
        if is_graph || !pods.is_empty() {
            writeln!(out)?;
            writeln!(out, "step {}{pods}", printable(&step.step))?;
        }
        for one in &step.legs {
            leg(out, one, now)?;
        }
    }
    if !way.images.is_empty() {
        writeln!(out)?;
        writeln!(out, "images")?;
    }
    for credential in &way.images {
        writeln!(out, "  {}", printable(&credential.line()))?;
    }
    notes(out, way, now)
}

/// The whole in a line.
pub(super) fn headline(Way { namespace, name, phase, run, said, .. }: &Way) -> String {
    let phase = phase.map_or_else(|| "no phase yet".to_owned(), |phase| phase.to_string());
    let run = run.map(|run| format!(", run {run}")).unwrap_or_default();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    format!("Pipeline {name} in namespace {namespace} ({phase}{run}){said}")
}

fn leg(out: &mut impl Write, leg: &Leg, now: Timestamp) -> Result<(), Error> {
    let since = leg.since.map(|at| age(now.duration_since(at))).unwrap_or_default();
    let line = format!("{:<10}  {:<7}  {since:<6}  {}", leg.stage.as_str(), leg.state.as_str(), leg.said);
    writeln!(out, "{}", printable(line.trim_end()))?;
    for Problem { reason, said, command } in &leg.problems {
        writeln!(out, "            {}", printable(&format!("{reason}: {said}")))?;
        if let Some(command) = command {
            writeln!(out, "            $ {}", printable(command))?;
        }
    }
    Ok(())
}

/// What stands below the legs.
fn notes(out: &mut impl Write, way: &Way, now: Timestamp) -> Result<(), Error> {
    let old = way.steps.iter().flat_map(|step| step.old.iter().map(move |old| old_value(step, old, now)));
    let attached = way.attached.iter().map(|Attached { step, secret, via, state }| {
        format!("step {step} gets pull secret {secret} from {via} ({state}), which nothing waits for")
    });
    let more = way.more.iter().map(|more| format!("more: {more}"));
    let all: Vec<String> = old.chain(attached).chain(way.unseen.iter().cloned()).chain(more).collect();
    if !all.is_empty() {
        writeln!(out)?;
    }
    for note in all {
        writeln!(out, "{}", printable(&note))?;
    }
    Ok(())
}

fn old_value(step: &StepWay, old: &OldValue, now: Timestamp) -> String {
    let key = old.key.as_deref().map(|key| format!(", key {key}")).unwrap_or_default();
    let when =
        old.changed_at.map(|at| format!(", which changed {} ago", age(now.duration_since(at)))).unwrap_or_default();
    let pods = if old.pods.is_empty() { "its containers".to_owned() } else { format!("Pods {}", old.pods.join(", ")) };
    format!("step {}: {pods} have an old value of Secret {}{key}{when}", step.step, old.secret)
}

/// As an object; docs/explain.md tells its shape.
pub(super) fn object(way: &Way) -> Value {
    let steps: Vec<Value> = way.steps.iter().map(step).collect();
    let attached = way.attached.iter().map(
        |Attached { step, secret, via, state }| json!({"step": step, "secret": secret, "via": via, "state": state}),
    );
    json!({
        "namespace": way.namespace, "pipeline": way.name, "phase": way.phase, "run": way.run,
        "verdict": way.verdict.as_str(), "said": way.said, "more": way.more, "way": [leg_object(&way.applied)],
        "steps": steps, "images": way.images.iter().map(Credential::json).collect::<Vec<_>>(), "attached": attached.collect::<Vec<_>>(), "notLookedAt": way.unseen,
    })
}

fn step(StepWay { step, pod, pods, legs, old }: &StepWay) -> Value {
    let old = old.iter().map(|OldValue { secret, key, changed_at, pods }| {
        json!({"secret": secret, "key": key, "changedAt": changed_at.map(|at| at.to_string()), "pods": pods})
    });
    json!({
        "step": step, "pod": pod, "pods": pods, "way": legs.iter().map(leg_object).collect::<Vec<_>>(),
        "oldValues": old.collect::<Vec<_>>(),
    })
}

fn leg_object(Leg { stage, state, since, said, problems }: &Leg) -> Value {
    let problems = problems
        .iter()
        .map(|Problem { reason, said, command }| json!({"reason": reason, "said": said, "command": command}));
    json!({
        "stage": stage.as_str(), "state": state.as_str(), "since": since.map(|at| at.to_string()), "said": said,
        "problems": problems.collect::<Vec<_>>(),
    })
}

/// What changed from one look to the next, a line for each leg. The first look has nothing before it.
pub(super) fn changes(before: Option<&Way>, way: &Way, now: Timestamp) -> Vec<String> {
    let legs = |way: &Way| -> Vec<(String, Leg)> {
        let of_step = |step: &StepWay| {
            let name = step.step.clone();
            step.legs.clone().into_iter().map(move |leg| (name.clone(), leg)).collect::<Vec<_>>()
        };
        [(String::new(), way.applied.clone())].into_iter().chain(way.steps.iter().flat_map(of_step)).collect()
    };
    let old = before.map(legs).unwrap_or_default();
    let is_same = |one: &Leg, other: &Leg| {
        one.stage == other.stage
            && one.state == other.state
            && one.problems == other.problems
            // Words alone are news only while something is under way.
            && (one.said == other.said || one.state != State::Waiting)
    };
    let is_news = |(step, leg): &(String, Leg)| {
        leg.state != State::NotYet && !old.iter().any(|(other, old)| other == step && is_same(old, leg))
    };
    legs(way).iter().filter(|leg| is_news(leg)).map(|(step, leg)| change(step, leg, now)).collect()
}

fn change(step: &str, leg: &Leg, now: Timestamp) -> String {
    let at = leg.since.filter(|_| leg.state == State::Done).unwrap_or(now).strftime("%H:%M:%SZ");
    let step = if step.is_empty() || step == "main" { String::new() } else { format!("{step}  ") };
    let mut line = format!("{at}  {step}{:<10}  {:<7}  {}", leg.stage.as_str(), leg.state.as_str(), leg.said);
    for Problem { reason, said, command } in &leg.problems {
        let command = command.as_deref().map(|command| format!(": {command}")).unwrap_or_default();
        line = format!("{}  {reason}: {said}{command}", line.trim_end());
    }
    printable(line.trim_end()).into_owned()
}
