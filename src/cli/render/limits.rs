//! The limits of the worker. They hold for all that comes after, whatever it runs.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Memory of the worker, its stacks included, in bytes.
pub(super) const MEMORY: u64 = 64 * 1024 * 1024;
/// All the time that it has.
pub(super) const TIME: Duration = Duration::from_secs(10);

/// Where a kernel counts only a part of the memory as data: twice what the program and all else take at most.
const ADDRESSES: u64 = 1024 * 1024 * 1024;
/// The largest file that may be written: a Secret of 1 MiB, every byte of which becomes six characters.
const FILE: u64 = 8 * 1024 * 1024;

/// Sets them. Processes of the same user elsewhere count into `nproc`, so that is left as it is.
pub(super) fn set() -> io::Result<()> {
    let limits = [
        // Values are in memory: no dump of it is written to a disk.
        (Resource::Core, 0),
        (Resource::Data, MEMORY),
        (Resource::As, ADDRESSES),
        (Resource::Fsize, FILE),
        // If the process that waits is killed, nobody else ends this one.
        (Resource::Cpu, TIME.as_secs() + 1),
        (Resource::Nofile, 64),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
