//! What a file or an answer says, where any text may be a value: a tree without Debug.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::SecretValue;

/// JSON or YAML, in the order in which it is written.
#[derive(Clone)]
pub(in crate::cli) enum Tree {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, in UTF-8.
    Text(SecretValue),
    /// A list.
    List(Vec<Tree>),
    /// An object, without a key that stands twice.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// A text that is no value of a Secret.
    pub(in crate::cli) fn text(text: impl Into<String>) -> Self {
        Self::Text(SecretValue::new(text.into().into_bytes()))
    }

    /// The entry of that name.
    pub(in crate::cli) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Takes the entry of that name out.
    pub(in crate::cli) fn take(&mut self, key: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(at).1)
    }

    /// Sets the entry of that name, in its place where it was there. What is no object becomes one.
    pub(in crate::cli) fn set(&mut self, key: &str, value: Self) {
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Vec::new());
        }
        let Self::Map(entries) = self else { return };
        match entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => entries.push((key.to_owned(), value)),
        }
    }

    /// The entry of that name, made as an object where it is none.
    pub(in crate::cli) fn map_mut(&mut self, key: &str) -> Option<&mut Self> {
        if !matches!(self.get(key), Some(Self::Map(_))) {
            self.set(key, Self::Map(Vec::new()));
        }
        let Self::Map(entries) = self else { return None };
        entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Its text: for what is no value, as a name is.
    pub(in crate::cli) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => value.expose_text(),
            _ => None,
        }
    }

    /// Whether nothing stands there.
    pub(in crate::cli) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same with the keys of every object in order, as kubectl writes YAML.
    pub(in crate::cli) fn sorted(self) -> Self {
        match self {
            Self::List(items) => Self::List(items.into_iter().map(Self::sorted).collect()),
            Self::Map(mut entries) => {
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Map(entries.into_iter().map(|(key, value)| (key, value.sorted())).collect())
            }
            other => other,
        }
    }

    /// What it is, for a sentence that must not show it.
    pub(in crate::cli) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(is) => Self::Bool(is),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => Self::from(fields),
        }
    }
}

impl From<Map<String, Value>> for Tree {
    fn from(fields: Map<String, Value>) -> Self {
        Self::Map(fields.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(is))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(key) = fields.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom("a key stands twice"));
            }
            entries.push((key, fields.next_value()?));
        }
        Ok(Tree::Map(entries))
    }
}
