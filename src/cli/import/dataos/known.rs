//! What the files define that other resources of theirs name: the images of stacks, and which Secrets are properties files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::PUBLIC;
use super::stack::{Stack, Stacks};

/// The type of a Secret that is handed over as one properties file.
pub const PROPERTIES: &str = "key-value-properties";

/// What the documents of all the files define, so that their order does not matter.
#[derive(Clone, Debug, Default)]
pub struct Known {
    stacks: Stacks,
    /// The workspace (none: all) and the name of Secrets whose type is key-value-properties.
    properties: BTreeSet<(Option<String>, String)>,
}

impl Known {
    /// Looks at documents; no value of a Secret is looked at.
    pub fn of<'a>(documents: impl Iterator<Item = &'a Value>) -> Self {
        let mut known = Self::default();
        for document in documents {
            known.learn(document, None);
            let resources = document.pointer("/bundle/resources").and_then(Value::as_array);
            for resource in resources.into_iter().flatten() {
                if let Some(spec) = resource.get("spec") {
                    known.learn(spec, resource.get("workspace").and_then(Value::as_str));
                }
            }
        }
        known
    }

    fn learn(&mut self, document: &Value, workspace: Option<&str>) {
        self.stacks.learn(document);
        let text = |field: &str| document.get(field).and_then(Value::as_str);
        let Some((kind, name)) = text("type").zip(text("name")) else { return };
        let of_type = document.get(kind).and_then(|secret| secret.get("type")).and_then(Value::as_str);
        if of_type != Some(PROPERTIES) {
            return;
        }
        let workspace = match kind {
            "secret" => Some(text("workspace").or(workspace).unwrap_or(PUBLIC).to_owned()),
            "instance-secret" => None,
            _ => return,
        };
        self.properties.insert((workspace, name.to_owned()));
    }

    /// The stack of this name, as a resource writes it: `NAME`, `NAME:VERSION`, `NAME+FLAVOR:VERSION`.
    #[must_use]
    pub fn stack(&self, name: &str) -> Option<&Stack> {
        self.stacks.get(name)
    }

    /// Whether the Secret is handed over as one properties file.
    #[must_use]
    pub fn is_properties(&self, workspace: &str, name: &str) -> bool {
        let named = |workspace: Option<&str>| self.properties.contains(&(workspace.map(Into::into), name.to_owned()));
        named(Some(workspace)) || named(None)
    }
}
