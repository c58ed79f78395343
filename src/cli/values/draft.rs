//! A Secret that is to be written.

use std::collections::BTreeMap;

use super::{SecretValue, Tree};

/// What will be written of a Secret. `stringData` is in `data` already, as the API server would put it there.
pub(in crate::cli) struct Draft {
    /// Its name; empty where the server makes one from `generateName`.
    pub name: String,
    /// The namespace that its document names.
    pub namespace: Option<String>,
    /// The rest of its metadata.
    pub metadata: Tree,
    /// Its type; empty: `Opaque`.
    pub type_: String,
    /// Whether its data may never change.
    pub immutable: Option<bool>,
    /// Its values.
    pub data: BTreeMap<String, SecretValue>,
}

impl Draft {
    /// One without data.
    pub(in crate::cli) fn new(name: &str, type_: &str) -> Self {
        let metadata = Tree::Map(Vec::new());
        Self {
            name: name.to_owned(),
            namespace: None,
            metadata,
            type_: type_.to_owned(),
            immutable: None,
            data: BTreeMap::new(),
        }
    }

    /// Its type, as the API server would have it.
    pub(in crate::cli) fn type_name(&self) -> &str {
        if self.type_.is_empty() { "Opaque" } else { &self.type_ }
    }

    /// How many bytes its values have together, as the limit of a Secret counts them.
    pub(in crate::cli) fn size(&self) -> usize {
        self.data.values().map(|value| value.expose().len()).sum()
    }

    /// Sets a label.
    pub(in crate::cli) fn label(&mut self, key: &str, value: &str) {
        if let Some(labels) = self.metadata.map_mut("labels") {
            labels.set(key, Tree::text(value));
        }
    }

    /// The object, in the order in which Go's type has its fields; `namespace` as it is to stand in it.
    pub(in crate::cli) fn object(&self, namespace: Option<&str>) -> Tree {
        let mut metadata = Vec::new();
        if !self.name.is_empty() {
            metadata.push(("name".to_owned(), Tree::text(&*self.name)));
        }
        metadata.extend(namespace.map(|namespace| ("namespace".to_owned(), Tree::text(namespace))));
        if let Tree::Map(rest) = &self.metadata {
            metadata.extend(rest.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let mut object = vec![
            ("kind".to_owned(), Tree::text("Secret")),
            ("apiVersion".to_owned(), Tree::text("v1")),
            ("metadata".to_owned(), Tree::Map(metadata)),
        ];
        object.extend(self.immutable.map(|is| ("immutable".to_owned(), Tree::Bool(is))));
        if !self.data.is_empty() {
            object.push(("data".to_owned(), self.encoded()));
        }
        if !self.type_.is_empty() {
            object.push(("type".to_owned(), Tree::text(&*self.type_)));
        }
        Tree::Map(object)
    }

    /// Its data as the API has it.
    pub(in crate::cli) fn encoded(&self) -> Tree {
        let entry = |(key, value): (&String, &SecretValue)| (key.clone(), Tree::Text(value.to_base64()));
        Tree::Map(self.data.iter().map(entry).collect())
    }
}
