//! What other systems' documents become: `tests/import/SYSTEM/NAME` is read, and `tests/import/SYSTEM/out/NAME.yaml` and `.txt` are
//! what comes out and what is said. `SNAPSHOTS=overwrite cargo test --lib golden` writes them anew: read the difference.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cli::manifest;

/// What no output may hold: each value of a Secret in these files.
const CANARY: &str = "canary-7c1f";

/// The documents, each with its system's folder.
fn documents() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let systems = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = systems.flat_map(|system| std::fs::read_dir(system).unwrap().map(|entry| entry.unwrap().path()));
    let mut documents: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    documents.sort();
    assert!(documents.len() > 10, "the documents were not found");
    documents
}

fn of(path: &Path) -> Imported {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    import(&[File { name, bytes: std::fs::read(path).unwrap() }], &Options::default())
}

#[test]
fn every_document_becomes_what_is_written() {
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS").normalize_paths(false);
    let mut differences = Vec::new();
    for path in documents() {
        let found = of(&path);
        let objects: Vec<String> = found.drafts.iter().map(yaml::write).collect();
        let report = found.findings.iter().fold(String::new(), |report, finding| report + &format!("{finding}\n"));
        let out = path.parent().unwrap().join("out").join(path.file_stem().unwrap());
        for (ending, text) in [("yaml", objects.join("---\n")), ("txt", report)] {
            let expected = snapbox::Data::read_from(&out.with_extension(ending), None);
            let name = format!("{}.{ending}", out.display());
            differences.extend(assert.try_eq(Some(&name), text.into(), expected).err().map(|error| error.to_string()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_comes_out_is_valid_or_an_error_is_told() {
    for path in documents() {
        let found = of(&path);
        let errors = found.findings.iter().any(|finding| finding.severity == Severity::Error);
        for draft in found.drafts.iter().filter(|draft| draft.is_pipeline()) {
            assert!(errors || validate(&draft.object).is_empty(), "{}", path.display());
        }
    }
}

#[test]
fn no_value_of_a_secret_comes_out() {
    let mut held = 0;
    for path in documents() {
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        held += usize::from(text.contains(CANARY));
        let found = of(&path);
        // What stands in env stays there.
        let objects: String = found
            .drafts
            .iter()
            .map(yaml::write)
            .filter(|text| !["API_PASSWORD", "AZURE_CLIENT_SECRET"].iter().any(|literal| text.contains(literal)))
            .collect();
        let report: String = found.findings.iter().map(ToString::to_string).collect();
        assert!(!(objects + &report).contains(CANARY), "{}", path.display());
    }
    assert!(held > 3, "no document holds a value");
}

/// Every place of a value, and its children's.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, &finding::child(pointer, name), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &finding::child(pointer, index), found));
        }
        _ => {}
    }
}

/// Documents with something else, or nothing, at one or two of their places.
fn mutants() -> impl Strategy<Value = Value> {
    let all: Vec<Value> = documents()
        .iter()
        .filter_map(|path| manifest::read(&std::fs::read_to_string(path).unwrap()).ok())
        .flatten()
        .collect();
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!(-1)),
        Just(json!(true)),
        Just(json!("a")),
        Just(json!(["a", "a"])),
        Just(json!({"name": "b", "type": "action"})),
        Just(json!("../x ${Y}")),
        any::<String>().prop_map(Value::from),
    ];
    let change = (any::<prop::sample::Index>(), odd);
    (prop::sample::select(all), prop::collection::vec(change, 1..4)).prop_map(|(mut document, changes)| {
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&document, "", &mut found);
            if let Some(at) = document.pointer_mut(place.get::<String>(&found)) {
                *at = value;
            }
        }
        document
    })
}

proptest! {
    #[test]
    fn no_document_is_too_strange(document in mutants()) {
        let files = [File { name: "x.json".to_owned(), bytes: document.to_string().into_bytes() }];
        let found = import(&files, &Options::default());
        let errors = found.findings.iter().any(|finding| finding.severity == Severity::Error);
        for draft in found.drafts.iter().filter(|draft| draft.is_pipeline()) {
            prop_assert!(errors || validate(&draft.object).is_empty());
        }
        // What stands in a comment or is quoted stays one document.
        for draft in &found.drafts {
            prop_assert_eq!(manifest::read(&yaml::write(draft)).map_err(|error| error.to_string()), Ok(vec![draft.object.clone()]));
        }
    }
}
