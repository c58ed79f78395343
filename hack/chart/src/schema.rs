//! The schema of the values: closed wherever the shape is ours.

use serde_json::{Map, Value, json};

use crate::values::Entry;

/// Shapes that several values have.
const DEFS: &str = include_str!("defs.json");

/// The text of values.schema.json.
pub(crate) fn write(entries: &[Entry]) -> Result<String, String> {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart lockgate",
        "type": "object",
        "additionalProperties": false,
        "properties": {},
        "$defs": serde_json::from_str::<Value>(DEFS).map_err(|error| format!("defs.json: {error}"))?,
    });
    for entry in entries {
        let node = if entry.is_group { group(entry) } else { value(entry)? };
        put(&mut root, &entry.path, node).ok_or_else(|| format!("{} has no group above it", entry.path.join(".")))?;
    }
    let text = serde_json::to_string_pretty(&root).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn group(entry: &Entry) -> Value {
    let mut node = json!({"type": "object", "additionalProperties": false, "properties": {}});
    if let (Some(map), false) = (node.as_object_mut(), entry.description.is_empty()) {
        map.insert("description".into(), entry.description.clone().into());
    }
    node
}

fn value(entry: &Entry) -> Result<Value, String> {
    let mut node = Map::new();
    if !entry.schema.contains_key("$ref") {
        let inferred = match &entry.default {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Null => "",
        };
        node.insert("type".into(), inferred.into());
    }
    node.extend(entry.schema.clone());
    let says = |key: &str| node.contains_key(key);
    let missing = match &entry.default {
        Value::Null if node.get("type") == Some(&"".into()) => Some("type"),
        Value::Array(_) if !says("$ref") && !says("items") => Some("items"),
        Value::Object(_) if !says("$ref") && !says("additionalProperties") => Some("additionalProperties"),
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(format!("{}: @schema has to say {missing}", entry.path.join(".")));
    }
    node.insert("description".into(), entry.description.clone().into());
    node.insert("default".into(), entry.default.clone());
    Ok(Value::Object(node))
}

/// Puts a node where its path says.
fn put(root: &mut Value, path: &[String], node: Value) -> Option<()> {
    let (last, groups) = path.split_last()?;
    let parent = groups.iter().try_fold(root, |at, key| at.get_mut("properties")?.get_mut(key))?;
    parent.get_mut("properties")?.as_object_mut()?.insert(last.clone(), node);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::values::read;

    #[test]
    fn a_shape_that_nobody_described_is_refused() {
        for (text, expected) in [
            ("# -- x\nlist: []\n", "list: @schema has to say items"),
            ("# -- x\nmap: {}\n", "map: @schema has to say additionalProperties"),
            ("# -- x\nnumber: null\n", "number: @schema has to say type"),
        ] {
            let refused = read(text).and_then(|entries| write(&entries)).err();
            assert_eq!(refused.as_deref(), Some(expected));
        }
    }
}
