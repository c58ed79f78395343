//! Traces by OTLP over HTTP, set up by OpenTelemetry's own variables (docs/traces.md).
//!
//! A collector can neither slow nor stop the operator: what ended waits in a queue that has an end, a thread of the SDK's
//! own sends it, and what does not fit is dropped.

mod log_line;
mod post;
mod settings;

use std::time::Duration;

use kube::Config;
use kube::client::ConfigExt;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

pub(super) use log_line::WithTrace;

use super::spans::TARGET;
use post::Post;
use settings::Settings;

/// When the operator is told to stop, what is still in the queue is sent within this time or not at all.
const FLUSH: Duration = Duration::from_secs(2);

/// Where spans go.
#[derive(Debug)]
pub struct Traces(Result<Option<SdkTracerProvider>, String>);

impl Traces {
    /// Adds what takes spans to the subscriber's layers, if the variables ask for it. Has to be called in a runtime.
    pub(super) fn begin(layers: &mut Vec<Box<dyn Layer<Registry> + Send + Sync>>) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let provider =
            settings::settings(variable).and_then(|settings| settings.map(|settings| provider(&settings)).transpose());
        if let Ok(Some(provider)) = &provider {
            let layer = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("lockgate"))
                // Of the program's text and threads nobody needs to know.
                .with_location(false)
                .with_target(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                // No log line becomes part of a span.
                .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET));
            layers.push(layer.boxed());
        }
        Self(provider)
    }

    /// Says in the log what became of it.
    pub(super) fn tell(&self) {
        match &self.0 {
            Ok(None) => {}
            Ok(Some(_)) => info!("sends traces by OTLP"),
            Err(why) => warn!("sends no traces: {why}"),
        }
    }

    /// Sends what is left, within a bound.
    pub async fn end(self) {
        if let Ok(Some(provider)) = self.0 {
            let _ = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await;
        }
    }
}

fn provider(settings: &Settings) -> Result<SdkTracerProvider, String> {
    // The TLS that the API server is spoken to with, and the system's trust store.
    let mut config = Config::new(settings.endpoint.clone());
    config.connect_timeout = Some(settings.timeout);
    let connector = config.rustls_https_connector().map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Post::new(connector, settings.timeout))
        .build()
        .map_err(|error| error.to_string())?;
    let mut resource = Resource::builder_empty()
        .with_service_name("lockgate")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    if let Some(name) = &settings.service_name {
        resource = resource.with_service_name(name.clone());
    }
    Ok(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build())
}
