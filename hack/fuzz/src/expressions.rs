//! Any text as a string of an input's template: what the operator bounds, and what `lockgate check` compiles.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| lockgate::cli::judge_expressions(text));
