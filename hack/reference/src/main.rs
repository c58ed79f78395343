//! Writes `docs/reference.md`: every field of the CustomResourceDefinitions, its limits and rules, and an example of it from
//! a manifest that a test applies.

mod examples;
mod page;
mod schema;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use examples::Examples;
use serde_json::Value;

type Failure = Box<dyn Error>;

/// What shows how a field is written: manifests that tests give to a real API server (`tests/kubelet/examples.rs`,
/// `tests/schema`), the first ones first. In a folder those come first that are there to have every field.
const MANIFESTS: [&str; 2] = ["deploy/examples", "tests/corpus/good"];
/// The kinds, and where their CustomResourceDefinitions are. The fields of the first stand without its name.
const KINDS: [(&str, &str); 3] = [
    ("Pipeline", "crds/pipelines.yaml"),
    ("Registry", "crds/registries.yaml"),
    ("ClusterRegistry", "crds/clusterregistries.yaml"),
];
/// What shows how a field of status reads; `src/api` holds it against the types.
const STATUSES: [&str; 1] = ["hack/reference/status"];
/// Manifests that are refused, for the fields that have no others.
const REFUSED: [&str; 1] = ["tests/corpus/bad"];

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = reference(&root).and_then(|page| Ok(std::io::stdout().write_all(page.as_bytes())?));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockgate-reference: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The page.
fn reference(root: &Path) -> Result<String, Failure> {
    let mut text = page::HEAD.to_owned();
    for (kind, file) in KINDS {
        let [crd] = <[Value; 1]>::try_from(read(&root.join(file))?).map_err(|_| "not one CRD")?;
        let good = MANIFESTS.iter().chain(&STATUSES);
        let examples = Examples { good: objects(root, good, kind)?, refused: objects(root, &REFUSED, kind)? };
        let prefix: &[String] = if kind == KINDS[0].0 { &[] } else { &[kind.to_owned()] };
        text.push_str(&page::write(&crd, prefix, &examples)?);
    }
    Ok(text)
}

/// The objects of a kind in these folders, in the order of their files' names.
fn objects<'a>(root: &Path, folders: impl IntoIterator<Item = &'a &'a str>, kind: &str) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for folder in folders {
        let mut files = std::fs::read_dir(root.join(folder))
            .map_err(|error| format!("{folder}: {error}"))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()?;
        files.sort_by_key(|file| (!file.to_string_lossy().contains("every"), file.clone()));
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "yaml")) {
            // Of those that are refused, some are no YAML.
            let documents =
                read(file).or_else(|error| if *folder == REFUSED[0] { Ok(Vec::new()) } else { Err(error) })?;
            all.extend(documents.into_iter().filter(|document| document["kind"] == kind));
        }
    }
    Ok(all)
}

/// The documents of a file, as kubectl reads them: `0440` is octal.
fn read(file: &Path) -> Result<Vec<Value>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    serde_saphyr::from_multiple_with_options(&text, options)
        .map_err(|error| format!("{}: {error}", file.display()).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)] // It is a test.

    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::{child, fields, object_in, written};

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// The lines of a section, the title and those of deeper sections left out.
    fn section<'a>(page: &'a str, title: &str) -> &'a str {
        let (_, rest) = page.split_once(&format!("# `{title}`\n")).unwrap_or_else(|| panic!("no section {title}"));
        rest.split("\n##").next().unwrap()
    }

    /// Asserts that each field below has a line, or that its section names another with the same fields.
    fn told(page: &str, schema: &Value, path: &[String], count: &mut usize) {
        let text = section(page, &written(path));
        if text.contains("The fields and rules of [`") {
            return;
        }
        for (name, field) in fields(schema).unwrap() {
            let line = format!("\n- **`{name}`**: ");
            let (_, rest) = text.split_once(&line).unwrap_or_else(|| panic!("{}.{name} has no line", written(path)));
            let own = rest.split("\n- **").next().unwrap();
            assert!(own.contains("  - Example: ") || own.contains(", as in `"), "{}.{name}: no example", written(path));
            *count += 1;
            if let Some((last, object)) = object_in(name, field) {
                told(page, object, &child(path, &last), count);
            }
        }
    }

    #[test]
    fn every_field_of_the_crds_has_a_line_and_an_example_and_every_message_is_told() {
        let page = reference(&root()).unwrap();
        let (mut all, mut counts) = (Vec::new(), Vec::new());
        for (kind, file) in KINDS {
            let crd = read(&root().join(file)).unwrap().remove(0);
            let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
            let mut count = 0;
            let parts = ["metadata", "spec", "status"].into_iter().map(|part| (part, &schema["properties"][part]));
            for (part, object) in parts.filter(|(_, object)| fields(object).is_some()) {
                let path =
                    if kind == "Pipeline" { vec![part.to_owned()] } else { vec![kind.to_owned(), part.to_owned()] };
                told(&page, object, &path, &mut count);
            }
            counts.push(count);
            schema::rules(schema, &[], &mut all);
        }
        assert!(counts[0] > 150 && counts[1] > 8 && counts[2] > 12, "{counts:?}");
        let messages: BTreeSet<String> = all.into_iter().map(|rule| rule.message.replace('<', "\\<")).collect();
        assert!(messages.len() > 60);
        for message in messages {
            assert!(page.contains(&message), "{message}");
        }
    }

    #[test]
    fn limits_are_those_of_the_schema() {
        let page = reference(&root()).unwrap();
        for line in [
            "- **`retries`**: integer; default `0`; 0 to 1000. ",
            "- **`mode`**: string; default `Job`; one of `Job`, `Service`. ",
            "- **`needs`**: list of strings; at most 8 entries; each at most 40 characters. ",
            "- **`working_dir`**: string; at least 1 character; at most 4096 characters. ",
            "- **`size`**: integer or string; at most 32 characters. ",
            "- **`name`**: string; required; at most 253 characters. ",
            "The fields and rules of [`spec.transform.secrets[]`](#spectransformsecrets), but `items` at most 16 entries.",
        ] {
            assert!(page.contains(line), "{line}");
        }
    }
}
