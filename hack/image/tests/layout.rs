//! Images are what they should be, byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says no by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use lockgate_image::{Compression, ENTRYPOINT, Program, USER, elf};
use serde_json::Value;

use common::Place;

fn program(compression: Compression) -> Program {
    Program {
        binary: env!("CARGO_BIN_EXE_lockgate-image").into(),
        version: "1.2.3".into(),
        revision: Some("abc".into()),
        source: None,
        time: 1_700_000_000,
        licenses: None,
        compression,
        reference: None,
    }
}

fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    layout.join("blobs").join(descriptor["digest"].as_str().unwrap().replace(':', "/"))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The manifest and the configuration.
fn documents(layout: &Path) -> (Value, Value) {
    let index = json(&layout.join("index.json"));
    let manifest = json(&blob(layout, &index["manifests"][0]));
    let config = json(&blob(layout, &manifest["config"]));
    (manifest, config)
}

/// Every entry of the layers: mode, owner, time and size by path.
fn entries(layout: &Path, manifest: &Value) -> BTreeMap<String, (u32, u64, u64, u64)> {
    let mut entries = BTreeMap::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let file = File::open(blob(layout, layer)).unwrap();
        let gzip = layer["mediaType"].as_str().unwrap().ends_with("+gzip");
        let reader: Box<dyn Read> = if gzip { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
        for entry in tar::Archive::new(reader).entries().unwrap() {
            let header = entry.unwrap().header().clone();
            let path = header.path().unwrap().to_string_lossy().into_owned();
            let facts =
                (header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap(), header.size().unwrap());
            entries.insert(format!("/{}", path.trim_start_matches("./")), facts);
        }
    }
    entries
}

#[test]
fn one_program_gives_one_digest() {
    let place = Place::new("digest");
    let written = |name: &str, program: Program| {
        let layout = place.0.join(name);
        (program.write(&layout).unwrap(), fs::read(layout.join("index.json")).unwrap())
    };
    assert_eq!(written("first", program(Compression::Gzip)), written("second", program(Compression::Gzip)));
    // Not because nothing that is given counts.
    let later = Program { time: 1_700_000_001, ..program(Compression::None) };
    assert_ne!(written("now", program(Compression::None)), written("later", later));
}

#[test]
fn it_holds_the_program_what_that_needs_and_no_shell() {
    let place = Place::new("content");
    program(Compression::Gzip).write(&place.0).unwrap();
    let (manifest, config) = documents(&place.0);
    let entries = entries(&place.0, &manifest);

    let binary = Path::new(env!("CARGO_BIN_EXE_lockgate-image"));
    let head = elf::head(binary).unwrap();
    let loader = head.loader.unwrap();
    let libraries = elf::libraries(binary, &loader).unwrap();
    assert!(libraries.iter().any(|path| path.ends_with("libc.so.6")), "{libraries:?}");
    let needed = libraries.iter().chain([&loader]).map(|path| path.to_string_lossy().into_owned());
    let etc = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ssl/certs/ca-certificates.crt"];
    let mut expected: Vec<String> = needed.chain(etc.map(Into::into)).chain([ENTRYPOINT.to_owned()]).collect();
    expected.retain(|path| path != etc[3] || entries.contains_key(path));
    expected.sort();
    let files: Vec<&String> = entries.keys().filter(|path| !path.ends_with('/')).collect();
    assert_eq!(files, expected.iter().collect::<Vec<_>>());

    assert_eq!(entries[ENTRYPOINT].0, 0o755);
    assert_eq!(entries["/tmp/"].0, 0o1777);
    assert!(entries.values().all(|(_, owner, time, _)| (*owner, *time) == (0, 1_700_000_000)), "{entries:?}");
    assert_eq!(entries[ENTRYPOINT].3, fs::metadata(binary).unwrap().len());

    assert_eq!(config["config"]["User"], USER);
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!([ENTRYPOINT]));
    assert_eq!(config["config"]["Labels"], manifest["annotations"]);
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.revision"], "abc");
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    assert_eq!(config["architecture"], head.architecture);
}

#[test]
fn what_is_no_program_is_refused_by_name() {
    let place = Place::new("refused");
    let binary = place.0.join("script");
    fs::write(&binary, "#!/bin/sh\n").unwrap();
    let script = Program { binary: binary.clone(), ..program(Compression::None) };
    let said = script.write(&place.0.join("layout")).unwrap_err().to_string();
    assert!(said.starts_with(&format!("{}: it is no 64-bit ELF program: ", binary.display())), "{said}");
}
