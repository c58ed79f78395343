//! Text in, documents out: YAML, JSON, several of them, lists of them.

use serde_json::{Deserializer, Value};

use super::finding::{Finding, Severity};
use super::source::Source;
use crate::cli::manifest;

/// A file, as it was given.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, as it was given.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The documents of a file, those of lists one by one.
///
/// # Errors
/// Where it is neither YAML nor JSON. Nothing of the text is shown.
pub(super) fn documents(file: &File) -> Result<Vec<Source>, Finding> {
    let wrong = |text: String| Finding {
        severity: Severity::Error,
        file: file.name.clone(),
        object: String::new(),
        path: String::new(),
        text,
    };
    let text = std::str::from_utf8(&file.bytes).map_err(|_| wrong("is no UTF-8: save it as such".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let values = json(text).map_or_else(|| manifest::read(text).map_err(|error| error.to_string()), Ok);
    let values = values.map_err(|error| wrong(why(&file.name, text, &error)))?;
    let mut found = Vec::new();
    values.into_iter().for_each(|value| flatten(value, &mut found));
    let sources = found.into_iter().enumerate();
    Ok(sources.map(|(index, value)| Source::new(&file.name, index.saturating_add(1), value)).collect())
}

/// JSON documents one after the other, as `jq` and `pachctl` write them; `None`: it is something else.
fn json(text: &str) -> Option<Vec<Value>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()
}

/// The elements of an array or of a Kubernetes `List`, else the document itself.
fn flatten(value: Value, found: &mut Vec<Value>) {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value {
        Value::Null => {}
        Value::Array(items) => items.into_iter().for_each(|item| flatten(item, found)),
        Value::Object(mut fields) if is_list => match fields.remove("items") {
            Some(Value::Array(items)) => items.into_iter().for_each(|item| flatten(item, found)),
            _ => found.push(Value::Object(fields)),
        },
        other => found.push(other),
    }
}

/// Why it could not be read, and what to do.
fn why(name: &str, text: &str, error: &str) -> String {
    let jsonnet = std::path::Path::new(name).extension().is_some_and(|ending| ending == "jsonnet")
        || text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("function(") || line.starts_with("local ") || line.starts_with("std.")
        });
    if jsonnet {
        return format!(
            "is jsonnet, a program that writes a pipeline: render it first, as in jsonnet {name} > pipeline.json with its arguments as --tla-str"
        );
    }
    let tab = text.lines().position(|line| {
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        indent.contains('\t')
    });
    match tab {
        Some(line) => format!(
            "line {} is indented with a tab, which YAML forbids: write blanks, as in expand -t 2 {name}",
            line.saturating_add(1)
        ),
        None => format!("is neither YAML nor JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    fn count(text: &str) -> usize {
        documents(&file("f", text)).unwrap().len()
    }

    fn refused(name: &str, text: &str) -> String {
        documents(&file(name, text)).unwrap_err().text
    }

    #[test]
    fn every_form_of_several_documents_is_read() {
        for text in [
            "a: 1\n---\nb: 2\n",
            "- a: 1\n- b: 2\n",
            "{\"a\": 1}\n{\"b\": 2}",
            "[{\"a\": 1}, {\"b\": 2}]",
            "[{\"a\": 1}]\n{\"b\": 2}",
            "{\"a\": 1}\n---\n{\"b\": 2}",
            "{kind: List, apiVersion: v1, items: [{a: 1}, {b: 2}]}",
            "\u{feff}a: 1\n---\n---\nb: 2\n",
        ] {
            assert_eq!(count(text), 2, "{text}");
        }
        assert_eq!(count(""), 0);
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do() {
        assert!(refused("a.yaml", "a:\n\tb: 1\n").starts_with("line 2 is indented with a tab"));
        assert!(refused("a.jsonnet", "{a: 1,").contains("jsonnet a.jsonnet >"));
        assert!(refused("a", "function(suffix)\n{ pipeline: { name: 'edges'+suffix } }").contains("is jsonnet"));
        let error = refused("a.yaml", "a: [canary-7c1f");
        assert!(error.starts_with("is neither YAML nor JSON") && !error.contains("canary"), "{error}");
        assert!(documents(&File { name: "a".to_owned(), bytes: vec![0xff] }).unwrap_err().text.contains("UTF-8"));
    }
}
