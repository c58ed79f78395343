//! The tree of a document, with places.

use std::fmt;

use granit_parser::Marker;
use serde_json::{Number, Value};

use super::resolve::Scalar;
use super::split::Part;

/// A line and a column of a text, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// Where a marker of a part stands in the whole text.
    pub(super) fn of(marker: &Marker, part: &Part<'_>) -> Self {
        let indent = if marker.line() <= 1 { part.indent } else { 0 };
        Self { line: marker.line().saturating_sub(1) + part.first_line, column: marker.col() + 1 + indent }
    }
}

/// About how many bytes a node takes without its text.
const NODE: usize = 100;

/// A value and where it begins.
#[derive(Clone)]
pub struct Node {
    /// Where it begins; of what came by an alias, where it is written.
    pub place: Place,
    /// Behind its last character; of a list or a map, where it begins.
    pub end: Place,
    /// What it is.
    pub(super) content: Content,
    /// About how many bytes it takes, with all that it holds.
    pub(super) size: usize,
}

#[derive(Clone)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Field>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key, as it is in JSON.
    pub key: String,
    /// Where the key begins.
    pub place: Place,
    /// Behind its last character.
    pub end: Place,
    /// The value.
    pub value: Node,
}

/// What a path led to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The key of the last part and its value; none at an item of a list, and at the root.
    pub field: Option<&'a Field>,
    /// The value.
    pub node: &'a Node,
    /// Whether the whole path is there. If not, this is the last part of it that is.
    pub whole: bool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Node {
    /// A scalar and where it ends.
    pub(super) fn scalar(place: Place, end: Place, scalar: Scalar) -> Self {
        let text = if let Scalar::Text(text) = &scalar { text.len() } else { 0 };
        Self { place, end, content: Content::Scalar(scalar), size: NODE.saturating_add(text) }
    }

    /// A list.
    pub(super) fn list(place: Place, items: Vec<Self>) -> Self {
        let size = items.iter().fold(NODE, |size, item| size.saturating_add(item.size));
        Self { place, end: place, content: Content::List(items), size }
    }

    /// A map.
    pub(super) fn map(place: Place, fields: Vec<Field>) -> Self {
        let of = |field: &Field| field.value.size.saturating_add(NODE).saturating_add(field.key.len());
        let size = fields.iter().fold(NODE, |size, field| size.saturating_add(of(field)));
        Self { place, end: place, content: Content::Map(fields), size }
    }

    /// The value without its places, with numbers as kubectl sends them.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.value(),
            Content::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Content::Map(fields) => {
                Value::Object(fields.iter().map(|field| (field.key.clone(), field.value.value())).collect())
            }
        }
    }

    /// The fields of a map; of anything else, none.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        if let Content::Map(fields) = &self.content { fields } else { &[] }
    }

    /// The items of a list; of anything else, none.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    /// Whether this is a list or a map.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        !matches!(self.content, Content::Scalar(_))
    }

    /// Where a field stands, named as in `spec.transform.secrets[0].key`. A key may itself hold dots and brackets: the path is
    /// followed as far as any reading of it leads.
    #[must_use]
    pub fn find(&self, path: &str) -> Found<'_> {
        self.follow(path, None).0
    }

    /// What was found, and how much of the path was not.
    fn follow<'a>(&'a self, path: &str, field: Option<&'a Field>) -> (Found<'a>, usize) {
        let here = (Found { field, node: self, whole: path.is_empty() }, path.len());
        if path.is_empty() {
            return here;
        }
        let item = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let item = item.and_then(|(index, rest)| Some((self.items().get(index.parse::<usize>().ok()?)?, rest)));
        let name = path.strip_prefix('.').unwrap_or(path);
        let fields = self.fields().iter().filter_map(|field| {
            let rest = name.strip_prefix(field.key.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then(|| field.value.follow(rest, Some(field)))
        });
        let items = item.into_iter().map(|(item, rest)| item.follow(rest, None));
        fields.chain(items).chain([here]).min_by_key(|(_, left)| *left).unwrap_or(here)
    }
}

/// A whole float is an integer in the JSON that kubectl sends, and what is above 64 bits is none.
pub(super) fn number(float: f64) -> Value {
    let whole = format!("{float}").parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(float)).map_or(Value::Null, Value::Number)
}
