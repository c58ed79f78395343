//! What the tests share: kubectl with an answer, and waiting with a deadline.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use lockgate_cluster::Cluster;

/// Runs kubectl as admin; panics with its words if it fails.
pub(crate) fn kubectl(cluster: &Cluster, args: &[&str]) -> String {
    answer(cluster.kubectl().args(args)).unwrap_or_else(|error| panic!("kubectl {args:?}: {error}"))
}

/// Standard output of a command that ends well, else its standard error.
pub(crate) fn answer(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Waits until it is so.
pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_mins(1), "still not so after a minute: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}
