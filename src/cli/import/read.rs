//! Text in, documents out: YAML, JSON, several of them, lists of them.

use serde_json::Value;

use super::finding::{Finding, Severity};
use super::source::Source;
use crate::cli::manifest::{self, Node};

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
    let wrong = |line: Option<usize>, text: String| Finding {
        severity: Severity::Error,
        file: file.name.clone(),
        line,
        object: String::new(),
        path: String::new(),
        text,
    };
    let text = std::str::from_utf8(&file.bytes).map_err(|_| wrong(None, "is no UTF-8: save it as such".to_owned()))?;
    let documents = manifest::documents(text).map_err(|error| {
        if is_jsonnet(&file.name, text) {
            wrong(None, format!("is jsonnet, a program that writes pipelines: render it first, as in jsonnet {} > pipelines.json, with its arguments as --tla-str", file.name))
        } else {
            wrong(Some(error.place.line), error.why)
        }
    })?;
    let mut found = Vec::new();
    for document in documents {
        flatten(document.value, &document.root, &mut found);
    }
    let sources = found.into_iter().enumerate();
    Ok(sources.map(|(i, (value, root))| Source::new(&file.name, i.saturating_add(1), value).located(root)).collect())
}

/// The elements of an array or of a Kubernetes `List`, else the document itself.
fn flatten(value: Value, root: &Node, found: &mut Vec<(Value, Node)>) {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    let all = |items: Vec<Value>, root: &Node, found: &mut Vec<_>| {
        items.into_iter().zip(root.items()).for_each(|(item, root)| flatten(item, root, found));
    };
    match value {
        Value::Null => {}
        Value::Array(items) => all(items, root, found),
        Value::Object(mut fields) if is_list && fields.get("items").is_some_and(Value::is_array) => {
            if let Some(Value::Array(items)) = fields.remove("items") {
                all(items, root.find("items").node, found);
            }
        }
        other => found.push((other, root.clone())),
    }
}

/// Whether it is a program for `pachctl --jsonnet`.
fn is_jsonnet(name: &str, text: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|ending| ending == "jsonnet")
        || text
            .lines()
            .map(str::trim_start)
            .any(|line| line.starts_with("function(") || line.starts_with("local ") || line.starts_with("std."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    fn count(text: &str) -> usize {
        documents(&file("f", text)).ok().unwrap().len()
    }

    fn refused(name: &str, text: &str) -> String {
        let Err(finding) = documents(&file(name, text)) else { panic!("{text} was read") };
        finding.to_string()
    }

    #[test]
    fn every_form_of_several_documents_is_read() {
        for text in [
            "a: 1\n---\nb: 2\n",
            "- a: 1\n- b: 2\n",
            "{\"a\": 1}\n{\"b\": 2}",
            "[{\"a\": 1}, {\"b\": 2}]",
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
        let tab = refused("a.yaml", "a:\n\tb: 1\n");
        assert!(tab.starts_with("error: a.yaml:2: ") && tab.contains("tab"), "{tab}");
        assert!(refused("a.jsonnet", "{a: 1,").contains("jsonnet a.jsonnet >"));
        assert!(refused("a", "function(suffix)\n{ pipeline: { name: 'edges'+suffix } }").contains("is jsonnet"));
        let error = refused("a.yaml", "a: [canary-7c1f");
        assert!(error.starts_with("error: a.yaml:") && !error.contains("canary"), "{error}");
        let bytes = File { name: "a".to_owned(), bytes: vec![0xff] };
        assert!(documents(&bytes).is_err_and(|finding| finding.text.contains("UTF-8")));
    }
}
