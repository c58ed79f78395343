//! `lockgate secret delete`: not while a Pipeline or a Registry uses it.

use std::io::Write;

use clap::Args;
use http::Request;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{DeleteParams, ListParams, Preconditions};
use serde::Deserialize;

use super::row::{self, SecretRow};
use super::shown::{self, Detail, Shown};
use super::{inspect, pachctl, secret_name};
use crate::cli::agree::agree;
use crate::cli::ask;
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::registry::CLUSTER_REGISTRY_LABEL;
use crate::cli::users::{self, Namer, User, Users};
use crate::cli::writes::{DryRun, DryRunArg};

/// Flags of `lockgate secret delete`.
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools)] // They are switches.
#[command(after_long_help = HELP)]
pub(in crate::cli) struct DeleteArgs {
    /// The Secrets.
    #[arg(value_name = "NAME", value_parser = secret_name, required_unless_present_any = ["all", "selector"])]
    names: Vec<String>,

    /// All Secrets of the namespace but releases of Helm, tokens of ServiceAccounts, and those that belong to another object.
    /// They are listed first, and then it asks.
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// As --all, of those with these labels only, as in `team=a,tier!=test`.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    selector: Option<String>,

    /// Delete also what a Pipeline or a Registry uses. Running Pods go on; no new one of a Pipeline that names it starts until there
    /// is such a Secret again.
    #[arg(long)]
    force: bool,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    dry: DryRunArg,

    /// A Secret that is not there is no failure.
    #[arg(long)]
    ignore_not_found: bool,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

const HELP: &str = "\
Whether a Pipeline or a Registry uses a Secret is looked up right before each deletion, and only that very
Secret is deleted that was seen (by its uid). A Pipeline that is made in the same moment is not seen: the policy
protect-secrets (docs/policies.md) is the guard for Secrets that must stay.

Exit codes: 5 where a Pipeline or a Registry uses one of them, 4 where one is not there; the others are deleted.

Examples:
  lockgate secret delete db
  lockgate delete secret db regcred --dry-run=client
  lockgate secret delete -l team=a --yes";

/// Where it is deleted, and how.
struct Work<'a> {
    client: &'a Client,
    namespace: &'a str,
    args: &'a DeleteArgs,
}

/// Deletes those that may go; the first failure has the exit code.
pub(in crate::cli) fn run(args: &DeleteArgs) -> Result<(), Error> {
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let work = Work { client: &connection.client, namespace: &namespace, args };
        let names = if args.names.is_empty() { work.choose().await? } else { args.names.clone() };
        if let [name] = names.as_slice() {
            return work.delete(name).await;
        }
        let mut codes = Vec::new();
        for name in &names {
            if let Err(error) = work.delete(name).await {
                eprintln!("lockgate: {error}");
                codes.push(error.exit_code());
            }
        }
        let several = |code: &u8| Error::Several { failed: codes.len(), tried: names.len(), code: *code };
        codes.first().map(several).map_or(Ok(()), Err)
    })
}

