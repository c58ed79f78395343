//! The functions of a workflow: what its actions call.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::finding::{Severity, child};
use super::super::source::Source;
use super::command::DIREKTIV_CMD;
use super::{input, words};

/// What a function, or a service, has that has no counterpart.
pub const FUNCTION_LOST: [(&str, &str); 3] = [
    ("scale", "a step's Pods are there while it runs; parallelism says how many"),
    ("patches", "a Pod is not patched: what a step has for it stands in docs/reference.md"),
    ("files", FILES),
];

/// What is said of files that Direktiv puts into a container.
pub const FILES: &str = "Direktiv's variables and files are not handed over: kubectl create configmap NAME --from-file=FILE, then volumes: [{config_map: NAME, mount_path}]; what an earlier step wrote is in a claim that both mount";

/// The limits that Direktiv's chart has for each size (`functions.limits`).
const SIZES: [(&str, &str, &str); 3] =
    [("small", "250m", "512Mi"), ("medium", "500m", "1024Mi"), ("large", "1", "2048Mi")];

/// A function of the workflow.
#[derive(Debug, Default)]
pub struct Function {
    /// Where it stands.
    pub at: String,
    /// Its type, as in `knative-workflow`.
    pub kind: String,
    /// Its image, if it has one of its own.
    pub image: Option<String>,
    /// The workflow or the service that it stands for.
    pub target: Option<String>,
    /// What is run in place of the image's own command.
    pub cmd: String,
    /// Its environment.
    pub variables: BTreeMap<String, String>,
    /// Its limits; null: none are written.
    pub limits: Value,
}

/// The functions of a workflow, by their ids.
#[derive(Debug, Default)]
pub struct Functions(BTreeMap<String, Function>);

/// Whether an action's function has an image in this file, before the functions are taken.
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
            let function = Function {
                kind: source.text(&child(&at, "type")).unwrap_or_else(|| "reusable".to_owned()),
                image: source.text(&child(&at, "image")),
                target: target.into_iter().flatten().next(),
                cmd: source.text(&child(&at, "cmd")).unwrap_or_default(),
                variables: variables(source, &child(&at, "envs")),
                limits: limits(source, &child(&at, "size")),
                at: at.clone(),
            };
            for (field, text) in FUNCTION_LOST {
                source.lost(&child(&at, field), text);
            }
            functions.insert(id, function);
        }
        Self(functions)
    }

    /// The function of an id.
    pub fn get(&self, id: &str) -> Option<&Function> {
        self.0.get(id)
    }

    /// Whether an action's function has an image in this file.
    pub fn has_image(&self, source: &Source, action: &str) -> bool {
        let id = source.peek(&child(action, "function")).and_then(Value::as_str);
        id.and_then(|id| self.0.get(id)).is_some_and(|function| function.image.is_some())
    }

    /// Says of each function what there is to say once.
    pub fn report(&self, source: &mut Source) {
        for function in self.0.values().filter(|function| function.image.is_some()) {
            if !function.cmd.starts_with(DIREKTIV_CMD) {
                let text = format!(
                    "Direktiv sends the input to a server on port 8080 of this image, and nothing does here. A step is a program that reads {}, does its work and ends: write cmd, take another image, or let a step ask this one as a Service (docs/coming-from/direktiv.md#a-stand-in)",
                    input::PATH
                );
                source.say(Severity::Lost, &child(&function.at, "image"), text);
            }
        }
    }
}

/// Takes a list of names and values.
pub fn variables(source: &mut Source, pointer: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for pair in source.elements(pointer) {
        if let Some(name) = source.text(&child(&pair, "name")) {
            variables.insert(name, source.text(&child(&pair, "value")).unwrap_or_default());
        }
    }
    variables
}

/// Takes a command line; its words.
pub fn command(source: &mut Source, pointer: &str, line: &str) -> Vec<String> {
    words::split(line).unwrap_or_else(|| {
        source.error(
            pointer,
            "a quote is not closed in it, or it has what only a shell reads, and none does: write it as in sh -c 'a; b'",
        );
        Vec::new()
    })
}

/// Takes a size; the limits that it stands for, or null.
pub fn limits(source: &mut Source, pointer: &str) -> Value {
    let Some(size) = source.text(pointer) else { return Value::Null };
    let Some((_, cpu, memory)) = SIZES.iter().find(|(name, ..)| *name == size) else {
        source.error(pointer, "must be small, medium or large: mend it in the source");
        return Value::Null;
    };
    source.note(
        pointer,
        format!("became the limits that Direktiv's chart has for {size}: write your own where functions.limits of yours says otherwise"),
    );
    json!({"cpu": cpu, "memory": memory})
}
