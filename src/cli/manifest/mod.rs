//! Manifests: YAML or JSON text in, objects out, with the meaning that kubectl gives them and with their places.
//!
//! kubectl reads a stream as `k8s.io/apimachinery/pkg/util/yaml` splits it (`split`), and each document as YAML 1.1 of
//! `go.yaml.in/yaml/v2` through `sigs.k8s.io/yaml`: `compose` builds the tree, `resolve` says what a scalar is. Nothing is
//! ever read otherwise than kubectl reads it. What cannot be said for sure is refused, and so is what kubectl takes and
//! nobody means: a key that is there twice. `tests/corpus/yaml` holds a row for each fact, and the real kubectl to it.

mod compose;
mod error;
mod narrow;
mod node;
mod number;
mod resolve;
mod split;

pub use error::ReadError;
pub use node::{Field, Found, Node, Place};

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

/// One document of a file. It may hold a Secret's values: `Debug` shows none.
#[derive(Clone)]
pub struct Document {
    /// The object.
    pub value: Value,
    /// The same with the places where its parts stand.
    pub root: Node,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("root", &self.root).finish_non_exhaustive()
    }
}

/// Every document of a text; empty ones are left out. An error shows nothing of the text, which may hold a Secret's value.
///
/// # Errors
/// Where the text is not what kubectl would read, or has a key twice.
pub fn read(text: &str) -> Result<Vec<Value>, ReadError> {
    Ok(documents(text)?.into_iter().map(|document| document.value).collect())
}

/// The same as [`read`], with places.
///
/// # Errors
/// As [`read`].
pub fn documents(text: &str) -> Result<Vec<Document>, ReadError> {
    // kubectl ends the last line, too.
    let ended = text.ends_with('\n');
    let text: Cow<'_, str> = if ended { text.into() } else { format!("{text}\n").into() };
    let mut documents = Vec::new();
    for part in split::parts(&text, ended)? {
        let root = compose::compose(&part)?;
        let value = match part.form {
            split::Form::Yaml => root.value(),
            split::Form::Json => split::json(&part)?,
        };
        if !value.is_null() {
            documents.push(Document { value, root });
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests;
