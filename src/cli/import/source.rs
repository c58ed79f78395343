//! An object to be mapped, from which fields are taken one by one: what nobody took is reported, so that nothing is dropped in
//! silence.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::{Finding, Severity, child, path_of};
use super::secrets::Sealed;
use crate::cli::manifest::Node;

/// One document of a file, and what is said of it. Fields are named by JSON pointers in `snake_case`; the same in camelCase is
/// found as well. It may hold values of a Secret, and has no `Debug`.
pub struct Source {
    value: Value,
    /// Where its parts stand.
    root: Option<Node>,
    file: String,
    /// What findings call it, as in `pipeline edges`.
    pub object: String,
    findings: Vec<Finding>,
    /// Secrets that it was, or held.
    pub(super) secrets: Vec<Sealed>,
}

impl Source {
    /// A document; `number` is its place in the file, from 1, and names it until it says its own name.
    #[must_use]
    pub fn new(file: &str, number: usize, value: Value) -> Self {
        let (file, object) = (file.to_owned(), format!("document {number}"));
        Self { value, root: None, file, object, findings: Vec::new(), secrets: Vec::new() }
    }

    /// The same with the places of its parts.
    #[must_use]
    pub fn located(mut self, root: Node) -> Self {
        self.root = Some(root);
        self
    }

    /// What is there now, to be taken from a second time; what is said of it is forgotten.
    #[must_use]
    pub(super) fn again(&self) -> Self {
        Self::new(&self.file, 0, self.value.clone())
    }

    /// The line in which a field stands, or what is nearest to it.
    #[must_use]
    pub fn line(&self, pointer: &str) -> Option<usize> {
        let found = self.root.as_ref()?.find(&path_of(&self.spelling(pointer)));
        Some(found.field.map_or(found.node.place, |field| field.place).line)
    }

    /// What stands there, and stays there.
    #[must_use]
    pub fn peek(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(&self.spelling(pointer)).filter(|value| !value.is_null())
    }

    /// What stands there, which counts as mapped from then on. A null is nothing.
    pub fn take(&mut self, pointer: &str) -> Option<Value> {
        let pointer = self.spelling(pointer);
        let taken = self.value.pointer_mut(&pointer).map(Value::take).filter(|value| !value.is_null());
        self.close(&pointer);
        taken
    }

    /// A text, a number or a switch as text; anything else is an error.
    pub fn text(&mut self, pointer: &str) -> Option<String> {
        match self.take(pointer)? {
            Value::String(text) => Some(text),
            // A whole number is what it says; `1.10` and `yes` have become something else.
            scalar @ (Value::Number(_) | Value::Bool(_)) => {
                if !scalar.is_i64() && !scalar.is_u64() {
                    let what = if scalar.is_boolean() { "true or false" } else { "a number with parts" };
                    self.note(pointer, format!("is read as {what}, not as text: put it into quotes in the source"));
                }
                Some(scalar.to_string())
            }
            _ => self.wrong(pointer, "a text"),
        }
    }

    /// A whole number, which may be written as text, as protobuf writes 64 bits.
    pub fn integer(&mut self, pointer: &str) -> Option<i64> {
        let value = self.take(pointer)?;
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        number.or_else(|| self.wrong(pointer, "a whole number"))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, pointer: &str) -> Option<bool> {
        let value = self.take(pointer)?;
        value.as_bool().or_else(|| self.wrong(pointer, "true or false"))
    }

