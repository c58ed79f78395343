//! The tree's own rules: where arrows may point, that every file is compiled, that tables in the docs are whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

#[path = "tidy/rooms.rs"]
mod rooms;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate::api::reason::{Reason, ReferenceState, RegistryReason, Trouble};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that git knows or would take, below the given folders, with that ending.
fn files(folders: &[&str], ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--"])
        .args(folders)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "git ls-files failed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(PathBuf::from)
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .filter(|path| root().join(path).exists())
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The lines of a file that are code, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The modules that a file declares, as paths.
fn declared(file: &Path) -> Vec<PathBuf> {
    let text = read(file);
    let folder = file.parent().unwrap();
    let stem = file.file_stem().unwrap().to_string_lossy();
    let is_root = matches!(&*stem, "mod" | "lib" | "main") || folder.ends_with("tests");
    let own = if is_root { folder.to_path_buf() } else { folder.join(&*stem) };
    let mut path_attribute = None;
    let mut modules = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"") {
            path_attribute = path.strip_suffix("\"]").map(ToOwned::to_owned);
            continue;
        }
        let name = line
            .strip_suffix(';')
            .and_then(|line| line.rsplit_once("mod "))
            .filter(|(before, _)| matches!(before.trim(), "" | "pub") || before.trim().starts_with("pub("));
        if let Some((_, name)) = name {
            match path_attribute.take() {
                Some(path) => modules.push(folder.join(path)),
                None => modules.extend([own.join(format!("{name}.rs")), own.join(name).join("mod.rs")]),
            }
        }
    }
    modules
}

fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<_> = Vec::new();
    for part in path.components() {
        if part.as_os_str() == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.iter().collect()
}

#[test]
fn every_source_file_is_part_of_a_module_tree() {
    let all: BTreeSet<PathBuf> = files(&["src", "tests", "hack"], ".rs").into_iter().collect();
    let is_root = |path: &PathBuf| {
        let text = path.to_string_lossy();
        let in_tests = |rest: &str| !rest.contains('/') || rest.matches('/').count() == 1 && rest.ends_with("/main.rs");
        text.ends_with("/lib.rs")
            || text.ends_with("src/main.rs")
            // Programs, one file each.
            || text.starts_with("hack/fuzz/src/")
            || text.rsplit_once("tests/").is_some_and(|(_, rest)| in_tests(rest))
    };
    let mut reached: BTreeSet<PathBuf> = all.iter().filter(|path| is_root(path)).cloned().collect();
    let mut todo: Vec<PathBuf> = reached.iter().cloned().collect();
    while let Some(file) = todo.pop() {
        for module in declared(&file) {
            let module = normal(&module);
            if all.contains(&module) && reached.insert(module.clone()) {
                todo.push(module);
            }
        }
    }
    let orphans: Vec<_> = all.difference(&reached).collect();
    assert!(orphans.is_empty(), "no module declares these: {orphans:#?}");
}

#[test]
fn no_file_grew_past_its_idea() {
    // Longer only with a reason.
    const REASONS: [(&str, &str); 1] = [("src/plan/tests.rs", "one table of worlds")];
    for path in files(&["src", "tests", "hack"], ".rs") {
        let lines = read(&path).lines().count();
        let excused = REASONS.iter().any(|(file, _)| path == Path::new(file));
        assert!(lines <= 420 || excused, "{} has {lines} lines: is it still one idea?", path.display());
    }
}

#[test]
fn nothing_is_left_open_and_nothing_names_this_machine() {
    let home = std::env::var("HOME").unwrap_or_default();
    for path in files(&["."], "") {
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        let name = path.display();
        if !home.is_empty() && home != "/" {
            assert!(!text.contains(&format!("{home}/")), "{name} names a home folder");
        }
        assert!(!text.contains(&format!("{}/", root().display())), "{name} names this checkout's place");
        if path.extension().is_some_and(|ending| ending == "rs" || ending == "sh") && path != Path::new("tests/tidy.rs")
        {
            for (number, line) in text.lines().enumerate() {
                let open = line.contains("TODO") || line.contains("FIXME");
                assert!(!open || line.contains("(#"), "{name}:{} is left open without an issue", number + 1);
            }
        }
    }
}

