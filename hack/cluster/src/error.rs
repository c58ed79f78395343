//! What can go wrong, told so that the reader needs no second look at a log.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output};

/// Why a cluster could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, folder or program of this machine could not be used.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command that should have ended well did not.
    #[error("`{command}` ended with {status}:\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote.
        output: String,
    },
    /// A process that should be running has ended.
    #[error("{name} ended with {status}; the end of its log:\n{log}")]
    Ended {
        /// Which process.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// Something did not come about in time.
    #[error("{what} did not come about within {seconds} s\n{log}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// The last answer, and the end of the log of the process concerned.
        log: String,
    },
    /// Programs of the system are missing and cannot be installed from here.
    #[error("missing on this machine: {missing}; install it with: {command}")]
    Packages {
        /// The missing programs.
        missing: String,
        /// The command that installs them.
        command: String,
    },
    /// No node can run on this machine.
    #[error("no node can run here: {0}")]
    Node(String),
    /// An image could not be made.
    #[error("no image: {0}")]
    Image(#[from] lockgate_image::Error),
    /// An answer or a file was not what it should be.
    #[error("unexpected: {0}")]
    Unexpected(String),
}

impl Error {
    /// Whether the cause is a port that somebody else took since we found it free.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { log, .. } | Self::Timeout { log, .. } if log.contains("address already in use"))
    }
}

/// Names the action of an I/O error.
pub(crate) trait Action<T> {
    /// Turns the error into [`Error::Io`], naming what was tried.
    fn action(self, action: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Action<T> for io::Result<T> {
    fn action(self, action: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { action: action(), source })
    }
}

/// The last lines of a text, enough to see why a program gave up.
pub(crate) fn tail(text: &str) -> String {
    const LINES: usize = 25;
    let lines: Vec<&str> = text.lines().collect();
    let skip = lines.len().saturating_sub(LINES);
    lines.into_iter().skip(skip).collect::<Vec<_>>().join("\n")
}

/// The last lines of a log file.
pub(crate) fn log_tail(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => tail(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("(no log: {error})"),
    }
}

/// Runs a short command to its end and gives its standard output.
pub(crate) fn run(command: &mut std::process::Command) -> Result<String, Error> {
    let output = command.output().action(|| format!("run {}", command.get_program().display()))?;
    checked(command, &output)
}

/// The standard output of a command that ended well; an error that quotes it otherwise.
pub(crate) fn checked(command: &std::process::Command, output: &Output) -> Result<String, Error> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(Error::Command {
        command: command_line(command),
        status: output.status,
        output: tail(&format!("{text}{}", String::from_utf8_lossy(&output.stderr))),
    })
}

fn command_line(command: &std::process::Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}
