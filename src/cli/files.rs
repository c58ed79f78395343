//! `-f`: files, folders, standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::Error;

/// A file, and what is in it.
pub(super) struct Source {
    /// Its path, or `-`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Reads what was given: a file, `-`, or a folder, of which every `.yaml`, `.yml` and `.json` is read, sorted by name and without
/// the folders in it, as kubectl does.
pub(super) fn read(given: &[String]) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for name in given {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            sources.push(Source { name: name.clone(), text });
        } else if Path::new(name).is_dir() {
            for path in manifests(name)? {
                sources.push(file(&path.to_string_lossy())?);
            }
        } else {
            sources.push(file(name)?);
        }
    }
    Ok(sources)
}

fn file(name: &str) -> Result<Source, Error> {
    let text = std::fs::read_to_string(name).map_err(|why| Error::File(name.to_owned(), why))?;
    Ok(Source { name: name.to_owned(), text })
}

fn manifests(folder: &str) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |why| Error::File(folder.to_owned(), why);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if matches!(ending, "yaml" | "yml" | "json") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