    /// A list of texts; numbers and switches in it are taken as text.
    pub fn texts(&mut self, pointer: &str) -> Vec<String> {
        let count = self.len(pointer);
        if count == 0 && self.peek(pointer).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
            self.take(pointer);
            return self.wrong(pointer, "a list of texts").unwrap_or_default();
        }
        let texts = (0..count).filter_map(|index| self.text(&child(pointer, index))).collect();
        self.take(pointer);
        texts
    }

    /// Texts by name; numbers and switches are taken as text.
    pub fn text_map(&mut self, pointer: &str) -> BTreeMap<String, String> {
        if self.peek(pointer).is_some_and(|value| !value.is_object()) {
            self.take(pointer);
            return self.wrong(pointer, "texts by name").unwrap_or_default();
        }
        let names = self.names(pointer);
        let pairs = names.into_iter().filter_map(|name| Some((name.clone(), self.text(&child(pointer, name))?)));
        let pairs = pairs.collect();
        self.take(pointer);
        pairs
    }

    /// How many elements the list has; 0 where there is none.
    #[must_use]
    pub fn len(&self, pointer: &str) -> usize {
        self.peek(pointer).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The pointers of a list's elements.
    #[must_use]
    pub fn elements(&self, pointer: &str) -> Vec<String> {
        (0..self.len(pointer)).map(|index| child(pointer, index)).collect()
    }

    /// The names of an object's fields, as they are spelled.
    #[must_use]
    pub fn names(&self, pointer: &str) -> Vec<String> {
        self.peek(pointer).and_then(Value::as_object).map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    }

    /// Takes what has no counterpart, and says so if it was there.
    pub fn lost(&mut self, pointer: &str, text: impl Into<String>) {
        if self.peek(pointer).is_some() {
            self.say(Severity::Lost, pointer, text);
            self.take(pointer);
        }
    }

    /// The same for what is as good as not there while it is empty, 0 or false.
    pub fn lost_unless_empty(&mut self, pointer: &str, text: &str) {
        let says_nothing = self.peek(pointer).is_some_and(|value| match value {
            Value::Bool(value) => !value,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::Null => true,
        });
        if says_nothing {
            self.take(pointer);
        }
        self.lost(pointer, text);
    }

    /// Says of a field that was taken that what it did is not done here.
    pub fn unserved(&mut self, pointer: &str, text: impl Into<String>) {
        self.say(Severity::Lost, pointer, text);
    }

    /// Takes an object or a list that is empty.
    pub fn take_empty(&mut self, pointer: &str) {
        let is_empty = self.peek(pointer).is_some_and(|value| match value {
            Value::Array(items) => items.iter().all(Value::is_null),
            Value::Object(fields) => fields.values().all(Value::is_null),
            _ => false,
        });
        if is_empty {
            self.take(pointer);
        }
    }

    /// Says something of a field, whether it was taken or not.
    pub fn say(&mut self, severity: Severity, pointer: &str, text: impl Into<String>) {
        let path = path_of(&self.spelling(pointer));
        self.findings.push(Finding {
            severity,
            file: self.file.clone(),
            line: self.line(pointer),
            object: self.object.clone(),
            path,
            text: text.into(),
        });
    }

    /// Says how a field was mapped.
    pub fn note(&mut self, pointer: &str, text: impl Into<String>) {
        self.say(Severity::Note, pointer, text);
    }

    /// Says what has to be mended.
    pub fn error(&mut self, pointer: &str, text: impl Into<String>) {
        self.say(Severity::Error, pointer, text);
    }

    /// The file and the object, as findings name them.
    #[must_use]
    pub fn origin(&self) -> (String, String) {
        (self.file.clone(), self.object.clone())
    }

    /// What was said, and every field that nobody took.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        let mut left = Vec::new();
        leaves(&self.value, "", &mut left);
        for pointer in left {
            self.say(Severity::Lost, &pointer, "this field is not known here, and was left out");
        }
        self.findings
    }

    fn wrong<T>(&mut self, pointer: &str, wanted: &str) -> Option<T> {
        self.error(pointer, format!("must be {wanted}: mend it in the source"));
        None
    }

    /// The pointer as the document spells it: each part as given, else in camelCase.
    fn spelling(&self, pointer: &str) -> String {
        let mut spelled = String::new();
        for part in pointer.split('/').skip(1) {
            let given = format!("{spelled}/{part}");
            let camel = format!("{spelled}/{}", camel_case(part));
            // What was taken is still known by its place.
            let was_there = |pointer: &str| self.root.as_ref().is_some_and(|root| root.find(&path_of(pointer)).whole);
            let is_there =
                |pointer: &str| self.value.pointer(pointer).is_some_and(|value| !value.is_null()) || was_there(pointer);
            spelled = if !is_there(&given) && is_there(&camel) { camel } else { given };
        }
        spelled
    }

    /// What holds nothing any more after a field was taken is taken with it.
    fn close(&mut self, pointer: &str) {
        let mut pointer = pointer;
        while let Some((parent, _)) = pointer.rsplit_once('/') {
            let Some(value) = self.value.pointer_mut(parent) else { return };
            let is_empty = match value {
                Value::Object(fields) => fields.values().all(Value::is_null),
                Value::Array(items) => items.iter().all(Value::is_null),
                _ => false,
            };
            if !is_empty {
                return;
            }
            *value = Value::Null;
            pointer = parent;
        }
    }
}

