//! `lockgate render`: what the init container of a Pod runs. It writes the step's input, with values of Secrets in it, into a volume
//! in memory.
//!
//! Expressions may do what they like, so the work is done by a child process with limits ([`worker`]); this one waits for it, not
//! longer than the deadline, and says what became of it ([`watch`]). No value of a Secret leaves the child but in the files that
//! it writes.

mod folders;
mod limits;
mod out;
mod report;
mod verdict;
mod volumes;
mod watch;
mod worker;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::Error;
use super::output::printable;
use crate::model::render::{OUT_DIR, REQUEST_FILE, SECRETS_DIR};

/// Where the kubelet looks for a container's last words.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// The most that is written there, in bytes. The kubelet takes 4 KiB of a container, and 12 of a Pod.
const LAST_WORDS: usize = 1024;

/// Flags of `lockgate render`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct RenderArgs {
    /// What is to be rendered: JSON, without values of Secrets.
    #[arg(long, value_name = "FILE", default_value = REQUEST_FILE)]
    request: PathBuf,

    /// The folder with the Secrets: a folder each, of files named after keys.
    #[arg(long, value_name = "DIR", default_value = SECRETS_DIR)]
    secrets: PathBuf,

    /// The folder that is written into.
    #[arg(long, value_name = "DIR", default_value = OUT_DIR)]
    out: PathBuf,

    /// Where it is told what went wrong, if something did; it is told on standard error, too.
    #[arg(long, value_name = "FILE", default_value = TERMINATION_LOG)]
    termination_log: PathBuf,

    /// Do the work in this process, under limits that stay: for the process that lockgate render starts.
    #[arg(long, hide = true)]
    worker: bool,
}

const HELP: &str = "\
The operator starts this in an init container of every Pod whose step has an input, or a Secret
with format: properties. It is of little use elsewhere. docs/input.md has the expressions.

All is computed within 64 MiB of memory and 10 seconds, by a process that has no environment, file,
network or clock for it. What is told when something goes wrong names the place in the template,
and never a value of a Secret.

Exit codes:
  0   everything was written
  65  what is to be rendered cannot be, and would not be at another try: an expression is none,
      fails, or needs more than the limits
  70  rendering failed for another reason: a file cannot be read or written, or the process was
      killed

Examples:
  # With files in places of your own, to try an input out
  lockgate render --request request.json --secrets secrets --out out --termination-log message";

/// Renders, or does the work of it.
pub(super) fn run(args: &RenderArgs) -> Result<(), Error> {
    if args.worker {
        return worker::run(args);
    }
    watch::run(args).inspect_err(|error| leave(&args.termination_log, error))
}

/// Leaves last words where the kubelet looks for them. They are told on standard error as well, so that it is no loss where
/// there is no such file.
fn leave(log: &Path, error: &Error) {
    let text = error.to_string();
    let text = printable(&text);
    let mut words = String::new();
    for c in text.chars() {
        if words.len() + c.len_utf8() > LAST_WORDS {
            break;
        }
        words.push(c);
    }
    if let Ok(mut file) = OpenOptions::new().write(true).create(true).truncate(true).open(log) {
        let _ = file.write_all(words.as_bytes());
    }
}
