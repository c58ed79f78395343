//! Completion in real shells, and as kubectl asks for it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::shell::Shell;

/// What bash offers at the end of a line.
fn offered(shell: &Shell, words: &[&str]) -> Vec<String> {
    let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let last = words.len() - 1;
    let script = format!(
        "source <(lockgate completion bash); COMP_WORDS=({line}); COMP_CWORD={last}; \
         _lockgate lockgate \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\" 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        last - 1
    );
    shell.good(&script).lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn bash_completes_commands_flags_and_values() {
    let shell = Shell::new("completion-bash").await;
    for (words, some) in [
        (&["lockgate", "sus"][..], &["suspend"][..]),
        (&["lockgate", ""], &["check", "plan", "run", "doctor", "completion"]),
        (&["lockgate", "run", "--image-p"], &["--image-pull-secrets", "--image-pull-policy"]),
        (&["lockgate", "plan", "--output", ""], &["json", "yaml"]),
        (&["lockgate", "stop", ""], &["pipeline"]),
    ] {
        let offered = offered(&shell, words);
        for word in some {
            assert!(offered.iter().any(|known| known == word), "{words:?} offers {offered:?}");
        }
    }
}

#[tokio::test]
async fn kubectl_completes_its_plugin() {
    let shell = Shell::new("completion-kubectl").await;
    let programs = "mkdir -p bin && ln -sf \"$(command -v lockgate)\" bin/kubectl-lockgate && \
                    lockgate completion kubectl > bin/kubectl_complete-lockgate && chmod +x bin/kubectl_complete-lockgate";
    shell.good(programs);
    let asked =
        |words: &str| shell.good(&format!("PATH=$PWD/bin:$PATH kubectl __complete lockgate {words} 2>/dev/null"));
    let commands = asked("\"\"");
    assert!(commands.lines().any(|line| line == "suspend") && commands.ends_with(":4\n"), "{commands}");
    assert!(asked("doc").contains("doctor\n"));
    assert!(asked("rerun --wa").contains("--wait\n"));
    // As a plugin of kubectl it runs, too.
    let help = shell.good("PATH=$PWD/bin:$PATH kubectl lockgate rerun --help");
    assert!(help.contains("Usage: kubectl lockgate rerun"), "{help}");
}

#[test]
fn the_scripts_of_other_shells_can_be_read_by_them() {
    if let Err(why) = lockgate_cluster::ensure_shells() {
        assert!(std::env::var_os("CI").is_none(), "in CI there must be every shell: {why}");
        println!("SKIPPED: {why}");
        return;
    }
    for (shell, check) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let script = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["completion", shell]).output().unwrap();
        assert!(script.status.success() && script.stdout.len() > 1000, "{shell}");
        let mut child = Command::new(shell).args(check).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&script.stdout).unwrap();
        assert!(child.wait().unwrap().success(), "{shell} cannot read its script");
    }
    // What fish offers can be asked for without a terminal.
    let lockgate = env!("CARGO_BIN_EXE_lockgate");
    let asked = format!(
        "{lockgate} completion fish | source; complete -C 'lockgate secret cr'; complete -C 'lockgate secret list --no-h'"
    );
    let offered = Command::new("fish").args(["--no-config", "-c", &asked]).output().unwrap().stdout;
    let offered = String::from_utf8(offered).unwrap();
    let words: Vec<&str> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["create", "--no-headers"], "{offered}");
    let powershell = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(["completion", "powershell"]).output().unwrap();
    assert!(String::from_utf8(powershell.stdout).unwrap().contains("Register-ArgumentCompleter"));
}
