//! `lockgate describe NAME` and `lockgate inspect pipeline NAME`: all that status tells of one Pipeline, in tables.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::{Client, ResourceExt};

use super::ages::age;
use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg};
use super::credentials;
use super::error::Error;
use super::output::{self, printable};
use super::plan::live::look;
use super::secret::inspect::InspectArgs;
use super::{secret, states};
use crate::api::pipeline::Pipeline;
use crate::api::status::{PipelineStatus, ReferenceStatus, StepStatus};

/// Flags of `lockgate describe`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lockgate describe edges
  lockgate inspect pipeline edges
  lockgate describe secret db

For scripts: lockgate get NAME -o json. Why it is not running: lockgate explain NAME.
Exit codes: 0 printed, 3 the cluster refuses, 4 there is no such Pipeline.")]
pub(super) struct DescribeArgs {
    /// The Pipeline's name; pipeline/NAME, too. `secret NAME` and secret/NAME are Secrets.
    #[arg(value_name = "NAME", required = true)]
    name: Vec<String>,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Prints them one after the other.
pub(super) fn run(args: &DescribeArgs) -> Result<(), Error> {
    if let Some(secrets) = secret::named(&args.name)? {
        return describe_secrets(secrets, args);
    }
    let names = states::names(&args.name)?;
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        for (number, name) in names.iter().enumerate() {
            let pipeline = states::read(&connection.client, &namespace, name).await?;
            let (images, unknown) = match Box::pin(images(&connection.client, &pipeline)).await {
                Ok(images) => (images, None),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            let mut out = std::io::stdout().lock();
            if number > 0 {
                writeln!(out)?;
            }
            describe(&mut out, &pipeline, Timestamp::now())?;
            section(&mut out, "Images", &["STEP", "IMAGE", "LOGIN"], &images)?;
            if let Some(why) = unknown {
                writeln!(out, "\nWhich logins are offered is not known: {}", printable(&why))?;
            }
        }
        Ok(())
    })
}

/// In the words of kubectl and Pi what `lockgate secret describe` tells.
fn describe_secrets(names: Vec<String>, args: &DescribeArgs) -> Result<(), Error> {
    if names.is_empty() {
        return Err(Error::Usage("give the NAME of the Secret: lockgate describe secret NAME".into()));
    }
    for (number, name) in names.into_iter().enumerate() {
        if number > 0 {
            writeln!(std::io::stdout())?;
        }
        secret::inspect::describe(InspectArgs::of(name, args.namespace.clone(), args.cluster.clone()))?;
    }
    Ok(())
}

/// Each image of a new Pod, and which login the kubelet would be offered for it first.
async fn images(client: &Client, pipeline: &Pipeline) -> Result<Vec<Vec<String>>, Error> {
    let object = serde_json::to_value(pipeline)?;
    let spec = object.get("spec").cloned().unwrap_or_default();
    let looked = look(client, serde_json::from_value(object)?, &Arc::default()).await?;
    let found = credentials::of_world(client, &looked.world, &spec).await;
    Ok(found.into_iter().map(|found| vec![found.image.step, found.image.image, found.offer.said()]).collect())
}

