//! Any bytes as a file of another system: mapped, and written as YAML that reads as what it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockgate::cli::import::read::File;
use lockgate::cli::import::{Options, import, yaml};
use lockgate::cli::manifest;

fuzz_target!(|bytes: &[u8]| {
    let file = File { name: "fuzz".to_owned(), bytes: bytes.to_vec() };
    for as_steps in [false, true] {
        let imported = import(std::slice::from_ref(&file), &Options { as_steps, ..Options::default() });
        for draft in &imported.drafts {
            let written = yaml::write(draft);
            assert!(manifest::read(&written).is_ok_and(|read| read == [draft.object.clone()]), "{written}");
        }
    }
});
