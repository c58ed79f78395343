//! `lockgate get`: Pipelines as the API server's own table, as objects or as names; and `get runs`.

mod runs;
mod table;
mod watch;

use std::io::Write;

use clap::Args;
use kube::Client;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::ask;
use super::block_on;
use super::connect::{ClusterArgs, NamespacesArg};
use super::error::Error;
use super::output::{self, Format, OutputArgs};
use super::pipelines::KIND;
use super::{secret, states};
use table::Table;

/// Flags of `lockgate get`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lockgate get
  lockgate get pipelines -A -o wide
  lockgate get edges -o yaml
  lockgate get pipelines --watch
  lockgate get runs edges

`lockgate list pipeline` and `lockgate list job` are the same, in pachctl's words. `lockgate get secrets [NAME]` is lockgate secret
list with the columns of kubectl.
Exit codes: 0 printed (also where there are none), 3 the cluster refuses, 4 there is none of that name.")]
pub(super) struct GetArgs {
    /// `pipelines` (or `pipeline`, `lgp`), which may be left out, `runs` (or `jobs`) or `secrets`; then names. Without names: all.
    #[arg(value_name = "WHAT|NAME")]
    words: Vec<String>,

    #[command(flatten)]
    flags: ListFlags,
}

/// Flags of `lockgate list pipeline` and `lockgate list job`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Names of Pipelines. Without: all.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    #[command(flatten)]
    pub flags: ListFlags,
}

/// What is listed and how.
#[derive(Debug, Args)]
pub(super) struct ListFlags {
    /// Only those with these labels, as in team=a,tier!=test.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    /// Print no header.
    #[arg(long)]
    no_headers: bool,

    /// Go on after the list: print a line for each change, until Ctrl-C.
    #[arg(short, long)]
    watch: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    namespaces: NamespacesArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Words for runs; pachctl calls them jobs.
const RUNS: [&str; 4] = ["runs", "run", "jobs", "job"];

/// Lists Pipelines or runs.
pub(super) fn run(args: &GetArgs) -> Result<(), Error> {
    let GetArgs { words, flags } = args;
    if let Some(names) = secret::named(words)? {
        return list_secrets(names, flags);
    }
    match words.split_first() {
        Some((first, names)) if RUNS.contains(&first.as_str()) => list_runs(names, flags),
        Some((first, names)) if states::is_kind(first) => list_pipelines(names, flags),
        _ => list_pipelines(words, flags),
    }
}

/// Secrets, in the words of kubectl and Pi: `secret list` with their columns.
fn list_secrets(names: Vec<String>, flags: &ListFlags) -> Result<(), Error> {
    one_namespace(&names, flags)?;
    if flags.watch {
        return Err(Error::Usage(
            "Secrets are not watched: lockgate get pipelines --watch shows who waits for which".into(),
        ));
    }
    let ListFlags { selector, no_headers, output, namespaces, cluster, .. } = flags;
    secret::list::run(&secret::list::ListArgs {
        all: false,
        used: false,
        selector: selector.clone(),
        field_selector: None,
        no_headers: *no_headers,
        namespaces: namespaces.clone(),
        cluster: cluster.clone(),
        output: *output,
        of_get: Some(names),
    })
}

/// Pipelines of these names; without names all.
pub(super) fn list_pipelines(names: &[String], flags: &ListFlags) -> Result<(), Error> {
    let names = states::names(names)?;
    one_namespace(&names, flags)?;
    block_on(async {
        let connection = flags.cluster.connect().await?;
        let (client, namespace) = (&connection.client, connection.namespaces(&flags.namespaces));
        if flags.watch {
            return watch::follow(client, namespace.as_deref(), &names, flags).await;
        }
        let mut out = std::io::stdout().lock();
        match flags.output.output {
            None | Some(Format::Wide) => {
                let table = tables(client, namespace.as_deref(), &names, flags).await?;
                if table.is_empty() {
                    none(namespace.as_deref());
                    return Ok(());
                }
                flags.print(&mut out, &table)
            }
            Some(format) => {
                let found = objects(client, namespace.as_deref(), &names, flags).await?;
                print_objects(&mut out, format, found, names.len() == 1)
            }
        }
    })
}

/// Runs of these Pipelines; without names of all.
pub(super) fn list_runs(names: &[String], flags: &ListFlags) -> Result<(), Error> {
    let names = states::names(names)?;
    one_namespace(&names, flags)?;
    if flags.watch {
        return Err(Error::Usage("runs are not watched: give lockgate get pipelines --watch".into()));
    }
    let format = flags.output.output.map(|format| format.one_of(&[Format::Wide, Format::Json, Format::Yaml]));
    let format = format.transpose()?;
    block_on(async {
        let connection = flags.cluster.connect().await?;
        let (client, namespace) = (&connection.client, connection.namespaces(&flags.namespaces));
        let found = objects(client, namespace.as_deref(), &names, flags).await?;
        let found = found.into_iter().map(states::decoded).collect::<Result<Vec<_>, _>>()?;
        let rows = runs::rows(&found);
        if rows.is_empty() && !matches!(format, Some(Format::Json | Format::Yaml)) {
            none(namespace.as_deref());
            return Ok(());
        }
        runs::print(&mut std::io::stdout().lock(), format, &rows, flags)
    })
}

impl ListFlags {
    fn params(&self) -> ListParams {
        ListParams { label_selector: self.selector.clone(), ..ListParams::default() }
    }

