//! `--pod-defaults`: the file, read once. A mistake in it ends the start, since it would be one in every Pod.

use std::path::Path;

use serde_json::{Value, json};

use super::error::Error;
use super::manifest;
use crate::model::defaults::Defaults;
use crate::model::validate;

/// Reads and checks the file. An empty one gives nothing.
pub(super) fn read(path: &Path) -> Result<Defaults, Error> {
    let broken = |why: String| Error::PodDefaults { path: path.display().to_string(), why };
    let text = std::fs::read_to_string(path).map_err(|error| broken(error.to_string()))?;
    parse(&text).map_err(broken)
}

/// Checks what stands in such a file; else why it is none.
pub(super) fn parse(text: &str) -> Result<Defaults, String> {
    let documents = manifest::read(text).map_err(|error| format!("it is no YAML: {error}"))?;
    let document: Value = match documents.as_slice() {
        [] => json!({}),
        [document] => document.clone(),
        several => return Err(format!("it has {} documents: give one", several.len())),
    };
    validate::pod_defaults(&document).map_err(|found| {
        let told = found.iter().map(|violation| match violation.field.as_str() {
            "" => violation.message.clone(),
            field => format!("{field}: {}", violation.message),
        });
        told.collect::<Vec<_>>().join("; ")
    })
}
