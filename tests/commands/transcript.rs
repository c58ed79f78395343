//! Transcripts: `tests/commands/transcripts/*.txt` is what a person types and reads, in a namespace named after the file.
//!
//! `$ LINE` is a line of bash, then comes what it prints (stdout and stderr as they come), then `? CODE` where it does not end
//! with 0. In what is printed `[..]` stands for anything within a line and a line `...` for any lines. What stands before the first
//! command or begins with `# ` is a comment. `SNAPSHOTS=overwrite cargo test --test commands` writes them anew: read the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::shell::Shell;

/// A comment, or a command; what it printed last time is not read.
enum Part {
    Comment(String),
    Command(String),
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            parts.push(Part::Command(command.to_owned()));
        } else if line.starts_with("# ") {
            parts.push(Part::Comment(line.to_owned()));
        }
    }
    parts
}

/// Runs a transcript's commands; the transcript of that.
fn run(shell: &Shell, text: &str) -> String {
    let mut actual = String::new();
    for part in parts(text) {
        match part {
            Part::Comment(comment) => actual.push_str(&format!("{comment}\n")),
            Part::Command(line) => {
                let output = shell.run(&format!("exec 2>&1; {line}"));
                let printed = String::from_utf8_lossy(&output.stdout);
                actual.push_str(&format!("$ {line}\n{printed}"));
                if !printed.is_empty() && !printed.ends_with('\n') {
                    actual.push_str(" (no newline)\n");
                }
                match output.status.code() {
                    Some(0) => {}
                    Some(code) => actual.push_str(&format!("? {code}\n")),
                    None => actual.push_str("? a signal\n"),
                }
                actual.push('\n');
            }
        }
    }
    actual
}

async fn holds(path: PathBuf) -> Result<(), String> {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&path).unwrap();
    let shell = Shell::new(&format!("says-{name}")).await;
    let actual = tokio::task::spawn_blocking(move || run(&shell, &text)).await.unwrap();
    assert!(actual.contains("$ "), "{name} has no command");
    let assert = snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .normalize_paths(false)
        .palette(snapbox::report::Palette::plain());
    let expected = snapbox::Data::read_from(&path, None);
    let difference = assert.try_eq(Some(&name), actual.into(), expected);
    difference.map_err(|error| format!("{name}, the lines that differ:\n{}\n", changed(&error.to_string())))
}

/// Of snapbox's two columns of line numbers a line that changed has one.
fn changed(difference: &str) -> String {
    let is_changed = |line: &&str| {
        let sign = line.get(10..11);
        matches!(sign, Some("-" | "+")) && line.get(..10).is_some_and(|numbers| !numbers.trim().is_empty())
    };
    difference.lines().filter(is_changed).take(40).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_transcript_is_what_is_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/transcripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    // Side by side: most of the time one waits for a program to start.
    let results = futures::future::join_all(paths.into_iter().map(|path| tokio::spawn(holds(path)))).await;
    let differences: Vec<String> = results.into_iter().filter_map(|result| result.unwrap().err()).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What runs for ever, and what other suites read in full: `doctor` in `tests/apiserver/doctor.rs`, `render` in `tests/render`.
const ELSEWHERE: [&str; 4] = ["doctor", "operator", "projector", "render"];

/// What ends well where something runs, which takes a node: journeys of `tests/kubelet`.
const NEEDS_NODE: [&str; 2] = ["explain", "logs"];

/// Every command that does something, by its words and by those of its aliases: `secret create` of `secret create` and of
/// `secrets create`.
fn leaves(command: &clap::Command, words: &str, name: &str, found: &mut BTreeMap<String, String>) {
    let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
    if below.peek().is_none() {
        found.insert(words.trim().to_owned(), name.trim().to_owned());
    }
    for below in below {
        let name = format!("{name} {}", below.get_name());
        for word in below.get_visible_aliases().chain([below.get_name()]) {
            leaves(below, &format!("{words} {word}"), &name, found);
        }
    }
}

/// Of each line of a transcript that names a command: which, and whether the line ended well.
fn shown(text: &str, commands: &BTreeMap<String, String>) -> Vec<(String, bool)> {
    let mut shown: Vec<(String, bool)> = Vec::new();
    let mut of_line = 0;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let named = command.split("lockgate ").skip(1).filter_map(|rest| {
                let begins =
                    |words: &str| rest.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
                commands.iter().filter(|(words, _)| begins(words)).max_by_key(|(words, _)| words.len())
            });
            let before = shown.len();
            shown.extend(named.map(|(_, name)| (name.clone(), true)));
            of_line = shown.len() - before;
        } else if line.starts_with("? ") {
            shown.iter_mut().rev().take(of_line).for_each(|(_, well)| *well = false);
        }
    }
    shown
}

#[test]
fn every_command_is_shown_to_end_well_and_to_fail() {
    let mut commands = BTreeMap::new();
    leaves(&lockgate::cli::command(), "", "", &mut commands);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/transcripts");
    let texts = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let shown: Vec<(String, bool)> = texts.flat_map(|text| shown(&text, &commands)).collect();
    let names: BTreeSet<&String> = commands.values().filter(|name| !ELSEWHERE.contains(&name.as_str())).collect();
    let missing: Vec<String> = names
        .into_iter()
        .flat_map(|name| [(name, true), (name, false)])
        .filter(|(name, well)| !(*well && NEEDS_NODE.contains(&name.as_str())))
        .filter(|(name, well)| !shown.iter().any(|(found, how)| found == *name && how == well))
        .map(|(name, well)| format!("{name}: {}", if well { "no success" } else { "no failure" }))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
