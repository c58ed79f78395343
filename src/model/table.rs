//! The API server's Tables: rows of cells as `kubectl get` prints them, and the metadata of each object.
//!
//! `Accept: application/json;as=Table;g=meta.k8s.io;v=v1` asks for them. Of a Secret no value comes along; what metadata is
//! kept is up to the type `M` of the reader. Nothing of an answer that cannot be read is quoted.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::secret::Keys;

/// A Table: of one object, or a page of a list.
#[derive(Deserialize)]
pub struct Table<M> {
    /// Metadata of the list.
    #[serde(default)]
    pub metadata: ListMeta,
    /// What the cells of each row are.
    #[serde(rename = "columnDefinitions")]
    columns: Vec<Column>,
    /// One for each object.
    pub rows: Vec<Row<M>>,
}

/// Metadata of a list.
#[derive(Default, Deserialize)]
pub struct ListMeta {
    /// Where the next page begins; absent or empty: this was the last.
    #[serde(default, rename = "continue")]
    pub next: Option<String>,
    /// From where a watch goes on.
    #[serde(default, rename = "resourceVersion")]
    pub version: String,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

/// One object.
#[derive(Deserialize)]
pub struct Row<M> {
    cells: Vec<Cell>,
    /// The object, as far as a Table has it.
    pub object: Object<M>,
}

/// An object without anything but its metadata.
#[derive(Deserialize)]
pub struct Object<M> {
    /// Its metadata.
    pub metadata: M,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cell {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
}

impl<M: DeserializeOwned> Table<M> {
    /// Decodes an answer.
    ///
    /// # Errors
    /// What does not fit, without a word of the answer itself: serde's own text may quote the input.
    pub fn decode(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| {
            format!("the API server's Table could not be read (line {}, column {})", error.line(), error.column())
        })
    }
}

impl<M> Table<M> {
    fn cell<'a>(&self, row: &'a Row<M>, column: &str) -> Option<&'a Cell> {
        let at = self.columns.iter().position(|known| known.name == column)?;
        row.cells.get(at)
    }

    /// A row's text under this heading.
    #[must_use]
    pub fn text<'a>(&self, row: &'a Row<M>, column: &str) -> Option<&'a str> {
        match self.cell(row, column)? {
            Cell::Text(text) => Some(text),
            Cell::Number(_) | Cell::Other(_) => None,
        }
    }

    /// A row's number under this heading.
    #[must_use]
    pub fn number(&self, row: &Row<M>, column: &str) -> Option<usize> {
        match self.cell(row, column)? {
            Cell::Number(number) => usize::try_from(*number).ok(),
            Cell::Text(text) => text.parse().ok(),
            Cell::Other(_) => None,
        }
    }
}

/// What one manager wrote, of `managedFields`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedFields {
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    fields_v1: Option<Fields>,
}

/// `f:data` after create, update, patch and client-side apply; `f:stringData` after a server-side apply of it.
#[derive(Deserialize)]
struct Fields {
    #[serde(default, rename = "f:data")]
    data: Option<FieldNames>,
    #[serde(default, rename = "f:stringData")]
    string_data: Option<FieldNames>,
    #[serde(default, rename = "f:immutable")]
    immutable: Option<IgnoredAny>,
}

impl ManagedFields {
    /// The names of the keys that this manager wrote; `None`: it wrote no data.
    #[must_use]
    pub fn data(&self) -> Option<impl Iterator<Item = &String>> {
        let fields = self.fields_v1.as_ref().filter(|fields| fields.data.is_some() || fields.string_data.is_some())?;
        Some(fields.data.iter().chain(&fields.string_data).flat_map(|names| &names.0))
    }

    /// When it wrote last.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.time.as_deref()?.parse().ok()
    }

    /// Whether it wrote the field `immutable`, be it `true` or `false`.
    #[must_use]
    pub fn wrote_immutable(&self) -> bool {
        self.fields_v1.as_ref().is_some_and(|fields| fields.immutable.is_some())
    }
}

/// The names of a Secret's keys, where its managers name as many as there are; else `managedFields` are gone or behind.
#[must_use]
pub fn keys(managers: &[ManagedFields], count: usize) -> Keys {
    let fields = managers.iter().filter_map(ManagedFields::data).flatten();
    let names: BTreeSet<String> = fields.filter_map(|field| field.strip_prefix("f:")).map(ToOwned::to_owned).collect();
    if names.len() == count { Keys::Known(names) } else { Keys::Unknown { count } }
}

/// The member names of an object; what they hold is skipped.
#[derive(Default)]
pub struct FieldNames(pub Vec<String>);

impl<'de> Deserialize<'de> for FieldNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = FieldNames;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldNames, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(FieldNames(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}
