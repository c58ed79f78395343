//! Every command as one page of Markdown, from the definitions that parse the command line. Pure.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::cli::error::exit;

/// What stands before the commands.
const BEGINNING: &str = "\
# Every command

Written from the program's own definitions by `lockgate man --markdown` (`make generate`); each command says the same with `--help`.

The program may be called `lockgate`, or `kubectl-lockgate`, which kubectl runs as `kubectl lockgate`. Flags that name a cluster, a
namespace or a user may stand before the command, too, as with kubectl: `lockgate -n team-a get`. They have kubectl's meaning and
defaults.

What was asked for goes to stdout, everything else to stderr. Colours are for terminals only: `NO_COLOR` and `CLICOLOR=0` switch them off.

";

/// The page.
pub(super) fn page(root: &Command) -> String {
    let mut root = root.clone();
    root.build();
    let mut out = BEGINNING.to_owned();
    let all = all(&root);
    // Writing to a String cannot fail.
    for command in &all {
        let _ = writeln!(out, "- [`{}`](#{}): {}", name(command), anchor(&name(command)), summary(command));
    }
    out.push_str("\n## Exit codes\n\n| code | what it means |\n| --- | --- |\n");
    for (code, meaning) in exit::ALL {
        let _ = writeln!(out, "| {code} | {meaning} |");
    }
    environment(&mut out, &all);
    for command in &all {
        section(&mut out, command);
    }
    out
}

/// The command and all below it that do something, in the order of the help.
fn all(command: &Command) -> Vec<&Command> {
    let below = || command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    let own = (!command.is_subcommand_required_set() && !command.is_arg_required_else_help_set()).then_some(command);
    own.into_iter().chain(below().flat_map(all)).collect()
}

fn name(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

fn summary(command: &Command) -> String {
    command.get_about().map(|about| line(&about.to_string())).unwrap_or_default()
}

/// Text that stands in a cell or behind a dash: on one line, and without what would end the cell or begin a tag.
fn line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// Every variable that takes the place of a flag.
fn environment(out: &mut String, all: &[&Command]) {
    out.push_str("\n## Environment\n\n| variable | what it is |\n| --- | --- |\n");
    out.push_str("| `KUBECONFIG` | paths of kubeconfigs, as kubectl reads them |\n");
    out.push_str("| `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` | whether help and errors have colours |\n");
    for command in all {
        for (arg, variable) in command.get_arguments().filter_map(|arg| Some((arg, arg.get_env()?))) {
            let _ = writeln!(
                out,
                "| `{}` | `--{}` of `{}` |",
                variable.to_string_lossy(),
                arg.get_long().unwrap_or_else(|| arg.get_id().as_str()),
                name(command)
            );
        }
    }
}

fn section(out: &mut String, command: &Command) {
    let name = name(command);
    let mut copy = command.clone();
    let usage = copy.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let about = about.trim().replace('<', "&lt;");
    let _ = write!(out, "\n## {name}\n\n{about}\n\n```text\n{usage}\n```\n");
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        let _ = write!(out, "\nAlso called `{}`.\n", aliases.join("`, `"));
    }
    let shown: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect();
    let own: Vec<&Arg> = shown.iter().copied().filter(|arg| arg.get_help_heading() != Some("Cluster")).collect();
    if !own.is_empty() {
        out.push_str("\n| argument | default | what it is |\n| --- | --- | --- |\n");
        for arg in &own {
            let _ = writeln!(out, "| {} | {} | {} |", spelled(arg), default(arg), help(arg));
        }
    }
    let cluster: Vec<String> =
        shown.iter().filter(|arg| arg.get_help_heading() == Some("Cluster")).map(|arg| spelled(arg)).collect();
    if !cluster.is_empty() {
        let _ = write!(out, "\nWhich cluster: {}.\n", cluster.join(", "));
    }
    if let Some(more) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        extra(out, more.to_string().trim());
    }
}

/// What stands below the flags: paragraphs, and as they are those that were set in, and the examples.
fn extra(out: &mut String, text: &str) {
    let (prose, examples) = text.split_once("Examples:\n").unwrap_or((text, ""));
    let mut blocks: Vec<(bool, &str)> = Vec::new();
    for paragraph in prose.trim().split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        blocks.push((paragraph.lines().any(|line| line.starts_with("  ")), paragraph));
    }
    if !examples.is_empty() {
        blocks.push((true, examples.trim_end()));
    }
    for (is_set_in, block) in blocks {
        if is_set_in {
            let _ = write!(out, "\n```text\n{}\n```\n", unindented(block));
        } else {
            let _ = write!(out, "\n{}\n", block.replace('<', "&lt;"));
        }
    }
}

/// Without the two blanks that all lines begin with.
fn unindented(block: &str) -> String {
    if block.lines().all(|line| line.is_empty() || line.starts_with("  ")) {
        block.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
    } else {
        block.to_owned()
    }
}

/// `-n`, `--namespace NAME`, or the name of a positional argument.
fn spelled(arg: &Arg) -> String {
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let long = arg.get_long().map(|long| match &value {
        Some(value) => format!("`--{long} {value}`"),
        None => format!("`--{long}`"),
    });
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    if flags.is_empty() { format!("`{}`", value.unwrap_or_else(|| arg.get_id().to_string())) } else { flags.join(", ") }
}

fn default(arg: &Arg) -> String {
    let values: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if arg.get_action().takes_values() { values.join(", ") } else { String::new() }
}

fn help(arg: &Arg) -> String {
    let text = arg.get_long_help().or_else(|| arg.get_help()).map(|help| line(&help.to_string())).unwrap_or_default();
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && arg.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if values.is_empty() { text } else { format!("{}. One of {}", text.trim_end_matches('.'), values.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_does_something_has_a_section_that_its_link_finds() {
        let page = page(&crate::cli::command());
        for name in ["lockgate check", "lockgate plan", "lockgate start pipeline", "lockgate version"] {
            assert!(page.contains(&format!("\n## {name}\n")), "no section {name}");
            assert!(page.contains(&format!("](#{})", anchor(name))), "no link to {name}");
        }
        assert!(!page.contains("\n## lockgate start\n"), "it only has others below it");
    }

    #[test]
    fn what_would_break_a_table_is_written_otherwise() {
        let arg = Arg::new("x").long("x").value_name("A|B").help("one | two\nof <these>");
        assert_eq!(help(&arg), "one \\| two of &lt;these>");
    }
}
