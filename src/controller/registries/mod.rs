//! Registries and ClusterRegistries: what is known of them, which Pipelines they concern, and what is said of the former.

mod agenda;
mod hosts;
mod store;
mod watch;
mod wire;
mod writer;

pub use agenda::Agenda;
pub use hosts::{Hosts, Images};
pub use store::{Change, Registries};
pub(super) use watch::{cluster_registries, registries};
pub(super) use writer::write;

#[cfg(test)]
mod tests;
