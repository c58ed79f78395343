//! Where arrows may point: which room may know which, and what none may.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{code, files, read};

#[test]
fn the_pure_rooms_know_no_client_no_runtime_and_no_clock() {
    const FORBIDDEN: [&str; 14] = [
        "kube::",
        "kube_runtime",
        "tokio",
        "futures",
        "http::",
        "tracing",
        "std::fs",
        "std::env",
        "std::net",
        "Timestamp::now",
        "SystemTime",
        "Instant",
        "crate::controller",
        "crate::cli",
    ];
    let rooms = files(&["src/model", "src/plan", "src/build", "src/report", "src/projector/plan"], ".rs");
    assert!(rooms.len() > 15, "the rooms were not found");
    let mut found = Vec::new();
    for path in rooms {
        for (number, line) in code(&read(&path)) {
            for word in FORBIDDEN.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "pure rooms reach outside: {found:#?}");
}

/// Expressions are somebody's programs: only what runs in the user's Pod, or at the user's shell, may look into one.
#[test]
fn the_operator_knows_no_jq() {
    let mut found = BTreeSet::new();
    for path in files(&["src"], ".rs") {
        let text = read(&path);
        let names = |word: &str| code(&text).any(|(_, line)| line.contains(word));
        assert!(!names("jaq") || path.starts_with("src/render"), "{} names jaq", path.display());
        if names("crate::render") && !path.starts_with("src/cli/render") {
            found.insert(path);
        }
    }
    // Saying what is wrong or lost of an expression.
    assert_eq!(found, ["src/cli/check/inputs.rs", "src/cli/import/direktiv/input.rs"].map(PathBuf::from).into());
}

#[test]
fn rooms_point_one_way() {
    // A room may use what stands before it.
    const ORDER: [(&str, &[&str]); 5] = [
        (
            "src/api",
            &["crate::model", "crate::build", "crate::plan", "crate::report", "crate::controller", "crate::cli"],
        ),
        ("src/model", &["crate::build", "crate::plan", "crate::report"]),
        ("src/build", &["crate::plan", "crate::report"]),
        ("src/plan", &["crate::report"]),
        ("src/controller", &["crate::cli"]),
    ];
    for (room, forbidden) in ORDER {
        for path in files(&[room], ".rs") {
            // A test may look at the next room to try a law on both.
            if path.to_string_lossy().ends_with("tests.rs") {
                continue;
            }
            for (number, line) in code(&read(&path)) {
                let wrong = forbidden.iter().find(|word| line.contains(**word));
                assert!(wrong.is_none(), "{}:{number} uses {}", path.display(), wrong.unwrap());
            }
        }
    }
}

#[test]
fn only_a_scope_asks_for_all_namespaces() {
    const WORDS: [&str; 3] = ["Api::all", "Api::default_namespaced", "Api::all_with"];
    let mut found = BTreeSet::new();
    // Commands have the rights of whoever types them.
    for path in files(&["src"], ".rs").into_iter().filter(|path| !path.starts_with("src/cli")) {
        let text = read(&path);
        if code(&text).any(|(_, line)| WORDS.iter().any(|word| line.contains(word))) {
            found.insert(path);
        }
    }
    // The projector's work is with all namespaces, and ClusterRegistries are in none.
    let scopes = ["src/controller/context.rs", "src/projector/watches.rs", "src/projector/write.rs"];
    assert_eq!(found, scopes.map(PathBuf::from).into());
}
