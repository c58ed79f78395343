//! Workflows: a job of the `dag` is a step, its `dependencies` are the step's `needs`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::finding::child;
use super::super::names;
use super::super::source::Source;
use super::refer::{self, Given};
use super::work::{container, named, title};
use super::{Here, Meta, say_interpolated};

/// What to do about a schedule.
const SCHEDULE: &str = "a Pipeline has no schedule of its own yet, and runs once when it is applied: a CronJob asks for its further runs (docs/recipes/schedule.md); cron, timezone and concurrencyPolicy are its schedule, timeZone and concurrencyPolicy, and an end has no counterpart: delete the CronJob then";

/// Makes a Pipeline of the workflow at `section`.
pub fn import(source: &mut Source, section: &str, meta: &Meta, here: &Here<'_>) -> Option<Draft> {
    say_interpolated(source, section);
    let mut draft = named(source, meta, here);
    title(source, section, &mut draft);
    source.lost(&child(section, "schedule"), SCHEDULE);
    let mut given = Given::default();
    refer::references(source, section, &mut draft, "/spec/secrets", here, &mut given);
    let shares_files = given.has_files();

    let jobs = source.elements(&child(section, "dag"));
    let steps: BTreeMap<String, String> = jobs.iter().filter_map(|job| step_name(source, job)).collect();
    let mut is_whole = true;
    for job in &jobs {
        let Some((name, step)) = step_name(source, job) else {
            source.error(job, "the job has no name: give it one");
            source.take(job);
            is_whole = false;
            continue;
        };
        source.take(&child(job, "name"));
        if step != name {
            source.note(&child(job, "name"), names::renamed(&step, 40));
        }
        let to = draft.push("/spec/steps", json!({"name": step}));
        describe(source, job, &mut draft, &to);
        needs(source, job, &steps, &mut draft, &to);
        retries(source, job, &mut draft, &to);
        source.lost(&child(job, "gcWhenComplete"), "Pods of ended runs go by history_limit");
        source.lost(&child(job, "file"), "this file was not read: import it, too");
        let spec = child(job, "spec");
        is_whole &= container(source, &spec, &mut draft, &to, &to, here, Given::default());
        if shares_files {
            refer::say_folder(source, &mut draft, &to, here, &child(&spec, "envs"));
        }
    }
    if jobs.is_empty() {
        source.error(&child(section, "dag"), "has no jobs: a Pipeline needs one");
    } else if !is_whole {
        source.error(
            section,
            "is left out as a whole, since not all of its jobs could be imported: mend what is said above",
        );
    }
    (is_whole && !jobs.is_empty()).then_some(draft)
}

/// The name of a job, and of the step that it becomes.
fn step_name(source: &Source, job: &str) -> Option<(String, String)> {
    let name = source.peek(&child(job, "name")).and_then(Value::as_str)?;
    Some((name.to_owned(), names::step(name)))
}

/// What is for people, above the step.
fn describe(source: &mut Source, job: &str, draft: &mut Draft, to: &str) {
    for field in ["title", "description"] {
        if let Some(text) = source.text(&child(job, field)) {
            draft.comment(to, text);
        }
    }
    let tags = source.texts(&child(job, "tags"));
    if !tags.is_empty() {
        draft.comment(to, format!("Tags: {}.", tags.join(", ")));
    }
}

fn needs(source: &mut Source, job: &str, steps: &BTreeMap<String, String>, draft: &mut Draft, to: &str) {
    for field in ["dependencies", "dependency"] {
        let at = child(job, field);
        let named = match source.peek(&at) {
            Some(Value::String(_)) => source.text(&at).into_iter().collect(),
            _ => source.texts(&at),
        };
        for name in named {
            match steps.get(&name) {
                Some(step) => {
                    draft.push(&child(to, "needs"), step.as_str());
                }
                None => source.error(&at, format!("{name} is no job of this workflow: mend it in the source")),
            }
        }
    }
}

fn retries(source: &mut Source, job: &str, draft: &mut Draft, to: &str) {
    let retry = child(job, "retry");
    if let Some(count) = source.integer(&child(&retry, "count")) {
        draft.set(&child(to, "retries"), count);
    }
    let strategy = source.text(&child(&retry, "strategy"));
    if strategy.as_deref().is_some_and(|strategy| !matches!(strategy, "Always" | "OnFailure")) {
        source.note(
            &child(&retry, "strategy"),
            "every failure counts: a Pod that was evicted or lost is replaced without counting",
        );
    }
}
