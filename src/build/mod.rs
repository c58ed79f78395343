//! Build: what a step asks for -> the Pod that does it. Pure and total: every question was answered by `plan`.

mod env;
mod meta;
mod mounts;
mod placement;
mod pod;
mod stdin;
mod volumes;

pub(crate) use mounts::mount_name;
pub use pod::pod;
pub(crate) use volumes::volume_name;

#[cfg(test)]
mod defaults_tests;
#[cfg(test)]
mod mount_tests;
#[cfg(test)]
mod tests;
