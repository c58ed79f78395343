//! `lockgate registry inspect`: one Registry, whether its login can be used, and for what.

use std::io::Write;

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::create::{CLUSTER_REGISTRY_LABEL, REGISTRY_LABEL};
use super::fits::{Fit, fit};
use super::named::{self, Named};
use super::seen::{self, Row, kind_name, kind_word};
use super::uses::{self, Uses};
use crate::cli::ages::age;
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::{self, Format, OutputArgs};
use crate::cli::secret::content::{self, Content, is_usable};
use crate::cli::secret::describe::field;
use crate::cli::secret::row::{self, SecretRow};
use crate::cli::users::ImageUse;
use crate::model::registry::Host;
use crate::model::world::RegistryKind;

/// Flags of `lockgate registry inspect`.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(in crate::cli) struct InspectArgs {
    /// The Registry, or where there is none of that name the `ClusterRegistry`; registry/NAME or clusterregistry/NAME say which.
    #[arg(value_name = "NAME", value_parser = named::registry)]
    name: Named,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const HELP: &str = "\
The Secret is read with your own rights to tell whether the kubelet can use each of its entries, and which of them are for
images of this host; no part of a login is shown. Offered first is what stands first in the order of docs/registries.md; which
login that is for one Pipeline, lockgate explain and lockgate check --live say.

-o json and -o yaml print {kind, namespace, name, host, scope, namespaceSelector, ready, secret, offered, alsoForHost, usedBy}.

Examples:
  lockgate registry inspect harbor
  lockgate inspect registry clusterregistry/harbor -o json";

/// What is told.
struct Told {
    row: Row,
    /// `None`: there is none of that name, or it may not be looked at.
    secret: Option<SecretRow>,
    /// Why the Secret could not be looked at.
    secret_unread: Option<String>,
    content: Option<Content>,
    /// Others for the same host, in the order in which they are offered.
    others: Vec<Row>,
    uses: Uses,
}

/// Reads, prints.
pub(super) fn run(args: &InspectArgs) -> Result<(), Error> {
    let formats = [Format::Json, Format::Yaml, Format::Name, Format::Wide];
    let format = args.output.output.map(|format| format.one_of(&formats)).transpose()?;
    let told = block_on(read(args))?;
    let mut out = std::io::stdout().lock();
    match format {
        None | Some(Format::Wide) => told.print(&mut out, Timestamp::now())?,
        Some(Format::Name) => writeln!(out, "{}/{}", kind_name(told.row.kind), told.row.name)?,
        Some(Format::Json) => output::json(&mut out, &told.json())?,
        Some(Format::Yaml) => output::yaml(&mut out, &told.json())?,
    }
    Ok(out.flush()?)
}

async fn read(args: &InspectArgs) -> Result<Told, Error> {
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(&args.namespace);
    let client = &connection.client;
    let row = args.name.find(client, &namespace).await?;
    let others = async {
        let all = match row.kind {
            RegistryKind::Registry => seen::registries(client, row.namespace.as_deref()).await?,
            RegistryKind::ClusterRegistry => seen::cluster_registries(client).await?,
        };
        let is_other = |other: &Row| other.uid != row.uid && other.host() == row.host() && row.host().is_some();
        let mut others: Vec<Row> = all.known().unwrap_or_default().into_iter().filter(is_other).collect();
        others.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        Ok::<_, Error>(others)
    };
    let secret = async {
        Ok(match row::get(client, &row.secret_namespace, &row.secret).await {
            Err(error) if error.status_code() == Some(http::StatusCode::FORBIDDEN) => (None, Some(error.to_string())),
            found => (found?, None),
        })
    };
    let (others, (secret, secret_unread), uses) = tokio::try_join!(others, secret, uses::read(client, &row))?;
    let content = match &secret {
        Some(secret) if content::looks_inside(secret) => Some(content::read(client, secret, false).await?),
        _ => None,
    };
    Ok(Told { row, secret, secret_unread, content, others, uses })
}

impl Told {
    fn print(&self, out: &mut impl Write, now: Timestamp) -> std::io::Result<()> {
        let row = &self.row;
        field(out, "Name", &row.name)?;
        field(out, "Kind", kind_word(row.kind))?;
        if let Some(namespace) = &row.namespace {
            field(out, "Namespace", namespace)?;
        }
        field(out, "Host", &self.host())?;
        field(out, "Scope", row.scope_word())?;
        if let Some(selector) = &row.selector {
            field(out, "Selector", &serde_json::to_string(selector).unwrap_or_default())?;
        }
        if let Some(created) = row.created {
            field(out, "Created", &format!("{created} ({} ago)", age(now.duration_since(created))))?;
        }
        field(out, "Ready", &self.ready())?;
        field(out, "Secret", &self.secret())?;
        if let Some(content) = &self.content {
            content.print(out)?;
        }
        if let Some(offered) = self.offered_words() {
            field(out, "Offered", &offered)?;
        }
        if !self.others.is_empty() {
            field(out, "Same host", &self.others.iter().map(|other| self.other(other)).collect::<Vec<_>>().join(", "))?;
        }
        match &self.uses.images {
            None => {}
            Some(images) if images.is_empty() => field(out, "Used by", "no Pipeline has an image of this host")?,
            Some(images) => {
                writeln!(out, "Used by:")?;
                uses::lines(row, images).iter().try_for_each(|line| writeln!(out, "{line}"))?;
            }
        }
        self.uses.unknown.iter().try_for_each(|why| field(out, "Not known", why))
    }