impl Work<'_> {
    /// The names that `--all` or `-l` mean, once somebody agreed.
    async fn choose(&self) -> Result<Vec<String>, Error> {
        let params = ListParams { label_selector: self.args.selector.clone(), ..ListParams::default() };
        let rows = row::list(self.client, Some(self.namespace), &params);
        let (rows, users) = tokio::try_join!(rows, users::list(self.client, Some(self.namespace)))?;
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        for row in rows {
            let names = in_use_by(&users, self.namespace, &row.name).filter(|_| !self.args.force);
            let used = names.map(|names| format!("in use by {names}"));
            match row.is_kept().or(used) {
                Some(why) => staying.push(format!("{} stays: {why}", row.name)),
                None => going.push(row),
            }
        }
        let mut err = std::io::stderr().lock();
        for line in &staying {
            writeln!(err, "{}", printable(line))?;
        }
        if going.is_empty() {
            writeln!(err, "No Secret of namespace {} is to be deleted.", self.namespace)?;
            return Ok(Vec::new());
        }
        let names: Vec<String> = going.iter().map(|row| row.name.clone()).collect();
        let now = Timestamp::now();
        let cells = |row: SecretRow| Shown::of(row, None).cells(false, Detail::Plain, now);
        let cells: Vec<Vec<String>> = going.into_iter().map(cells).collect();
        pachctl::table(&mut err, Some(&shown::header(false, Detail::Plain)), &cells)?;
        self.agreed(names.len())?;
        Ok(names)
    }

    /// Asks, unless nothing would be deleted or `--yes` was given.
    fn agreed(&self, count: usize) -> Result<(), Error> {
        if self.args.yes || self.args.dry.run.is_on() {
            return Ok(());
        }
        let these = if count == 1 { "1 Secret".to_owned() } else { format!("{count} Secrets") };
        match agree(&format!("Delete {these} of namespace {}?", self.namespace))? {
            Some(true) => Ok(()),
            Some(false) => Err(Error::Findings("nothing was deleted".into())),
            None => Err(Error::Usage("there is no terminal to ask at: give --yes to delete these Secrets".into())),
        }
    }

    /// Deletes one, if nobody uses it now.
    async fn delete(&self, name: &str) -> Result<(), Error> {
        let row = row::get(self.client, self.namespace, name);
        let (row, users) = tokio::try_join!(row, users::list(self.client, Some(self.namespace)))?;
        let Some(row) = row else {
            return if self.args.ignore_not_found { Ok(()) } else { Err(inspect::not_found(self.namespace, name)) };
        };
        if !self.args.force {
            self.refuse_if_used(name, &row, &users)?;
        }
        if self.args.dry.run != DryRun::Client {
            send(self.client, &row, self.args.dry.run).await?;
        }
        writeln!(std::io::stdout(), "secret \"{name}\" deleted{}", self.args.dry.run.suffix())?;
        let back = row.managed_by.map(ToOwned::to_owned).or_else(|| row.owners.first().cloned());
        if let Some(whose) = back {
            eprintln!("lockgate: {name} is managed by {}, which may make it anew", printable(&whose));
        }
        Ok(())
    }

    fn refuse_if_used(&self, name: &str, row: &SecretRow, users: &Users) -> Result<(), Error> {
        match users {
            Users::Known(index) => {
                let (pipelines, registries) = (index.of(self.namespace, name), index.namers(self.namespace, name));
                if !pipelines.is_empty() || !registries.is_empty() {
                    return Err(in_use(name, pipelines, registries));
                }
                let marked = row.labels.contains_key(CLUSTER_REGISTRY_LABEL);
                let cluster = || users.why_cluster_namers_unknown().filter(|_| marked);
                let unknown = users.why_namers_unknown().or_else(cluster).map(|why| {
                    Error::Cluster(format!("Secret {name} is not deleted: {why}; --force deletes it all the same"))
                });
                unknown.map_or(Ok(()), Err)
            }
            Users::Forbidden(_) => Err(Error::Cluster(format!(
                "Secret {name} is not deleted: {}; --force deletes it all the same",
                users.why_unknown().unwrap_or_default()
            ))),
            // Where there is no such kind there is no such object.
            Users::NotServed => {
                eprintln!("lockgate: {}", users.why_unknown().unwrap_or_default());
                Ok(())
            }
        }
    }
}

/// Deletes the very object that was seen.
pub(in crate::cli) async fn send(client: &Client, row: &SecretRow, dry_run: DryRun) -> Result<(), Error> {
    let preconditions = Preconditions { uid: Some(row.uid.clone()), resource_version: None };
    let params = DeleteParams {
        dry_run: dry_run == DryRun::Server,
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    let path = ask::path("/api/v1", Some(&row.namespace), "secrets");
    let request: Request<Vec<u8>> =
        kube::core::Request::new(path).delete(&row.name, &params).map_err(kube::Error::BuildRequest)?;
    let answer: Answer = ask::ask(client, request, ask::METADATA).await?;
    // With finalizers it is marked, and the server sends the object, not a Status.
    if answer.kind != "Status" && !dry_run.is_on() {
        eprintln!("lockgate: {} goes when its finalizers are taken away", printable(&row.name));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    kind: String,
}

/// The names of all who use it; `None`: nobody is known to.
fn in_use_by(users: &Users, namespace: &str, name: &str) -> Option<String> {
    let pipelines = users.of(namespace, name).unwrap_or_default().iter().map(|user| user.pipeline.clone());
    let names: Vec<String> = pipelines.chain(users.namers(namespace, name).iter().map(Namer::via)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The refusal, with every user and its places.
fn in_use(name: &str, pipelines: &[User], registries: &[Namer]) -> Error {
    let places = pipelines.iter().flat_map(|user| user.places.iter().map(move |place| (user, place)));
    let places = places.map(|(user, place)| format!("  {}, {place}", user.pipeline));
    let named = registries.iter().map(|namer| format!("  {namer}"));
    let lines: Vec<String> = places.chain(named).map(|line| printable(&line).into_owned()).collect();
    let (by, mend) = match (pipelines.len(), registries.len()) {
        (0, 1) => ("a Registry names it".to_owned(), "delete that with lockgate registry delete"),
        (0, count) => (format!("{count} Registries name it"), "delete these with lockgate registry delete"),
        (1, 0) => ("a Pipeline uses it".to_owned(), "take it out of them"),
        (count, 0) => (format!("{count} Pipelines use it"), "take it out of them"),
        _ => ("Pipelines and Registries use it".to_owned(), "take it out of them"),
    };
    Error::Conflict(format!("Secret {name} is not deleted: {by}; {mend} first, or give --force:\n{}", lines.join("\n")))
}
