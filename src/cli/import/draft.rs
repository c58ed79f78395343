//! What comes out: an object, with comments at its fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::finding::{Finding, Severity, child};
use crate::api::GROUP;

/// An object on its way out. Fields are named by JSON pointers, as in `/spec/transform/image`.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The object.
    pub object: Value,
    /// Lines above a field; the empty pointer is the object itself.
    pub comments: BTreeMap<String, Vec<String>>,
    /// What it was called in the source.
    pub called: String,
    /// What of others it reads.
    pub reads: Vec<Read>,
    /// The file and the object that it came from, as findings name them.
    pub origin: (String, String),
    /// The line at which the object begins.
    pub line: Option<usize>,
}

/// What of another object is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The other's name in the source.
    pub name: String,
    /// Where the source says so.
    pub path: String,
    /// In which line.
    pub line: Option<usize>,
}

impl Draft {
    /// A Pipeline without work.
    #[must_use]
    pub fn pipeline(name: &str) -> Self {
        let object = json!({
            "apiVersion": format!("{GROUP}/v1alpha1"),
            "kind": "Pipeline",
            "metadata": {"name": name},
            "spec": {},
        });
        Self { object, ..Self::default() }
    }

    /// An object of another kind, as it was read.
    #[must_use]
    pub fn foreign(object: Value) -> Self {
        Self { object, ..Self::default() }
    }

    /// Whether it is ours to validate.
    #[must_use]
    pub fn is_pipeline(&self) -> bool {
        self.text("/kind") == "Pipeline" && self.text("/apiVersion").starts_with(GROUP)
    }

    /// Its name, or nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// The pointers of its containers: `transform`, or each of the steps.
    #[must_use]
    pub fn containers(&self) -> Vec<String> {
        let steps = self.object.pointer("/spec/steps").and_then(Value::as_array).map_or(0, Vec::len);
        let transform = self.object.pointer("/spec/transform").map(|_| "/spec/transform".to_owned());
        transform.into_iter().chain((0..steps).map(|index| child("/spec/steps", index))).collect()
    }

    /// What stands at a pointer, if it is a text; else an empty one.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a field; objects on the way are made. What says nothing (null, an empty list or object) is not set.
    pub fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        let value = value.into();
        let says_nothing = match &value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if says_nothing {
            return;
        }
        let mut at = &mut self.object;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            at = match at {
                Value::Array(items) => {
                    let Some(item) = part.parse().ok().and_then(|index: usize| items.get_mut(index)) else { return };
                    item
                }
                other => {
                    if !other.is_object() {
                        *other = Value::Object(Map::new());
                    }
                    let Value::Object(fields) = other else { return };
                    fields.entry(part).or_insert(Value::Null)
                }
            };
        }
        *at = value;
    }

    /// Puts an element at the end of a list; its pointer.
    pub fn push(&mut self, pointer: &str, value: impl Into<Value>) -> String {
        if let Some(Value::Array(items)) = self.object.pointer_mut(pointer) {
            items.push(value.into());
            return child(pointer, items.len().saturating_sub(1));
        }
        self.set(pointer, json!([value.into()]));
        child(pointer, 0)
    }

    /// Something to be said of it.
    #[must_use]
    pub fn finding(&self, severity: Severity, path: &str, text: impl Into<String>) -> Finding {
        let (file, object) = self.origin.clone();
        Finding { severity, file, line: self.line, object, path: path.to_owned(), text: text.into() }
    }

    /// Writes a line above a field, once.
    pub fn comment(&mut self, pointer: &str, text: impl Into<String>) {
        let (lines, text) = (self.comments.entry(pointer.to_owned()).or_default(), text.into());
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_made_on_the_way_and_what_says_nothing_is_not_set() {
        let mut draft = Draft::pipeline("edges");
        draft.set("/spec/transform/image", "a:1");
        draft.set("/spec/transform/cmd", json!([]));
        draft.set(&child("/spec/metadata/labels", "a.io/b"), "c");
        assert_eq!(draft.push("/spec/steps", json!({"name": "a"})), "/spec/steps/0");
        assert_eq!(draft.push("/spec/steps", json!({"name": "b"})), "/spec/steps/1");
        draft.set("/spec/steps/1/image", "b:1");
        assert_eq!(
            draft.object["spec"],
            json!({"transform": {"image": "a:1"}, "metadata": {"labels": {"a.io/b": "c"}},
                "steps": [{"name": "a"}, {"name": "b", "image": "b:1"}]})
        );
        assert!(draft.is_pipeline() && draft.name() == "edges");
    }
}
