//! Actions: one whose function has an image becomes a step, with what is sent to it as its input.

use serde_json::json;

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::source::Source;
use super::command::{self, DIREKTIV_CMD};
use super::function::{self, FILES, Function, Functions};
use super::input;
use super::secrets::Secrets;

/// What is gathered over all actions of a workflow.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The Secrets that they name.
    pub secrets: Secrets,
    /// Whether one takes data of the workflow, which there is none of.
    pub takes_data: bool,
}

/// Maps an action to a step of this name, if its function has an image; the step's pointer.
pub fn step(
    source: &mut Source,
    action: &str,
    functions: &Functions,
    name: Option<&String>,
    needs: &[String],
    draft: &mut Draft,
    gathered: &mut Gathered,
) -> Option<String> {
    let id = source.text(&child(action, "function"));
    let inline = source.text(&child(action, "workflow"));
    let named = source.texts(&child(action, "secrets"));
    let function = id.as_ref().and_then(|id| functions.get(id));
    let image = function.and_then(|function| function.image.clone());
    let (Some(name), Some(function), Some(image)) = (name, function, image) else {
        no_image(source, action, function, inline, &named);
        source.take(action);
        return None;
    };
    let step = draft.push("/spec/steps", json!({"name": name, "image": image}));
    draft.set(&child(&step, "needs"), needs.to_vec());
    draft.set(&child(&step, "env"), json!(function.variables));
    draft.set(&child(&step, "resource_limits"), function.limits.clone());
    let secrets = &mut gathered.secrets;
    if function.cmd.starts_with(DIREKTIV_CMD) {
        command::map(source, action, function, &named, draft, &step, secrets);
    } else {
        let words = function::command(source, &child(&function.at, "cmd"), &function.cmd);
        draft.set(&child(&step, "cmd"), json!(words));
        gathered.takes_data |= input::map(source, action, &named, draft, &step, secrets);
    }
    source.lost(&child(action, "files"), FILES);
    retries(source, &child(action, "retries"), draft, &step);
    Some(step)
}

/// An action that is no container of this file.
fn no_image(source: &mut Source, action: &str, function: Option<&Function>, inline: Option<String>, named: &[String]) {
    let target = function.and_then(|function| function.target.clone()).or(inline);
    let Some(target) = target else {
        source.error(action, "its function is not in functions: mend it in the source");
        return;
    };
    if function.is_none_or(|function| function.kind == "subflow") {
        source.say(
            Severity::Lost,
            action,
            format!("calls the workflow {target}, which becomes a Pipeline of its own: import its file, too; nothing calls one Pipeline from another, so put its steps here where the order matters"),
        );
        let hands_over = source.peek(&child(action, "input")).is_some_and(|sent| sent.to_string().contains(".secrets"));
        if hands_over || !named.is_empty() {
            source.say(
                Severity::Lost,
                &child(action, "secrets"),
                "hands Secrets to another workflow, whose input Direktiv logs and keeps: a Pipeline inherits no input; let the steps of that one name what they need in their own input.secrets",
            );
        }
    } else {
        source.say(
            Severity::Lost,
            action,
            format!("asks the service {target}: import its file, too, which makes a Pipeline of mode Service, and let a step send the request (docs/coming-from/direktiv.md#a-stand-in)"),
        );
    }
}

/// One policy, or a list of them: the most tries that one allows.
fn retries(source: &mut Source, pointer: &str, draft: &mut Draft, step: &str) {
    let list = source.elements(pointer);
    let policies = if list.is_empty() { vec![pointer.to_owned()] } else { list };
    let mut most = None;
    for policy in policies {
        most = most.max(source.integer(&child(&policy, "max_attempts")));
        for field in ["delay", "multiplier"] {
            source
                .lost(&child(&policy, field), "the pause between tries is fixed: 10 seconds, doubled up to 6 minutes");
        }
        for field in ["codes", "throw"] {
            source.lost(&child(&policy, field), "every failure is tried again");
        }
    }
    if let Some(times) = most {
        draft.set(&child(step, "retries"), times);
    }
}
