//! `lockgate secret list`: pachctl's table, and with `-o` what else is known without a value.

use std::io::Write;

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::inspect::not_found;
use super::row::{self, SecretRow, TOKEN};
use super::shown::{Detail, Shown};
use super::{pachctl, shown};
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, Connection, NamespacesArg};
use crate::cli::error::Error;
use crate::cli::get;
use crate::cli::output::{self, Format, OutputArgs};
use crate::cli::users::{self, Users};
use crate::model::secret::HELM_RELEASE_TYPE;

/// Flags of `lockgate secret list`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(in crate::cli) struct ListArgs {
    /// Also the releases of Helm and the tokens of ServiceAccounts, which are left out else.
    #[arg(long)]
    pub all: bool,

    /// Only what Pipelines and Registries name, of every type; names that do not exist yet are marked `<missing>`.
    #[arg(long)]
    pub used: bool,

    /// Only Secrets with these labels, as in `team=a,tier!=test`.
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,

    /// Only Secrets with these fields, as in `type=kubernetes.io/tls` or `metadata.name!=db`.
    #[arg(long, value_name = "FIELDS")]
    pub field_selector: Option<String>,

    /// Without the line of headings.
    #[arg(long)]
    pub no_headers: bool,

    #[command(flatten)]
    pub namespaces: NamespacesArg,

    #[command(flatten)]
    pub cluster: ClusterArgs,

    #[command(flatten)]
    pub output: OutputArgs,

    /// Of `lockgate get secrets`: kubectl's columns, and only these names.
    #[arg(skip)]
    pub of_get: Option<Vec<String>>,
}

const HELP: &str = "\
No value is asked for: the API server sends names, types, times and the number of keys. The names
of keys (-o wide) are those of metadata.managedFields; <unknown> where these are not as many as there
are keys. USED-BY are the Pipelines that name the Secret, or whose Pods get it from a ServiceAccount
or a Registry, and the Registries that name it.

-o json and -o yaml print {items: [{namespace, name, exists, type, created, data, keys, labels, owners,
managedBy, usedBy, usedByRegistries}]}: data is the number of keys, usedBy is null where Pipelines cannot
be listed.

Examples:
  lockgate secret list
  lockgate secret list -n team-a -o wide
  lockgate list secret --used -A
  lockgate secret list --field-selector type=kubernetes.io/dockerconfigjson -o name";

/// Lists, joins, prints.
pub(in crate::cli) fn run(args: &ListArgs) -> Result<(), Error> {
    let format = args.output.output;
    // Who uses what costs a request, which the plain table does not need.
    let with_users = args.used || !matches!(format, None | Some(Format::Name));
    let (namespace, mut rows, users) = block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespaces(&args.namespaces);
        let rows = rows(args, &connection, namespace.as_deref());
        let users = async {
            if !with_users {
                return Ok(None);
            }
            users::list(&connection.client, namespace.as_deref()).await.map(Some)
        };
        let (rows, users) = tokio::try_join!(rows, users)?;
        Ok((namespace, rows, users))
    })?;
    if !matches!(args.of_get.as_deref(), Some([_, ..])) {
        rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    }
    let is_whole = args.selector.is_none() && args.field_selector.is_none();
    let secrets = join(rows, users.as_ref(), args.used, is_whole)?;

    let mut out = std::io::stdout().lock();
    let now = Timestamp::now();
    let detail = if format == Some(Format::Wide) { Detail::Wide } else { Detail::Plain };
    match format {
        None if args.of_get.is_some() => as_kubectl(&mut out, args, namespace.as_deref(), &secrets, now)?,
        None | Some(Format::Wide) => {
            let in_all = namespace.is_none();
            let header = shown::header(in_all, detail);
            let cells: Vec<Vec<String>> = secrets.iter().map(|secret| secret.cells(in_all, detail, now)).collect();
            pachctl::table(&mut out, (!args.no_headers).then_some(&header), &cells)?;
        }
        Some(Format::Name) => {
            for secret in secrets.iter().filter(|secret| secret.row.is_some()) {
                writeln!(out, "secret/{}", secret.name)?;
            }
        }
        Some(Format::Json) => output::json(&mut out, &whole(args, &secrets))?,
        Some(Format::Yaml) => output::yaml(&mut out, &whole(args, &secrets))?,
    }
    out.flush()?;
    if let Some(why) = users.as_ref().and_then(|users| users.why_unknown().or_else(|| users.why_namers_unknown())) {
        eprintln!("lockgate: {}", output::printable(&why));
    }
    Ok(())
}

