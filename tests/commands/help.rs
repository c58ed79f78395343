//! The help of every command, under each of the program's names.

use std::path::Path;
use std::process::Command;

use clap::Command as Definition;

/// The longest line.
const WIDTH: usize = 100;

/// The words of every command, the program's own first.
fn paths(command: &Definition, path: &[String], found: &mut Vec<Vec<String>>) {
    found.push(path.to_vec());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        paths(below, &[path, &[below.get_name().to_owned()]].concat(), found);
    }
}

fn all() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    paths(&lockgate::cli::command(), &[], &mut found);
    found
}

fn help(program: &Path, path: &[String]) -> String {
    let output = Command::new(program).args(path).arg("--help").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{path:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_a_help_that_fits_under_each_name_of_the_program() {
    let lockgate = Path::new(env!("CARGO_BIN_EXE_lockgate"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plugin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let plugin = folder.join("kubectl-lockgate");
    std::os::unix::fs::symlink(lockgate, &plugin).unwrap();
    let all = all();
    for path in &all {
        let words = path.iter().flat_map(|word| [" ", word]).collect::<String>();
        for (program, name) in [(lockgate, "lockgate"), (&plugin, "kubectl lockgate")] {
            let text = help(program, path);
            let usage = format!("Usage: {name}{words}");
            assert!(text.lines().any(|line| line.starts_with(&usage)), "no line begins with {usage}:\n{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "lockgate{words}: {line}");
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!("{} commands", all.len());
    assert!(all.len() > 25, "the commands were not found");
}

#[test]
fn every_command_and_every_flag_says_what_it_is() {
    fn look(command: &Definition, path: &str, silent: &mut Vec<String>) {
        let path = format!("{path} {}", command.get_name());
        if command.get_about().is_none() {
            silent.push(path.clone());
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_help().is_none()) {
            silent.push(format!("{path}: {}", arg.get_id()));
        }
        for line in command.get_after_long_help().map(ToString::to_string).unwrap_or_default().lines() {
            // A command that is broken in two cannot be copied.
            if line.starts_with("  ") && !line.starts_with("  #") && line.chars().count() > WIDTH {
                silent.push(format!("{path}: too long: {line}"));
            }
        }
        command.get_subcommands().for_each(|below| look(below, &path, silent));
    }
    let mut silent = Vec::new();
    look(&lockgate::cli::command(), "", &mut silent);
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn colours_are_for_who_wants_them() {
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let output = command.arg("--help").envs(variables.iter().copied()).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured(&[]), "stdout is no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&[("CLICOLOR", "0")]));
}

#[test]
fn the_page_of_all_commands_is_not_stale() {
    let output = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["man", "--markdown"]).output().unwrap();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md")).unwrap();
    assert!(String::from_utf8(output.stdout).unwrap() == page, "docs/cli.md is stale: make generate");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("man-{}", std::process::id()));
    let status = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["man", "--dir"]).arg(&folder).status().unwrap();
    assert!(status.success());
    // What runs in an init container is no command of people's, and hidden.
    for path in all().into_iter().filter(|path| path.first().is_none_or(|name| name != "render")) {
        let name = [&["lockgate".to_owned()], &path[..]].concat().join("-");
        let page = std::fs::read_to_string(folder.join(format!("{name}.1"))).unwrap_or_else(|_| panic!("no {name}.1"));
        assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{name}.1");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
