//! The command line before it is parsed: which name it was called by, and flags that stand before the command.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The name under which kubectl finds a plugin `lockgate`
/// (`kubectl` looks for `kubectl-NAME` on the path, `pkg/cmd/plugin.go`).
const PLUGIN: &str = "kubectl-lockgate";

/// What usage lines begin with.
#[must_use]
pub(super) fn called_as(program: Option<&OsStr>) -> &'static str {
    let name = program.map(Path::new).and_then(Path::file_stem);
    if name == Some(OsStr::new(PLUGIN)) { "kubectl lockgate" } else { "lockgate" }
}

/// Flags that take a value and that kubectl takes before the command, too.
const BEFORE: [&str; 16] = [
    "-n",
    "-s",
    "--as",
    "--as-group",
    "--as-uid",
    "--certificate-authority",
    "--cluster",
    "--context",
    "--kubeconfig",
    "--namespace",
    "--proxy-url",
    "--request-timeout",
    "--server",
    "--tls-server-name",
    "--token",
    "--user",
];

/// `lockgate -n team-a secret list` means `lockgate secret list -n team-a`, as with kubectl: flags before the command go to the
/// end, but before a `--`. Everything else stays as it is, and so does what is no flag of a cluster (`--help`).
#[must_use]
pub(super) fn flags_last(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut rest = arguments.into_iter();
    let program = rest.next();
    let (mut early, mut others): (Vec<OsString>, Vec<OsString>) = (Vec::new(), Vec::new());
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        let name = text.split('=').next().unwrap_or_default();
        let is_switch = name == "--insecure-skip-tls-verify" || name == "-A" || name == "--all-namespaces";
        // `-nteam-a` is `-n team-a`.
        let is_joined = text.len() > 2 && ["-n", "-s"].iter().any(|short| text.starts_with(short));
        if !others.is_empty() || !(BEFORE.contains(&name) || is_switch || is_joined) {
            others.push(argument);
            others.extend(rest.by_ref());
            break;
        }
        let takes_next = !is_switch && !is_joined && !text.contains('=');
        early.push(argument);
        if takes_next {
            early.extend(rest.next());
        }
    }
    let end = others.iter().position(|argument| argument == "--").unwrap_or(others.len());
    let after = others.split_off(end);
    program.into_iter().chain(others).chain(early).chain(after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(line: &str) -> String {
        let words = flags_last(line.split(' ').map(OsString::from).collect());
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_of_the_cluster_may_stand_before_the_command() {
        for (given, meant) in [
            ("lockgate secret list", "lockgate secret list"),
            ("lockgate -n a secret list", "lockgate secret list -n a"),
            ("lockgate -na --context=c secret list -o wide", "lockgate secret list -o wide -na --context=c"),
            ("lockgate --as b -A secret list", "lockgate secret list --as b -A"),
            ("lockgate -n a run x -- sh -n b", "lockgate run x -n a -- sh -n b"),
            ("lockgate --help", "lockgate --help"),
            ("lockgate --version -n a", "lockgate --version -n a"),
            ("lockgate -n", "lockgate -n"),
            ("lockgate", "lockgate"),
        ] {
            assert_eq!(moved(given), meant);
        }
    }

    #[test]
    fn a_plugin_of_kubectl_says_so() {
        for (program, name) in [
            ("/usr/bin/kubectl-lockgate", "kubectl lockgate"),
            ("kubectl-lockgate.exe", "kubectl lockgate"),
            ("target/debug/lockgate", "lockgate"),
            ("something", "lockgate"),
        ] {
            assert_eq!(called_as(Some(OsStr::new(program))), name);
        }
    }
}
