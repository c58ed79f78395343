//! Logs: one line per decision, to stderr, as text or JSON.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Targets that log what came over the wire: kube logs the whole body of an answer that it cannot decode at WARN and
/// of an error at DEBUG (`kube-client/src/client/mod.rs`), and the HTTP stack traces buffers. No level opens them.
const SILENCED: [&str; 5] = ["kube_client", "kube_runtime", "hyper", "hyper_util", "rustls"];

/// Begins to log. `level` is a filter as in `info` or `lockgate=debug`.
///
/// # Errors
/// The filter cannot be read.
pub fn init(format: LogFormat, level: &str) -> Result<(), ParseError> {
    let logs = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
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
}
