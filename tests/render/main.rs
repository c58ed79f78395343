//! `lockgate render` as the init container runs it: what it writes, and what becomes of hostile expressions. No cluster is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

mod files;
mod hostile;
mod pod;
