//! Actions and the functions that they call: an image becomes a step, and what is sent to it is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::line::{create_generic, word};
use super::super::names;
use super::super::source::Source;

/// The program that Direktiv puts into an image that has no server of its own; its input is a list of commands.
const DIREKTIV_CMD: &str = "/usr/share/direktiv/";

/// What is said of an image that is not told to run something else.
const SERVER: &str = "Direktiv sends a request to a server on port 8080 of this image, which does not end by itself; a step is a program that does its work and ends: write cmd, or take another image";

/// What a function has that has no counterpart.
pub const FUNCTION_LOST: [(&str, &str); 4] = [
    ("size", "its amounts are a setting of Direktiv: write resource_requests and resource_limits"),
    ("scale", "a step's Pods are there while it runs; parallelism says how many"),
    ("patches", "a Pod is not patched: what a step has for it stands in docs/reference.md"),
    ("files", "files of Direktiv's file system: put them into a ConfigMap, as in volumes: [{config_map, mount_path}]"),
];

/// A function of the workflow.
#[derive(Debug, Default)]
struct Function {
    at: String,
    kind: String,
    image: Option<String>,
    /// The workflow or the service that it stands for.
    target: Option<String>,
    cmd: String,
    variables: BTreeMap<String, String>,
}

/// The functions of a workflow, by their ids.
#[derive(Debug, Default)]
pub struct Functions(BTreeMap<String, Function>);

/// The same before the functions are taken.
pub fn has_image(source: &Source, action: &str) -> bool {
    let id = source.peek(&child(action, "function"));
    id.is_some()
        && source.elements("/functions").iter().any(|at| {
            source.peek(&child(at, "id")) == id && source.peek(&child(at, "image")).is_some_and(Value::is_string)
        })
}

impl Functions {
    /// Takes the functions.
    pub fn of(source: &mut Source) -> Self {
        let mut functions = BTreeMap::new();
        for at in source.elements("/functions") {
            let id = source.text(&child(&at, "id")).unwrap_or_default();
            let target = ["service", "workflow", "path"].map(|field| source.text(&child(&at, field)));
            let mut variables = BTreeMap::new();
            for pair in source.elements(&child(&at, "envs")) {
                if let Some(name) = source.text(&child(&pair, "name")) {
                    variables.insert(name, source.text(&child(&pair, "value")).unwrap_or_default());
                }
            }
            let function = Function {
                kind: source.text(&child(&at, "type")).unwrap_or_else(|| "reusable".to_owned()),
                image: source.text(&child(&at, "image")),
                target: target.into_iter().flatten().next(),
                cmd: source.text(&child(&at, "cmd")).unwrap_or_default(),
                variables,
                at: at.clone(),
            };
            for (field, text) in FUNCTION_LOST {
                source.lost(&child(&at, field), text);
            }
            functions.insert(id, function);
        }
        Self(functions)
    }

    /// Whether an action's function has an image in this file.
    pub fn has_image(&self, source: &Source, action: &str) -> bool {
        let id = source.peek(&child(action, "function")).and_then(Value::as_str);
        id.and_then(|id| self.0.get(id)).is_some_and(|function| function.image.is_some())
    }

    /// Says of each function what there is to say once.
    pub fn report(&self, source: &mut Source) {
        for function in self.0.values().filter(|function| function.image.is_some()) {
            if function.cmd.is_empty() {
                source.note(&child(&function.at, "image"), SERVER);
            }
        }
    }

    /// Maps an action to a step of this name, if its function has an image; the step's pointer.
    pub fn step(
        &self,
        source: &mut Source,
        action: &str,
        name: Option<&String>,
        needs: &[String],
        draft: &mut Draft,
    ) -> Option<String> {
        let id = source.text(&child(action, "function"));
        let inline = source.text(&child(action, "workflow"));
        let secrets = source.texts(&child(action, "secrets"));
        let function = id.as_ref().and_then(|id| self.0.get(id));
        let image = function.and_then(|function| function.image.clone());
        let (Some(name), Some(function), Some(image)) = (name, function, image) else {
            no_image(source, action, function, inline, &secrets);
            source.take(action);
            return None;
        };
        let step = draft.push("/spec/steps", json!({"name": name, "image": image}));
        draft.set(&child(&step, "needs"), needs.to_vec());
        draft.set(&child(&step, "env"), json!(function.variables));
        command(source, action, function, draft, &step);
        self::secrets(source, action, &secrets, draft, &step);
        input(source, &child(action, "input"), &secrets);
        source.lost(
            &child(action, "files"),
            "files of an instance, a workflow or a namespace are not handed over: steps share a claim, as in volumes: [{claim, mount_path}]",
        );
        retries(source, &child(action, "retries"), draft, &step);
        Some(step)
    }
}

