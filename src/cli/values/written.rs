//! Values on their way out: into a request, or where `--dry-run -o` asks for them. Only here is there something that serializes them.

use std::io::Write;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::ser::PrettyFormatter;
use serde_saphyr::DoubleQuoted;

use super::{SecretValue, Tree};
use crate::cli::error::Error;

/// A tree as serde takes it.
struct Written<'a>(&'a Tree);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Tree::Null => serializer.serialize_unit(),
            Tree::Bool(is) => serializer.serialize_bool(*is),
            Tree::Number(number) => number.serialize(serializer),
            Tree::Text(text) => match text.expose_text().unwrap_or_default() {
                text if is_other_in_yaml(text) => DoubleQuoted(text).serialize(serializer),
                text => serializer.serialize_str(text),
            },
            Tree::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Written(item)))?;
                list.end()
            }
            Tree::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, &Written(value)))?;
                map.end()
            }
        }
    }
}

/// Whether YAML 1.1 reads this as a time or a number, where serde-saphyr, which writes YAML 1.2, has no marks around it: `2026-11-22`,
/// `1:20`, `-_0`. kubectl quotes these. No base64 is one: it has none of the three marks.
fn is_other_in_yaml(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.contains([':', '-', '_'])
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '-' | '_' | '+' | '.' | 'T' | 'Z' | ' '))
}

/// The tree as JSON without blanks, byte for byte as Go's `encoding/json` writes it: what goes to the API server, into a docker
/// config, and into the hash of a name.
pub(in crate::cli) fn compact(tree: &Tree) -> Result<SecretValue, Error> {
    Ok(SecretValue::new(as_go_escapes(&serde_json::to_vec(&Written(tree))?)))
}

/// Prints the tree as JSON as kubectl does: indented by four blanks.
pub(in crate::cli) fn json(out: &mut impl Write, tree: &Tree) -> Result<(), Error> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
    Written(tree).serialize(&mut serializer)?;
    out.write_all(&as_go_escapes(&text))?;
    writeln!(out)?;
    Ok(())
}

/// Prints the tree as YAML as kubectl does: keys in order.
pub(in crate::cli) fn yaml(out: &mut impl Write, tree: Tree) -> Result<(), Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    out.write_all(serde_saphyr::to_string_with_options(&Written(&tree.sorted()), options)?.as_bytes())?;
    Ok(())
}

/// Go escapes what might be HTML, and two line ends that JavaScript stumbles over. In JSON these stand in strings only.
fn as_go_escapes(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        let (escaped, length): (&[u8], usize) = match (byte, after) {
            (b'<', _) => (b"\\u003c", 0),
            (b'>', _) => (b"\\u003e", 0),
            (b'&', _) => (b"\\u0026", 0),
            (0xe2, [0x80, 0xa8, ..]) => (b"\\u2028", 2),
            (0xe2, [0x80, 0xa9, ..]) => (b"\\u2029", 2),
            _ => (&[], 0),
        };
        if escaped.is_empty() {
            out.push(byte);
        } else {
            out.extend_from_slice(escaped);
        }
        rest = after.get(length..).unwrap_or_default();
    }
    out
}
