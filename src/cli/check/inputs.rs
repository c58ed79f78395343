//! What can be said of a step's input: its expressions are compiled, and never run.

use std::collections::BTreeSet;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::offline::containers;
use super::rules::Rule;
use crate::api::input::{Input, InputSecret};
use crate::api::pipeline::PipelineSpec;
use crate::model::render::scan::{self, Piece};
use crate::model::render::template::{self, Found, MAX_EXPRESSIONS, Refusal};
use crate::render;

/// What is wrong in the templates of a Pipeline.
pub(super) fn findings(pipeline: &Object<'_>, spec: &PipelineSpec) -> Vec<Finding> {
    let inputs = containers(spec).into_iter().filter_map(|(base, container)| Some((base, container.input.as_ref()?)));
    inputs.flat_map(|(base, input)| of_input(pipeline, &format!("{base}.input"), input)).collect()
}

fn of_input(pipeline: &Object<'_>, base: &str, input: &Input) -> Vec<Finding> {
    let field = |pointer: &str| format!("{base}.template{}", template::field(&input.template, pointer));
    let error = |pointer: &str, message: String| {
        pipeline.finding(Rule::InputExpression, Severity::Error, &field(pointer), message)
    };
    let (expressions, refusals) = template::look(&input.template);
    let refused = refusals.into_iter().map(|refusal| match refusal {
        Refusal::Expression { pointer, fault } => error(&pointer, format!("character {}: {}", fault.at, fault.problem)),
        of_all => error("", of_all.to_string()),
    });
    let mut found: Vec<Finding> = refused.collect();
    if expressions.len() > MAX_EXPRESSIONS {
        return found;
    }
    found.extend(template::keys_as_written(&input.template).iter().map(|key| {
        let message = "keys are not rendered: this one stays as it is written; only values are computed";
        pipeline.finding(Rule::InputExpression, Severity::Warning, &field(key), message)
    }));
    found.extend(template::nulls(&input.template).iter().map(|key| {
        let message =
            "kubectl apply leaves out a key whose value is null (with --server-side it does not): write jq(null)";
        pipeline.finding(Rule::InputExpression, Severity::Note, &field(key), message)
    }));
    let texts = || expressions.iter().map(|found| found.expression.text);
    // Nothing is run, and what is compiled has its bounds: only a mistake in jaq can end this.
    let Ok(judged) = render::large(|| render::judge(texts())) else {
        found
            .push(error("", "its expressions lead jq into a mistake of its own; write them in another way".to_owned()));
        return found;
    };
    let known: BTreeSet<&str> = input.secrets.iter().map(InputSecret::called).collect();
    let judged = expressions.iter().zip(judged).flat_map(|(Found { pointer, expression }, judgement)| {
        let broken = judgement
            .syntax
            .as_ref()
            .map(|syntax| error(pointer, format!("character {}: {}", expression.at + syntax.at - 1, syntax.why)));
        let unknown = judgement.secrets().into_iter().filter(|name| !known.contains(name)).map(|name| {
            let message = format!("character {}: .secrets.{name} is null: {}", expression.at, listed(&known));
            pipeline.finding(Rule::InputSecretUnknown, Severity::Warning, &field(pointer), message)
        });
        broken.into_iter().chain(unknown).collect::<Vec<_>>()
    });
    found.extend(judged);
    found
}

/// Which names there are.
fn listed(known: &BTreeSet<&str>) -> String {
    if known.is_empty() {
        return "input.secrets lists no Secret".to_owned();
    }
    let names: Vec<String> = known.iter().map(|name| format!(".secrets.{name}")).collect();
    format!("input.secrets makes {}", names.join(", "))
}

/// For fuzzing: any string of a template is taken apart, and its expressions are compiled.
pub(in crate::cli) fn judge_made_up(text: &str) {
    let Ok(pieces) = scan::pieces(text) else { return };
    let mut joined = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => joined.push_str(text),
            Piece::Expression(expression) => joined.extend(["jq(", expression.text, ")"]),
        }
    }
    assert!(joined == text, "the pieces are not the string");
    let expressions: Vec<&str> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Expression(expression) => Some(expression.text),
        })
        .collect();
    let judged = render::large(|| render::judge(expressions.iter().copied()));
    assert!(judged.is_ok_and(|judged| judged.len() == expressions.len()), "compiling panics");
}
