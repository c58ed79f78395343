//! Folders of files that are made of Secrets: `format: properties`, and what is mounted beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::out::{MODE, Out};
use super::volumes::{Volumes, text};
use super::worker::Trouble;
use crate::model::render::{Folder, Source, properties_file};
use crate::render::properties;

/// Writes one folder, from its beginning.
pub(super) fn write(folder: &Folder, secrets: &Volumes<'_>, out: &Out<'_>) -> Result<(), Trouble> {
    out.clear(&folder.path)?;
    let mut written = BTreeSet::new();
    for source in &folder.sources {
        let files = if source.properties {
            vec![(properties_file(&source.secret), MODE, as_properties(source, secrets)?)]
        } else {
            let files = secrets.files(&source.dir)?;
            files.into_iter().map(|file| (file.path, file.mode, file.value.expose().to_vec())).collect()
        };
        for (path, mode, bytes) in files {
            out.write(&format!("{}/{path}", folder.path), &bytes, mode)?;
            if !written.insert(path.clone()) {
                return Err(Trouble::Refused(format!(
                    "two Secrets that are mounted in one folder have a file {path:?}; the second is {}: give one of them another mount_path",
                    source.secret
                )));
            }
        }
    }
    Ok(())
}

/// All keys of a Secret as one file.
fn as_properties(source: &Source, secrets: &Volumes<'_>) -> Result<Vec<u8>, Trouble> {
    let mut keys = BTreeMap::new();
    for file in secrets.files(&source.dir)? {
        let value = text(file.value, &format!("the value of the key {:?} of the Secret {}", file.path, source.secret))?;
        keys.insert(file.path, value);
    }
    Ok(properties::file(&keys).expose().as_bytes().to_vec())
}
