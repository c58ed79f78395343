//! `lockgate doctor`: whether Lockgate is installed as it should be, and what to do where it is not. It only reads.

pub(in crate::cli) mod access;
mod at_rest;
mod crd;
mod judge;
mod kubelets;
pub(in crate::cli) mod projector;
pub(in crate::cli) mod seen;
mod skew;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::block_on;
use super::connect::{ClusterArgs, Connection, namespace};
use super::error::Error;
use super::output::{self, Format, OutputArgs, printable};
use judge::{Check, State};

/// How long an answer is waited for where `--request-timeout` is not given: it is a doctor's work to say that none comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Flags of `lockgate doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The operator's namespace.
    #[arg(short, long, default_value = "lockgate-system", value_parser = namespace)]
    namespace: String,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Looks, judges, prints. A check that failed: exit code 1.
pub(super) fn run(args: DoctorArgs) -> Result<(), Error> {
    let DoctorArgs { namespace, cluster, output } = args;
    let cluster = cluster.with_patience(PATIENCE);
    let ours = crate::api::crd::all()?;
    let plurals: Vec<&str> = ours.iter().map(|(plural, _)| *plural).collect();
    let seen = block_on(async {
        let Connection { client, .. } = cluster.connect().await?;
        let patience = cluster.patience().unwrap_or(Duration::MAX);
        Ok(Box::pin(seen::look(&client, &namespace, &plurals, patience)).await)
    })?;
    let checks = judge::all(&seen, &ours, &namespace);
    let count = |state: State| checks.iter().filter(|check| check.state == state).count();
    let (failed, warnings) = (count(State::Failed), count(State::Warn));
    let mut out = std::io::stdout().lock();
    let format = output.output.map(|format| format.one_of(&[Format::Json, Format::Yaml])).transpose()?;
    let Some(format) = format else {
        for Check { name, state, seen, mend } in &checks {
            let mend = mend.as_ref().map(|mend| format!(": {mend}")).unwrap_or_default();
            writeln!(out, "{:<6}  {name:<9}  {}{}", state.as_str(), printable(seen), printable(&mend))?;
        }
        return if failed == 0 { Ok(()) } else { Err(Error::Unwell(failed)) };
    };
    let rows: Vec<Value> = checks.iter().map(row).collect();
    let version = env!("CARGO_PKG_VERSION");
    let all = json!({
        "version": version, "namespace": namespace, "checks": rows, "failed": failed, "warnings": warnings,
    });
    match format {
        Format::Yaml => output::yaml(&mut out, &all)?,
        _ => output::json(&mut out, &all)?,
    }
    if failed == 0 { Ok(()) } else { Err(Error::Unwell(failed)) }
}

fn row(Check { name, state, seen, mend }: &Check) -> Value {
    json!({"check": name, "state": state.as_str(), "seen": seen, "mend": mend})
}

#[cfg(test)]
mod tests;
