//! Which cluster a command speaks to: kubectl's flags, with their meaning and their defaults
//! (`k8s.io/cli-runtime/pkg/genericclioptions/config_flags.go`).

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use k8s_openapi::jiff::SignedDuration;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::SecretString;

use super::error::Error;
use super::output::printable;
use crate::model::names::is_dns_subdomain;

/// The flags of a command that speaks to a cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterArgs {
    /// Path of a kubeconfig. Absent: `KUBECONFIG`, else kubectl's own, else the ServiceAccount of the Pod that this runs in.
    #[arg(long, value_name = "PATH")]
    kubeconfig: Option<PathBuf>,

    /// A context of the kubeconfig. Absent: its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// A cluster of the kubeconfig. Absent: the context's.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,

    /// A user of the kubeconfig. Absent: the context's.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The API server's URL. Absent: the cluster's.
    #[arg(short, long, value_name = "URL")]
    server: Option<http::Uri>,

    /// A bearer token. (Others on this machine can read it in the list of processes.)
    #[arg(long, value_name = "TOKEN", hide = true)]
    token: Option<String>,

    /// Act as this user.
    #[arg(long = "as", value_name = "USER")]
    impersonate: Option<String>,

    /// Act as a member of this group. May be given several times.
    #[arg(long = "as-group", value_name = "GROUP")]
    impersonate_groups: Vec<String>,

    /// Act as the user with this uid.
    #[arg(long = "as-uid", value_name = "UID")]
    impersonate_uid: Option<String>,

    /// How long an answer of the API server is waited for, as in 10s or 2m; a bare number is seconds, and 0 is for ever.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    request_timeout: Option<Duration>,

    /// The name that the server's certificate has to be for.
    #[arg(long, value_name = "NAME")]
    tls_server_name: Option<String>,

    /// A file with the certificates that the server's has to be signed by.
    #[arg(long, value_name = "PATH")]
    certificate_authority: Option<PathBuf>,

    /// Do not look at the server's certificate. Whoever is in between can then read all.
    #[arg(long)]
    insecure_skip_tls_verify: bool,
}

/// `-n`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub(super) struct NamespaceArg {
    /// The namespace. Absent: the context's.
    #[arg(short, long, value_name = "NAME", value_parser = namespace)]
    pub namespace: Option<String>,
}

/// `-n`, and `-A` for all namespaces.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub(super) struct NamespacesArg {
    /// The namespace. Absent: the context's.
    #[arg(short, long, value_name = "NAME", value_parser = namespace, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,

    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// A cluster, and the namespace where nothing else is said.
#[derive(Clone)]
pub(super) struct Connection {
    /// Speaks to it. Nothing is repeated by itself.
    pub client: Client,
    /// The context's namespace, or `default`.
    pub default_namespace: String,
}

impl Connection {
    /// The namespace of `-n`, or the context's.
    pub(super) fn namespace(&self, given: &NamespaceArg) -> String {
        given.namespace.clone().unwrap_or_else(|| self.default_namespace.clone())
    }

    /// The namespace of `-n`, or the context's; `None`: all.
    pub(super) fn namespaces(&self, given: &NamespacesArg) -> Option<String> {
        let one = || given.namespace.clone().unwrap_or_else(|| self.default_namespace.clone());
        (!given.all_namespaces).then(one)
    }
}

impl ClusterArgs {
    /// The flags of who has only this one.
    pub(super) fn of_kubeconfig(kubeconfig: Option<PathBuf>) -> Self {
        Self { kubeconfig, ..Self::default() }
    }

    /// The same with another time to wait where none was given.
    pub(super) fn with_patience(mut self, patience: Duration) -> Self {
        self.request_timeout.get_or_insert(patience);
        self
    }

    /// Makes a client. Nothing is asked of the cluster yet.
    pub(super) async fn connect(&self) -> Result<Connection, Error> {
        let config = self.config().await?;
        let default_namespace = config.default_namespace.clone();
        Ok(Connection { client: ClientBuilder::try_from(config)?.build(), default_namespace })
    }