#[test]
fn the_readme_explains_every_state_and_reason() {
    let readme = read(Path::new("README.md"));
    let words = ReferenceState::ALL.iter().map(|w| w.as_str()).chain(Reason::ALL.iter().map(|w| w.as_str()));
    let words = words.chain(RegistryReason::ALL.iter().map(|w| w.as_str()));
    for word in words.chain(Trouble::ALL.iter().map(|w| w.as_str())) {
        let row = format!("| [`{word}`](docs/troubleshooting.md#{}) |", word.to_lowercase());
        assert!(readme.contains(&row), "README.md has no row for {word} that links to its heading");
    }
}

#[test]
fn troubleshooting_has_a_heading_for_every_state_reason_and_trouble_and_no_other() {
    let page = read(Path::new("docs/troubleshooting.md"));
    let below = |title: &str| -> BTreeSet<String> {
        let (_, rest) = page.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no ## {title}"));
        let section = rest.split("\n## ").next().unwrap();
        let headings: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let set: BTreeSet<String> = headings.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(set.len(), headings.len(), "## {title} has a heading twice");
        set
    };
    let states: BTreeSet<_> = ReferenceState::ALL.iter().map(ToString::to_string).collect();
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(ToString::to_string).collect();
    let troubles: BTreeSet<_> = Trouble::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(below("The state of a reference"), states);
    assert_eq!(below("The reason of a condition"), reasons);
    // Some mean of a Registry what they mean of a Pipeline.
    let of_registries: BTreeSet<String> = RegistryReason::ALL.iter().map(ToString::to_string).collect();
    let known: BTreeSet<String> = states.union(&reasons).cloned().collect();
    assert_eq!(below("The reason of a Registry"), of_registries.difference(&known).cloned().collect());
    assert_eq!(below("What keeps a Pod from running"), troubles);
    // GitHub gives the second of two equal headings another anchor, whatever their levels and case.
    let anchors: Vec<String> =
        page.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect();
    assert_eq!(anchors.iter().collect::<BTreeSet<_>>().len(), anchors.len(), "an anchor stands twice");
}

/// GitHub's anchor of a heading: lower case, spaces become `-`, punctuation goes.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn the_operator_asks_for_no_right_by_wildcard() {
    let files = [
        "deploy/base/rbac.yaml",
        "deploy/components/projector/rbac.yaml",
        "deploy/components/projector/sources/role.yaml",
    ];
    let rbac = files.map(|file| read(Path::new(file))).concat();
    let rules: Vec<&str> = rbac.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    for line in rules {
        assert!(!line.contains('*'), "a wildcard in {line}");
        for verb in ["escalate", "bind", "impersonate", "update", "deletecollection"] {
            let named = line.contains("verbs:") && line.contains(verb);
            assert!(!named, "{verb} in {line}");
        }
    }
}

#[test]
fn the_rights_in_a_namespace_are_the_rules_of_the_cluster_wide_role() {
    let rules = |file: &str| -> Vec<String> {
        let text = read(&root().join(file));
        let (_, rest) = text.split_once("\nrules:\n").unwrap();
        let (rules, _) = rest.split_once("\n---\n").unwrap();
        rules.lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
    };
    let whole = rules("deploy/base/rbac.yaml");
    assert!(whole.len() > 20, "{whole:?}");
    // What is in no namespace cannot be granted in one.
    let (in_namespaces, rest) = whole.split_at(whole.len() - 3);
    assert_eq!(rest[1], "  resources: [clusterregistries]");
    assert_eq!(in_namespaces, rules("deploy/components/namespaced/rights/role.yaml"));
}

