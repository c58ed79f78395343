//! Stacks: what DataOS runs for `stack: NAME:VERSION`. One that is defined in the same files says its image.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::finding::{Severity, child};
use super::super::source::Source;

/// What a stack brings along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// The image.
    pub image: String,
    /// The Secret that it is pulled with.
    pub pull_secret: Option<String>,
    /// What it runs, where the image does not say.
    pub command: Vec<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
}

/// The stacks that files define, by `NAME:VERSION` and, the last of a name, by `NAME`.
#[derive(Clone, Debug, Default)]
pub struct Stacks(BTreeMap<String, Stack>);

impl Stacks {
    /// Takes in what a document defines, if it is a stack.
    pub fn learn(&mut self, document: &Value) {
        let at = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        let Some(name) = at("/stack/name").filter(|_| at("/type") == Some("stack")) else { return };
        let Some(image) = at("/stack/image/image") else { return };
        let parts = [at("/stack/image/registry"), at("/stack/image/repository"), Some(image)];
        let mut image = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        if let Some(tag) = text_of(document.pointer("/stack/image/tag")) {
            image = format!("{image}:{tag}");
        }
        let texts = |pointer: &str| {
            let list = document.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|item| text_of(Some(item))).collect()
        };
        let variables = document.pointer("/stack/environmentVars").and_then(Value::as_object).into_iter().flatten();
        let stack = Stack {
            image,
            pull_secret: at("/stack/image/auth/imagePullSecret").map(ToOwned::to_owned),
            command: texts("/stack/command"),
            arguments: texts("/stack/arguments"),
            variables: variables.filter_map(|(name, value)| Some((name.clone(), text_of(Some(value))?))).collect(),
        };
        let flavor = at("/stack/flavor").map(|flavor| format!("+{flavor}")).unwrap_or_default();
        if let Some(version) = text_of(document.pointer("/stack/version")) {
            self.0.insert(format!("{name}{flavor}:{version}"), stack.clone());
        }
        self.0.insert(format!("{name}{flavor}"), stack);
    }

    /// The stack of this name, as a resource writes it: `NAME`, `NAME:VERSION`, `NAME+FLAVOR:VERSION`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Stack> {
        self.0.get(name)
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string()),
        _ => None,
    }
}

/// Says of a stack's own document what was used of it.
pub fn report(source: &mut Source, section: &str) {
    if source.peek(&child(section, "image")).is_some() {
        source.note(
            &child(section, "image"),
            "a stack is no object here: its image, command, arguments and variables go into each Pipeline of these files that names it",
        );
    }
    for field in [
        "name",
        "flavor",
        "version",
        "reconciler",
        "image",
        "command",
        "arguments",
        "environmentVars",
        "stackSpecValueSchema",
    ] {
        source.take(&child(section, field));
    }
    let is_left = source.peek(section).is_some();
    if is_left {
        source.say(
            Severity::Lost,
            section,
            "templates of config files and objects are not rendered here: render them once and mount them from a ConfigMap, as in volumes: [{config_map, mount_path: /etc/dataos/config}]",
        );
        source.take(section);
    }
}
