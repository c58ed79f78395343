//! The corpus: one manifest per file, good ones and bad ones; a bad one says what must be said of it.

use std::path::Path;

use lockgate::cli::manifest;
use serde_json::Value;

/// One manifest of the corpus.
pub struct Manifest {
    /// The folder and the file.
    pub name: String,
    /// The object.
    pub object: Value,
    /// For a bad one, the field and a part of the message.
    pub expect: Option<(String, String)>,
}

/// Every manifest below a folder, in the order of their names.
pub fn read(folder: &Path) -> Vec<Manifest> {
    let good = files(&folder.join("good")).into_iter().map(|(name, text)| (name, text, None));
    let bad = files(&folder.join("bad")).into_iter().map(|(name, text)| {
        let first = text.lines().next().and_then(|line| line.strip_prefix("# expect: "));
        let (field, words) =
            first.and_then(|line| line.split_once(" | ")).unwrap_or_else(|| panic!("{name}: no expectation"));
        let expect = Some((field.to_owned(), words.to_owned()));
        (name, text, expect)
    });
    let manifest = |(name, text, expect): (String, String, _)| {
        let documents = manifest::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [object] = <[Value; 1]>::try_from(documents).unwrap_or_else(|_| panic!("{name}: not one document"));
        Manifest { name, object, expect }
    };
    good.chain(bad).map(manifest).collect()
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: std::path::PathBuf| (path.display().to_string(), std::fs::read_to_string(path).unwrap());
    paths.into_iter().map(read).collect()
}
