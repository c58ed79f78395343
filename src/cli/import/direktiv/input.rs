//! What an action sends, as the input of a step: the same JSON, in which `jq(...)` stands as before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::source::Source;
use super::secrets::Secrets;
use crate::model::render::scan::{self, Piece};
use crate::model::render::template::{self, Found, MAX_EXPRESSIONS, Text};
use crate::render;

/// Where the program of a step finds its input.
pub const PATH: &str = "/lockgate/input.json";

/// What is to be done about data of the workflow.
const INSTEAD: &str = "Write what is meant, take it from env as in jq(.env.NAME), or let the program read it from a claim; until then the Pipeline is suspended";

/// Maps the action's input to the step's; `named` are the action's Secrets. `true`: it takes data of the workflow, which there is
/// none of.
pub fn map(
    source: &mut Source,
    action: &str,
    named: &[String],
    draft: &mut Draft,
    step: &str,
    secrets: &mut Secrets,
) -> bool {
    let at = child(action, "input");
    let template = match source.take(&at) {
        Some(template) => template,
        None if named.is_empty() => {
            let text = "has no input, so that Direktiv sends all of the workflow's data: the step has no input";
            source.say(Severity::Lost, action, text);
            return false;
        }
        None => {
            let text = "has no input, so that Direktiv sends all of the workflow's data, with the Secrets in it: the step's input has the Secrets alone";
            source.say(Severity::Lost, action, text);
            json!({"secrets": "jq(.secrets)"})
        }
    };
    let mut list = Vec::new();
    let mut called = BTreeSet::new();
    for secret in named.iter().filter(|secret| called.insert(secret.as_str())) {
        let (name, key) = secrets.of(secret, &child(action, "secrets"));
        list.push(if name == *secret {
            json!({"name": name, "key": key})
        } else {
            json!({"name": name, "key": key, "as": secret})
        });
    }
    let takes_data = judge(source, &at, &template, &called);
    let mut input = json!({"template": template, "mount_path": PATH});
    if let (false, Some(fields)) = (list.is_empty(), input.as_object_mut()) {
        fields.insert("secrets".to_owned(), json!(list));
    }
    draft.set(&child(step, "input"), input);
    takes_data
}

/// Says of every string what is not rendered here as there; whether one takes what only Direktiv has. What the Pipeline's own rules
/// refuse, is told by them.
fn judge(source: &mut Source, at: &str, template: &Value, named: &BTreeSet<&str>) -> bool {
    let (expressions, _) = template::look(template);
    let texts = template::texts(template).unwrap_or_default();
    let mut takes_data = false;
    for Text { pointer, .. } in texts.iter().filter(|text| is_script(text.text)) {
        takes_data = true;
        source.say(
            Severity::Lost,
            &format!("{at}{pointer}"),
            "is rendered by JavaScript, or in the form of Direktiv's first versions, which nothing does here: write it as jq(...); until then the Pipeline is suspended",
        );
    }
    if expressions.len() > MAX_EXPRESSIONS {
        // An error of the Pipeline says so; compiling all of them could take long.
        return takes_data;
    }
    let judged = render::large(|| render::judge(expressions.iter().map(|found| found.expression.text)));
    let mut data: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (Found { pointer, expression }, judgement) in expressions.iter().zip(judged.into_iter().flatten()) {
        let at = format!("{at}{pointer}");
        if let Some(syntax) = &judgement.syntax {
            let character = expression.at.saturating_add(syntax.at).saturating_sub(1);
            source.error(&at, format!("character {character}: {}: mend it in the source", syntax.why));
            continue;
        }
        for name in judgement.secrets().into_iter().filter(|name| !named.contains(name)) {
            source.note(&at, format!("{name} is not among the action's secrets, and is null: here as in Direktiv"));
        }
        let others = judgement.paths.into_iter().filter(|path| path.first().is_none_or(|first| first != "secrets"));
        data.entry(at).or_default().extend(others);
    }
    for (at, paths) in data.iter().filter(|(_, paths)| !paths.is_empty()) {
        takes_data = true;
        let text = format!("{}: nothing passes between steps by itself. {INSTEAD}", of_data(paths));
        source.say(Severity::Lost, at, text);
    }
    takes_data
}

/// What an expression takes of the workflow's data.
fn of_data(paths: &BTreeSet<Vec<String>>) -> String {
    if paths.contains(&Vec::new()) {
        return "takes all of the workflow's data, and would get the Secrets and Lockgate's own names".to_owned();
    }
    let paths: Vec<String> = paths.iter().map(|path| format!(".{}", path.join("."))).collect();
    format!("takes {} of the workflow's data, and would get null", paths.join(" and "))
}

/// Whether a string is computed by something else than jq.
fn is_script(text: &str) -> bool {
    let pieces = scan::pieces(text).unwrap_or_default();
    text.starts_with("{{") && text.ends_with("}}")
        || pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if has_script(text)))
}

/// Whether `js(` stands in it as a word of its own.
pub fn has_script(text: &str) -> bool {
    text.match_indices("js(").any(|(at, _)| {
        !text.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jq_does_not_compute_is_told_from_text() {
        for (text, is) in [
            ("js(data)", true),
            ("a js(1)", true),
            ("jq(.a) js(1)", true),
            ("{{ .a }}", true),
            ("myjs(", false),
            ("js (", false),
            ("jq(\"js(\")", false),
            ("", false),
        ] {
            assert_eq!(is_script(text), is, "{text}");
        }
    }
}
