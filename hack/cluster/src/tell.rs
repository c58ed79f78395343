//! Telling people what happens, on standard error.

use std::io::Write as _;
use std::time::Instant;

/// Says something that explains a wait of seconds or minutes. It bypasses the capture of test
/// output, because a silent first build looks like a hang.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "lockgate-cluster: {text}");
}

/// The steps of a start, told with the seconds since its beginning if somebody wants to hear them.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    start: Instant,
    aloud: bool,
}

impl Steps {
    pub(crate) fn new(aloud: bool) -> Self {
        Self { start: Instant::now(), aloud }
    }

    pub(crate) fn say(&self, text: &str) {
        if self.aloud {
            note(&format!("{:5.1} s  {text}", self.start.elapsed().as_secs_f64()));
        }
    }
}
