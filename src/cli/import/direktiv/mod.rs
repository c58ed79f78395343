//! Direktiv: a workflow's actions become steps in the order of its transitions, with what is sent to them as their input; a service
//! becomes a Pipeline of mode Service. What a state does besides running an image has no counterpart and is told.
//!
//! The forms are those of v0.5 (`id` at the top, `reusable`) and later (`direktiv_api: workflow/v1`, `knative-workflow`).

mod action;
mod command;
mod function;
mod graph;
mod input;
mod secrets;
mod service;
mod time;
mod words;

use serde_json::Value;

use super::draft::Draft;
use super::finding::{Severity, child};
use super::source::Source;
use super::{Options, line, names};
use action::Gathered;
use function::Functions;
use graph::Graph;

/// What a workflow has besides functions and states that has no counterpart.
pub const LOST: [(&str, &str); 4] = [
    ("schemas", "nothing is checked before a run: let the program check what it reads"),
    ("singular", "a Pipeline has one run at a time anyway"),
    ("version", "the manifest in your repository is the version"),
    ("exclusive", "a Pipeline has one run at a time anyway"),
];

/// What a state does that is no container, and what to do instead.
pub const STATES: [(&str, &str); 11] = [
    ("delay", "there is no pause between steps: let the next one begin with sleep"),
    (
        "consumeEvent",
        "no event is waited for: let who sends it ask for a run, by the annotation lockgate.dev/run-requested-at",
    ),
    (
        "eventsAnd",
        "no event is waited for: let who sends them ask for a run, by the annotation lockgate.dev/run-requested-at",
    ),
    (
        "eventsXor",
        "no event is waited for: let who sends it ask for a run, by the annotation lockgate.dev/run-requested-at",
    ),
    ("generateEvent", "no event is sent: let a step send it"),
    ("getter", "there are no variables: steps hand files on in a claim, as in volumes: [{claim, mount_path}]"),
    ("setter", "there are no variables: steps hand files on in a claim, as in volumes: [{claim, mount_path}]"),
    ("validate", "nothing is checked between steps: let the program check what it reads"),
    ("error", "a run fails when a step fails: let one end with another code than 0"),
    ("callback", "nobody is waited for"),
    ("switch", "a condition between steps has no counterpart: let the program of one step decide"),
];

/// Whether a document is one of Direktiv's: a workflow, a service, or the body that makes a registry.
#[must_use]
pub fn is_of(document: &Value) -> bool {
    let is_state = |state: &Value| state.get("id").is_some() && state.get("type").is_some();
    let states = document.get("states").and_then(Value::as_array);
    document.get("direktiv_api").is_some()
        || states.is_some_and(|states| states.iter().any(is_state))
        || is_registry(document)
}

/// `{"data": "USER:TOKEN", "reg": "URL"}`, and since 2023 `{"url": …, "user": …, "password": …}`.
fn is_registry(document: &Value) -> bool {
    let has = |names: &[&str]| {
        document
            .as_object()
            .is_some_and(|fields| fields.len() == names.len() && names.iter().all(|name| fields.contains_key(*name)))
    };
    has(&["data", "reg"]) || has(&["url", "user", "password"])
}

/// What becomes of a document that [`is_of`] Direktiv.
#[must_use]
pub(super) fn map(source: &mut Source, options: &Options) -> Vec<Draft> {
    if source.peek("").is_some_and(is_registry) {
        service::registry(source);
        return Vec::new();
    }
    let api = source.text("/direktiv_api").unwrap_or_else(|| "workflow/v1".to_owned());
    let (kind, _) = api.split_once('/').unwrap_or((&api, ""));
    match kind {
        "workflow" => workflow(source, options).into_iter().collect(),
        "service" => service::service(source, options).into_iter().collect(),
        other => {
            source.say(Severity::Lost, "", format!("an object of the kind {other} has no counterpart"));
            source.take("");
            Vec::new()
        }
    }
}

/// The name: what is asked for, the object's own, or the file's.
fn named(source: &mut Source, options: &Options, kind: &str) -> Draft {
    let own = ["/id", "/name"].map(|pointer| source.text(pointer));
    let (file, _) = source.origin();
    let stem = std::path::Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let called = own.into_iter().flatten().next().or(stem).unwrap_or_default();
    source.object = format!("{kind} {called}");
    let name = options.name.clone().unwrap_or_else(|| names::pipeline(&called));
    if name != called && options.name.is_none() {
        source.note("", names::renamed(&name, 52));
    }
    let mut draft = Draft::pipeline(&name);
    draft.called = called;
    draft.set(
        "/metadata/annotations/kubernetes.io~1description",
        source.text("/description").map(|text| text.trim_end().to_owned()),
    );
    draft
}

