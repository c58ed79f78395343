//! Logs: one line per decision, to stderr, as text or JSON.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use super::{Traces, spans};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Targets that log what came over the wire: kube logs the whole body of an answer that it cannot decode at WARN and
/// of an error at DEBUG (`kube-client/src/client/mod.rs`), and the HTTP stack traces buffers. No level opens them. Spans are
/// no log lines.
const SILENCED: [&str; 6] = ["kube_client", "kube_runtime", "hyper", "hyper_util", "rustls", spans::TARGET];

/// Changes what is logged.
#[derive(Clone, Debug)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Logs by another filter from now on. What could hold an answer about a Secret stays off.
    ///
    /// # Errors
    /// The filter cannot be read; the one before stands.
    pub fn change(&self, level: &str) -> Result<(), ParseError> {
        let filter = filter(level)?;
        // The subscriber lives as long as the process.
        let _ = self.0.reload(filter);
        Ok(())
    }
}

/// Begins to log and, where it was asked for, to trace. `level` is a filter as in `info` or `lockgate=debug`. Has to be called
/// in a runtime.
///
/// # Errors
/// The filter cannot be read.
pub fn init(format: LogFormat, level: &str) -> Result<(LogLevel, Traces), ParseError> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let colours = std::io::stderr().is_terminal();
    // The filter is that of the lines alone: what is traced does not depend on what is logged.
    let mut layers = vec![lines(format, colours, std::io::stderr).with_filter(filter).boxed()];
    let traces = Traces::begin(&mut layers);
    tracing_subscriber::registry().with(layers).init();
    traces.tell();
    Ok((LogLevel(handle), traces))
}

/// Each event as one line.
fn lines<S, W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(colours);
    match format {
        LogFormat::Text => lines.boxed(),
        // Log stores index the members of the object: `pipeline` is one of them, and not inside of another.
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            #[cfg(feature = "otlp")]
            let lines = lines.map_event_format(super::otlp::WithTrace);
            lines.boxed()
        }
    }
}

/// The filter that was asked for, without any directive for a silenced target, and those targets off.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    let silenced = |directive: &str| SILENCED.iter().any(|target| directive.trim().starts_with(target));
    let asked: Vec<&str> = level.split(',').filter(|directive| !silenced(directive)).collect();
    let asked = EnvFilter::builder().parse(asked.join(","))?;
    SILENCED.iter().try_fold(asked, |filter, target| Ok(filter.add_directive(format!("{target}=off").parse()?)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn no_level_opens_what_could_hold_an_answer() {
        for level in ["trace", "kube_client=trace", "info,kube_client::client=debug", "hyper::proto=trace,debug"] {
            let text = filter(level).unwrap().to_string();
            for target in SILENCED {
                assert!(text.contains(&format!("{target}=off")), "{level}: {text}");
            }
            assert!(!text.contains("kube_client::") && !text.contains("hyper::"), "{level}: {text}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error() {
        assert!(filter("lockgate=loud").is_err());
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_json_has_its_fields_side_by_side_and_the_level_changes_while_it_runs() {
        let written = Written::default();
        let writer = written.clone();
        let (filter, handle) = reload::Layer::new(filter("info").unwrap());
        let level = LogLevel(handle);
        let lines = lines(LogFormat::Json, false, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(filter).with(lines), || {
            tracing::debug!("too early");
            level.change("debug").unwrap();
            tracing::debug!(pipeline = "team-a/edges", "told");
            tracing::debug!(target: "kube_client::client", "an answer");
            assert!(level.change("lockgate=loud").is_err());
            tracing::debug!("still told");
            level.change("info").unwrap();
            tracing::debug!("too late");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines.iter().map(|line| line["message"].as_str().unwrap()).collect::<Vec<_>>(),
            ["told", "still told"]
        );
        assert_eq!(lines[0]["pipeline"], "team-a/edges");
        assert_eq!(lines[0]["level"], "DEBUG");
        assert!(lines[0]["target"].as_str().unwrap().starts_with("lockgate::"));
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}
