//! `lockgate completion`: what makes a shell complete this program's commands and flags.

use std::io::Write;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::error::Error;

/// kubectl asks a plugin's program of this name for completions (`pkg/cmd/plugin/plugin_completion.go`). It speaks as cobra does:
/// one word a line, then a directive. The words are those of the script for bash.
const FOR_KUBECTL: &str = include_str!("kubectl_complete-lockgate.sh");

/// Flags of `lockgate completion`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Commands, flags and their values are completed; names of objects in the cluster are not.

Examples:
  # bash, in this shell and in every new one
  source <(lockgate completion bash)
  lockgate completion bash > /etc/bash_completion.d/lockgate

  # zsh and fish
  lockgate completion zsh > \"${fpath[1]}/_lockgate\"
  lockgate completion fish > ~/.config/fish/completions/lockgate.fish

  # kubectl lockgate: a program on the path that kubectl asks
  lockgate completion kubectl > /usr/local/bin/kubectl_complete-lockgate
  chmod +x /usr/local/bin/kubectl_complete-lockgate")]
pub(super) struct CompletionArgs {
    /// The shell, or kubectl for its own way to complete plugins.
    #[arg(value_enum)]
    shell: Target,
}

/// Whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Kubectl,
}

/// Prints the script.
pub(super) fn run(args: &CompletionArgs) -> Result<(), Error> {
    let shell = match args.shell {
        Target::Bash => Shell::Bash,
        Target::Zsh => Shell::Zsh,
        Target::Fish => Shell::Fish,
        Target::Powershell => Shell::PowerShell,
        Target::Kubectl => return Ok(std::io::stdout().write_all(FOR_KUBECTL.as_bytes())?),
    };
    // Into memory first: the generator ends the process where its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "lockgate", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
