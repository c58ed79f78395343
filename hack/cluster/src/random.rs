//! Randomness for names, tokens and ports, from the kernel.

use std::fs::File;
use std::io::Read as _;

use crate::encode;
use crate::error::{Action as _, Error};

/// `count` random bytes as lower-case hex.
pub(crate) fn hex(count: usize) -> Result<String, Error> {
    Ok(encode::hex(&bytes(count)?))
}

/// `count` random bytes.
pub(crate) fn bytes(count: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0_u8; count];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A random number.
pub(crate) fn number() -> Result<u16, Error> {
    let mut bytes = [0_u8; 2];
    fill(&mut bytes)?;
    Ok(u16::from_ne_bytes(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(bytes)).action(|| "read random bytes".into())
}
