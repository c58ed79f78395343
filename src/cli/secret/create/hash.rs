//! The hash that `--append-hash` puts behind a name: kubectl's (`k8s.io/kubectl/pkg/util/hash/hash.go`).

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::cli::error::Error;
use crate::cli::values::{Draft, Tree, compact};

/// Ten characters from the name, the type, the values and whether they may change. No vowels, so that they make no word.
pub(super) fn of(draft: &Draft) -> Result<String, Error> {
    let mut object = vec![("data".to_owned(), draft.encoded())];
    object.extend(draft.immutable.map(|is| ("immutable".to_owned(), Tree::Bool(is))));
    object.extend([
        ("kind".to_owned(), Tree::text("Secret")),
        ("name".to_owned(), Tree::text(&*draft.name)),
        ("type".to_owned(), Tree::text(&*draft.type_)),
    ]);
    let digest = Sha256::digest(compact(&Tree::Map(object))?.expose());
    let mut hex = String::new();
    for byte in digest.iter().take(5) {
        let _ = write!(hex, "{byte:02x}");
    }
    let consonant = |c| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    };
    Ok(hex.chars().map(consonant).collect())
}
