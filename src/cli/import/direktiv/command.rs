//! Direktiv's own program, which gives an image without a server one, and runs the commands of its input.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::finding::child;
use super::super::source::Source;
use super::function::{FILES, Function};
use super::input;
use super::secrets::{Secrets, variable};
use crate::model::render::scan::{self, Piece};

/// The folder that Direktiv mounts its own program from.
pub const DIREKTIV_CMD: &str = "/usr/share/direktiv/";

/// Maps an action whose function is Direktiv's own program: a shell of the image runs the commands, and Secrets are its variables.
pub fn map(
    source: &mut Source,
    action: &str,
    function: &Function,
    named: &[String],
    draft: &mut Draft,
    step: &str,
    secrets: &mut Secrets,
) {
    let mut given = BTreeSet::new();
    for secret in named {
        let (name, key) = secrets.of(secret, &child(action, "secrets"));
        let variable = variable(secret);
        if given.insert(variable.clone()) {
            draft.push(&child(step, "secrets"), json!({"name": name, "env_var": variable, "key": key}));
        }
    }
    let list = format!("{action}/input/data/commands");
    let mut lines = Vec::new();
    let mut is_whole = true;
    for at in source.elements(&list) {
        let command = child(&at, "command");
        let Some(text) = source.text(&command) else { continue };
        if let Some(line) = line(&text, named) {
            lines.push(line);
        } else {
            is_whole = false;
            source.error(&command, "is rendered with something else than Secrets, or within '…', where a shell takes no variable: write the command as a line of stdin");
        }
        source.take(&child(&at, "stop"));
        source.take(&child(&at, "suppress_command"));
        if source.flag(&child(&at, "suppress_output")) == Some(true) {
            let text = "the Pod's log has all that a command prints: write > /dev/null behind it";
            source.unserved(&child(&at, "suppress_output"), text);
        }
    }
    draft.set(&child(step, "cmd"), json!(["sh", "-e"]));
    if lines.is_empty() && is_whole {
        source.error(
            &child(&function.at, "cmd"),
            "is Direktiv's own program, which is not in the image, and the action has no commands for it: write what is meant as cmd",
        );
    } else if !lines.is_empty() {
        draft.comment(step, "Direktiv's own program ran these commands; here a shell of the image does.");
        source.note(
            &list,
            "a shell of the image runs these, and the first that fails ends the step: Direktiv goes on with the next unless stop is true",
        );
        draft.set(&child(step, "stdin"), json!(lines));
    }
    source.lost(&format!("{action}/input/files"), FILES);
    let rest = child(action, "input");
    if source.peek(&rest).is_some_and(Value::is_string) {
        source
            .lost(&rest, "is rendered, and Direktiv's own program took commands from it: write them as lines of stdin");
    }
}

/// A command as a line of a shell, with variables in place of Secrets. `None`: not to be had.
fn line(command: &str, named: &[String]) -> Option<String> {
    let mut line = String::new();
    for piece in scan::pieces(command).ok()? {
        match piece {
            Piece::Text(text) if input::has_script(text) => return None,
            Piece::Text(text) => line.push_str(text),
            Piece::Expression(expression) => {
                // Nothing but the path: no function changes it.
                let is_of = |name: &&String| {
                    let forms =
                        [format!(".secrets.{name}"), format!(".secrets.\"{name}\""), format!(".secrets[\"{name}\"]")];
                    forms.iter().any(|form| form == expression.text.trim())
                };
                let name = named.iter().find(is_of).filter(|_| !command.contains('\''))?;
                line.extend(["${", &variable(name), "}"]);
            }
        }
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_takes_variables_in_place_of_secrets() {
        let named = ["token".to_owned(), "api-key".to_owned()];
        for (command, expected) in [
            ("ls /", Some("ls /")),
            ("curl -H \"X: jq(.secrets.token)\" a", Some("curl -H \"X: ${token}\" a")),
            ("x jq( .secrets[\"api-key\"] ) jq(.secrets.\"api-key\")", Some("x ${api_key} ${api_key}")),
            ("x 'jq(.secrets.token)'", None),
            ("x jq(.secrets.token | @base64)", None),
            ("x jq(.secrets.other)", None),
            ("x jq(.secrets)", None),
            ("x jq(.data)", None),
            ("x js(data)", None),
            ("x jq(.a", None),
        ] {
            assert_eq!(line(command, &named).as_deref(), expected, "{command}");
        }
    }
}
