//! Files: those that were named, those of folders, standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::error::Error;
use crate::cli::manifest::{self, Document, ReadError};

/// The endings that kubectl takes from a folder.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// A file that was read. It may hold Secrets: nothing of it is shown but by `place`.
pub(in crate::cli) struct File {
    /// As it was named; `stdin` for standard input.
    pub(in crate::cli) name: String,
    /// Its text.
    pub(in crate::cli) text: String,
    /// What stands in it, or why that cannot be read.
    pub(in crate::cli) documents: Result<Vec<Document>, ReadError>,
}

impl File {
    fn new(name: String, text: String) -> Self {
        let documents = manifest::documents(&text);
        Self { name, text, documents }
    }
}

/// Reads what `-f` names. Of a folder, the manifests in it; with `recursive`, also those of the folders below.
///
/// # Errors
/// A file that cannot be read, with the mend.
pub(in crate::cli) fn read(names: &[String], recursive: bool) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for name in names {
        let wrong = |why: &dyn std::fmt::Display| {
            Error::Usage(format!("{name} cannot be read: {why}: give files, folders or - with -f"))
        };
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| wrong(&error))?;
            files.push(File::new("stdin".into(), text));
            continue;
        }
        let path = Path::new(name);
        let paths =
            if path.is_dir() { folder(path, recursive).map_err(|error| wrong(&error))? } else { vec![path.into()] };
        for path in paths {
            let shown = path.strip_prefix(".").unwrap_or(&path).display();
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Error::Usage(format!("{shown} cannot be read: {error}: give files, folders or - with -f"))
            })?;
            files.push(File::new(shown.to_string(), text));
        }
    }
    // The same file may be named twice, as by itself and by its folder.
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.name.clone()));
    Ok(files)
}

fn folder(path: &Path, recursive: bool) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        // What a link points to is not followed: it may be the folder that it stands in.
        if entry.is_dir() && !entry.is_symlink() {
            if recursive {
                found.extend(folder(&entry, recursive)?);
            }
        } else if entry.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
            && entry.is_file()
        {
            found.push(entry);
        }
    }
    Ok(found)
}
