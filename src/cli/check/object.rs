//! The objects of files, each with the place of every field.

use serde_json::Value;

use super::files::File;
use super::finding::{Finding, Severity};
use super::place::{self, Focus};
use super::rules::Rule;
use crate::api::GROUP;
use crate::cli::manifest::{Document, Node};
use crate::model::parse::Violation;
use crate::model::world::RegistryKind;

/// The kinds of our group.
const KINDS: [&str; 3] = ["Pipeline", "Registry", "ClusterRegistry"];

/// An object of a file.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Object<'a> {
    /// The file.
    file: &'a File,
    /// The object.
    pub(in crate::cli) value: &'a Value,
    /// The same, with places.
    node: &'a Node,
}

/// Every object of a file; of a `List`, its items.
pub(in crate::cli) fn all(file: &File) -> Vec<Object<'_>> {
    let documents = file.documents.as_deref().unwrap_or_default();
    documents.iter().flat_map(|document| objects(file, document)).collect()
}

fn objects<'a>(file: &'a File, document: &'a Document) -> Vec<Object<'a>> {
    let Document { value, root } = document;
    let is_list = text(value, "/kind").is_some_and(|kind| kind.ends_with("List"));
    match value.get("items").and_then(Value::as_array) {
        Some(items) if is_list => {
            let nodes = root.find("items").node.items();
            items.iter().zip(nodes).map(|(value, node)| Object { file, value, node }).collect()
        }
        _ => vec![Object { file, value, node: root }],
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

impl<'a> Object<'a> {
    /// Whether it is a Pipeline of ours, of whatever version: other projects have that kind, too.
    pub(in crate::cli) fn is_pipeline(&self) -> bool {
        self.kind_of_ours() == Some("Pipeline")
    }

    /// What it says to be, if that is of our group, of whatever version.
    fn kind_of_ours(&self) -> Option<&'a str> {
        let group = text(self.value, "/apiVersion").and_then(|version| version.split('/').next());
        text(self.value, "/kind").filter(|_| group == Some(GROUP))
    }

    /// Whether it is a Registry or a ClusterRegistry of ours, and which.
    pub(super) fn registry(&self) -> Option<RegistryKind> {
        match self.kind_of_ours()? {
            "Registry" => Some(RegistryKind::Registry),
            "ClusterRegistry" => Some(RegistryKind::ClusterRegistry),
            _ => None,
        }
    }

    /// The kind of ours that it is said to be, and that there is not.
    pub(super) fn stranger(&self) -> Option<&'a str> {
        self.kind_of_ours().filter(|kind| !KINDS.contains(&kind.strip_suffix("List").unwrap_or(kind)))
    }

    /// Whether it is a Secret.
    pub(super) fn is_secret(&self) -> bool {
        text(self.value, "/apiVersion") == Some("v1") && text(self.value, "/kind") == Some("Secret")
    }

    /// Its name, or what its name is made from.
    pub(super) fn name(&self) -> Option<&'a str> {
        text(self.value, "/metadata/name").or_else(|| text(self.value, "/metadata/generateName"))
    }

    /// The namespace that it names itself.
    pub(super) fn namespace(&self) -> Option<&'a str> {
        text(self.value, "/metadata/namespace")
    }

    /// A rule of its kind that it breaks.
    pub(super) fn violation(&self, broken: Violation) -> Finding {
        let unknown = broken.message.starts_with("unknown field");
        let rule = if unknown { Rule::UnknownField } else { Rule::InvalidField };
        self.finding(rule, Severity::Error, &broken.field, broken.message)
    }

    /// Something to be mended in it. The place is that of the field; if it is not there, that of what it would stand in.
    pub(super) fn finding(&self, rule: Rule, severity: Severity, field: &str, message: impl Into<String>) -> Finding {
        let kind = text(self.value, "/kind").unwrap_or("object");
        let focus = match rule {
            Rule::UnknownField | Rule::LiteralCredential => Focus::Key,
            _ if self.is_secret() => Focus::Key,
            _ => Focus::Value,
        };
        Finding {
            rule,
            severity,
            place: Some(place::locate(self.file, self.node.find(field), field, focus)),
            object: format!("{kind} {}", self.name().unwrap_or("without a name")),
            field: field.to_owned(),
            message: message.into(),
        }
    }
}