/// What a page says outside of its blocks and spans of code, line by line.
fn prose(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push(line.split('`').step_by(2).collect());
        }
    }
    lines
}

/// The anchors of a page; one that was there before gets a number behind it.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in page.lines() {
        inside ^= line.trim_start().starts_with("```");
        let text = line.trim_start_matches('#');
        if inside || text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let slug = anchor(text);
        let count = seen.entry(slug.clone()).and_modify(|count| *count += 1).or_insert(0);
        found.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
    }
    found
}

/// The targets of the links of a page, without those to elsewhere.
fn links(page: &str) -> Vec<String> {
    let text = prose(page).join("\n");
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let defined = text.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split("]: ").nth(1));
    inline.chain(defined).filter(|target| !target.contains("://")).map(ToOwned::to_owned).collect()
}

#[test]
fn every_link_between_pages_points_to_something() {
    let pages: BTreeMap<PathBuf, String> =
        files(&["."], ".md").into_iter().map(|path| (path.clone(), read(&path))).collect();
    let mut wrong = Vec::new();
    let mut reached = BTreeSet::new();
    let mut count = 0;
    for (page, text) in &pages {
        for link in links(text) {
            count += 1;
            let (file, anchor) = link.split_once('#').map_or((&*link, None), |(file, anchor)| (file, Some(anchor)));
            let target = if file.is_empty() { page.clone() } else { normal(&page.parent().unwrap().join(file)) };
            let is_known = match (anchor, pages.get(&target)) {
                (None, _) => root().join(&target).exists(),
                (Some(anchor), Some(text)) => anchors(text).contains(anchor),
                (Some(_), None) => false,
            };
            if !is_known {
                wrong.push(format!("{}: {link}", page.display()));
            }
            if target != *page {
                reached.insert(target);
            }
        }
    }
    assert!(count > 100, "only {count} links were found");
    assert!(wrong.is_empty(), "these links lead nowhere: {wrong:#?}");
    // What is being built concerns nobody who reads the docs, and is gone when it is built.
    reached.insert("docs/progress.md".into());
    let lost: Vec<_> = pages.keys().filter(|page| page.starts_with("docs") && !reached.contains(*page)).collect();
    assert!(lost.is_empty(), "no page leads to these: {lost:?}");
}

#[test]
fn no_crate_of_ours_has_unsafe_code_and_every_dependency_is_pinned() {
    let whole = read(Path::new("Cargo.toml"));
    assert!(whole.contains("\nunsafe_code = \"forbid\"\n"));
    for manifest in files(&["."], "Cargo.toml") {
        assert!(
            read(&manifest).contains("\n[lints]\nworkspace = true\n"),
            "{} has lints of its own",
            manifest.display()
        );
    }
    for package in read(Path::new("Cargo.lock")).split("[[package]]").skip(1) {
        // Ours have no source; all others come from one registry, with a checksum.
        let outside = package.contains("\nsource = ");
        assert_eq!(outside, package.contains("\nchecksum = "), "{package}");
        assert!(!outside || package.contains("\nsource = \"registry+"), "{package}");
    }
}

/// The tests that a page names, as in `src/plan/tests.rs::a_name`.
fn tests_named(page: &str) -> Vec<(String, String)> {
    let named = page.split('`').skip(1).step_by(2).filter_map(|word| word.split_once(".rs::"));
    named.map(|(file, test)| (format!("{file}.rs"), test.to_owned())).collect()
}

#[test]
fn every_threat_has_a_test_that_is_there() {
    let page = read(Path::new("docs/security.md"));
    let (_, section) = page.split_once("\n## Threats\n").unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "the table was not found");
    for row in rows {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named = tests_named(shown);
        assert!(!named.is_empty() || shown.starts_with("comes with "), "neither a test nor what it comes with: {row}");
        for (file, test) in named {
            let text = read(Path::new(&file));
            assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}");
        }
    }
}
