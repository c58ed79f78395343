//! Operation: what whoever runs the operator sees of it, logs, metrics, traces and health.

pub mod calls;
pub mod causes;
mod exposition;
pub mod http;
pub mod level;
pub mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod process;
pub mod spans;
pub mod telemetry;
#[cfg(not(feature = "otlp"))]
mod untraced;
mod words;

#[cfg(feature = "otlp")]
pub use otlp::Traces;
#[cfg(not(feature = "otlp"))]
pub use untraced::Traces;
