//! The API server's table (`meta.k8s.io/v1`): the columns that the definition asks for, and its cells as they come. Pure.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::cli::ask::Page;
use crate::model::table::ListMeta;

/// A table, or a part of one.
#[derive(Default, Deserialize)]
pub(super) struct Table {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default, rename = "columnDefinitions", deserialize_with = "or_none")]
    columns: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Clone, Deserialize)]
struct Column {
    name: String,
    /// 0: always shown; more: with `-o wide`.
    #[serde(default)]
    priority: i32,
}

#[derive(Clone, Deserialize)]
struct Row {
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(default)]
    object: Object,
}

#[derive(Clone, Default, Deserialize)]
struct Object {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Clone, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
}

/// A watch tells the columns once, and `null` with every later row.
fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Column>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Page for Table {
    fn list_meta(&self) -> &ListMeta {
        &self.metadata
    }
}

impl Table {
    /// Takes in another part.
    pub(super) fn append(&mut self, other: Self) {
        if self.columns.is_empty() {
            self.columns = other.columns;
        }
        self.metadata = other.metadata;
        self.rows.extend(other.rows);
    }

    /// Takes the rows of a change, which may come without the definitions of its columns.
    pub(super) fn turn_to(&mut self, change: Self) {
        self.rows.clear();
        if !change.columns.is_empty() {
            self.columns.clear();
        }
        self.append(change);
    }

    /// From where a watch goes on.
    pub(super) fn version(&self) -> &str {
        &self.metadata.version
    }

    /// Whether it has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the columns, as kubectl writes them.
    pub(super) fn header(&self, wide: bool, with_namespace: bool) -> Vec<String> {
        let names = self.columns.iter().filter(|column| wide || column.priority == 0);
        let names = names.map(|column| column.name.to_uppercase());
        with_namespace.then(|| "NAMESPACE".to_owned()).into_iter().chain(names).collect()
    }

    /// The cells of these columns.
    pub(super) fn rows(&self, wide: bool, with_namespace: bool) -> Vec<Vec<String>> {
        let cells = |row: &Row| -> Vec<String> {
            let shown = row.cells.iter().zip(&self.columns).filter(|(_, column)| wide || column.priority == 0);
            let shown = shown.map(|(cell, _)| text(cell));
            with_namespace.then(|| row.object.metadata.namespace.clone()).into_iter().chain(shown).collect()
        };
        self.rows.iter().map(cells).collect()
    }
}

/// A cell as kubectl prints it.
fn text(cell: &Value) -> String {
    match cell {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A page of whole objects.
#[derive(Deserialize)]
pub(super) struct Objects {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default)]
    items: Vec<Value>,
    #[serde(default, rename = "apiVersion")]
    api_version: String,
    #[serde(default)]
    kind: String,
}

impl Page for Objects {
    fn list_meta(&self) -> &ListMeta {
        &self.metadata
    }
}

impl Objects {
    /// The objects, each with its kind, which those of a list may lack.
    pub(super) fn items(self) -> Vec<Value> {
        let (version, kind) = (self.api_version, self.kind.trim_end_matches("List").to_owned());
        let whole = |mut item: Value| {
            if let Some(fields) = item.as_object_mut() {
                fields.entry("apiVersion").or_insert_with(|| version.clone().into());
                fields.entry("kind").or_insert_with(|| kind.clone().into());
            }
            item
        };
        self.items.into_iter().map(whole).collect()
    }
}

/// Leaves out what kubectl leaves out.
pub(super) fn without_managed_fields(object: &mut Value) {
    object.pointer_mut("/metadata").and_then(Value::as_object_mut).and_then(|fields| fields.remove("managedFields"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        serde_json::from_value(json!({
            "metadata": {"resourceVersion": "7"},
            "columnDefinitions": [{"name": "Name", "type": "string"}, {"name": "Waiting-For"}, {"name": "Run", "priority": 1}],
            "rows": [{"cells": ["edges", null, 3], "object": {"metadata": {"namespace": "team-a"}}}],
        }))
        .unwrap()
    }

    #[test]
    fn columns_are_those_that_kubectl_shows() {
        assert_eq!(table().header(false, false), ["NAME", "WAITING-FOR"]);
        assert_eq!(table().header(true, true), ["NAMESPACE", "NAME", "WAITING-FOR", "RUN"]);
        assert_eq!(table().rows(false, false), [["edges", "<none>"]]);
        assert_eq!(table().rows(true, true), [["team-a", "edges", "<none>", "3"]]);
    }

    #[test]
    fn parts_are_one_table() {
        let mut whole = Table::default();
        assert!(whole.is_empty());
        whole.append(table());
        whole.append(table());
        assert_eq!(whole.rows(false, false).len(), 2);
    }

    #[test]
    fn a_change_has_the_columns_of_the_list() {
        let mut shown = table();
        let change = json!({"columnDefinitions": null, "rows": [{"cells": ["faces", "Secret db", 1]}]});
        shown.turn_to(serde_json::from_value(change).unwrap());
        assert_eq!(shown.rows(false, false), [["faces", "Secret db"]]);
    }

    #[test]
    fn an_item_of_a_list_is_a_whole_object() {
        let list =
            json!({"apiVersion": "a/v1", "kind": "PipelineList", "items": [{"metadata": {"managedFields": []}}]});
        let mut items = serde_json::from_value::<Objects>(list).unwrap().items();
        items.iter_mut().for_each(without_managed_fields);
        assert_eq!(items, [json!({"apiVersion": "a/v1", "kind": "Pipeline", "metadata": {}})]);
    }
}
