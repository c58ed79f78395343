//! Transcripts: `tests/commands/transcripts/*.txt` is what a person types and reads, in a namespace named after the file.
//!
//! `$ LINE` is a line of bash, then comes what it prints (stdout and stderr as they come), then `? CODE` where it does not end
//! with 0. In what is printed `[..]` stands for anything within a line and a line `...` for any lines. What stands before the first
//! command or begins with `# ` is a comment. `SNAPSHOTS=overwrite cargo test --test commands` writes them anew: read the difference.

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
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS").normalize_paths(false);
    let expected = snapbox::Data::read_from(&path, None);
    assert.try_eq(Some(&name), actual.into(), expected).map_err(|error| error.to_string())
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
