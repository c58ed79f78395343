//! `lockgate explain`: why a Pipeline is not running, stage by stage, with the command that mends it. It only reads.
//!
//! [`seen`] reads, each read by itself; [`judge`] turns what was seen into a [`way::Way`]; [`print`] prints it. With `--watch` the
//! same judge looks at what the watches tell.

mod chosen;
mod forecast;
mod judge;
mod pod;
mod print;
mod pull;
mod seen;
mod watch;
mod way;
mod words;

use std::io::Write;

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::block_on;
use super::check::{files, object};
use super::connect::{ClusterArgs, NamespaceArg, namespace};
use super::error::Error;
use super::installed;
use super::output::{self, Format, OutputArgs};
use super::plan::offline;
use super::states;
use seen::Place;
use way::{Verdict, Way};

/// Flags of `lockgate explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lockgate explain edges
  lockgate explain edges --watch
  lockgate explain -f edges.yaml
  lockgate explain edges -o json | jq -r '.. | .command? // empty'

The stages: applied, needs (of a graph), references, pod, scheduled, mounted, rendered (of an input), pulled (by which credential), started, and finished
or, of a Service, ready. docs/explain.md says what each means and where it is read from.
Exit codes: 0 it runs or ran well, 1 it does not run or failed, 3 the cluster refuses, 4 there is no such Pipeline, 130 Ctrl-C.")]
pub(super) struct ExplainArgs {
    /// The Pipeline's name; pipeline/NAME, too.
    #[arg(value_name = "NAME", required_unless_present = "filename", conflicts_with = "filename")]
    name: Option<String>,

    /// Manifests instead: a file, a folder, or - for standard input. Of Pipelines that are not applied: what they would wait for.
    #[arg(short, long, value_name = "FILE", conflicts_with = "watch")]
    filename: Vec<String>,

    /// Follow it until it runs (a Service) or has ended (a Job): a line for each change.
    #[arg(short, long)]
    watch: bool,

    /// The operator's namespace: where it is looked whether one is at work, and what its Deployment gives to Pods.
    #[arg(long, value_name = "NAME", default_value = installed::NAMESPACE, value_parser = namespace)]
    operator_namespace: String,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Looks, judges, prints.
pub(super) fn run(args: &ExplainArgs) -> Result<(), Error> {
    let format = args.output.output.map(|format| format.one_of(&[Format::Json, Format::Yaml])).transpose()?;
    if args.watch && format.is_some() {
        return Err(Error::Usage(
            "--watch prints lines for people: leave -o out, or watch with lockgate get -w -o json".into(),
        ));
    }
    let ways = block_on(Box::pin(ways(args)))?;
    let mut out = std::io::stdout().lock();
    let objects = || ways.iter().map(print::object).collect::<Vec<_>>();
    let whole = || match (args.name.is_some(), objects().pop()) {
        (true, Some(one)) => one,
        _ => json!({"items": objects()}),
    };
    match format {
        None => {
            for (number, way) in ways.iter().enumerate() {
                if number > 0 {
                    writeln!(out)?;
                }
                print::text(&mut out, way, Timestamp::now())?;
            }
        }
        Some(Format::Yaml) => output::yaml(&mut out, &whole())?,
        Some(_) => output::json(&mut out, &whole())?,
    }
    let mut failed = ways.iter().filter_map(|way| verdict(way).err());
    let Some(last) = failed.next() else { return Ok(()) };
    Err(failed.fold(last, |before, next| {
        eprintln!("lockgate: {before}");
        next
    }))
}

/// The ways of what was asked for. With `--watch` they were printed as they went.
async fn ways(args: &ExplainArgs) -> Result<Vec<Way>, Error> {
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(&args.namespace);
    let (client, operator_namespace) = (&connection.client, args.operator_namespace.as_str());
    if let Some(name) = &args.name {
        let [name] = states::names(std::slice::from_ref(name))?.try_into().unwrap_or_default();
        let place = Place { client, namespace: &namespace, operator_namespace };
        if args.watch {
            return Box::pin(watch::follow(&place, &name)).await.map(|()| Vec::new());
        }
        let pipeline = states::read(client, &namespace, &name).await?;
        return Ok(vec![judge::way(&place.look(pipeline).await)]);
    }
    let mut ways = Vec::new();
    for file in files::read(&args.filename, false)? {
        if let Err(why) = &file.documents {
            return Err(Error::Manifest(file.name, why.to_string()));
        }
        for pipeline in object::all(&file).iter().filter(|object| object.is_pipeline()) {
            let mut wire = offline::wire(&file.name, pipeline.value)?;
            let namespace = wire.metadata.namespace.get_or_insert_with(|| namespace.clone()).clone();
            let place = Place { client, namespace: &namespace, operator_namespace };
            ways.push(Box::pin(forecast::way(&place, wire, &file.name)).await?);
        }
    }
    if ways.is_empty() { Err(Error::NoPipeline) } else { Ok(ways) }
}

/// How the command ends.
fn verdict(way: &Way) -> Result<(), Error> {
    let said = output::printable(&way.said);
    match way.verdict {
        Verdict::Well => Ok(()),
        Verdict::Waiting => Err(Error::Findings(format!("Pipeline {} does not run: {said}", way.name))),
        Verdict::Failed => Err(Error::Findings(format!("Pipeline {} failed: {said}", way.name))),
    }
}

#[cfg(test)]
mod tests;
