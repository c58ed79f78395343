//! `lockgate secret inspect`: one Secret, what is known of it without its values, and who uses it.

use std::io::Write;

use clap::Args;
use k8s_openapi::jiff::Timestamp;

use super::content;
use super::describe::Description;
use super::shown::{Detail, Shown};
use super::{pachctl, reveal, row, secret_name, shown};
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, Connection, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::{self, Format, OutputArgs};
use crate::cli::users;

/// Flags of `lockgate secret inspect`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(in crate::cli) struct InspectArgs {
    /// The Secret.
    #[arg(value_name = "NAME", value_parser = secret_name)]
    name: String,

    /// Also how many bytes each key has. Reads the values, which takes the right to `get` the Secret, and shows none.
    #[arg(long)]
    sizes: bool,

    /// Show the value of this key, if output goes to a terminal.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["output", "sizes"])]
    reveal: Option<String>,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const HELP: &str = "\
The first two lines are pachctl's table. With -o wide there follow the names of its keys, its labels,
who manages it, and the Pipelines and Registries that use it. Of a pull secret (kubernetes.io/dockerconfigjson) also
the registries, and whether the kubelet can use the login of each: for this, and for --sizes, its
value is read with your rights; none is shown. --reveal shows one.

-o json and -o yaml print the object of `secret list`, and where the value was read also immutable,
sizes, registries and findings, or notRead with the reason.

Examples:
  lockgate secret inspect regcred
  lockgate secret describe regcred
  lockgate inspect secret db -n team-a -o json";

/// Reads, prints.
pub(in crate::cli) fn run(args: &InspectArgs) -> Result<(), Error> {
    if let Some(key) = &args.reveal {
        return reveal(args, key);
    }
    let format = args.output.output;
    let description = block_on(read(args, format))?;
    let mut out = std::io::stdout().lock();
    let now = Timestamp::now();
    match format {
        None | Some(Format::Wide) => {
            let row = description.secret.cells(false, Detail::Plain, now);
            pachctl::table(&mut out, Some(&shown::header(false, Detail::Plain)), &[row])?;
            if format == Some(Format::Wide) {
                writeln!(out)?;
                description.print(&mut out, now)?;
            }
        }
        Some(Format::Name) => writeln!(out, "secret/{}", description.secret.name)?,
        Some(Format::Json) => output::json(&mut out, &description.json())?,
        Some(Format::Yaml) => output::yaml(&mut out, &description.json())?,
    }
    Ok(out.flush()?)
}

impl InspectArgs {
    /// As if only these flags had been given.
    pub(in crate::cli) fn of(name: String, namespace: NamespaceArg, cluster: ClusterArgs) -> Self {
        Self { name, sizes: false, reveal: None, namespace, cluster, output: OutputArgs::default() }
    }
}

/// `lockgate secret describe`: `-o wide` where nothing else is asked for.
pub(in crate::cli) fn describe(mut args: InspectArgs) -> Result<(), Error> {
    args.output.output.get_or_insert(Format::Wide);
    run(&args)
}

fn reveal(args: &InspectArgs, key: &str) -> Result<(), Error> {
    reveal::at_a_terminal_only()?;
    let value = block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        reveal::read(&connection.client, &namespace, &args.name, key).await
    })?;
    reveal::show(&mut std::io::stdout().lock(), key, &value)
}

async fn read(args: &InspectArgs, format: Option<Format>) -> Result<Description, Error> {
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(&args.namespace);
    let Connection { client, .. } = &connection;
    // The plain table needs no more than the row.
    let in_full = !matches!(format, None | Some(Format::Name));
    let users = async {
        if !in_full {
            return Ok(None);
        }
        users::list(client, Some(&namespace)).await.map(Some)
    };
    let (row, users) = tokio::try_join!(row::get(client, &namespace, &args.name), users)?;
    let row = row.ok_or_else(|| not_found(&namespace, &args.name))?;
    let reads = in_full && (args.sizes || content::looks_inside(&row));
    let content = if reads { Some(content::read(client, &row, args.sizes).await?) } else { None };
    let users_unknown = users.as_ref().and_then(users::Users::why_unknown);
    let namers_unknown = users.as_ref().and_then(users::Users::why_namers_unknown);
    Ok(Description { secret: Shown::of(row, users.as_ref()), users_unknown, namers_unknown, content })
}

/// What is said where there is no such Secret.
pub(super) fn not_found(namespace: &str, name: &str) -> Error {
    Error::NotFound(format!(
        "there is no Secret {name} in namespace {namespace}: lockgate secret list -n {namespace} shows those that there are"
    ))
}
