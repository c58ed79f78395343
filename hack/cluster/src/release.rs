//! The ledger of a cluster: what exists outside its data folder, and how each thing is released.
//!
//! The same code serves the ordinary end and the leftovers of a killed owner, so it takes nothing for
//! granted: each thing may be gone already.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The name of the ledger in a data folder.
pub(crate) const LEDGER: &str = "ledger";

/// One thing to release.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A process, told from a later one with the same id by its start time.
    Process { pid: u32, started: u64 },
    /// A network bridge.
    Bridge(String),
    /// A control group folder, one of its hierarchies.
    Cgroup(PathBuf),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, started } => write!(f, "process {pid} {started}"),
            Self::Bridge(name) => write!(f, "bridge {name}"),
            Self::Cgroup(path) => write!(f, "cgroup {}", path.display()),
        }
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "process" => {
                let (pid, started) = rest.split_once(' ')?;
                Some(Self::Process { pid: pid.parse().ok()?, started: started.parse().ok()? })
            }
            "bridge" => Some(Self::Bridge(rest.into())),
            "cgroup" => Some(Self::Cgroup(rest.into())),
            _ => None,
        }
    }
}

/// Releases everything that the ledger of this data folder names, processes first: they use the rest.
pub(crate) fn all(dir: &Path) {
    let ledger = fs::read_to_string(dir.join(LEDGER)).unwrap_or_default();
    let entries: Vec<Entry> = ledger.lines().filter_map(Entry::parse).collect();
    for entry in &entries {
        if let Entry::Process { pid, started } = entry {
            kill(*pid, *started);
        }
    }
    for entry in entries {
        match entry {
            Entry::Process { .. } => {}
            Entry::Bridge(name) => {
                let _ = Command::new("ip").args(["link", "delete", &name]).output();
            }
            Entry::Cgroup(path) => remove_cgroup(&path),
        }
    }
}

/// When a process started, in the kernel's ticks; none if no such process runs.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    // The second field is the program's name in parentheses and may hold anything, also spaces.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    // A zombie has ended; only its parent, which may never ask, keeps it in the table.
    let runs = !matches!(fields.next()?, "Z" | "X");
    fields.nth(18)?.parse().ok().filter(|_| runs)
}

fn kill(pid: u32, started: u64) {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    wait(Duration::from_secs(5), || {
        let gone = start_time(pid) != Some(started);
        if !gone {
            let _ = kill_process(raw, Signal::KILL);
        }
        gone
    });
}

/// A control group can go when its last process has gone, which may lag behind the kill.
fn remove_cgroup(path: &Path) {
    wait(Duration::from_secs(10), || {
        remove_folders(path);
        !path.exists()
    });
}

/// The files of a control group cannot be removed; its folders can, innermost first.
fn remove_folders(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_folders(&entry.path());
        }
    }
    let _ = fs::remove_dir(path);
}

fn wait(limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() && start.elapsed() < limit {
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;

    #[test]
    fn reads_what_it_writes() {
        let entries = [
            Entry::Process { pid: 7, started: 4242 },
            Entry::Bridge("lg-1".into()),
            Entry::Cgroup("/sys/fs/cgroup/cpu/a b".into()),
        ];
        for entry in entries {
            assert_eq!(Entry::parse(&entry.to_string()), Some(entry));
        }
        assert_eq!(Entry::parse("process x"), None);
    }
}
