//! `lockgate doctor`: whether Lockgate is installed as it should be, and what to do where it is not. It only reads.

mod crd;
mod judge;
mod seen;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use k8s_openapi::jiff::SignedDuration;
use kube::client::ClientBuilder;
use serde_json::{Value, json};

use super::connect;
use super::error::Error;
use crate::model::names::is_dns_subdomain;
use judge::{Check, State};

/// Flags of `lockgate doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The operator's namespace.
    #[arg(short, long, default_value = "lockgate-system", value_parser = namespace)]
    namespace: String,

    /// Path of a kubeconfig. Absent: `KUBECONFIG`, else kubectl's own, else the ServiceAccount of the Pod that this runs in.
    #[arg(long, value_name = "PATH")]
    kubeconfig: Option<PathBuf>,

    /// A context of the kubeconfig. Absent: its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// How long an answer of the API server is waited for.
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = timeout)]
    request_timeout: Duration,

    /// How the checks are printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: OutputFormat,
}

/// How the checks are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// One line for each.
    Text,
    /// One object with `version`, `namespace`, `checks`, `failed` and `warnings`.
    Json,
}

fn namespace(text: &str) -> Result<String, &'static str> {
    let good = text.len() <= 63 && !text.contains('.') && is_dns_subdomain(text);
    if good { Ok(text.to_owned()) } else { Err("give the name of a namespace: lower-case letters, digits and '-'") }
}

fn timeout(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.filter(|duration| !duration.is_zero()).ok_or("write a duration above zero, as in 10s or 500ms")
}

/// Looks, judges, prints. A check that failed: exit code 1.
pub(super) fn run(args: DoctorArgs) -> Result<(), Error> {
    let DoctorArgs { namespace, kubeconfig, context, request_timeout, output } = args;
    let seen = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut config = connect::config(kubeconfig, context).await?;
        config.connect_timeout = Some(request_timeout);
        config.read_timeout = Some(request_timeout);
        let client = ClientBuilder::try_from(config)?.build();
        Ok::<_, Error>(Box::pin(seen::look(&client, &namespace, request_timeout)).await)
    })?;
    let checks = judge::all(&seen, &crate::api::crd::pipeline()?, &namespace);
    let count = |state: State| checks.iter().filter(|check| check.state == state).count();
    let (failed, warnings) = (count(State::Failed), count(State::Warn));
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Text => {
            for Check { name, state, seen, mend } in &checks {
                let mend = mend.as_ref().map(|mend| format!(": {mend}")).unwrap_or_default();
                writeln!(out, "{:<6}  {name:<8}  {seen}{mend}", state.as_str())?;
            }
        }
        OutputFormat::Json => {
            let rows: Vec<Value> = checks.iter().map(row).collect();
            let version = env!("CARGO_PKG_VERSION");
            let all = json!({
                "version": version, "namespace": namespace, "checks": rows, "failed": failed, "warnings": warnings,
            });
            writeln!(out, "{all}")?;
        }
    }
    if failed == 0 { Ok(()) } else { Err(Error::Unwell(failed)) }
}

fn row(Check { name, state, seen, mend }: &Check) -> Value {
    json!({"check": name, "state": state.as_str(), "seen": seen, "mend": mend})
}

#[cfg(test)]
mod tests;
