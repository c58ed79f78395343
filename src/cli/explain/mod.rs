//! `lockgate explain`: why a Pipeline is not running, stage by stage, with the command that mends it. It only reads.
//!
//! [`seen`] reads, each read by itself; [`judge`] turns what was seen into a [`way::Way`]; [`print`] prints it. With `--watch` the
//! same judge looks at what the watches tell.

mod chosen;
mod judge;
mod pod;
mod print;
mod pull;
mod seen;
mod watch;
mod way;
mod words;

use clap::Args;
use k8s_openapi::jiff::Timestamp;

use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg, namespace};
use super::error::Error;
use super::output::{self, Format, OutputArgs};
use super::states;
use seen::Place;
use way::{Verdict, Way};

/// Flags of `lockgate explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lockgate explain edges
  lockgate explain edges --watch
  lockgate explain edges -o json | jq -r '.. | .command? // empty'

The stages: applied, needs (of a graph), references, pod, scheduled, mounted, pulled (by which credential), started, and finished
or, of a Service, ready. docs/explain.md says what each means and where it is read from.
Exit codes: 0 it runs or ran well, 1 it does not run or failed, 3 the cluster refuses, 4 there is no such Pipeline, 130 Ctrl-C.")]
pub(super) struct ExplainArgs {
    /// The Pipeline's name; pipeline/NAME, too.
    #[arg(value_name = "NAME")]
    name: String,

    /// Follow it until it runs (a Service) or has ended (a Job): a line for each change.
    #[arg(short, long)]
    watch: bool,

    /// The operator's namespace: where it is looked whether one is at work.
    #[arg(long, value_name = "NAME", default_value = "lockgate-system", value_parser = namespace)]
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
    let [name] = states::names(std::slice::from_ref(&args.name))?.try_into().unwrap_or_default();
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let place =
            Place { client: &connection.client, namespace: &namespace, operator_namespace: &args.operator_namespace };
        if args.watch {
            return watch::follow(&place, &name).await;
        }
        let pipeline = states::read(&connection.client, &namespace, &name).await?;
        let seen = place.look(pipeline).await;
        let way = judge::way(&seen);
        let mut out = std::io::stdout().lock();
        match format {
            None => print::text(&mut out, &way, Timestamp::now())?,
            Some(Format::Yaml) => output::yaml(&mut out, &print::object(&way))?,
            Some(_) => output::json(&mut out, &print::object(&way))?,
        }
        verdict(&way)
    })
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
