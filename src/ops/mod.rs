//! Operation: what whoever runs the operator sees of it.

pub mod telemetry;