/// Those that the server selects, or those that are named.
async fn rows(args: &ListArgs, connection: &Connection, namespace: Option<&str>) -> Result<Vec<SecretRow>, Error> {
    let client = &connection.client;
    let (Some(names @ [_, ..]), Some(namespace)) = (args.of_get.as_deref(), namespace) else {
        return row::list(client, namespace, &selection(args)).await;
    };
    let mut rows = Vec::new();
    for name in names {
        rows.push(row::get(client, namespace, name).await?.ok_or_else(|| not_found(namespace, name))?);
    }
    Ok(rows)
}

/// The columns that kubectl and Pi have.
fn as_kubectl(
    out: &mut impl Write,
    args: &ListArgs,
    namespace: Option<&str>,
    secrets: &[Shown],
    now: Timestamp,
) -> Result<(), Error> {
    let in_all = namespace.is_none();
    if secrets.is_empty() {
        get::none(namespace);
        return Ok(());
    }
    // Of the wide table neither CREATED nor what stands behind AGE.
    let few = |cells: Vec<String>| -> Vec<String> {
        let created = if in_all { 3 } else { 2 };
        cells
            .into_iter()
            .enumerate()
            .filter(|(at, _)| *at != created && *at < created + 3)
            .map(|(_, cell)| cell)
            .collect()
    };
    let header = few(shown::header(in_all, Detail::Wide).into_iter().map(ToOwned::to_owned).collect());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = secrets.iter().map(|secret| few(secret.cells(in_all, Detail::Wide, now))).collect();
    Ok(output::table(out, (!args.no_headers).then_some(&header), &rows)?)
}

/// For `-o json` and `-o yaml`; the one that `get secret NAME` asks for stands alone, as with kubectl.
fn whole(args: &ListArgs, secrets: &[Shown]) -> Value {
    match (args.of_get.as_deref(), secrets) {
        (Some([_]), [one]) => one.json(),
        _ => json!({"items": secrets.iter().map(Shown::json).collect::<Vec<_>>()}),
    }
}

/// What the server selects: `type` can be asked for by who wants the hidden types.
fn selection(args: &ListArgs) -> ListParams {
    let hides = !args.all && !args.used && !args.field_selector.as_ref().is_some_and(|fields| names_type(fields));
    let hidden = format!("type!={HELM_RELEASE_TYPE},type!={TOKEN}");
    let fields: Vec<String> = args.field_selector.clone().into_iter().chain(hides.then_some(hidden)).collect();
    ListParams {
        label_selector: args.selector.clone(),
        field_selector: (!fields.is_empty()).then(|| fields.join(",")),
        ..ListParams::default()
    }
}

/// Whether a field selector speaks of the type.
fn names_type(fields: &str) -> bool {
    fields.split(',').any(|field| field.split(['=', '!']).next().is_some_and(|name| name.trim() == "type"))
}

/// Secrets and who uses them; with `used` only those, and where all Secrets were asked for also those that do not exist.
fn join(rows: Vec<SecretRow>, users: Option<&Users>, used: bool, is_whole: bool) -> Result<Vec<Shown>, Error> {
    let mut secrets: Vec<Shown> = rows.into_iter().map(|row| Shown::of(row, users)).collect();
    if !used {
        return Ok(secrets);
    }
    let Some(Users::Known(index)) = users else {
        let why = users.and_then(Users::why_unknown).unwrap_or_default();
        return Err(Error::Cluster(format!("{why}; without --used all Secrets are listed")));
    };
    secrets.retain(Shown::is_used);
    if is_whole {
        let is_there = |namespace: &str, name: &str| {
            secrets.iter().any(|secret| (secret.namespace.as_str(), secret.name.as_str()) == (namespace, name))
        };
        let missing: Vec<Shown> = index
            .secrets()
            .filter(|(namespace, name)| !is_there(namespace, name))
            .map(|(namespace, name)| Shown::missing(namespace, name, index))
            .collect();
        secrets.extend(missing);
        secrets.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    }
    Ok(secrets)
}
