//! The meaning: wire types parsed once, valid from then on; and the world that a decision looks at.
//!
//! No client, no runtime, no clock. Past this door no `Option<String>` says what a Secret is used for.

mod assume;
pub mod attached;
pub mod backoff;
pub mod defaults;
pub mod docs;
pub mod image;
pub mod last_words;
pub mod literals;
pub mod managed_by;
pub mod names;
pub mod parse;
pub mod pod;
pub mod ranges;
pub mod registry;
pub mod render;
pub mod run;
pub mod secret;
pub mod table;
pub mod validate;
pub mod volume;
pub mod work;
pub mod world;

#[cfg(test)]
mod assume_tests;
