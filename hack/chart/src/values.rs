//! Reads values.yaml with what its comments say: one [`Entry`] for each value that has a description of its own.

use serde_json::{Map, Value};

/// One value, or a group of them.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its keys from the root.
    pub(crate) path: Vec<String>,
    /// The text after two dashes; only a group may have none.
    pub(crate) description: String,
    /// What `@schema` says of it.
    pub(crate) schema: Map<String, Value>,
    /// What stands in values.yaml.
    pub(crate) default: Value,
    /// Whether the keys below it are values of their own.
    pub(crate) is_group: bool,
}

/// What the comments before a line have said so far.
#[derive(Debug, Default)]
struct Comment {
    description: Option<String>,
    schema: Option<Map<String, Value>>,
}

impl Comment {
    fn read(&mut self, text: &str) -> Result<(), String> {
        if let Some(start) = text.strip_prefix("-- ") {
            self.description = Some(start.to_owned());
        } else if let Some(schema) = text.strip_prefix("@schema ") {
            let read = serde_saphyr::from_str(schema).map_err(|error| format!("@schema {schema}: {error}"))?;
            self.schema = Some(read);
        } else if let (Some(description), None) = (&mut self.description, &self.schema) {
            description.push(' ');
            description.push_str(text);
        }
        Ok(())
    }
}

/// All entries, in the order of the file. The error names the line that has to be mended.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>, String> {
    let root: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    // The keys above the line, each with its indentation; and the value whose lines are being passed over.
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut inside: Option<usize> = None;
    let mut comment = Comment::default();
    for (number, line) in text.lines().enumerate() {
        let at = |problem: &str| format!("line {}: {problem}", number + 1);
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.is_empty() {
            comment = Comment::default();
            continue;
        }
        if inside.is_some_and(|value| indent > value || content.starts_with("- ") && indent == value) {
            continue;
        }
        inside = None;
        if let Some(words) = content.strip_prefix('#') {
            comment.read(words.trim()).map_err(|problem| at(&problem))?;
            continue;
        }
        let (key, _) = content.split_once(':').ok_or_else(|| at("neither a comment nor a key"))?;
        above.retain(|(depth, _)| *depth < indent);
        above.push((indent, key.to_owned()));
        let path: Vec<String> = above.iter().map(|(_, key)| key.clone()).collect();
        let default = look_up(&root, &path).ok_or_else(|| at("the key was not found again"))?.clone();
        let Comment { description, schema } = std::mem::take(&mut comment);
        let is_group = schema.is_none() && default.as_object().is_some_and(|map| !map.is_empty());
        if !is_group {
            inside = Some(indent);
        }
        if description.is_none() && !is_group {
            return Err(at(&format!("{} has no description (`# -- …`)", path.join("."))));
        }
        let description = description.unwrap_or_default();
        entries.push(Entry { path, description, schema: schema.unwrap_or_default(), default, is_group });
    }
    Ok(entries)
}

fn look_up<'a>(root: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn a_value_has_its_comment_and_a_group_its_values() {
        let text = "\
# Not a description.

# -- What it is,
# over two lines.
# @schema {minimum: 1}
count: 1

pod:
  # -- Its labels.
  # @schema {$ref: texts}
  labels:
    a: b
  # -- Its ports.
  # @schema {$ref: objects}
  ports:
  - name: x
    number: 1
  # -- Its name.
  name: n
";
        let entries = read(text).unwrap_or_default();
        let seen: Vec<_> = entries.iter().map(|entry| (entry.path.join("."), entry.is_group)).collect();
        let expected =
            [("count", false), ("pod", true), ("pod.labels", false), ("pod.ports", false), ("pod.name", false)];
        assert_eq!(seen, expected.map(|(path, group)| (path.to_owned(), group)));
        let count = entries.first();
        assert_eq!(count.map(|entry| entry.description.as_str()), Some("What it is, over two lines."));
        assert_eq!(count.and_then(|entry| entry.schema.get("minimum")), Some(&json!(1)));
    }

    #[test]
    fn a_value_without_a_description_is_named() {
        let refused = read("a:\n  b: 1\n").err();
        assert_eq!(refused.as_deref(), Some("line 2: a.b has no description (`# -- …`)"));
    }
}
