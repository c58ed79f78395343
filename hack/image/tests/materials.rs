//! Licences and SBOM, mostly of crates made up for it; `make image` does it for those that are in the program.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says no by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use lockgate_image::crates::{self, Crate};
use lockgate_image::{elf, licenses, sbom, system};
use serde_json::{Value, json};

use common::Place;

/// A crate with these files.
fn make(place: &Place, name: &str, license: &str, files: &[(&str, &str)]) -> Crate {
    let folder = place.0.join(name);
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in files {
        fs::write(folder.join(file), text).unwrap();
    }
    Crate {
        name: name.into(),
        version: "1.0.0".into(),
        root: false,
        license: Some(license.into()),
        repository: None,
        authors: vec!["Somebody <somebody@example.com>".into()],
        folder,
        uses: Vec::new(),
    }
}

#[test]
fn every_crate_brings_its_licence_or_is_named() {
    let place = Place::new("licences");
    let own = make(&place, "own", "MIT", &[("LICENSE-MIT", "the text\r\nof own"), ("Cargo.toml", "no licence")]);
    let same = make(&place, "same", "MIT", &[("license.md", "the text\nof own")]);
    let repository = || Some("https://example.com/r".to_owned());
    let sibling = Crate { repository: repository(), ..make(&place, "sibling", "ISC", &[("COPYING", "of the family")]) };
    let bare = Crate { repository: repository(), ..make(&place, "bare", "ISC", &[]) };
    let known = make(&place, "vsimd", "MIT", &[]);
    let crates = [own, same, sibling, bare, known];
    let text = licenses::third_party(&crates).unwrap();
    assert!(text.contains("  own 1.0.0: MIT\n"), "{text}");
    assert!(text.contains("own 1.0.0, same 1.0.0\n\nthe text\nof own\n"), "equal texts stand once: {text}");
    assert!(text.contains("bare 1.0.0, sibling 1.0.0\n\nof the family\n"), "{text}");
    assert!(text.contains("Copyright (c) Somebody <somebody@example.com>\n"), "{text}");

    let stranger =
        Crate { repository: Some("https://example.com/other".into()), ..make(&place, "stranger", "ISC", &[]) };
    // It is in the list with another licence, which is not this one's.
    let changed = make(&place, "kube", "MIT", &[]);
    let said = licenses::third_party(&[stranger, changed]).unwrap_err().to_string();
    assert!(said.ends_with(": stranger 1.0.0 (ISC), kube 1.0.0 (MIT)"), "{said}");
}

/// What cargo prints.
fn cargo(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A crate that is added is told here, not first when an image is built for a release.
#[test]
fn every_crate_of_lockgate_brings_its_licence_or_is_named() {
    let tree = ["tree", "--locked", "--package=lockgate", "--features=otlp", "--edges=normal", "--prefix=none"];
    let tree = String::from_utf8(cargo(&tree)).unwrap();
    let used: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.split_once(" v")).map(|(name, rest)| (name, version(rest))).collect();
    let metadata: Value = serde_json::from_slice(&cargo(&["metadata", "--format-version=1", "--locked"])).unwrap();
    let text = |package: &Value, field: &str| package[field].as_str().map(ToOwned::to_owned);
    let packages = metadata["packages"].as_array().unwrap().iter();
    let known = packages
        .filter(|package| used.contains(&(package["name"].as_str().unwrap(), package["version"].as_str().unwrap())));
    let crates: Vec<Crate> = known
        .map(|package| Crate {
            name: text(package, "name").unwrap(),
            version: text(package, "version").unwrap(),
            root: package["source"].is_null(),
            license: text(package, "license"),
            repository: text(package, "repository"),
            authors: Vec::new(),
            folder: Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned(),
            uses: Vec::new(),
        })
        .collect();
    assert!(crates.len() == used.len() && crates.len() > 150, "{} of {}", crates.len(), used.len());
    licenses::third_party(&crates).unwrap_or_else(|error| panic!("{error}"));
}

/// The version at the begin of what stands behind a crate's name.
fn version(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

#[test]
fn the_sbom_names_each_part_and_who_uses_it() {
    let place = Place::new("sbom");
    let leaf = Crate { version: "1.0.0+meta".into(), ..make(&place, "leaf", "MIT OR Apache-2.0", &[]) };
    let root = Crate { root: true, uses: vec![0], ..make(&place, "lockgate", "Apache-2.0", &[]) };
    let package =
        system::DebianPackage { name: "libc6".into(), version: "1:2.36+u1".into(), architecture: "amd64".into() };
    let document = sbom::document(&[leaf, root], &[package], "2026-01-01T00:00:00Z", "ab", "sha256:cd");
    let (leaf, libc) = ("pkg:cargo/leaf@1.0.0%2Bmeta", "pkg:deb/debian/libc6@1%3A2.36%2Bu1?arch=amd64");
    assert_eq!(document["specVersion"], "1.6");
    assert_eq!(document["metadata"]["timestamp"], "2026-01-01T00:00:00Z");
    let program = &document["metadata"]["component"];
    assert_eq!(program["type"], "application");
    assert_eq!(program["bom-ref"], "pkg:cargo/lockgate@1.0.0");
    assert_eq!(program["hashes"], json!([{"alg": "SHA-256", "content": "ab"}]));
    assert_eq!(document["components"][0]["purl"], leaf);
    assert_eq!(document["components"][0]["licenses"], json!([{"expression": "MIT OR Apache-2.0"}]));
    assert_eq!(document["components"][1]["purl"], libc);
    assert_eq!(document["dependencies"][1], json!({"ref": "pkg:cargo/lockgate@1.0.0", "dependsOn": [leaf, libc]}));
}

#[test]
fn a_program_without_a_list_of_its_crates_is_refused() {
    let said = crates::of(Path::new(env!("CARGO_BIN_EXE_lockgate-image"))).unwrap_err().to_string();
    assert!(said.contains("it has no list of its crates, build it with `cargo auditable`"), "{said}");
}

#[test]
fn a_path_in_a_program_is_found() {
    let place = Place::new("paths");
    let program = place.0.join("program");
    fs::write(&program, b"\x7fELF\0at /somewhere/else/src/main.rs\0").unwrap();
    elf::without(&program, &["/nowhere/".into()]).unwrap();
    let said = elf::without(&program, &["/nowhere/".into(), "/somewhere/".into()]).unwrap_err().to_string();
    assert!(said.ends_with("it names a path of this machine: /somewhere/else/src/main.rs"), "{said}");
}

#[test]
fn libraries_are_of_packages_that_say_who_holds_the_rights() {
    if std::process::Command::new("dpkg-query").arg("--version").output().is_err() {
        println!("SKIPPED: no dpkg");
        return;
    }
    let packages = system::packages(Path::new(env!("CARGO_BIN_EXE_lockgate-image"))).unwrap();
    assert!(packages.iter().any(|package| package.name == "libc6"), "{packages:?}");
    for package in packages {
        assert!(package.copyright().is_file(), "{package:?}");
        assert!(!package.version.is_empty(), "{package:?}");
    }
}
