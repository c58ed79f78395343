//! What the tests of docs/coming-from share: which fields other systems' documents have, and which a page names.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::cli::manifest;

/// The words between backticks.
fn words(page: &str) -> BTreeSet<&str> {
    let spans = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.flat_map(|span| span.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')).collect()
}

fn fields(value: &Value, whole: &[&str], found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, field) in object {
                found.insert(name.clone());
                if !whole.contains(&name.as_str()) {
                    fields(field, whole, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, whole, found)),
        _ => {}
    }
}

/// Adds the fields of the documents in a folder of `tests/import`, without what stands below those of `whole`.
pub(super) fn fields_of(folder: &str, whole: &[&str], found: &mut BTreeSet<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for path in files {
        let documents = manifest::read(&std::fs::read_to_string(path).unwrap()).unwrap_or_default();
        for document in &documents {
            fields(document, whole, found);
        }
    }
}

/// The known fields that the page does not name, without those that it need not.
pub(super) fn missing<'a>(page: &str, known: &'a BTreeSet<String>, unknown: &[&str]) -> Vec<&'a str> {
    let words = words(page);
    known.iter().map(String::as_str).filter(|name| !words.contains(name) && !unknown.contains(name)).collect()
}