    fn is_wide(&self) -> bool {
        self.output.output == Some(Format::Wide)
    }

    fn print(&self, out: &mut impl Write, table: &Table) -> Result<(), Error> {
        let header = table.header(self.is_wide(), self.namespaces.all_namespaces);
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let rows = table.rows(self.is_wide(), self.namespaces.all_namespaces);
        Ok(output::table(out, (!self.no_headers).then_some(header.as_slice()), &rows)?)
    }
}

fn one_namespace(names: &[String], flags: &ListFlags) -> Result<(), Error> {
    if !names.is_empty() && flags.namespaces.all_namespaces {
        return Err(Error::Usage("names are of one namespace: give -n instead of -A".into()));
    }
    if !names.is_empty() && flags.selector.is_some() {
        return Err(Error::Usage("give names or --selector, not both".into()));
    }
    Ok(())
}

/// As kubectl says it, to stderr.
pub(super) fn none(namespace: Option<&str>) {
    match namespace {
        Some(namespace) => eprintln!("No resources found in {namespace} namespace."),
        None => eprintln!("No resources found"),
    }
}

/// The server's table of all of them.
async fn tables(client: &Client, namespace: Option<&str>, names: &[String], flags: &ListFlags) -> Result<Table, Error> {
    let mut whole = Table::default();
    if names.is_empty() {
        let pages = ask::pages::<Table>(client, &states::path(namespace), &flags.params(), ask::TABLE).await;
        let pages = pages.map_err(|error| states::told(error, namespace.unwrap_or_default(), ""))?;
        for page in pages {
            whole.append(page);
        }
    }
    for name in names {
        let namespace = namespace.unwrap_or_default();
        let table = ask::ask(client, states::request(namespace, name)?, ask::TABLE).await;
        whole.append(table.map_err(|error| states::told(error, namespace, name))?);
    }
    Ok(whole)
}

/// The objects themselves.
async fn objects(
    client: &Client,
    namespace: Option<&str>,
    names: &[String],
    flags: &ListFlags,
) -> Result<Vec<Value>, Error> {
    let mut found = Vec::new();
    if names.is_empty() {
        let pages = ask::pages::<table::Objects>(client, &states::path(namespace), &flags.params(), ask::JSON).await;
        let pages = pages.map_err(|error| states::told(error, namespace.unwrap_or_default(), ""))?;
        found.extend(pages.into_iter().flat_map(table::Objects::items));
    }
    for name in names {
        let namespace = namespace.unwrap_or_default();
        let object = ask::ask(client, states::request(namespace, name)?, ask::JSON).await;
        found.push(object.map_err(|error| states::told(error, namespace, name))?);
    }
    Ok(found)
}

/// As kubectl prints them: one alone, several as a `List`, and no `managedFields`.
fn print_objects(out: &mut impl Write, format: Format, mut found: Vec<Value>, is_one: bool) -> Result<(), Error> {
    found.iter_mut().for_each(table::without_managed_fields);
    if format == Format::Name {
        for object in &found {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            writeln!(out, "{KIND}/{name}")?;
        }
        return Ok(());
    }
    let whole = match found.pop() {
        Some(object) if is_one => object,
        last => {
            found.extend(last);
            json!({"apiVersion": "v1", "items": found, "kind": "List", "metadata": {"resourceVersion": ""}})
        }
    };
    if format == Format::Json { output::json(out, &whole) } else { output::yaml(out, &whole) }
}
