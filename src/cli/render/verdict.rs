//! How a worker ended, in words and as an exit code.

use std::time::Duration;

use super::limits::{MEMORY, TIME};
use super::report::Line;
use crate::cli::error::Error;

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// By itself or by a signal.
    Ended {
        /// Its exit code.
        code: Option<i32>,
        /// The signal.
        signal: Option<i32>,
    },
    /// It was ended, since its time was over.
    Late {
        /// How long the processor worked for it.
        used: Option<Duration>,
    },
}

/// What was heard of it.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The expression that it looked at last.
    pub(super) at: Option<String>,
    /// What it said of its end.
    pub(super) told: Option<Line>,
    /// What the runtime said.
    pub(super) last_words: String,
}

/// A worker that had less than this of its time's processor was held up, not busy.
const BUSY: Duration = Duration::from_millis(500);

const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

/// Why a process ends that an expression is too much for.
enum Exhausted {
    Memory,
    Stack,
    Time,
    /// None of it: jaq has a mistake, or we have.
    Jq,
}

impl Exhausted {
    fn words(&self) -> String {
        match self {
            Self::Memory => {
                format!("it needs more than the {} MiB of memory that an input may take", MEMORY / 1024 / 1024)
            }
            Self::Stack => "it calls itself too deeply, or its result is nested too deeply".to_owned(),
            Self::Jq => "it leads jq into a mistake of its own; write it in another way, and report it".to_owned(),
            Self::Time => format!("it was not done within the {} s that an input may take", TIME.as_secs()),
        }
    }
}

/// What to say of it, and whether another try would end the same.
pub(super) fn verdict(ending: Ending, heard: &Heard) -> Result<(), Error> {
    let exhausted = match (ending, &heard.told) {
        (Ending::Ended { code: Some(0), .. }, None) => return Ok(()),
        (_, Some(Line::Refused(why))) => return Err(Error::Invalid(why.clone())),
        (_, Some(Line::Failed(why))) => return Err(Error::Helper(why.clone())),
        (_, Some(Line::Panicked { too_large })) => Some(if *too_large { Exhausted::Memory } else { Exhausted::Jq }),
        _ => exhausted(ending, &heard.last_words),
    };
    match (exhausted, &heard.at) {
        (Some(limit), Some(site)) => Err(Error::Invalid(format!("{site}: {}", limit.words()))),
        _ => Err(Error::Helper(format!("the input is not rendered: {}", how(ending)))),
    }
}

/// What was exhausted, if something was.
fn exhausted(ending: Ending, last_words: &str) -> Option<Exhausted> {
    match ending {
        Ending::Late { used } => used.is_none_or(|used| used >= BUSY).then_some(Exhausted::Time),
        Ending::Ended { signal: Some(SIGXCPU), .. } => Some(Exhausted::Time),
        Ending::Ended { signal: Some(SIGSEGV | SIGBUS), .. } => Some(Exhausted::Stack),
        // As the runtime of Rust says it before it aborts.
        Ending::Ended { signal: Some(SIGABRT), .. } if last_words.contains("overflowed its stack") => {
            Some(Exhausted::Stack)
        }
        Ending::Ended { signal: Some(SIGABRT), .. } if last_words.contains("memory allocation of") => {
            Some(Exhausted::Memory)
        }
        Ending::Ended { .. } => None,
    }
}

/// An end that says nothing of the input.
fn how(ending: Ending) -> String {
    match ending {
        Ending::Late { .. } => {
            format!("within {} s the node gave it next to no processor time; it is tried again", TIME.as_secs())
        }
        Ending::Ended { signal: Some(9), .. } => {
            "its process was killed: does the memory limit of the init container leave it 96 MiB?".to_owned()
        }
        Ending::Ended { signal: Some(signal), .. } => format!("its process was ended by signal {signal}"),
        Ending::Ended { code, .. } => {
            format!("its process ended with code {} and said nothing", code.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "template at /a, character 4, jq(def f: f; f)";

    fn said(ending: Ending, at: bool, told: Option<Line>, last_words: &str) -> (u8, String) {
        let heard = Heard { at: at.then(|| SITE.to_owned()), told, last_words: last_words.to_owned() };
        verdict(ending, &heard).map_or_else(|error| (error.exit_code(), error.to_string()), |()| (0, String::new()))
    }

    fn signal(signal: i32) -> Ending {
        Ending::Ended { code: None, signal: Some(signal) }
    }

    fn code(code: i32) -> Ending {
        Ending::Ended { code: Some(code), signal: None }
    }

    fn late(millis: u64) -> Ending {
        Ending::Late { used: Some(Duration::from_millis(millis)) }
    }

    #[test]
    fn an_input_is_blamed_for_what_another_try_would_not_mend_and_for_nothing_else() {
        let refused = Some(Line::Refused("no".to_owned()));
        let failed = Some(Line::Failed("no file".to_owned()));
        let overflow = "\nthread 'render' (7) has overflowed its stack\nfatal runtime error: stack overflow, aborting";
        let memory = "memory allocation of 67108864 bytes failed";
        for (ending, at, told, last_words, exit, begin, part) in [
            (code(0), true, None, "", 0, "", ""),
            (code(70), true, refused, "", 65, "no", ""),
            (code(70), true, failed, "", 70, "no file", ""),
            (signal(SIGABRT), true, None, overflow, 65, SITE, "too deeply"),
            (signal(SIGSEGV), true, None, "", 65, SITE, "too deeply"),
            (signal(SIGABRT), true, None, memory, 65, SITE, "64 MiB of memory"),
            (late(9_000), true, None, "", 65, SITE, "within the 10 s"),
            (Ending::Late { used: None }, true, None, "", 65, SITE, "within the 10 s"),
            (signal(SIGXCPU), true, None, "", 65, SITE, "within the 10 s"),
            // Before there was an expression, or for no reason of its own.
            (signal(SIGABRT), false, None, memory, 70, "the input is not rendered", "signal 6"),
            (signal(SIGABRT), true, None, "", 70, "the input is not rendered", "signal 6"),
            (late(499), true, None, "", 70, "the input is not rendered", "tried again"),
            (signal(9), true, None, "", 70, "the input is not rendered", "killed"),
            (code(3), true, None, "", 70, "the input is not rendered", "code 3"),
            (code(70), true, Some(Line::Panicked { too_large: true }), "", 65, SITE, "64 MiB of memory"),
            (code(70), true, Some(Line::Panicked { too_large: false }), "", 65, SITE, "mistake of its own"),
            (
                code(70),
                false,
                Some(Line::Panicked { too_large: false }),
                "",
                70,
                "the input is not rendered",
                "code 70",
            ),
        ] {
            let (code, words) = said(ending, at, told, last_words);
            assert_eq!(code, exit, "{ending:?}: {words}");
            assert!(words.starts_with(begin) && words.contains(part), "{ending:?}: {words}");
        }
    }
}
