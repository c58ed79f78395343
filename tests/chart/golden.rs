//! What every file of values renders to, so that a review sees what a change of the chart changes.

use std::fs;

use super::{cases, chart, helm, rendered};

/// Longer objects are those that are generated from `deploy/`; another test compares them. Their heads stand here.
const LONG: usize = 200;

/// The render, with long objects cut after their metadata, and without the version, so that a release changes none.
fn reviewable(text: &str) -> String {
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let cut = |document: &str| {
        let lines = document.lines().count();
        let head = document.split_once("\nspec:").or_else(|| document.split_once("\ndata:")).filter(|_| lines > LONG);
        head.map_or_else(|| document.to_owned(), |(head, _)| format!("{head}\n# … and more: {lines} lines in all"))
    };
    let documents: Vec<String> = text.split("\n---\n").map(|document| cut(document.trim_end())).collect();
    documents.join("\n---\n") + "\n"
}

#[test]
fn every_case_passes_the_strict_linter() {
    for case in cases() {
        let values = format!("ci/{case}-values.yaml");
        let output = helm(&["lint", "--strict", ".", "--namespace", "lockgate-system", "--values", &values]);
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// With `LOCKGATE_WRITE_GOLDEN=1` (`make generate`) the files are written anew.
#[test]
fn every_case_renders_to_its_golden_file() {
    let mut stale = Vec::new();
    for case in cases() {
        let text = reviewable(&rendered(&["--values", &format!("ci/{case}-values.yaml")]));
        let path = chart().join(format!("ci/golden/{case}.yaml"));
        if std::env::var_os("LOCKGATE_WRITE_GOLDEN").is_some() {
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(case);
        }
    }
    assert!(
        stale.is_empty(),
        "other renders than in charts/lockgate/ci/golden: {stale:?}; `make generate`, and read the diff"
    );
}

#[test]
fn there_is_no_golden_file_without_its_case() {
    let mut names: Vec<_> = fs::read_dir(chart().join("ci/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".yaml").to_owned())
        .collect();
    names.sort();
    assert_eq!(names, cases());
}
