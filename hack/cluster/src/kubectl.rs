//! `kubectl` for one cluster.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Action as _, Error, checked};

/// Makes commands that talk to one cluster as one user.
#[derive(Debug, Clone)]
pub(crate) struct Kubectl {
    pub(crate) program: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    /// A discovery cache of our own: ports are used again, and then the user's would be wrong.
    pub(crate) cache: PathBuf,
}

impl Kubectl {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache);
        command
    }

    /// GETs a path: the cheapest question, without discovery. The inner error is the server's no.
    pub(crate) fn get_raw(&self, path: &str) -> Result<Result<String, String>, Error> {
        let output = self.command().args(["get", "--raw", path]).output().action(|| "run kubectl".into())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
    }

    /// Runs with these arguments and gives standard output.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String, Error> {
        crate::error::run(self.command().args(args))
    }

    /// Runs with these arguments and this standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Result<String, Error> {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().action(|| "run kubectl".into())?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).action(|| "write to kubectl".into())?;
        }
        let output = child.wait_with_output().action(|| "wait for kubectl".into())?;
        checked(&command, &output)
    }
}
