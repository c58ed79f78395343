//! The crates that a program was built from, as the program itself says.
//!
//! `cargo auditable` puts their list into the section `.dep-v0` of the program (zlib, JSON).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use auditable_info::{Limits, audit_info_from_file};
use auditable_serde::{DependencyKind, VersionInfo};
use serde_json::Value;

use crate::error::{Action as _, Error};

/// A crate whose code is in the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is the program's own.
    pub root: bool,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Where its source is kept; crates of one repository have one value.
    pub repository: Option<String>,
    /// Who wrote it, as it says.
    pub authors: Vec<String>,
    /// The folder with its files.
    pub folder: PathBuf,
    /// The crates that it uses, as indexes of the list that it is in.
    pub uses: Vec<usize>,
}

/// The crates whose code is in the program, with what cargo knows of them. Those that only took part in the build are
/// left out.
pub fn of(program: &Path) -> Result<Vec<Crate>, Error> {
    let wrong = |why: String| Error::Program { path: program.to_owned(), why };
    let list = audit_info_from_file(program, Limits::default())
        .map_err(|error| wrong(format!("it has no list of its crates, build it with `cargo auditable`: {error}")))?;
    let known = known()?;
    joined(&list, &known).map_err(|unknown| {
        wrong(format!("it was not built from this Cargo.lock, which does not have: {}", unknown.join(", ")))
    })
}

/// By name and version, what cargo knows of a package.
type Known = BTreeMap<(String, String), Value>;

/// The packages of this workspace and all that they use. (The crate `cargo_metadata` would read this, too; but it asks for
/// a feature of `serde_json` that would have everything compiled twice, with it for tests and without it for the program.)
fn known() -> Result<Known, Error> {
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--format-version=1", "--locked"]);
    let output = metadata.output().action(|| "run cargo metadata".into())?;
    if !output.status.success() {
        return Err(Error::Input(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let mut answer: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| Error::Input(format!("cargo metadata: {error}")))?;
    let packages = answer.pointer_mut("/packages").and_then(Value::as_array_mut).map(std::mem::take);
    let named = |package: Value| text(&package, "name").zip(text(&package, "version")).map(|key| (key, package));
    Ok(packages.unwrap_or_default().into_iter().filter_map(named).collect())
}

/// What the program says, with what cargo knows; an error lists those that cargo does not know.
fn joined(list: &VersionInfo, known: &Known) -> Result<Vec<Crate>, Vec<String>> {
    let runtime: Vec<usize> =
        list.packages.iter().enumerate().filter(|(_, p)| p.kind == DependencyKind::Runtime).map(|(i, _)| i).collect();
    let (mut crates, mut unknown) = (Vec::new(), Vec::new());
    for package in runtime.iter().filter_map(|index| list.packages.get(*index)) {
        let (name, version) = (package.name.clone(), package.version.to_string());
        let Some(known) = known.get(&(name.clone(), version.clone())) else {
            unknown.push(format!("{name} {version}"));
            continue;
        };
        let manifest = text(known, "manifest_path").unwrap_or_default();
        let authors = known.get("authors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        crates.push(Crate {
            name,
            version,
            root: package.root,
            // The slash is the form of before 2018, which some crates still have.
            license: text(known, "license").map(|license| license.replace('/', " OR ")),
            repository: text(known, "repository"),
            authors: authors.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
            folder: Path::new(&manifest).parent().map(Path::to_path_buf).unwrap_or_default(),
            uses: package.dependencies.iter().filter_map(|index| runtime.binary_search(index).ok()).collect(),
        });
    }
    if unknown.is_empty() { Ok(crates) } else { Err(unknown) }
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field).and_then(Value::as_str).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Known, joined};

    #[test]
    fn what_took_part_in_the_build_only_is_left_out() {
        let list = json!({"packages": [
            {"name": "a", "version": "1.0.0", "source": "crates.io"},
            {"name": "b", "version": "2.0.0", "source": "crates.io", "kind": "build"},
            {"name": "c", "version": "3.0.0", "source": "local", "root": true, "dependencies": [0, 1]},
        ]});
        let list = serde_json::from_str(&list.to_string()).unwrap();
        let a = json!({"license": "MIT/Apache-2.0", "manifest_path": "/crates/a/Cargo.toml"});
        let c = json!({"manifest_path": "/c/Cargo.toml"});
        let key = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let mut known = Known::from([(key("a", "1.0.0"), a), (key("c", "3.0.0"), c)]);

        let crates = joined(&list, &known).unwrap();
        let names: Vec<&str> = crates.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(crates[0].license.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(crates[0].folder.to_str(), Some("/crates/a"));
        assert_eq!((crates[1].root, &*crates[1].uses), (true, &[0][..]));

        known.remove(&key("a", "1.0.0"));
        assert_eq!(joined(&list, &known), Err(vec!["a 1.0.0".to_owned()]));
    }
}
