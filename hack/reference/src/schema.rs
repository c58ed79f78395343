//! The schema as people read it: types, limits, rules.

use serde_json::{Map, Value};

/// A place in the schema: `spec`, `transform`, `secrets[]`, `name`.
pub type Path = Vec<String>;

/// A path as it is written: `spec.transform.secrets[].name`.
pub fn written(path: &[String]) -> String {
    path.join(".")
}

/// The fields of an object, by name.
pub fn fields(schema: &Value) -> Option<&Map<String, Value>> {
    schema["properties"].as_object().filter(|fields| !fields.is_empty())
}

/// The schema of an object with fields that a field holds, itself or in a list, and the last part of its path.
pub fn object_in<'a>(name: &str, schema: &'a Value) -> Option<(String, &'a Value)> {
    if fields(schema).is_some() {
        return Some((name.to_owned(), schema));
    }
    fields(&schema["items"]).map(|_| (format!("{name}[]"), &schema["items"]))
}

/// The type in words.
pub fn type_of(schema: &Value) -> String {
    if schema["x-kubernetes-int-or-string"] == true {
        return "integer or string".to_owned();
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", plural(&type_of(&schema["items"]))),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of {}", plural(&type_of(&schema["additionalProperties"])))
        }
        Some("string") if schema["format"] == "date-time" => "time (RFC 3339)".to_owned(),
        Some(other) => other.to_owned(),
        None => "any".to_owned(),
    }
}

fn plural(name: &str) -> String {
    match name {
        "integer or string" => "integers or strings".to_owned(),
        "any" => "anything".to_owned(),
        name => format!("{name}s"),
    }
}

/// The limits in words.
pub fn limits(schema: &Value) -> Vec<String> {
    let number = |keyword: &str| schema[keyword].as_f64().map(|number| format!("{number}"));
    let mut all = Vec::new();
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => all.push(format!("{least} to {most}")),
        (Some(least), None) => all.push(format!("at least {least}")),
        (None, Some(most)) => all.push(format!("at most {most}")),
        (None, None) => {}
    }
    for (keyword, before, unit) in [
        ("minLength", "at least", "character"),
        ("maxLength", "at most", "character"),
        ("minItems", "at least", "entry"),
        ("maxItems", "at most", "entry"),
        ("minProperties", "at least", "entry"),
        ("maxProperties", "at most", "entry"),
    ] {
        let count = schema[keyword].as_u64();
        all.extend(count.map(|count| format!("{before} {count} {}", if count == 1 { unit } else { several(unit) })));
    }
    all.extend(schema["pattern"].as_str().map(|pattern| format!("of the form `{pattern}`")));
    all.extend(schema["enum"].as_array().map(|words| {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        format!("one of {}", words.collect::<Vec<_>>().join(", "))
    }));
    for inner in ["items", "additionalProperties"].map(|keyword| &schema[keyword]) {
        if inner.is_object() && fields(inner).is_none() {
            all.extend(limits(inner).into_iter().map(|limit| format!("each {limit}")));
        }
    }
    all
}

fn several(unit: &str) -> &str {
    if unit == "entry" { "entries" } else { "characters" }
}

/// A rule in CEL: which field it speaks of, and what is said where it is broken.
#[derive(Clone)]
pub struct Rule {
    /// The field; that which has the rule itself where it names no other.
    pub of: String,
    pub message: String,
    pub cel: String,
}

/// Every rule below this schema.
pub fn rules(schema: &Value, path: &[String], all: &mut Vec<Rule>) {
    let at = written(path);
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = |keyword: &str| rule[keyword].as_str().unwrap_or_default().to_owned();
        let of = format!("{at}{}", text("fieldPath")).trim_start_matches('.').to_owned();
        all.push(Rule { of, message: text("message"), cel: text("rule") });
    }
    for (name, field) in fields(schema).into_iter().flatten() {
        rules(field, &child(path, name), all);
    }
    // A rule about each entry speaks of the list, where the entries are no objects.
    let inside = if fields(&schema["items"]).is_some() { element(path) } else { path.to_vec() };
    for inner in ["items", "additionalProperties"].map(|keyword| &schema[keyword]).into_iter().filter(|s| s.is_object())
    {
        rules(inner, &inside, all);
    }
}

/// The path of a field.
pub fn child(path: &[String], name: &str) -> Path {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

fn element(path: &[String]) -> Path {
    let mut path = path.to_vec();
    if let Some(last) = path.last_mut() {
        last.push_str("[]");
    }
    path
}
