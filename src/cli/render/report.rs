//! What the worker tells the process that waits for it: lines of JSON on its standard output. None has a value of a Secret in it.

use std::io::Write;

use serde::{Deserialize, Serialize};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// It looks at this expression now.
    At(String),
    /// What is to be rendered cannot be.
    Refused(String),
    /// It could not do its work.
    Failed(String),
    /// It panicked, over the expression that it looks at or over none.
    Panicked {
        /// Since something was larger than memory can be.
        too_large: bool,
    },
}

impl Line {
    /// Tells it at once: the next thing that happens may be the process's end.
    pub(super) fn tell(&self) {
        if let Ok(mut line) = serde_json::to_string(self) {
            line.push('\n');
            let mut out = std::io::stdout().lock();
            // Who does not listen any more has ended it anyway.
            let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        }
    }
}
