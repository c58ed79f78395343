//! What can go wrong while an image is made.

use std::io;
use std::path::PathBuf;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, folder or program of this machine could not be used.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not the program that it should be.
    #[error("{}: {why}", path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An input is missing or has no meaning.
    #[error("{0}")]
    Input(String),
}

/// Names the action of an I/O error.
pub(crate) trait Action<T> {
    /// Turns the error into [`Error::Io`], naming what was tried.
    fn action(self, action: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Action<T> for io::Result<T> {
    fn action(self, action: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { action: action(), source })
    }
}