/// `image_pull_secrets` is `imagePullSecrets`.
fn camel_case(text: &str) -> String {
    let mut parts = text.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |camel, part| {
        let mut letters = part.chars();
        let upper: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        camel + &upper + letters.as_str()
    })
}

/// The pointers of what is left: scalars, what is empty, and lists of scalars as one.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let is_inner = |value: &Value| value.is_object() || value.is_array();
    match value {
        Value::Null => {}
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, field)| leaves(field, &child(pointer, name), found));
        }
        Value::Array(items) if items.iter().any(is_inner) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, &child(pointer, index), found));
        }
        _ => found.push(pointer.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn lost(source: Source) -> Vec<String> {
        source.finish().into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn what_nobody_took_is_reported_and_what_was_emptied_is_not() {
        let mut source =
            Source::new("f", 1, json!({"a": {"b": 1, "c": [{"d": "x"}, {"e": [1, 2], "f": {}}]}, "g": null}));
        assert_eq!(lost(source.again()), ["a.b", "a.c[0].d", "a.c[1].e", "a.c[1].f"]);
        assert_eq!(source.text("/a/c/0/d").as_deref(), Some("x"));
        assert_eq!(source.texts("/a/c/1/e"), ["1", "2"]);
        assert_eq!(lost(source.again()), ["a.b", "a.c[1].f"]);
        source.take("/a/c/1/f");
        assert_eq!(source.integer("/a/b"), Some(1));
        assert_eq!(lost(source), Vec::<String>::new());
    }

    #[test]
    fn both_spellings_are_found_and_shown_as_they_stand() {
        let mut source = Source::new("f", 1, json!({"transform": {"errCmd": ["a"], "acceptReturnCode": 1}}));
        source.lost("/transform/err_cmd", "no");
        assert_eq!(lost(source), ["transform.errCmd", "transform.acceptReturnCode"]);
        assert_eq!(camel_case("image_pull_secrets"), "imagePullSecrets");
    }

    #[test]
    fn another_type_is_an_error() {
        let mut source = Source::new("f", 1, json!({"a": [1], "b": "x", "c": "y", "d": {}, "e": [[]], "n": "12"}));
        assert_eq!(source.text("/a"), None);
        assert_eq!(source.integer("/b"), None);
        assert_eq!(source.flag("/c"), None);
        assert_eq!(source.texts("/d"), Vec::<String>::new());
        assert_eq!(source.texts("/e"), Vec::<String>::new());
        assert_eq!(source.integer("/n"), Some(12));
        let found = source.finish();
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found.iter().all(|finding| finding.severity == Severity::Error));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![any::<i32>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from), Just(json!(null))];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c_/~0]{1,2}", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_leaves_taken_is_nothing_left(value in any_value()) {
            let mut source = Source::new("f", 1, value);
            let mut left = Vec::new();
            leaves(&source.value, "", &mut left);
            for pointer in left {
                // The root has no name.
                if pointer.is_empty() { return Ok(()); }
                prop_assert!(source.take(&pointer).is_some(), "{}", pointer);
            }
            prop_assert_eq!(lost(source), Vec::<String>::new());
        }
    }
}