fn workflow(source: &mut Source, options: &Options) -> Option<Draft> {
    let mut draft = named(source, options, "workflow");
    for (field, text) in LOST {
        source.lost(&child("", field), text);
    }
    timeouts(source, &mut draft);
    let graph = Graph::of(source);
    start(source);
    if !graph.branches.is_empty() {
        draft.set("/spec/suspend", true);
        draft.comment(
            "/spec/suspend",
            "Branches: all of them would run. Take out the steps that are not meant, then this line.",
        );
    }
    for branch in &graph.branches {
        source.say(
            Severity::Lost,
            branch,
            "goes on in one of several states, or ends: nothing chooses here, all are steps, and the Pipeline is suspended so that none runs before you took out what is not meant",
        );
    }
    for (at, name) in &graph.unknown {
        source.error(at, format!("goes on in {name}, and no state has this id: mend it in the source"));
    }
    for (at, text) in &graph.left_out {
        source.lost(at, *text);
    }
    let functions = Functions::of(source);
    let mut gathered = Gathered::default();
    for state in &graph.order {
        state_of(source, &graph, &functions, state, &mut draft, &mut gathered);
    }
    functions.report(source);
    let in_namespace = options.namespace.as_ref().map(|name| format!(" -n {}", line::word(name))).unwrap_or_default();
    gathered.secrets.report(source, &in_namespace);
    if gathered.takes_data {
        draft.set("/spec/suspend", true);
        draft.comment(
            "/spec/suspend",
            "An input takes data of the workflow, and would get null. Write what is meant there, then take this line out.",
        );
    }
    if draft.object.pointer("/spec/steps").is_none() {
        source.error("/states", "no action of it has an image in this file, so that no Pipeline comes of it");
        source.take("/states");
        return None;
    }
    Some(draft)
}

/// One state: its steps, which are noted in the graph, and what has no counterpart.
fn state_of(
    source: &mut Source,
    graph: &Graph,
    functions: &Functions,
    at: &str,
    draft: &mut Draft,
    gathered: &mut Gathered,
) {
    let id = source.text(&child(at, "id")).unwrap_or_default();
    let kind = source.text(&child(at, "type")).unwrap_or_default();
    source.lost(&child(at, "catch"), "nothing runs because a step failed: after its retries the run fails");
    for field in ["transform", "defaultTransform"] {
        source.lost(
            &child(at, field),
            "no result and no data passes between steps by itself: they share a claim, an object store or a service",
        );
    }
    for field in ["log", "metadata"] {
        source.lost(&child(at, field), "let the program write its log itself");
    }
    for field in ["transition", "defaultTransition"] {
        source.take(&child(at, field));
    }
    let needs = graph.needs(&id);
    match kind.as_str() {
        "action" | "foreach" => {
            source.lost(&child(at, "array"), "nothing is run for each element: parallelism: N makes N Pods, and each finds its number in LOCKGATE_INDEX");
            source.lost(&child(at, "async"), "a step is waited for by those that need it, and by the run's end");
            let timeout = source.take(&child(at, "timeout"));
            let name = graph.step_names(&id).first();
            let action = child(at, "action");
            if let Some(step) = action::step(source, &action, functions, name, &needs, draft, gathered) {
                time::set(source, &child(at, "timeout"), timeout.as_ref(), draft, &child(&step, "timeout"));
            }
        }
        "parallel" => {
            if source.text(&child(at, "mode")).is_some_and(|mode| mode != "and") {
                source.say(Severity::Lost, &child(at, "mode"), "all of the actions have to succeed here");
            }
            let timeout = source.take(&child(at, "timeout"));
            let mut names = graph.step_names(&id).iter();
            for action in source.elements(&child(at, "actions")) {
                let name = if functions.has_image(source, &action) { names.next() } else { None };
                if let Some(step) = action::step(source, &action, functions, name, &needs, draft, gathered) {
                    time::set(source, &child(at, "timeout"), timeout.as_ref(), draft, &child(&step, "timeout"));
                }
            }
        }
        "noop" => {}
        // It was told that it branches.
        "switch" if graph.branches.iter().any(|branch| branch == at) => {
            source.take(at);
        }
        other => {
            let text = STATES
                .iter()
                .find(|(kind, _)| *kind == other)
                .map_or("a state of this type is not known here", |(_, text)| *text);
            source.say(Severity::Lost, at, text);
            source.take(at);
        }
    }
}

/// Both ends of a workflow: the harder one is the run's.
fn timeouts(source: &mut Source, draft: &mut Draft) {
    let [kill, interrupt] = ["/timeouts/kill", "/timeouts/interrupt"].map(|pointer| source.take(pointer));
    let (pointer, timeout) = match (&kill, &interrupt) {
        (None, _) => ("/timeouts/interrupt", &interrupt),
        (Some(_), None) => ("/timeouts/kill", &kill),
        (Some(_), Some(_)) => {
            source.say(Severity::Lost, "/timeouts/interrupt", "a run has one end, and kill is it");
            ("/timeouts/kill", &kill)
        }
    };
    time::set(source, pointer, timeout.as_ref(), draft, "/spec/timeout");
}

/// What starts a workflow.
fn start(source: &mut Source) {
    let kind = source.peek("/start/type").and_then(Value::as_str).unwrap_or("default").to_owned();
    match kind.as_str() {
        "default" => {
            source.take("/start");
        }
        "scheduled" => source.lost(
            "/start",
            "a Pipeline has no schedule of its own yet, and runs once when it is applied: a CronJob asks for its further runs (docs/recipes/schedule.md)",
        ),
        _ => source.lost("/start", "no event starts a run: let who sends it ask for one, by the annotation lockgate.dev/run-requested-at"),
    }
}

#[cfg(test)]
mod page_tests;
