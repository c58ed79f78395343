//! Build: what a step asks for -> the Pod that does it. Pure and total: every question was answered by `plan`.

mod env;
mod helper;
mod meta;
mod mounts;
mod placement;
mod pod;
mod stdin;
mod volumes;

pub(crate) use helper::source_volume_name;
pub(crate) use mounts::mount_name;
pub use pod::pod;
pub(crate) use volumes::volume_name;

/// As it stands in an object, where what is empty is left out.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod defaults_tests;
#[cfg(test)]
mod helper_tests;
#[cfg(test)]
mod mount_tests;
#[cfg(test)]
mod tests;
