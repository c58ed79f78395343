//! `lockgate secret delete`: not while a Pipeline uses it.

use std::io::{IsTerminal, Write};

use clap::Args;
use http::Request;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{DeleteParams, ListParams, Preconditions};
use serde::Deserialize;

use super::row::{self, SecretRow};
use super::shown::{self, Detail, Shown};
use super::{inspect, pachctl, secret_name};
use crate::cli::ask;
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::users::{self, User, Users};
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

    /// Delete also what a Pipeline uses. Its running Pods go on; no new one starts until there is such a Secret again.
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
Whether a Pipeline uses a Secret is looked up right before each deletion, and only that very Secret is
deleted that was seen (by its uid). A Pipeline that is made in the same moment is not seen: the policy
protect-secrets (docs/policies.md) is the guard for Secrets that must stay.

Exit codes: 5 where a Pipeline uses one of them, 4 where one is not there; the others are deleted.

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

/// Deletes those that may go; the first failure is the command's.
pub(in crate::cli) fn run(args: &DeleteArgs) -> Result<(), Error> {
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let work = Work { client: &connection.client, namespace: &namespace, args };
        let names = if args.names.is_empty() { work.choose().await? } else { args.names.clone() };
        let mut failure = None;
        for name in &names {
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

impl Work<'_> {
    /// The names that `--all` or `-l` mean, once somebody agreed.
    async fn choose(&self) -> Result<Vec<String>, Error> {
        let params = ListParams { label_selector: self.args.selector.clone(), ..ListParams::default() };
        let rows = row::list(self.client, Some(self.namespace), &params);
        let (rows, users) = tokio::try_join!(rows, users::list(self.client, Some(self.namespace)))?;
        let (mut going, mut staying) = (Vec::new(), Vec::new());
        for row in rows {
            let used = users.of(self.namespace, &row.name).filter(|users| !users.is_empty());
            let used = used.filter(|_| !self.args.force).map(|users| format!("in use by {}", pipelines(users)));
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
        self.agreed(&mut err, names.len())?;
        Ok(names)
    }

    /// Asks, unless nothing would be deleted or `--yes` was given.
    fn agreed(&self, err: &mut impl Write, count: usize) -> Result<(), Error> {
        if self.args.yes || self.args.dry.run.is_on() {
            return Ok(());
        }
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(Error::Usage("there is no terminal to ask at: give --yes to delete these Secrets".into()));
        }
        let these = if count == 1 { "1 Secret".to_owned() } else { format!("{count} Secrets") };
        write!(err, "Delete {these} of namespace {}? [y/N] ", self.namespace)?;
        err.flush()?;
        let mut answer = String::new();
        stdin.read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            Ok(())
        } else {
            Err(Error::Findings("nothing was deleted".into()))
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
            self.refuse_if_used(name, &users)?;
        }
        if self.args.dry.run != DryRun::Client {
            self.send(&row).await?;
        }
        writeln!(std::io::stdout(), "secret \"{name}\" deleted{}", self.args.dry.run.suffix())?;
        let back = row.managed_by.map(ToOwned::to_owned).or_else(|| row.owners.first().cloned());
        if let Some(whose) = back {
            eprintln!("lockgate: {name} is managed by {}, which may make it anew", printable(&whose));
        }
        Ok(())
    }

    fn refuse_if_used(&self, name: &str, users: &Users) -> Result<(), Error> {
        match users {
            Users::Known(index) => match index.of(self.namespace, name) {
                [] => Ok(()),
                users => Err(in_use(name, users)),
            },
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

    /// Deletes the very object that was seen.
    async fn send(&self, row: &SecretRow) -> Result<(), Error> {
        let preconditions = Preconditions { uid: Some(row.uid.clone()), resource_version: None };
        let params = DeleteParams {
            dry_run: self.args.dry.run == DryRun::Server,
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let path = ask::path("/api/v1", Some(self.namespace), "secrets");
        let request: Request<Vec<u8>> =
            kube::core::Request::new(path).delete(&row.name, &params).map_err(kube::Error::BuildRequest)?;
        let answer: Answer = ask::ask(self.client, request, ask::METADATA).await?;
        // With finalizers it is marked, and the server sends the object, not a Status.
        if answer.kind != "Status" && !self.args.dry.run.is_on() {
            eprintln!("lockgate: {} goes when its finalizers are taken away", printable(&row.name));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    kind: String,
}

/// The names, one after the other.
fn pipelines(users: &[User]) -> String {
    users.iter().map(|user| user.pipeline.as_str()).collect::<Vec<_>>().join(", ")
}

/// The refusal, with every user and its places.
fn in_use(name: &str, users: &[User]) -> Error {
    let places = users.iter().flat_map(|user| user.places.iter().map(move |place| (user, place)));
    let lines: Vec<String> =
        places.map(|(user, place)| printable(&format!("  {}, {place}", user.pipeline)).into_owned()).collect();
    let count =
        if users.len() == 1 { "a Pipeline uses it".to_owned() } else { format!("{} Pipelines use it", users.len()) };
    Error::Conflict(format!(
        "Secret {name} is not deleted: {count}; take it out of them first, or give --force:\n{}",
        lines.join("\n")
    ))
}
