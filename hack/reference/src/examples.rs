//! How a field is written: a line of YAML out of a manifest that a test applies.

use serde_json::{Map, Value};

/// A line of an example is no longer than this, if any is.
const SHORT: usize = 110;
/// An object is shown in place of one field of it up to here.
const SMALL: usize = 64;

/// What examples are taken from.
pub struct Examples {
    pub good: Vec<Value>,
    pub refused: Vec<Value>,
}

/// An example of a field.
pub enum Example {
    Good(String),
    /// The field is refused whatever it holds, as here.
    Refused(String),
}

impl Examples {
    /// The first that is short; without one the shortest. What holds something comes before what is empty. A manifest that is
    /// refused is an example only of a field that has to be empty.
    pub fn of(&self, path: &[String], only_empty: bool) -> Option<Example> {
        let good = best(&self.good, path).map(|(text, _)| Example::Good(text));
        let refused = || best(&self.refused, path).map(|(text, _)| Example::Refused(text));
        good.or_else(|| only_empty.then(refused).flatten())
    }
}

/// The example, and whether it is an empty one.
fn best(manifests: &[Value], path: &[String]) -> Option<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let (part, rest) = path.split_first()?;
    for part in manifests.iter().filter_map(|manifest| manifest.get(part)) {
        snippets(part, rest, &mut found);
    }
    let short = |(text, empty): &&(String, bool)| text.len() <= SHORT && !empty;
    let first = found.iter().find(short).cloned();
    first.or_else(|| found.into_iter().min_by_key(|(text, empty)| (*empty, text.len())))
}

/// Every place of that path, each as a line.
fn snippets(value: &Value, path: &[String], found: &mut Vec<(String, bool)>) {
    let Some((part, rest)) = path.split_first() else { return };
    let (name, is_list) = part.strip_suffix("[]").map_or((part.as_str(), false), |name| (name, true));
    let Some(inner) = value.get(name).filter(|inner| !inner.is_null()) else { return };
    if rest.is_empty() {
        found.push((format!("{name}: {}", few(name, inner)), is_empty(inner)));
    } else if is_list {
        for entry in inner.as_array().into_iter().flatten() {
            let mut below = Vec::new();
            snippets(entry, rest, &mut below);
            found.extend(below.into_iter().map(|(text, empty)| (in_entry(entry, rest, text), empty)));
        }
    } else {
        let mut below = Vec::new();
        snippets(inner, rest, &mut below);
        let whole = flow(name, inner);
        let small = whole.len() <= SMALL && rest.len() == 1;
        found.extend(
            below.into_iter().map(|(text, empty)| (if small { format!("{name}: {whole}") } else { text }, empty)),
        );
    }
}

/// The entry of a list, or as much of it as says which one it is and what the field holds.
fn in_entry(entry: &Value, rest: &[String], text: String) -> String {
    if text.starts_with("- ") {
        return text;
    }
    let whole = format!("- {}", flow("", entry));
    if whole.len() <= SHORT {
        return whole;
    }
    let first = rest.first().map(|part| part.trim_end_matches("[]"));
    match (entry.get("name"), first, rest.len()) {
        (Some(_), Some("name"), _) | (None, ..) => format!("- {text}"),
        (Some(name), _, 1) => format!("- {{name: {}, {text}}}", flow("name", name)),
        _ => text,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// The value, or of a long list of objects its shortest.
fn few(name: &str, value: &Value) -> String {
    let whole = flow(name, value);
    let objects = value.as_array().filter(|all| whole.len() > SHORT && all.iter().all(Value::is_object));
    let shortest = objects.and_then(|all| all.iter().map(|one| flow("", one)).min_by_key(String::len));
    shortest.map_or(whole, |one| format!("[{one}]"))
}

/// YAML in one line.
fn flow(name: &str, value: &Value) -> String {
    match value {
        Value::Object(fields) => format!("{{{}}}", entries(fields)),
        Value::Array(all) => format!("[{}]", all.iter().map(|one| flow("", one)).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar(text),
        // The bits of a file's mode, as people write them.
        Value::Number(number) if name == "mode" => format!("0{:o}", number.as_u64().unwrap_or_default()),
        other => other.to_string(),
    }
}

/// The name first: it says which one it is.
fn entries(fields: &Map<String, Value>) -> String {
    let first = fields.iter().filter(|(name, _)| *name == "name");
    let rest = fields.iter().filter(|(name, _)| *name != "name");
    first
        .chain(rest)
        .map(|(name, value)| format!("{}: {}", scalar(name), flow(name, value)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A string, in quotes where YAML would take it for something else.
fn scalar(text: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '@' | '$' | '(' | ')' | '+' | '=' | ':' | ' ')
    };
    // An amount or a duration: a number with a unit, in which YAML sees neither an exponent nor another base.
    let amount = text.starts_with(|c: char| matches!(c, '1'..='9'))
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() && !matches!(c, 'e' | 'E'));
    let safe_start =
        amount || text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '.' | '$'));
    let other = matches!(
        text.to_ascii_lowercase().as_str(),
        "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "y" | "n"
    );
    let safe = safe_start
        && !other
        && text.chars().all(plain)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && text.parse::<f64>().is_err();
    if safe { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)] // It is a test.

    use super::*;
    use serde_json::json;

    fn of(manifest: &Value, path: &str) -> String {
        let path: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
        best(std::slice::from_ref(manifest), &path).unwrap().0
    }

    #[test]
    fn an_example_is_a_line_of_the_manifest() {
        let secret = json!({"name": "db", "env_var": "A", "key": "a", "items": [{"key": "k", "mode": 0o440}]});
        let manifest = json!({"spec": {
            "retries": 3, "user": "1000", "secrets": [secret], "args": ["a: b", "yes"],
            "scheduling_spec": {"node_selector": {"disktype": "ssd"}},
        }});
        for (path, expected) in [
            ("spec.retries", "retries: 3"),
            ("spec.user", "user: \"1000\""),
            ("spec.args", "args: [\"a: b\", \"yes\"]"),
            ("spec.secrets[].key", "- {name: db, env_var: A, items: [{key: k, mode: 0440}], key: a}"),
            ("spec.secrets[].items[].mode", "- {key: k, mode: 0440}"),
            ("spec.scheduling_spec.node_selector", "scheduling_spec: {node_selector: {disktype: ssd}}"),
        ] {
            assert_eq!(of(&manifest, path), expected);
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_it_was() {
        for value in [
            json!("1000"),
            json!("0440"),
            json!("24h"),
            json!("1e3"),
            json!("0x1f"),
            json!("64Mi"),
            json!("a: b"),
            json!("yes"),
            json!("- x"),
            json!("#a"),
            json!(""),
            json!("$(A)"),
            json!([1, {"a": "b,c"}]),
        ] {
            let text = flow("", &value);
            let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read, value, "{text}");
        }
    }
}
