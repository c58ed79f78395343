//! Operation: what whoever runs the operator sees of it, logs, metrics and health.

pub mod calls;
mod exposition;
pub mod http;
pub mod level;
pub mod metrics;
mod process;
pub mod telemetry;
mod words;
