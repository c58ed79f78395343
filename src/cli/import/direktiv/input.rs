//! What an action sends, as the input of a step: the same JSON, in which `jq(...)` stands as before.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::source::Source;
use super::reads;
use super::secrets::Secrets;
use crate::model::render::scan::{self, Piece};

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
    let takes_data = texts(source, &at, &template, &called);
    let mut input = json!({"template": template, "mount_path": PATH});
    if let (false, Some(fields)) = (list.is_empty(), input.as_object_mut()) {
        fields.insert("secrets".to_owned(), json!(list));
    }
    draft.set(&child(step, "input"), input);
    takes_data
}

/// Says of every string what cannot be rendered here; whether there is any such.
fn texts(source: &mut Source, at: &str, template: &Value, named: &BTreeSet<&str>) -> bool {
    let mut takes_data = false;
    match template {
        Value::String(text) => takes_data = is_of_the_workflow(source, at, text, named),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                takes_data |= texts(source, &child(at, index), item, named);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                takes_data |= texts(source, &child(at, name), field, named);
            }
        }
        _ => {}
    }
    takes_data
}

/// Whether a string takes what only Direktiv has, which is told.
fn is_of_the_workflow(source: &mut Source, at: &str, text: &str, named: &BTreeSet<&str>) -> bool {
    let pieces = match scan::pieces(text) {
        Ok(pieces) => pieces,
        Err(fault) => {
            source.error(at, format!("character {}: {}: mend it in the source", fault.at, fault.problem));
            return false;
        }
    };
    let mut data: Vec<String> = Vec::new();
    let mut script = text.starts_with("{{") && text.ends_with("}}");
    for piece in pieces {
        match piece {
            Piece::Text(text) => script |= has_script(text),
            Piece::Expression(expression) => {
                for path in reads::paths(expression.text) {
                    match secret(&path) {
                        None if data.contains(&path) => {}
                        None => data.push(path),
                        Some(name) if name.is_empty() || named.contains(name) => {}
                        Some(name) => source.note(
                            at,
                            format!("{name} is not among the action's secrets, so that {path} is null here as there"),
                        ),
                    }
                }
            }
        }
    }
    if script {
        source.say(
            Severity::Lost,
            at,
            "is rendered by JavaScript, or in the form of Direktiv's first versions, which nothing does here: write it as jq(...); until then the Pipeline is suspended",
        );
    }
    if !data.is_empty() {
        let what = if data.iter().any(|path| path == ".") {
            "takes all of the workflow's data, and would get the Secrets and Lockgate's own names".to_owned()
        } else {
            format!("takes {} of the workflow's data, and would get null", data.join(" and "))
        };
        source.say(Severity::Lost, at, format!("{what}: nothing passes between steps by itself. {INSTEAD}"));
    }
    script || !data.is_empty()
}

/// The Secret that a path names, without quotes; empty: all of them. `None`: it names none.
pub fn secret(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(".secrets")?;
    if rest.is_empty() {
        return Some(rest);
    }
    let name = rest.strip_prefix('.')?;
    Some(match name.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => name.split('.').next().unwrap_or_default(),
    })
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
    fn secrets_are_told_from_data() {
        for (path, named) in [
            (".secrets.token", Some("token")),
            (".secrets.token.a", Some("token")),
            (".secrets.\"a.b\".c", Some("a.b")),
            (".secrets", Some("")),
            (".secretsX", None),
            (".data.secrets", None),
            (".", None),
        ] {
            assert_eq!(secret(path), named, "{path}");
        }
        for (text, has) in [("js(data)", true), ("a js(1)", true), ("myjs(", false), ("js (", false), ("", false)] {
            assert_eq!(has_script(text), has, "{text}");
        }
    }
}
