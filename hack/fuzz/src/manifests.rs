//! Any bytes as a file of manifests: read, and every document judged as a Pipeline.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockgate::cli::manifest;
use lockgate::model::validate::validate;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(documents) = manifest::read(text) {
        for document in &documents {
            let _ = validate(document);
        }
    }
});
