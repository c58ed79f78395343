//! `lockgate registry delete`: the Registry, and the Secret that was made for it if nobody else uses that.

use std::io::Write;

use clap::Args;
use http::Request;
use kube::Client;
use kube::api::{DeleteParams, Preconditions};
use serde_json::Value;

use super::inspect::is_made_for;
use super::named::{self, Named};
use super::seen::{self, Row, kind_name, kind_word};
use super::uses::{self, Uses};
use crate::cli::agree::agree;
use crate::cli::ask;
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::secret::{delete as secrets, row};
use crate::cli::writes::{DryRun, DryRunArg};

/// Flags of `lockgate registry delete`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(in crate::cli) struct DeleteArgs {
    /// The Registries, or where there is none of that name the `ClusterRegistries`; registry/NAME or clusterregistry/NAME say which.
    #[arg(value_name = "NAME", required = true, value_parser = named::registry)]
    names: Vec<Named>,

    /// Delete also one that Pipelines have images of, and do not ask.
    #[arg(long)]
    force: bool,

    /// Leave the Secret, also where it was made for this Registry and nobody else uses it.
    #[arg(long)]
    keep_secret: bool,

    /// One that is not there is no failure.
    #[arg(long)]
    ignore_not_found: bool,

    #[command(flatten)]
    dry: DryRunArg,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

const HELP: &str = "\
Where Pipelines have images of its host, these are named first; at a terminal it is asked, elsewhere --force is needed.
Running Pods go on; new ones pull with what else there is, or as nobody.

The Secret goes with it only if lockgate registry create made it for this Registry, and no Pipeline, Registry or
ClusterRegistry names it. A ClusterRegistry's copies are taken away by the projector, or by Kubernetes where that is away.

Exit codes: 4 where there is none of that name, 5 where Pipelines have images of its host.

Examples:
  lockgate registry delete harbor
  lockgate delete registry clusterregistry/harbor --force --keep-secret";

/// Deletes them; the first failure is the command's.
pub(super) fn run(args: &DeleteArgs) -> Result<(), Error> {
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let work = Work { client: &connection.client, namespace: &namespace, args };
        let mut failure = None;
        for name in &args.names {
            if let Err(error) = work.delete(name).await {
                // The first is told by the caller, with its exit code.
                match failure {
                    None => failure = Some(error),
                    Some(_) => eprintln!("lockgate: {error}"),
                }
            }
        }
        failure.map_or(Ok(()), Err)
    })
}

/// Where it is deleted, and how.
struct Work<'a> {
    client: &'a Client,
    namespace: &'a str,
    args: &'a DeleteArgs,
}

impl Work<'_> {
    async fn delete(&self, name: &Named) -> Result<(), Error> {
        let row = match name.find(self.client, self.namespace).await {
            Err(Error::NotFound(_)) if self.args.ignore_not_found => return Ok(()),
            found => found?,
        };
        let uses = uses::read(self.client, &row).await?;
        if !self.args.force {
            self.agreed(&row, &uses)?;
        }
        if self.args.dry.run != DryRun::Client {
            self.send(&row).await?;
        }
        let suffix = self.args.dry.run.suffix();
        writeln!(std::io::stdout(), "{} \"{}\" deleted{suffix}", kind_name(row.kind), row.name)?;
        self.secret(&row, &uses).await
    }

    /// Whether it may go: nobody uses it, or somebody said so.
    fn agreed(&self, row: &Row, uses: &Uses) -> Result<(), Error> {
        let (word, name) = (kind_word(row.kind), &row.name);
        let Some(images) = &uses.images else {
            return if uses.is_served() {
                Err(Error::Cluster(format!(
                    "{word} {name} is not deleted, since it is not known {}; --force deletes it all the same",
                    uses.unknown.join("; ")
                )))
            } else {
                Ok(())
            };
        };
        if images.is_empty() {
            return Ok(());
        }
        let (who, lines) = (uses::count(images), uses::lines(row, images).join("\n"));
        let have = if who.starts_with("1 ") { "has" } else { "have" };
        let used = format!("{who} {have} images of {}:\n{lines}", printable(&row.host));
        let answer = if self.args.dry.run.is_on() { None } else { agree(&format!("{used}\nDelete {word} {name}?"))? };
        match answer {
            Some(true) => Ok(()),
            Some(false) => Err(Error::Findings("nothing was deleted".into())),
            None => Err(Error::Conflict(format!("{word} {name} is not deleted: give --force, for {used}"))),
        }
    }

    /// Deletes the very object that was seen.
    async fn send(&self, row: &Row) -> Result<(), Error> {
        let preconditions = Preconditions { uid: Some(row.uid.clone()), resource_version: None };
        let params = DeleteParams {
            dry_run: self.args.dry.run == DryRun::Server,
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let path = seen::path(row.kind, row.namespace.as_deref());
        let request: Request<Vec<u8>> =
            kube::core::Request::new(path).delete(&row.name, &params).map_err(kube::Error::BuildRequest)?;
        ask::ask::<Value>(self.client, request, ask::JSON).await.map(drop)
    }

    /// Deletes the Secret that was made for it, unless somebody else names it; says so where it stays.
    async fn secret(&self, row: &Row, uses: &Uses) -> Result<(), Error> {
        let (namespace, name) = (row.secret_namespace.as_str(), row.secret.as_str());
        if self.args.keep_secret {
            return Ok(());
        }
        let found = match row::get(self.client, namespace, name).await {
            Ok(None) => return Ok(()),
            Ok(Some(secret)) if !is_made_for(&secret, row) => {
                Err("registry create did not make it for this Registry".to_owned())
            }
            Ok(Some(secret)) => uses.others_with_secret(row).map_or(Ok(secret), Err),
            Err(error) => Err(format!("it could not be looked at: {error}")),
        };
        let secret = match found {
            Ok(secret) => secret,
            Err(why) => {
                eprintln!("lockgate: secret/{} in {} stays: {why}", printable(name), printable(namespace));
                return Ok(());
            }
        };
        if self.args.dry.run != DryRun::Client {
            secrets::send(self.client, &secret, self.args.dry.run).await?;
        }
        let place = if row.namespace.is_none() { format!(" from {namespace}") } else { String::new() };
        Ok(writeln!(std::io::stdout(), "secret \"{name}\" deleted{place}{}", self.args.dry.run.suffix())?)
    }
}
