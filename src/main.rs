//! The `lockgate` binary: parse the arguments, dispatch, exit.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

// Freed memory is wiped: Secret metadata passes by on the wire and kubectl's `last-applied-configuration` annotation
// in it may hold values. Our types drop it, and this drops what the HTTP buffers held of it.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    lockgate::cli::run(std::env::args_os())
}
