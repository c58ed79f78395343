//! `lockgate plan`: the exact Pods that the operator would create, without a write.

mod diff;
mod forecast;
pub(super) mod live;
pub(super) mod offline;
mod show;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use serde_json::json;

use super::check::{files, object};
use super::connect::{ClusterArgs, NamespaceArg};
use super::error::{Error, exit};
use super::helper::HelperArgs;
use super::output::{self, Format, OutputArgs};
use super::{block_on, credentials, defaults, pipelines};
use crate::controller::object::WirePipeline;
use crate::model::defaults::Defaults;
use show::Shown;

/// Flags of `lockgate plan`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Prints the Pods without what the API server adds to them, and in comments what would be created now, what later and why, and what \
would be deleted. -o json and -o yaml print an object with `plans`: for each its `pipeline`, `namespace`, `run`, `phase`, `reason`, \
`message`, `references`, `images` (with --live: which login is offered for each), `create`, `later` (`why`, `pod`), `delete`, `assumed`.

Offline every reference is taken for good. What is printed can be given to kubectl create --dry-run=server -f -, which says \
whether quotas, Pod Security and other admission would take it.

With --diff it ends with 0 where nothing would change, with 1 where something would, and with more where that cannot be said, as \
kubectl diff does. It creates Pods as a dry run, so that the server's defaults stand on both sides: that takes the right to create \
Pods.

Examples:
  # The Pods of a manifest, without a cluster
  lockgate plan -f edges.yaml

  # What would happen if it were applied now, and to what runs
  lockgate plan -f edges.yaml --live
  lockgate plan -f edges.yaml --diff

  # What the operator does next with one that is there
  lockgate plan edges")]
pub(super) struct PlanArgs {
    /// A Pipeline of the cluster.
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    name: Option<String>,

    /// Manifests of Pipelines: a file, a folder, or - for standard input. May be given several times.
    #[arg(short, long, value_name = "FILE")]
    filename: Vec<String>,

    /// Of a folder, the folders below it, too.
    #[arg(short = 'R', long, requires = "filename")]
    recursive: bool,

    /// Look at the cluster, with your own rights: which Secrets are there, what runs already. So it is with a NAME.
    #[arg(long)]
    live: bool,

    /// Print the differences to the Pods that are there. Looks at the cluster, as --live does.
    #[arg(long, conflicts_with = "output")]
    diff: bool,

    /// The file that the operator has as --pod-defaults.
    #[arg(long, value_name = "FILE")]
    pod_defaults: Option<PathBuf>,

