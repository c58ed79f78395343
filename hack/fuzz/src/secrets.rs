//! Any bytes as a file of `lockgate secret create`: an env file, manifests.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lockgate::cli::read_secrets(bytes));
