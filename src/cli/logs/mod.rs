//! `lockgate logs`: what the Pods of a Pipeline print, with `--mask` without the values of its Secrets.

mod choose;
mod follow;
mod lines;
mod masks;
mod nothing;

use std::time::Duration;

use clap::Args;
use futures::AsyncBufReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, LogParams};

use super::block_on;
use super::connect::{ClusterArgs, NamespaceArg, duration};
use super::error::Error;
use super::states;
use crate::api::pipeline::{Mode, Pipeline};
use crate::cli::values::Patterns;
use crate::model::pod::{PIPELINE_LABEL, owner_uid};
use choose::{Choice, Source};
use lines::Lines;
use masks::Masks;

/// Flags of `lockgate logs`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[command(after_help = "Examples:
  lockgate logs edges
  lockgate logs edges -f --mask
  lockgate logs edges --step load --index 3 --tail 20
  lockgate logs edges --run 2 --previous

With --mask the values of the Secrets that the Pipeline's Pods have are replaced by ***, also in base64, in URLs and in JSON; they
are read with your own rights, and where one cannot be read nothing is printed. docs/explain.md tells its limits.
Exit codes: 0 printed, 1 there is nothing to print or it cannot be masked, 3 the cluster refuses, 4 there is no such Pipeline.")]
pub(super) struct LogsArgs {
    /// The Pipeline's name; pipeline/NAME, too.
    #[arg(value_name = "NAME")]
    name: String,

    /// Go on until the run has ended (of a Service: until Ctrl-C); waits for Pods that are not there yet.
    #[arg(short, long)]
    follow: bool,

    /// Only this step.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,

    /// Only this one of a step's equal Pods.
    #[arg(long, value_name = "NUMBER")]
    index: Option<i32>,

    /// Of this run. Absent: the latest.
    #[arg(long, value_name = "NUMBER")]
    run: Option<i64>,

    /// Of the try before the last one: of a Job the Pod before, of a Service the container before.
    #[arg(short, long, conflicts_with = "follow")]
    previous: bool,

    /// Only what is not older, as in 10s or 5m.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,

    /// Only so many lines from the end of each log.
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(i64).range(0..))]
    tail: Option<i64>,

    /// Begin each line with when it was printed.
    #[arg(long)]
    timestamps: bool,

    /// Begin each line with [STEP/INDEX], also where there is one Pod.
    #[arg(long)]
    prefix: bool,

    /// Replace the values of the Pipeline's Secrets by ***.
    #[arg(long)]
    mask: bool,

    /// With --mask: mask the values that the Secrets have now, though a Pod was made with others.
    #[arg(long, requires = "mask")]
    mask_current: bool,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Prints them.
pub(super) fn run(args: &LogsArgs) -> Result<(), Error> {
    let [name] = states::names(std::slice::from_ref(&args.name))?.try_into().unwrap_or_default();
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let pipeline = states::read(&connection.client, &namespace, &name).await?;
        let printer = Printer { args, client: &connection.client, namespace: &namespace, name: &name };
        if args.follow { Box::pin(printer.follow(pipeline)).await } else { printer.print(&pipeline).await }
    })
}

/// What is printed, and from where.
struct Printer<'a> {
    args: &'a LogsArgs,
    client: &'a kube::Client,
    namespace: &'a str,
    name: &'a str,
}

/// Whether the Pod is this Pipeline's; a label is no proof.
fn is_owned(pipeline: &Pipeline, pod: &Pod) -> bool {
    owner_uid(pod).is_some() && owner_uid(pod) == pipeline.metadata.uid.as_deref()
}

fn run_of(pipeline: &Pipeline) -> Option<i64> {
    pipeline.status.as_ref().and_then(|status| status.run.as_ref()).map(|run| run.number)
}

impl Printer<'_> {
    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    fn choice(&self) -> Choice {
        let LogsArgs { step, index, run, previous, .. } = self.args;
        Choice { step: step.clone(), index: *index, run: *run, previous: *previous }
    }

    fn nothing(&self, pipeline: &Pipeline, choice: &Choice, is_there: bool) -> Error {
        Error::Findings(nothing::why(pipeline, choice, is_there, self.name, self.namespace))
    }

    /// What there is now.
    async fn print(&self, pipeline: &Pipeline) -> Result<(), Error> {
        let ours = ListParams::default().labels(&format!("{PIPELINE_LABEL}={}", self.name));
        let mut pods = self.api().list(&ours).await?.items;
        pods.retain(|pod| is_owned(pipeline, pod));
        let is_service = pipeline.spec.mode == Mode::Service;
        let sources = self.choice().one_each(&pods, run_of(pipeline), is_service);
        let (started, others): (Vec<Source>, Vec<Source>) =
            sources.into_iter().partition(|source| source.started.is_some());
        for source in &others {
            eprintln!("lockgate: Pod {} has not started", source.pod);
        }
        if started.is_empty() {
            return Err(self.nothing(pipeline, &self.choice(), !others.is_empty()));
        }
        let masks = self.masks(pipeline, &pods, None).await?;
        started.iter().try_for_each(|source| self.fits(masks.as_ref(), source))?;
        for source in &started {
            self.copy(source, started.len() > 1, masks.as_ref().map(|masks| &masks.patterns)).await?;
        }
        Ok(())
    }

    /// The values to be masked; those that were read already, where these are enough.
    async fn masks(&self, pipeline: &Pipeline, pods: &[Pod], read: Option<Masks>) -> Result<Option<Masks>, Error> {
        if !self.args.mask {
            return Ok(None);
        }
        let names = masks::names(pipeline, pods);
        if let Some(read) = read.filter(|read| read.have(&names)) {
            return Ok(Some(read));
        }
        let masks = Masks::read(self.client, self.namespace, names).await?;
        if let Some(note) = masks.note() {
            eprintln!("lockgate: {note}");
        }
        Ok(Some(masks))
    }

    fn fits(&self, masks: Option<&Masks>, source: &Source) -> Result<(), Error> {
        let asked = masks.filter(|_| !self.args.mask_current);
        asked.map_or(Ok(()), |masks| masks.fit(source))
    }

    /// Copies one log to stdout.
    async fn copy(&self, source: &Source, is_one_of_several: bool, patterns: Option<&Patterns>) -> Result<(), Error> {
        let LogsArgs { follow, previous, since, tail, timestamps, prefix, .. } = self.args;
        let identity = &source.identity;
        let params = LogParams {
            follow: *follow,
            // Of a Job it is another Pod, which was chosen.
            previous: *previous && source.started.is_some_and(|restarts| restarts > 0),
            since_seconds: since.map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX).max(1)),
            tail_lines: *tail,
            timestamps: *timestamps,
            ..LogParams::default()
        };
        let prefix = (*prefix || is_one_of_several).then(|| format!("[{}/{}] ", identity.step, identity.index));
        let mut lines = Lines::new(patterns, prefix);
        let mut log = std::pin::pin!(self.api().log_stream(&source.pod, &params).await?);
        loop {
            let bytes = log.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(lines.finish(&mut std::io::stdout().lock())?);
            }
            let count = bytes.len();
            lines.push(&mut std::io::stdout().lock(), bytes)?;
            log.consume_unpin(count);
        }
    }
}
