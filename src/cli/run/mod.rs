//! `lockgate run`: makes a Pipeline of one container and follows it to its end.

mod secret;
mod spec;

use std::io::Write;

use clap::Args;
use kube::api::{DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::core::ApiResource;
use kube::{Api, ResourceExt};
use serde_json::Value;

use super::block_on;
use super::connect::{ClusterArgs, Connection, NamespaceArg};
use super::error::Error;
use super::follow::{self, Followed, tell};
use super::output::{self, Format, OutputArgs};
use super::pipelines::KIND;
use super::writes::{DryRun, DryRunArg, FIELD_MANAGER};
use crate::api::pipeline::Pipeline;
use spec::SpecArgs;

/// The first run of a Pipeline.
const FIRST: i64 = 1;

/// Flags of `lockgate run`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
It waits until every Secret that is named is there and says what is missing and how to mend it; then it prints what the command \
prints. Everything else goes to stderr.

Ends with 0 where the run ended well, and with 1 where it failed, whatever the command's own exit code was (the message has it). \
Ctrl-C leaves the Pipeline as it is, unless --rm was given.

Examples:
  # Wait for the Secret db, then run the command with its key as a variable
  lockgate run count --image psql:17 --secret db:url=DATABASE_URL -- psql -c 'select 1'

  # A private image, a file from a Secret, and nothing left behind
  lockgate run once --rm --image registry.example.com/app:1 --image-pull-secrets regcred \\
    --secret tls:/etc/tls

  # The manifest, to keep
  lockgate run once --image app:1 --dry-run=client -o yaml")]
pub(super) struct RunArgs {
    /// The name of the Pipeline.
    name: String,

    /// Delete the Pipeline, and with it its Pods, when the run has ended or Ctrl-C is pressed.
    #[arg(long, conflicts_with_all = ["detach", "dry_run"])]
    rm: bool,

    /// Do not follow the run.
    #[arg(short, long)]
    detach: bool,

    #[command(flatten)]
    dry: DryRunArg,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    spec: SpecArgs,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs it.
pub(super) fn run(args: &RunArgs) -> Result<(), Error> {
    let format =
        args.output.output.map(|format| format.one_of(&[Format::Json, Format::Yaml, Format::Name])).transpose()?;
    if format.is_some() && !args.dry.run.is_on() && !args.detach {
        return Err(Error::Usage("-o prints the Pipeline: give --dry-run or --detach with it".into()));
    }
    if args.dry.run == DryRun::Client {
        let made = args.spec.pipeline(&args.name, args.namespace.namespace.as_deref())?;
        warn(&made.warnings);
        return print(&made.manifest, &args.name, format, "created (dry run)");
    }
    block_on(create_and_follow(args, format))
}

async fn create_and_follow(args: &RunArgs, format: Option<Format>) -> Result<(), Error> {
    // What is wrong with the flags is said before any cluster is asked.
    let made = args.spec.pipeline(&args.name, None)?;
    warn(&made.warnings);
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(&args.namespace);
    let kind = ApiResource::erase::<Pipeline>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(connection.client.clone(), &namespace, &kind);
    let there = PostParams { dry_run: args.dry.run.is_on(), field_manager: Some(FIELD_MANAGER.into()) };
    let created = api.create(&there, &serde_json::from_value(made.manifest)?).await;
    let mut created = created.map_err(|error| taken(error, &args.name, &namespace))?;
    let uid = created.uid().unwrap_or_default();
    if args.detach || args.dry.run.is_on() {
        created.metadata.managed_fields = None;
        let said = if args.dry.run.is_on() { "created (server dry run)" } else { "created" };
        return print(&serde_json::to_value(created)?, &args.name, format, said);
    }
    tell(&format!("{KIND}/{} created", args.name));
    let Connection { client, .. } = connection;
    let followed = Followed { client, namespace, name: args.name.clone(), uid };
    let end = tokio::select! {
        end = follow::to_the_end(&followed, FIRST) => end,
        stopped = tokio::signal::ctrl_c() => Err(stopped.map_or_else(Error::from, |()| left(&followed, args.rm))),
    };
    if args.rm {
        delete(&api, &followed).await?;
    }
    end?.into_result(&args.name)
}

/// Ctrl-C.
fn left(followed: &Followed, is_removed: bool) -> Error {
    let Followed { namespace, name, .. } = followed;
    Error::Interrupted(if is_removed {
        format!("interrupted: Pipeline {name} is deleted, as --rm asks")
    } else {
        format!("interrupted: Pipeline {name} goes on; to remove it: kubectl delete {KIND} {name} -n {namespace}")
    })
}

async fn delete(api: &Api<DynamicObject>, followed: &Followed) -> Result<(), Error> {
    let only = Preconditions { uid: Some(followed.uid.clone()), resource_version: None };
    let gone = api.delete(&followed.name, &DeleteParams::default().preconditions(only)).await;
    match gone {
        Ok(_) => tell(&format!("{KIND} \"{}\" deleted", followed.name)),
        // Somebody else was faster.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What to do where the name is taken.
fn taken(error: kube::Error, name: &str, namespace: &str) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists" => Error::Conflict(format!(
            "Pipeline {name} is there already in namespace {namespace}: give another name, run it once more (lockgate rerun {name} \
             -n {namespace}), or remove it (kubectl delete {KIND} {name} -n {namespace})"
        )),
        // Of a namespace that is not there its name would stand in it.
        kube::Error::Api(status)
            if status.code == 404 && status.details.as_ref().is_none_or(|details| details.name.is_empty()) =>
        {
            Error::NotServed
        }
        error => error.into(),
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        tell(&format!("warning: {warning}"));
    }
}

fn print(manifest: &Value, name: &str, format: Option<Format>, said: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match format {
        Some(Format::Json) => output::json(&mut out, manifest),
        Some(Format::Yaml) => output::yaml(&mut out, manifest),
        Some(_) => Ok(writeln!(out, "{KIND}/{name}")?),
        None => Ok(writeln!(out, "{KIND}/{name} {said}")?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_without_pipelines_is_told_from_one_without_the_namespace() {
        let refused = |name: &str| {
            let status = json!({"status": "Failure", "message": "not found", "code": 404, "details": {"name": name}});
            taken(kube::Error::Api(serde_json::from_value(status).unwrap()), "count", "team-a")
        };
        assert!(matches!(refused(""), Error::NotServed));
        assert_eq!(refused("team-a").to_string(), "the API server answers: not found");
    }
}