    #[command(flatten)]
    helper: HelperArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Plans and prints. With `--diff` a difference is exit code 1, so that an error has another.
pub(super) fn run(args: &PlanArgs) -> Result<(), Error> {
    if !args.diff {
        return print(args);
    }
    match block_on(Box::pin(differences(args))) {
        Ok(0) => Ok(()),
        Ok(1) => Err(Error::Findings("1 Pod would change".to_owned())),
        Ok(count) => Err(Error::Findings(format!("{count} Pods would change"))),
        Err(error) if error.exit_code() == exit::FINDINGS => Err(Error::Usage(error.to_string())),
        Err(error) => Err(error),
    }
}

fn print(args: &PlanArgs) -> Result<(), Error> {
    let format = args.output.output.map(|format| format.one_of(&[Format::Json, Format::Yaml])).transpose()?;
    let shown = if args.live || args.name.is_some() {
        let (_, looks) = block_on(Box::pin(look(args)))?;
        looks.into_iter().map(|(shown, _)| shown).collect()
    } else {
        offline(args)?
    };
    let mut out = std::io::stdout().lock();
    let Some(format) = format else {
        for (at, shown) in shown.iter().enumerate() {
            if at > 0 {
                writeln!(out, "---")?;
            }
            shown.text(&mut out)?;
        }
        return Ok(());
    };
    let all = json!({"plans": shown.iter().map(Shown::value).collect::<Result<Vec<_>, _>>()?});
    match format {
        Format::Yaml => output::yaml(&mut out, &all),
        _ => output::json(&mut out, &all),
    }
}

/// The Pipelines of the files.
fn wires(args: &PlanArgs) -> Result<Vec<WirePipeline>, Error> {
    let mut wires = Vec::new();
    for file in files::read(&args.filename, args.recursive)? {
        if let Err(why) = &file.documents {
            return Err(Error::Manifest(file.name, why.to_string()));
        }
        for pipeline in object::all(&file).iter().filter(|object| object.is_pipeline()) {
            let mut wire = offline::wire(&file.name, pipeline.value)?;
            wire.metadata.namespace = namespace(args, &file.name, wire.metadata.namespace)?;
            wires.push(wire);
        }
    }
    if wires.is_empty() { Err(Error::NoPipeline) } else { Ok(wires) }
}

/// The one of `-n` and the manifest that is given; where both are, they have to be one, as kubectl has it.
fn namespace(args: &PlanArgs, file: &str, own: Option<String>) -> Result<Option<String>, Error> {
    match (&args.namespace.namespace, own) {
        (Some(given), Some(own)) if *given != own => Err(Error::Usage(format!(
            "{file} has a Pipeline of namespace {own}, and -n says {given}: leave -n away, or give the file of {given}"
        ))),
        (given, own) => Ok(own.or_else(|| given.clone())),
    }
}

fn pod_defaults(args: &PlanArgs) -> Result<Arc<Defaults>, Error> {
    let defaults = args.pod_defaults.as_deref().map(defaults::read).transpose()?.unwrap_or_default();
    Ok(Arc::new(args.helper.add_to(defaults)))
}

/// Without a cluster.
fn offline(args: &PlanArgs) -> Result<Vec<Shown>, Error> {
    let (defaults, now) = (pod_defaults(args)?, Timestamp::now());
    let shown = wires(args)?.into_iter().map(|wire| {
        let (namespace, name) = (wire.metadata.namespace.clone(), wire.metadata.name.clone().unwrap_or_default());
        let mut forecast = forecast::of(&offline::world(wire, &defaults, now).assuming_the_best());
        for pod in forecast.pods_mut() {
            forecast::without_owner(pod);
            forecast::without_versions(pod);
            pod.metadata.namespace.clone_from(&namespace);
        }
        Shown { namespace, name, is_live: false, assumed: Vec::new(), images: Vec::new(), forecast }
    });
    Ok(shown.collect())
}

/// With a look at the cluster: who was asked, each forecast, and the Pods that are there.
async fn look(args: &PlanArgs) -> Result<(Client, Vec<(Shown, Vec<Pod>)>), Error> {
    let defaults = pod_defaults(args)?;
    // What is wrong with the files is said before any cluster is asked.
    let wires = if args.name.is_some() { Vec::new() } else { wires(args)? };
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(&args.namespace);
    let client = connection.client;
    let mut targets = Vec::new();
    if let Some(name) = &args.name {
        targets.push(pipelines::get(&Api::namespaced(client.clone(), &namespace), &namespace, name).await?);
    }
    for mut wire in wires {
        wire.metadata.namespace.get_or_insert_with(|| namespace.clone());
        targets.push(live::applied(&client, wire).await?);
    }
    let mut looks = Vec::new();
    for wire in targets {
        let (namespace, name) = (wire.metadata.namespace.clone(), wire.metadata.name.clone().unwrap_or_default());
        let is_new = wire.metadata.uid.is_none();
        let spec = wire.spec.clone();
        let live::Look { world, pods, unread } = live::look(&client, wire, &defaults).await?;
        let images = if args.diff { Vec::new() } else { credentials::of_world(&client, &world, &spec).await };
        let mut forecast = forecast::of(&world);
        if is_new {
            forecast.pods_mut().for_each(forecast::without_owner);
        }
        looks.push((Shown { namespace, name, is_live: true, assumed: unread, images, forecast }, pods));
    }
    Ok((client, looks))
}

/// Prints the differences; how many Pods differ.
async fn differences(args: &PlanArgs) -> Result<usize, Error> {
    let (client, looks) = look(args).await?;
    let mut count = 0_usize;
    for (shown, there) in &looks {
        let namespace = shown.namespace.as_deref().unwrap_or_default();
        for change in diff::changes(&shown.forecast, there) {
            let text = change.unified(&client, namespace).await?;
            count = count.saturating_add(usize::from(!text.is_empty()));
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
    }
    Ok(count)
}
