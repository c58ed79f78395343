//! `lockgate registry list`: Registries and `ClusterRegistries` in one table.

use std::io::Write;

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::seen::{self, Row, kind_name};
use crate::cli::ages::age;
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespacesArg};
use crate::cli::error::Error;
use crate::cli::output::{self, Format, OutputArgs, printable};
use crate::model::world::RegistryKind;

/// Flags of `lockgate registry list`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(in crate::cli) struct ListArgs {
    /// Without the line of headings.
    #[arg(long)]
    no_headers: bool,

    #[command(flatten)]
    namespaces: NamespacesArg,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const HELP: &str = "\
SCOPE: `namespace` is a Registry; `global` and `global-private` are ClusterRegistries, which are listed with those of every namespace,
where you may read them. USED-BY: of a Registry how many Pipelines have an image of its host, of a ClusterRegistry in how many
namespaces its login stands. -o wide says besides why one is not ready.

Examples:
  lockgate registry list
  lockgate registry list -A -o wide
  lockgate list registry -o name";

/// Lists both.
pub(super) fn run(args: &ListArgs) -> Result<(), Error> {
    let (namespace, rows) = block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespaces(&args.namespaces);
        let client = &connection.client;
        let (own, of_all) =
            tokio::try_join!(seen::registries(client, namespace.as_deref()), seen::cluster_registries(client))?;
        let mut rows = own.or_fail()?;
        if let Some(why) = of_all.why() {
            eprintln!("lockgate: ClusterRegistries are left out: {}", printable(&why));
        }
        rows.extend(of_all.known().unwrap_or_default());
        Ok((namespace, rows))
    })?;
    let mut out = std::io::stdout().lock();
    match args.output.output {
        Some(format @ (Format::Json | Format::Yaml)) => {
            let items: Vec<Value> = rows.into_iter().map(without_managed_fields).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            if format == Format::Json { output::json(&mut out, &list) } else { output::yaml(&mut out, &list) }
        }
        Some(Format::Name) => {
            rows.iter().try_for_each(|row| writeln!(out, "{}/{}", kind_name(row.kind), printable(&row.name)))?;
            Ok(())
        }
        format @ (None | Some(Format::Wide)) => {
            if rows.is_empty() {
                match &namespace {
                    Some(namespace) => eprintln!("No Registries found in {namespace} namespace."),
                    None => eprintln!("No Registries found"),
                }
                return Ok(());
            }
            let look = Look { in_all: namespace.is_none(), is_wide: format.is_some(), now: Timestamp::now() };
            let cells: Vec<Vec<String>> = rows.iter().map(|row| look.cells(row)).collect();
            Ok(output::table(&mut out, (!args.no_headers).then_some(&look.header()), &cells)?)
        }
    }
}

fn without_managed_fields(row: Row) -> Value {
    let mut object = row.object;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

/// How a table is printed.
struct Look {
    in_all: bool,
    is_wide: bool,
    now: Timestamp,
}

impl Look {
    fn header(&self) -> Vec<&'static str> {
        let mut header = if self.in_all { vec!["NAMESPACE"] } else { Vec::new() };
        header.extend(["NAME", "HOST", "SCOPE", "SECRET", "READY", "USED-BY", "AGE"]);
        if self.is_wide {
            header.push("MESSAGE");
        }
        header
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let none = || "<none>".to_owned();
        let mut cells = if self.in_all { vec![row.namespace.clone().unwrap_or_else(none)] } else { Vec::new() };
        let secret = match row.kind {
            RegistryKind::Registry => row.secret.clone(),
            RegistryKind::ClusterRegistry => format!("{}/{}", row.secret_namespace, row.secret),
        };
        let count = match (row.kind, row.count) {
            (_, None) => none(),
            (RegistryKind::Registry, Some(count)) => count.to_string(),
            (RegistryKind::ClusterRegistry, Some(1)) => "1 namespace".to_owned(),
            (RegistryKind::ClusterRegistry, Some(count)) => format!("{count} namespaces"),
        };
        cells.extend([row.name.clone(), row.host.clone(), row.scope_word().to_owned(), secret]);
        cells.push(row.ready.as_ref().map_or_else(|| "Unknown".to_owned(), |ready| ready.status.clone()));
        cells.push(count);
        cells.push(row.created.map_or_else(none, |created| age(self.now.duration_since(created))));
        if self.is_wide {
            cells.push(row.ready.as_ref().map_or_else(none, |ready| ready.message.clone()));
        }
        cells
    }
}
