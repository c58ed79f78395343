//! Free ports of the loopback address.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::error::Error;
use crate::random;

/// Below the range from which kernels take client ports (32768 on), so that nobody's outgoing
/// connection, not even a client's own attempt to reconnect, takes the port of an API server that
/// is down for a moment.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port on which the kernel let us listen just now.
pub(crate) fn free() -> Result<u16, Error> {
    for _ in 0..200 {
        let port = FIRST + random::number()? % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Unexpected(format!("no free port between {FIRST} and {}", FIRST + COUNT)))
}

/// Whether somebody accepts connections there.
pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
