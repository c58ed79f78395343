//! Pipelines that read each other's results: the steps of one, or an order that is told to be lost.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draft::{Draft, Read};
use super::finding::{Finding, Severity, child};
use super::{Imported, Options, names};

/// Fields of a Pipeline that a step has as well.
const OF_STEPS: [&str; 7] =
    ["parallelism", "retries", "timeout", "resource_requests", "resource_limits", "scheduling_spec", "tolerations"];

/// Makes one Pipeline of those that read each other's results where that is asked for; says what has no counterpart.
pub(super) fn join(imported: &mut Imported, options: &Options) {
    let names: BTreeMap<String, String> = imported
        .drafts
        .iter()
        .filter(|draft| draft.is_pipeline() && !draft.called.is_empty())
        .map(|draft| (draft.called.clone(), draft.name().to_owned()))
        .collect();
    let is_step = |draft: &Draft| options.as_steps && draft.object.pointer("/spec/transform").is_some();
    let mut findings = Vec::new();
    for draft in &imported.drafts {
        for Read { name, path, line } in &draft.reads {
            let text = match names.get(name) {
                Some(_) if is_step(draft) && draft.text("/spec/mode") != "Service" => continue,
                Some(name) => format!(
                    "reads what {name} writes: nothing says here that {name} runs first; --as-steps makes them steps of one Pipeline, with needs"
                ),
                None => "is a repository, and nothing fills it here: mount a claim (transform.volumes), or let the program fetch its data, with the key as a Secret".to_owned(),
            };
            findings.push(Finding { line: *line, ..draft.finding(Severity::Lost, path, text) });
        }
    }
    imported.findings.extend(findings);
    if options.as_steps {
        as_steps(imported, options, &names);
    }
}

fn as_steps(imported: &mut Imported, options: &Options, names: &BTreeMap<String, String>) {
    let drafts = std::mem::take(&mut imported.drafts);
    let (graph, others): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(|draft| {
        draft.is_pipeline()
            && draft.object.pointer("/spec/transform").is_some()
            && draft.text("/spec/mode") != "Service"
    });
    imported.drafts = others;
    let Some(first) = graph.first() else { return };
    let name = options.name.clone().unwrap_or_else(|| first.name().to_owned());
    let mut whole = Draft::pipeline(&name);
    whole.origin = first.origin.clone();
    whole.comment("", format!("The steps were {} pipelines.", graph.len()));
    for draft in &graph {
        let called = if draft.called.is_empty() { draft.name() } else { &draft.called };
        let at = whole.push("/spec/steps", step(draft, names));
        for (pointer, comments) in &draft.comments {
            let field = pointer.strip_prefix("/spec/transform").or_else(|| pointer.strip_prefix("/spec"));
            let to = field.map_or_else(|| at.clone(), |field| format!("{at}{field}"));
            whole.comments.entry(to).or_default().extend(comments.iter().cloned());
        }
        let spec = draft.object.pointer("/spec").and_then(Value::as_object).cloned().unwrap_or_default();
        for (field, value) in spec {
            if field != "transform" && !OF_STEPS.contains(&field.as_str()) {
                lost_or_shared(imported, &mut whole, draft, &field, value);
            }
        }
        if let Some(text) =
            draft.object.pointer("/metadata/annotations/kubernetes.io~1description").and_then(Value::as_str)
        {
            whole.comment(&at, format!("{called}: {text}"));
        }
    }
    imported.drafts.insert(0, whole);
}

/// A Pipeline as a step: its container, what it has in common with a step, and the steps that it needs.
fn step(draft: &Draft, names: &BTreeMap<String, String>) -> Value {
    let spec = draft.object.pointer("/spec").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut step: Map<String, Value> = spec.get("transform").and_then(Value::as_object).cloned().unwrap_or_default();
    step.insert("name".to_owned(), names::step(draft.name()).into());
    let mut needs: Vec<String> =
        draft.reads.iter().filter_map(|read| names.get(&read.name)).map(|name| names::step(name)).collect();
    needs.sort();
    needs.dedup();
    if !needs.is_empty() {
        step.insert("needs".to_owned(), json!(needs));
    }
    for field in OF_STEPS {
        if let Some(value) = spec.get(field) {
            step.insert(field.to_owned(), value.clone());
        }
    }
    Value::Object(step)
}

/// What only a whole Pipeline has: the first that says it counts for all.
fn lost_or_shared(imported: &mut Imported, whole: &mut Draft, draft: &Draft, field: &str, value: Value) {
    let pointer = child("/spec", field);
    match whole.object.pointer(&pointer) {
        Some(there) if *there == value => {}
        Some(_) => {
            let text = format!(
                "{field} is said of a whole Pipeline, and another step says something else: this one was left out"
            );
            imported.findings.push(draft.finding(Severity::Lost, "", text));
        }
        None => {
            whole.set(&pointer, value);
            whole.comment(&pointer, format!("Of {}; it counts for every step.", draft.name()));
        }
    }
}
