//! The wire: what people write and read. Types, schema and CEL rules; no behaviour, no IO.
//!
//! Spec fields are `snake_case`, because the fields that Pachyderm pipelines already carry are; status follows
//! Kubernetes' own conventions (`camelCase`, `observedGeneration`, upstream `Condition`).

pub mod amend;
mod cel;
pub mod crd;
pub mod defaults;
pub mod input;
pub mod pipeline;
pub mod reason;
pub mod registry;
pub mod rules;
pub mod status;
pub mod step;
pub mod transform;
pub mod volume;

/// The API group of every Lockgate resource, and the prefix of its labels and annotations.
pub const GROUP: &str = "lockgate.dev";