    /// How long an answer is waited for; `None`: as long as it takes.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.request_timeout.filter(|time| !time.is_zero())
    }

    /// The configuration: the kubeconfig that is named; else that of `KUBECONFIG` and kubectl's own place; else, where nothing
    /// is named, of the Pod that this runs in. Flags win over all of them.
    pub(super) async fn config(&self) -> Result<Config, Error> {
        let named = [&self.context, &self.cluster, &self.user].iter().any(|name| name.is_some());
        let options =
            KubeConfigOptions { context: self.context.clone(), cluster: self.cluster.clone(), user: self.user.clone() };
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Some(Kubeconfig::read_from(path)?),
            None if named => Some(Kubeconfig::read()?),
            None => None,
        };
        let mut config = match (kubeconfig, &self.server) {
            (Some(kubeconfig), _) => {
                self.has_user(&kubeconfig)?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await?
            }
            (None, server) => match (Config::infer().await, server) {
                (Ok(config), _) => config,
                (Err(_), Some(server)) => Config::new(server.clone()),
                (Err(error), None) => return Err(error.into()),
            },
        };
        // kube repeats a POST on 503 and 504 up to 15 times by itself; the controller has its own pauses and deadlines.
        config.default_retry = false;
        if let Some(server) = &self.server {
            config.cluster_url = server.clone();
        }
        if let Some(time) = self.patience() {
            config.connect_timeout = Some(time);
            config.read_timeout = Some(time);
        }
        if let Some(token) = &self.token {
            config.auth_info.token = Some(SecretString::from(token.clone()));
        }
        if self.impersonate.is_some() {
            config.auth_info.impersonate.clone_from(&self.impersonate);
        }
        if !self.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        let is_somebody = config.auth_info.impersonate.is_some();
        if !is_somebody && (!self.impersonate_groups.is_empty() || self.impersonate_uid.is_some()) {
            return Err(Error::Usage("--as-group and --as-uid are about a user: name that with --as, too".into()));
        }
        if self.impersonate_uid.is_some() {
            config.auth_info.impersonate_uid.clone_from(&self.impersonate_uid);
        }
        if self.tls_server_name.is_some() {
            config.tls_server_name.clone_from(&self.tls_server_name);
        }
        if let Some(path) = &self.certificate_authority {
            config.root_cert_file = Some(path.clone());
        }
        config.accept_invalid_certs |= self.insecure_skip_tls_verify;
        config.cluster_url = with_scheme(&config)?;
        Ok(config)
    }

    /// kube takes a user that there is not for one who shows no credentials.
    fn has_user(&self, kubeconfig: &Kubeconfig) -> Result<(), Error> {
        match &self.user {
            Some(name) if kubeconfig.auth_infos.iter().all(|user| user.name != *name) => Err(Error::Usage(format!(
                "--user {}: the kubeconfig has no such user: kubectl config get-users lists those that it has",
                printable(name)
            ))),
            _ => Ok(()),
        }
    }
}

/// The server's URL. As kubectl takes it (`DefaultServerURL` of `k8s.io/client-go/rest/url_utils.go`), also an address alone, where it is
/// TLS if anything speaks of a certificate.
fn with_scheme(config: &Config) -> Result<http::Uri, Error> {
    let given = &config.cluster_url;
    let auth = &config.auth_info;
    let has_certificate = config.root_cert.is_some()
        || config.root_cert_file.is_some()
        || auth.client_certificate.is_some()
        || auth.client_certificate_data.is_some();
    let scheme = match given.scheme_str() {
        Some(scheme) => scheme,
        None if has_certificate || config.accept_invalid_certs => "https",
        None => "http",
    };
    let wrong = || {
        let given = given.to_string();
        let given = printable(&given).into_owned();
        Error::Usage(format!("the server {given}, of --server or the kubeconfig: write a URL, as in https://HOST:6443"))
    };
    let (true, Some(authority)) = (matches!(scheme, "http" | "https"), given.authority()) else { return Err(wrong()) };
    let path = given.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.is_empty() { "/" } else { path };
    http::Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query(path).build().map_err(|_| wrong())
}

/// The name of a namespace, as an argument.
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    let good = text.len() <= 63 && !text.contains('.') && is_dns_subdomain(text);
    if good { Ok(text.to_owned()) } else { Err("give the name of a namespace: lower-case letters, digits and '-'") }
}

/// A duration, as an argument: `10s`, or a bare number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or("write a duration, as in 10s or 500ms, or 0 for no end")
}
