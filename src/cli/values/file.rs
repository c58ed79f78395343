//! Files and standard input, read into a value and nowhere else.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{SecretValue, Tree};
use crate::cli::error::Error;
use crate::cli::manifest;

/// The whole file, if it holds no more than so many bytes. An error names the file.
pub(in crate::cli) fn read_file(path: &Path, most: u64) -> Result<SecretValue, Error> {
    let named = |error| Error::File(path.display().to_string(), error);
    let file = File::open(path).map_err(named)?;
    read(file, most).map_err(named)
}

/// Standard input up to its end.
pub(in crate::cli) fn read_stdin(most: u64) -> Result<SecretValue, Error> {
    read(io::stdin().lock(), most).map_err(|error| Error::File("standard input".into(), error))
}

/// Without end if there is one more byte than may be: devices and pipes have no size before they are read.
fn read(from: impl Read, most: u64) -> io::Result<SecretValue> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        return Ok(SecretValue::new(bytes));
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it holds more than {most} bytes")))
}

/// The documents of a file of manifests, as kubectl reads them. An error shows nothing of them.
pub(in crate::cli) fn manifests(text: &SecretValue) -> Result<Vec<Tree>, String> {
    let text = text.expose_text().ok_or("it is not in UTF-8")?;
    let documents = manifest::read(text).map_err(|error| error.to_string())?;
    Ok(documents.into_iter().map(Tree::from).collect())
}