fn describe(out: &mut impl Write, pipeline: &Pipeline, now: Timestamp) -> Result<(), Error> {
    let empty = PipelineStatus::default();
    let status = pipeline.status.as_ref().unwrap_or(&empty);
    let created = pipeline.metadata.creation_timestamp.as_ref();
    let message = status.conditions.iter().find(|found| found.type_ == "Ready").map(|ready| ready.message.clone());
    let rows = [
        ("Name", Some(pipeline.name_any())),
        ("Namespace", pipeline.namespace()),
        ("Created", created.map(|at| format!("{} ({} ago)", at.0, age(now.duration_since(at.0))))),
        ("Mode", Some(format!("{:?}", pipeline.spec.mode))),
        ("Phase", status.phase.map(|phase| phase.to_string())),
        ("Run", status.run.as_ref().map(|run| run.number.to_string())),
        ("Secrets", status.resolved.clone()),
        ("Waiting for", status.waiting_for.clone()),
        ("Message", message),
    ];
    for (field, value) in rows.into_iter().filter_map(|(field, value)| Some((field, value?))) {
        writeln!(out, "{:<13}{}", format!("{field}:"), printable(&value))?;
    }
    let ago = |at: Timestamp| age(now.duration_since(at));
    let conditions = status.conditions.iter();
    let conditions =
        conditions.map(|c| vec![c.type_.clone(), c.status.clone(), c.reason.clone(), ago(c.last_transition_time.0)]);
    section(out, "Conditions", &["TYPE", "STATUS", "REASON", "SINCE"], &conditions.collect::<Vec<_>>())?;
    let references: Vec<Vec<String>> = status.references.iter().map(reference).collect();
    section(out, "References", &["STEP", "USE", "NAME", "KEY", "STATE", "VIA", "VALUE"], &references)?;
    let steps: Vec<Vec<String>> = status.steps.iter().map(step).collect();
    section(out, "Steps", &["STEP", "STATE", "POD", "TRIES-FAILED", "EXIT-CODE", "MESSAGE"], &steps)
}

fn section(out: &mut impl Write, title: &str, header: &[&str], rows: &[Vec<String>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:")?;
    Ok(output::table(out, Some(header), rows)?)
}

fn or_none(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "<none>".to_owned())
}

fn reference(row: &ReferenceStatus) -> Vec<String> {
    let name = row.kind.map_or_else(|| row.name.clone(), |kind| format!("{kind} {}", row.name));
    let value = row.stale.map(|stale| if stale { "old" } else { "new" }.to_owned());
    let (key, via) = (or_none(row.key.clone()), or_none(row.via.clone()));
    vec![row.step.clone(), format!("{:?}", row.usage), name, key, row.state.to_string(), via, or_none(value)]
}

fn step(step: &StepStatus) -> Vec<String> {
    let state = match step.ready.filter(|_| step.parallelism > 1) {
        Some(ready) => format!("{} ({ready}/{} ready)", step.state, step.parallelism),
        None => step.state.to_string(),
    };
    vec![
        step.name.clone(),
        state,
        or_none(step.pod.clone()),
        step.attempts.to_string(),
        or_none(step.exit_code.map(|code| code.to_string())),
        or_none(step.message.clone()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_that_status_tells_is_in_tables() {
        let pipeline: Pipeline = serde_json::from_value(json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
            "metadata": {"name": "edges", "namespace": "team-a"}, "spec": {"transform": {"image": "a"}},
            "status": {
                "phase": "Running", "run": {"number": 1, "key": "k"},
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "PodsRunning", "message": "Pod \u{1b}x runs",
                    "lastTransitionTime": "2027-01-15T08:00:00Z",
                }],
                "references": [{"step": "main", "use": "Env", "name": "db", "key": "k", "state": "Resolved", "stale": true}],
                "steps": [{"name": "main", "state": "Running", "pod": "edges-main-x", "attempts": 1}],
            },
        }))
        .unwrap();
        let mut out = Vec::new();
        describe(&mut out, &pipeline, "2027-01-15T08:00:30Z".parse().unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Name:        edges
Namespace:   team-a
Mode:        Job
Phase:       Running
Run:         1
Message:     Pod \\u{1b}x runs

Conditions:
TYPE    STATUS   REASON        SINCE
Ready   True     PodsRunning   30s

References:
STEP   USE   NAME   KEY   STATE      VIA      VALUE
main   Env   db     k     Resolved   <none>   old

Steps:
STEP   STATE     POD            TRIES-FAILED   EXIT-CODE   MESSAGE
main   Running   edges-main-x   1              <none>      <none>
"
        );
    }
}