    /// As it is written, and what it comes to where that is another.
    fn host(&self) -> String {
        match self.row.host() {
            Some(host) if host.as_str() == self.row.host => self.row.host.clone(),
            Some(host) => format!("{} (of images: {host})", self.row.host),
            None => format!("{}, which is no host that images have", self.row.host),
        }
    }

    fn ready(&self) -> String {
        let who = match self.row.kind {
            RegistryKind::Registry => {
                "the operator has not looked at it yet: lockgate doctor says whether one is at work"
            }
            RegistryKind::ClusterRegistry => {
                "no projector has looked at it yet: it is installed apart from the operator (docs/registries.md)"
            }
        };
        self.row.ready.as_ref().map_or_else(
            || format!("Unknown: {who}"),
            |ready| format!("{} ({}): {}", ready.status, ready.reason, ready.message),
        )
    }

    fn secret(&self) -> String {
        let row = &self.row;
        let name = match row.kind {
            RegistryKind::Registry => row.secret.clone(),
            RegistryKind::ClusterRegistry => format!("{} in {}", row.secret, row.secret_namespace),
        };
        match (&self.secret, &self.secret_unread) {
            (Some(secret), _) => {
                let made = if is_made_for(secret, row) { ", made by registry create" } else { "" };
                let type_ = &secret.type_;
                if content::looks_inside(secret) {
                    format!("{name} ({type_}{made})")
                } else {
                    format!(
                        "{name} is of type {type_}, which the kubelet does not look at: name one of type kubernetes.io/dockerconfigjson"
                    )
                }
            }
            (None, Some(words)) => format!("{name}, which was not looked at: {words}"),
            (None, None) => format!(
                "{name} does not exist: lockgate secret create docker-registry {} -n {} --docker-server {} --docker-username USER --docker-password-stdin",
                row.secret,
                row.secret_namespace,
                row.host().as_ref().map_or(row.host.as_str(), Host::server)
            ),
        }
    }

    /// The entries that are for images of this host; `None`: the Secret was not read.
    fn offered(&self) -> Option<Vec<(&str, Fit)>> {
        let (entries, host) = (self.content.as_ref()?.entries()?, self.row.host()?);
        let fits = entries.iter().filter(|(_, faults)| is_usable(faults));
        let fits = fits.map(|(key, _)| (key.as_str(), fit(self.row.kind, key, &host)));
        Some(fits.filter(|(_, fit)| *fit != Fit::None).collect())
    }

    fn offered_words(&self) -> Option<String> {
        let offered = self.offered()?;
        let words = |(key, fit): &(&str, Fit)| match fit {
            Fit::Part => format!("{key} (for images of that path)"),
            Fit::All | Fit::None => (*key).to_owned(),
        };
        Some(match offered.as_slice() {
            [] => {
                let host = self.row.host()?;
                format!(
                    "nothing: no entry of the Secret is for {host}: lockgate secret create {} -n {} --add --docker-server {} --docker-username USER --docker-password-stdin",
                    self.row.secret,
                    self.row.secret_namespace,
                    host.server()
                )
            }
            offered => offered.iter().map(words).collect::<Vec<_>>().join(", "),
        })
    }

    fn other(&self, other: &Row) -> String {
        let order = if (other.created, &other.name) < (self.row.created, &self.row.name) {
            "older: before this one"
        } else {
            "younger: after this one"
        };
        format!("{} ({order})", other.via())
    }

    fn json(&self) -> Value {
        let row = &self.row;
        let mut secret = json!({
            "namespace": row.secret_namespace,
            "name": row.secret,
            "exists": self.secret_unread.is_none().then_some(self.secret.is_some()),
            "type": self.secret.as_ref().map(|secret| &secret.type_),
            "madeForIt": self.secret.as_ref().map(|secret| is_made_for(secret, row)),
        });
        if let (Some(content), Some(fields)) = (&self.content, secret.as_object_mut()) {
            fields.extend(content.json());
        }
        json!({
            "kind": kind_word(row.kind),
            "namespace": row.namespace,
            "name": row.name,
            "host": row.host().as_ref().map_or(row.host.as_str(), Host::as_str),
            "scope": row.scope_word(),
            "namespaceSelector": row.selector,
            "ready": row.ready.as_ref().map(|ready| json!({"status": ready.status, "reason": ready.reason, "message": ready.message})),
            "secret": secret,
            "offered": self.offered().map(|offered| offered.into_iter().map(|(key, _)| key).collect::<Vec<_>>()),
            "alsoForHost": self.others.iter().map(Row::via).collect::<Vec<_>>(),
            "usedBy": self.uses.images.as_ref().map(|images| images.iter().map(ImageUse::json).collect::<Vec<_>>()),
        })
    }
}

/// Whether `registry create` made the Secret for this Registry.
pub(super) fn is_made_for(secret: &SecretRow, row: &Row) -> bool {
    let label = match row.kind {
        RegistryKind::Registry => REGISTRY_LABEL,
        RegistryKind::ClusterRegistry => CLUSTER_REGISTRY_LABEL,
    };
    secret.labels.get(label) == Some(&row.name)
}
