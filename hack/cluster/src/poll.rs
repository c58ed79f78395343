//! Waiting for a state: ask, pause briefly, ask again, give up at a deadline.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// The answer of one look.
pub(crate) enum Look<T> {
    /// It is there.
    There(T),
    /// Not yet; what was seen instead, for the error text.
    NotYet(String),
}

/// Looks every `pause` until it is there or `limit` has passed.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut look: impl FnMut() -> Result<Look<T>, Error>,
) -> Result<T, Error> {
    let start = Instant::now();
    loop {
        let seen = match look()? {
            Look::There(found) => return Ok(found),
            Look::NotYet(seen) => seen,
        };
        if start.elapsed() > limit {
            return Err(Error::Timeout { what: what.into(), seconds: limit.as_secs(), log: seen });
        }
        thread::sleep(pause);
    }
}
