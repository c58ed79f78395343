//! Waits for the worker, and ends it when its time is over.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::RenderArgs;
use super::limits::TIME;
use super::report::Line;
use super::verdict::{Ending, Heard, verdict};
use crate::cli::error::Error;

/// The most that is read of what a worker tells: its own lines are far shorter.
const MOST: u64 = 4 * 1024 * 1024;

/// Runs the worker to its end.
pub(super) fn run(args: &RenderArgs) -> Result<(), Error> {
    let failed =
        |what: &str, error: &std::io::Error| Error::Helper(format!("the input is not rendered: {what}: {error}"));
    let program = std::env::current_exe().map_err(|error| failed("this program cannot be found", &error))?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .arg("render")
        .arg("--worker")
        .args([as_flag("--request", &args.request), as_flag("--secrets", &args.secrets), as_flag("--out", &args.out)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("its process cannot be started", &error))?;
    let lines = lines_of(&mut child);
    let last_words = thread::spawn({
        let stderr = child.stderr.take();
        move || last_words_of(stderr)
    });
    let mut heard = Heard::default();
    let ending = loop {
        match lines.recv_timeout(TIME.saturating_sub(began.elapsed())) {
            Ok(Line::At(site)) => heard.at = Some(site),
            Ok(told) => heard.told = Some(told),
            Err(RecvTimeoutError::Timeout) => {
                let used = processor_time(child.id());
                // It may have ended just now, and is waited for in any case.
                let _ = child.kill();
                let _ = child.wait();
                break Ending::Late { used };
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait().map_err(|error| failed("its process cannot be waited for", &error))?;
                break Ending::Ended { code: status.code(), signal: status.signal() };
            }
        }
    };
    heard.last_words = last_words.join().unwrap_or_default();
    verdict(ending, &heard)
}

/// `--flag=value`, so that no value is taken for a flag.
fn as_flag(flag: &str, path: &std::path::Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(flag);
    argument.push("=");
    argument.push(path);
    argument
}

/// What the worker tells, until it ends.
fn lines_of(child: &mut Child) -> Receiver<Line> {
    let (sender, receiver) = channel();
    if let Some(out) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(out.take(MOST)).lines().map_while(Result::ok) {
                let told = serde_json::from_str(&line).is_ok_and(|line| sender.send(line).is_ok());
                if !told {
                    break;
                }
            }
        });
    }
    receiver
}

/// What the runtime itself says before it aborts. It knows no values.
fn last_words_of(stderr: Option<impl Read>) -> String {
    let mut words = Vec::new();
    if let Some(stderr) = stderr {
        let _ = stderr.take(4096).read_to_end(&mut words);
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// How long the processor has worked for a process, where the system tells.
fn processor_time(id: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may have spaces and brackets in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis(ticks.iter().sum::<u64>() * 1000 / per_second))
}
