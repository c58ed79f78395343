//! What stands in the place of `otlp` in a build without that feature.

use tracing::info;
use tracing_subscriber::{Layer, Registry};

/// Where spans go: nowhere.
#[derive(Debug)]
pub struct Traces;

impl Traces {
    pub(super) fn begin(_: &mut Vec<Box<dyn Layer<Registry> + Send + Sync>>) -> Self {
        Self
    }

    /// Who asked for traces learns why there are none.
    pub(super) fn tell(&self) {
        let asks = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        if asks.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
            info!("sends no traces: this binary was built without the cargo feature otlp");
        }
    }

    /// Nothing is left to send.
    pub async fn end(self) {}
}
