//! `lockgate registry create`: a pull Secret of one login, and the Registry or `ClusterRegistry` that names it.

mod args;
mod login;
mod selector;
mod send;
mod shown;

use std::ffi::OsStr;

pub(in crate::cli) use args::CreateArgs;

use super::{names, url};
use crate::api::registry::{
    ClusterRegistry, ClusterRegistrySpec, LocalSecret, Registry, RegistrySpec, Scope, SecretOfNamespace,
};
use crate::cli::block_on;
use crate::cli::error::Error;
use crate::cli::output::Format;
use crate::cli::secret::create::limits::Limits;
use crate::cli::secret::create::refuse::refuse;
use crate::cli::secret::create::registry::draft_of;
use crate::cli::values::{Draft, Write};
use crate::cli::writes::DryRun;
use crate::model::names::{is_dns_subdomain, is_label_value};
use crate::model::registry::Host;
use args::ScopeWord;

/// Where the Secret of a `ClusterRegistry` is, where nobody says it: with the projector, in the release's namespace.
const SYSTEM_NAMESPACE: &str = "lockgate-system";

/// On a Secret that this command made: the Registry that it was made for.
pub(in crate::cli) const REGISTRY_LABEL: &str = "lockgate.dev/registry";
/// The same, of a `ClusterRegistry`.
pub(in crate::cli) const CLUSTER_REGISTRY_LABEL: &str = "lockgate.dev/clusterregistry";

/// What is to be made.
struct Order {
    /// The Registry's name.
    name: String,
    /// Whose images it is for.
    host: Host,
    /// The Secret that is to be made; `None`: one that is there is named.
    draft: Option<Draft>,
    /// The pull Secret's name.
    secret: String,
    /// One of the two kinds.
    target: Target,
    /// Whether what is there is changed.
    replace: bool,
    /// How requests are sent.
    write: Write,
    /// How many Secrets a namespace may have.
    limits: Limits,
}

/// Where it is for.
enum Target {
    /// A Registry in each of these namespaces; none: in the context's.
    Namespaces(Vec<String>),
    /// A `ClusterRegistry`.
    Cluster(Box<ClusterRegistrySpec>),
}

/// Judges everything, then sends it.
pub(in crate::cli) fn run(args: &CreateArgs) -> Result<(), Error> {
    let format = args.output.map(|format| format.one_of(&[Format::Json, Format::Yaml, Format::Name])).transpose()?;
    let order = order(args)?;
    if args.dry.run == DryRun::Client {
        return shown::dry(&order, format);
    }
    block_on(async {
        let connection = args.cluster.connect().await?;
        send::all(&connection, &order, format).await
    })
}

fn order(args: &CreateArgs) -> Result<Order, Error> {
    let url::Read { host, notes } = url::read(&args.url).map_err(|why| Error::Usage(format!("--url: {why}")))?;
    for note in notes {
        eprintln!("Warning: --url: {note}");
    }
    let name = name(args, &host)?;
    let secret = args.secret.clone().unwrap_or_else(|| name.clone());
    let target = target(args, &host, &secret)?;
    let limits = Limits::of_file()?;
    let draft = match login::read(args)? {
        None => None,
        Some(login) => {
            // Docker's own name of the Hub; of others the host.
            let mut draft = draft_of(&name, host.server(), &login.user, &login.token)?;
            draft.label(target.label(), &name);
            let namespaces = target.secret_namespaces();
            refuse(std::slice::from_ref(&draft), Vec::new(), &limits, namespaces)?;
            Some(draft)
        }
    };
    let write = Write {
        field_manager: args.field_manager.clone(),
        validation: "Strict",
        dry_run: args.dry.run == DryRun::Server,
    };
    Ok(Order { name, host, draft, secret, target, replace: args.replace, write, limits })
}

/// The one word, or a name made of the host. Words are not shown in an error: one too many may be a part of a login.
fn name(args: &CreateArgs, host: &Host) -> Result<String, Error> {
    let word = match args.words.as_slice() {
        [] => return Ok(names::of(host)),
        [word] => word,
        words => {
            return Err(Error::Usage(format!(
                "{} words are too many: give one NAME or none; quote a login with blanks",
                words.len()
            )));
        }
    };
    // The Secret that is made has it as a label.
    let fits = |name: &&str| is_dns_subdomain(name) && (args.secret.is_some() || is_label_value(name));
    OsStr::to_str(word).filter(fits).map(ToOwned::to_owned).ok_or_else(|| {
        Error::Usage("NAME has lower-case letters, digits, '-' and '.', at most 63 of them; the address comes by --url, the login by --data".into())
    })
}

fn target(args: &CreateArgs, host: &Host, secret: &str) -> Result<Target, Error> {
    let misplaced = |flag: &str, why: &str| Err(Error::Usage(format!("{flag} does not go with this --scope: {why}")));
    let scope = match args.scope {
        ScopeWord::Namespace if args.namespace_selector.is_some() => {
            return misplaced(
                "--namespace-selector",
                "a Registry is for its own namespace; -n says which, and may be given several times",
            );
        }
        ScopeWord::Namespace if args.secret_namespace.is_some() => {
            return misplaced("--secret-namespace", "the Secret of a Registry is in its own namespace: -n says which");
        }
        ScopeWord::Namespace => return Ok(Target::Namespaces(args.namespace.clone())),
        _ if !args.namespace.is_empty() => {
            return misplaced(
                "-n",
                "a ClusterRegistry has no namespace; --namespace-selector says for which it is, --secret-namespace where its Secret is",
            );
        }
        ScopeWord::Global => Scope::Global,
        ScopeWord::GlobalPrivate => Scope::GlobalPrivate,
    };
    let namespace_selector = args.namespace_selector.as_deref().map(selector::parse).transpose();
    Ok(Target::Cluster(Box::new(ClusterRegistrySpec {
        host: host.to_string(),
        secret: SecretOfNamespace {
            namespace: args.secret_namespace.clone().unwrap_or_else(|| SYSTEM_NAMESPACE.to_owned()),
            name: secret.to_owned(),
        },
        scope,
        namespace_selector: namespace_selector.map_err(|why| Error::Usage(format!("--namespace-selector: {why}")))?,
    })))
}

impl Target {
    /// The label of a Secret that is made for it.
    fn label(&self) -> &'static str {
        match self {
            Self::Namespaces(_) => REGISTRY_LABEL,
            Self::Cluster(_) => CLUSTER_REGISTRY_LABEL,
        }
    }

    /// Where Secrets are made; none: in the context's namespace.
    fn secret_namespaces(&self) -> &[String] {
        match self {
            Self::Namespaces(namespaces) => namespaces,
            Self::Cluster(spec) => std::slice::from_ref(&spec.secret.namespace),
        }
    }
}

impl Order {
    /// The Registry of a namespace.
    fn registry(&self, namespace: Option<&str>) -> Registry {
        let secret = LocalSecret { name: self.secret.clone() };
        let mut registry = Registry::new(&self.name, RegistrySpec { host: self.host.to_string(), secret });
        registry.metadata.namespace = namespace.map(ToOwned::to_owned);
        registry
    }

    /// The `ClusterRegistry`.
    fn cluster_registry(&self, spec: &ClusterRegistrySpec) -> ClusterRegistry {
        ClusterRegistry::new(&self.name, spec.clone())
    }
}