/// An action that is no container of this file.
fn no_image(
    source: &mut Source,
    action: &str,
    function: Option<&Function>,
    inline: Option<String>,
    secrets: &[String],
) {
    let target = function.and_then(|function| function.target.clone()).or(inline);
    let (subject, target) = match function.map(|function| function.kind.as_str()) {
        Some("subflow") | None if target.is_some() => ("workflow", target),
        Some(_) if target.is_some() => ("service", target),
        _ => ("", None),
    };
    match (subject, target) {
        ("workflow", Some(target)) => {
            source.say(
                Severity::Lost,
                action,
                format!("calls the workflow {target}, which becomes a Pipeline of its own: import its file, too; nothing calls one Pipeline from another, so put its steps here where the order matters"),
            );
            let hands_over = source.peek(&child(action, "input")).is_some_and(names_secrets);
            if hands_over || !secrets.is_empty() {
                source.say(
                    Severity::Lost,
                    &child(action, "secrets"),
                    "hands Secrets to another workflow, whose input Direktiv logs and keeps: a Pipeline inherits none; let that one name what it needs in its own secrets",
                );
            }
        }
        (_, Some(target)) => source.say(
            Severity::Lost,
            action,
            format!("asks the service {target}, whose image is in its own file: import that one, too; let a step send the request"),
        ),
        _ => source.error(action, "its function is not in functions: mend it in the source"),
    }
}

/// What a step runs: the function's command, or the commands that its input has for Direktiv's own program.
fn command(source: &mut Source, action: &str, function: &Function, draft: &mut Draft, step: &str) {
    if function.cmd.is_empty() {
        return;
    }
    if !function.cmd.starts_with(DIREKTIV_CMD) {
        let words: Vec<&str> = function.cmd.split_whitespace().collect();
        draft.set(&child(step, "cmd"), json!(words));
        return;
    }
    let list = format!("{action}/input/data/commands");
    let commands = source.elements(&list);
    let lines: Vec<Option<String>> = commands
        .iter()
        .map(|at| source.peek(&child(at, "command")).and_then(Value::as_str).map(ToOwned::to_owned))
        .collect();
    let plain: Option<Vec<String>> = lines.into_iter().map(|line| line.filter(|line| !is_rendered(line))).collect();
    let Some(lines) = plain.filter(|lines| !lines.is_empty()) else {
        draft.set(&child(step, "cmd"), json!(["sh"]));
        source.error(
            &child(&function.at, "cmd"),
            "is Direktiv's own program, which is not in the image, and its commands are rendered by jq: write the commands as cmd: [sh, -e] with stdin",
        );
        return;
    };
    draft.set(&child(step, "cmd"), json!(["sh", "-e"]));
    draft.set(&child(step, "stdin"), json!(lines));
    draft.comment(step, "Direktiv's own program ran these commands; here a shell of the image does.");
    for at in commands {
        source.take(&child(&at, "command"));
    }
}

/// Secrets by their names become variables that a program can read now.
fn secrets(source: &mut Source, action: &str, secrets: &[String], draft: &mut Draft, step: &str) {
    let mut taken = BTreeSet::new();
    for secret in secrets {
        let name = names::pipeline(secret);
        let key: String = secret
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .collect();
        let variable: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if !taken.insert(variable.clone()) {
            continue;
        }
        draft.push(&child(step, "secrets"), json!({"name": name, "env_var": variable, "key": key}));
        source.note(
            &child(action, "secrets"),
            format!(
                "{} becomes the variable {variable}, from {}",
                word(secret),
                create_generic(&name, "", &[key], &BTreeMap::new())
            ),
        );
    }
}

/// What is sent to the image, which nothing sends here.
fn input(source: &mut Source, pointer: &str, secrets: &[String]) {
    let Some(input) = source.peek(pointer) else { return };
    let text = if names_secrets(input) || !secrets.is_empty() && is_rendered_anywhere(input) {
        "is rendered by jq with Secrets, which comes with a later version (input.template): until then the program reads the variables that secrets name"
    } else if is_rendered_anywhere(input) {
        "is rendered from the workflow's data, which does not pass between steps: give it as args, env or stdin, or in a file of a shared claim"
    } else {
        "is not sent: give it as args, env or stdin"
    };
    source.lost(pointer, text);
}

fn retries(source: &mut Source, pointer: &str, draft: &mut Draft, step: &str) {
    if let Some(times) = source.integer(&child(pointer, "max_attempts")) {
        draft.set(&child(step, "retries"), times);
    }
    for field in ["delay", "multiplier"] {
        source.lost(&child(pointer, field), "the pause between tries is fixed: 10 seconds, doubled up to 6 minutes");
    }
    for field in ["codes", "throw"] {
        source.lost(&child(pointer, field), "every failure is tried again");
    }
}

/// Whether a text is rendered before it is sent.
fn is_rendered(text: &str) -> bool {
    text.contains("jq(") || text.contains("js(")
}

fn is_rendered_anywhere(value: &Value) -> bool {
    any_text(value, &is_rendered)
}

/// Whether an input takes values of Secrets.
fn names_secrets(value: &Value) -> bool {
    any_text(value, &|text| is_rendered(text) && text.contains(".secrets"))
}

fn any_text(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    let of_fields = |fields: &Map<String, Value>| fields.values().any(|field| any_text(field, test));
    match value {
        Value::String(text) => test(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, test)),
        Value::Object(fields) => of_fields(fields),
        _ => false,
    }
}
