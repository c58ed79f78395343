//! The licences of what is in the image, as files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::crates::Crate;
use crate::error::{Action as _, Error};
use crate::system::DebianPackage;

/// How files with licences, and with the notices that they ask to be kept, are named.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// Crates whose packages have no such file, nor has another crate of their repository. Each was looked at: its manifest
/// names exactly one licence, and that licence's general text applies.
const WITHOUT_A_FILE: [(&str, &str); 16] = [
    ("hifijson", MIT),
    ("jaq-core", MIT),
    ("jaq-json", MIT),
    ("jaq-std", MIT),
    ("kube", APACHE),
    ("kube-client", APACHE),
    ("kube-core", APACHE),
    ("kube-derive", APACHE),
    ("kube-runtime", APACHE),
    ("opentelemetry", APACHE),
    ("opentelemetry-http", APACHE),
    ("opentelemetry-otlp", APACHE),
    ("opentelemetry-proto", APACHE),
    ("opentelemetry_sdk", APACHE),
    ("uuid-simd", MIT),
    ("vsimd", MIT),
];
const APACHE: &str = "Apache-2.0";
const MIT: &str = "MIT";

/// Lockgate's own licence.
const APACHE_TEXT: &str = include_str!("../../../LICENSE");
const MIT_TEXT: &str = include_str!("mit.txt");

/// Writes the files: Lockgate's licence, that of each crate, Rust's library, and the packages that libraries are from.
pub fn write(folder: &Path, crates: &[Crate], sysroot: &Path, packages: &[DebianPackage]) -> Result<(), Error> {
    fs::create_dir_all(folder).action(|| format!("make {}", folder.display()))?;
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).action(|| format!("write {}", path.display()))
    };
    put("LICENSE", APACHE_TEXT)?;
    put("third-party.txt", &third_party(crates)?)?;
    // With the licences of what the library itself uses.
    let library = sysroot.join("share/doc/rust/COPYRIGHT-library.html");
    put("rust-standard-library.html", &read(&library)?)?;
    packages.iter().try_for_each(|package| put(&format!("debian-{}.txt", package.name), &read(&package.copyright())?))
}

/// One text with the licence of every crate. Equal texts stand once.
pub fn third_party(crates: &[Crate]) -> Result<String, Error> {
    let (mut texts, mut missing) = (BTreeMap::<String, BTreeSet<String>>::new(), Vec::new());
    let foreign: Vec<&Crate> = crates.iter().filter(|one| !one.root).collect();
    for one in &foreign {
        let found = of_crate(one, crates)?;
        if found.is_empty() {
            missing.push(format!("{} {} ({})", one.name, one.version, one.license.as_deref().unwrap_or("no licence")));
        }
        for text in found {
            texts.entry(text).or_default().insert(format!("{} {}", one.name, one.version));
        }
    }
    if !missing.is_empty() {
        return Err(Error::Input(format!(
            "these crates bring no licence text; see WITHOUT_A_FILE in hack/image/src/licenses.rs: {}",
            missing.join(", ")
        )));
    }
    let mut all = "Lockgate contains these crates, under these licences:\n\n".to_owned();
    let lines = foreign.iter().map(|one| (one, one.license.as_deref().unwrap_or("see its text")));
    // Writing to a String cannot fail.
    lines.for_each(|(one, license)| _ = writeln!(all, "  {} {}: {license}", one.name, one.version));
    for (text, names) in texts {
        let names: Vec<String> = names.into_iter().collect();
        let _ = write!(all, "\n{}\n{}\n\n{}\n", "=".repeat(80), names.join(", "), text.trim_end());
    }
    Ok(all)
}

/// The texts of a crate: its own files, else those of a crate of the same repository, else the general text.
fn of_crate(one: &Crate, all: &[Crate]) -> Result<Vec<String>, Error> {
    let own = in_folder(&one.folder)?;
    if !own.is_empty() {
        return Ok(own);
    }
    let sibling = |other: &&Crate| other.repository.is_some() && other.repository == one.repository;
    for other in all.iter().filter(sibling).filter(|other| other.license == one.license) {
        let theirs = in_folder(&other.folder)?;
        if !theirs.is_empty() {
            return Ok(theirs);
        }
    }
    let general =
        WITHOUT_A_FILE.iter().find(|(name, license)| one.name == *name && one.license.as_deref() == Some(*license));
    Ok(match general {
        Some((_, APACHE)) => vec![APACHE_TEXT.to_owned()],
        Some(_) => vec![MIT_TEXT.replace("HOLDERS", &holders(one))],
        None => Vec::new(),
    })
}

fn holders(one: &Crate) -> String {
    if one.authors.is_empty() { format!("the authors of {}", one.name) } else { one.authors.join(", ") }
}

fn in_folder(folder: &Path) -> Result<Vec<String>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).action(|| format!("read {}", folder.display()))? {
        let entry = entry.action(|| format!("read {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.path().is_file() && NAMES.iter().any(|known| name.starts_with(known)) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).action(|| format!("read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
}
