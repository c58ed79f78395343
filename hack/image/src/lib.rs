//! Lockgate's container image, made from an ELF program and what that needs, without Docker and without root.
//!
//! [`Program::write`] makes an image as an [OCI layout]; [`Layer`] and [`Image`] are its parts, with which the test
//! cluster makes its images, too. Equal inputs give equal bytes: entries are sorted, owners are numbers, and all times
//! are the one that is given.
//!
//! [`crates`] and [`system`] say what is in it, [`licenses`] and [`sbom`] put that into files.
//!
//! [OCI layout]: https://github.com/opencontainers/image-spec/blob/main/image-layout.md

pub mod crates;
pub mod elf;
mod error;
mod layer;
mod layout;
pub mod licenses;
mod program;
pub mod sbom;
pub mod system;

pub use error::Error;
pub use layer::{Compression, Layer, LayerBlob};
pub use layout::Image;
pub use program::{ENTRYPOINT, Program, USER};
