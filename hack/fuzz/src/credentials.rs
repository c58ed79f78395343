//! Any bytes as an image's name, a line, and then a pull Secret's file: read and matched as the kubelet does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockgate::cli::registry::offered;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (image, file) = bytes.split_at(end);
    if let Ok(image) = std::str::from_utf8(image) {
        let _ = offered(&[file], image);
    }
});
