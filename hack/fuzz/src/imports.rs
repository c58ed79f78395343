//! Any bytes as a file of another system: mapped, and what is written reads back as it was.
#![no_main]

use clap::ValueEnum;
use libfuzzer_sys::fuzz_target;
use lockgate::cli::import::read::File;
use lockgate::cli::import::system::System;
use lockgate::cli::import::{Options, import, yaml};
use lockgate::cli::manifest;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    // As whose objects; else told by their shape.
    let from = System::value_variants().get(usize::from(first % 8)).copied();
    let options = Options { from, as_steps: first & 64 != 0, ..Options::default() };
    let file = File { name: "made-up".into(), bytes: bytes.to_vec() };
    for draft in import(&[file], &options).drafts {
        let written = yaml::write(&draft);
        let read = manifest::read(&written).unwrap_or_default();
        assert_eq!(read, [draft.object], "{written}");
    }
});
