//! One running cluster and what can be asked of it.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::control_plane::{ApiServer, ControlPlane, Ground, write_audit_policy};
use crate::error::Error;
use crate::helm;
use crate::kubeconfig;
use crate::kubectl::Kubectl;
use crate::node::{Bridge, HalfNode, Node, Registry, can_run_node};
use crate::options::{Audit, NodeKind, Options};
use crate::packages::{ensure_control_plane_packages, ensure_node_packages};
use crate::pki::Pki;
use crate::ports;
use crate::programs::{CONTROL_PLANE, NODE, Programs};
use crate::run_dir::RunDir;
use crate::scripted::ScriptedNode;
use crate::tell::Steps;

/// A folder in which every cluster leaves its audit log.
const AUDIT_DIR: &str = "LOCKGATE_AUDIT_DIR";

/// A running Kubernetes. Dropping it ends it and removes its data folder; so does, at the latest with
/// the next start, the end of the process that holds it. The order of the fields is the order of the end.
pub struct Cluster {
    node: Option<Node>,
    _scripted: Option<ScriptedNode>,
    control_plane: ControlPlane,
    kubectl: Kubectl,
    programs: Programs,
    server_url: String,
    ca: PathBuf,
    audit: Option<PathBuf>,
    dir: RunDir,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({} in {})", self.server_url, self.dir.path().display())
    }
}

impl Cluster {
    /// Starts a cluster and waits until it can be used: the API server is ready, service accounts are
    /// made, and the node, if there is to be one, is ready for Pods.
    pub fn start(options: Options) -> Result<Self, Error> {
        const TRIES: usize = 3;
        for _ in 1..TRIES {
            match Self::try_start(options) {
                Err(error) if error.is_port_taken() => {}
                other => return other,
            }
        }
        Self::try_start(options)
    }

    fn try_start(options: Options) -> Result<Self, Error> {
        if options.node == NodeKind::Real {
            can_run_node().map_err(Error::Node)?;
        }
        let wanted =
            if options.node == NodeKind::Real { [CONTROL_PLANE, NODE].concat() } else { CONTROL_PLANE.to_vec() };
        let programs = Programs::ensure(&wanted)?;
        match options.node {
            NodeKind::Real => ensure_node_packages()?,
            NodeKind::None | NodeKind::Scripted => ensure_control_plane_packages()?,
        }
        let steps = Steps::new(options.aloud);
        let dir = RunDir::new()?;
        let bridge = (options.node == NodeKind::Real).then(|| Bridge::make(&dir)).transpose()?;
        let services = bridge.as_ref().map_or_else(|| "10.96.0.0/16".into(), Bridge::services);
        let service = bridge.as_ref().map_or(Ipv4Addr::new(10, 96, 0, 1), Bridge::service);
        let pki = Pki::new(&dir, service)?;
        let ca = pki.path("ca.crt");
        let port = ports::free()?;
        let server_url = format!("https://127.0.0.1:{port}");
        let (admin, kubelet) = (crate::random::hex(16)?, crate::random::hex(16)?);
        let tokens =
            format!("{admin},admin,admin,\"system:masters\"\n{kubelet},system:node:node,kubelet,\"system:nodes\"\n");
        dir.write("tokens.csv", tokens)?;
        let kept = std::env::var_os(AUDIT_DIR).map(|folder| PathBuf::from(folder).join(format!("{}.log", dir.id())));
        let audit =
            (options.audit != Audit::Off || kept.is_some()).then(|| kept.unwrap_or_else(|| dir.file("audit.log")));
        if audit.is_some() {
            write_audit_policy(&dir, options.audit == Audit::Secrets)?;
        }
        let kubeconfig =
            dir.write("kubeconfig", kubeconfig::content(&server_url, &kubeconfig::read_ca(&ca)?, "admin", &admin))?;
        let kubectl = Kubectl { program: programs.path("kubectl"), kubeconfig, cache: dir.file("kubectl-cache") };
        let ground = Ground {
            dir: &dir,
            programs: &programs,
            pki: &pki,
            kubectl: &kubectl,
            steps,
            port,
            services: &services,
            audit: audit.as_deref(),
            encrypt_secrets: options.encrypt_secrets,
            node: options.node,
        };
        let joined = |thread: thread::ScopedJoinHandle<'_, _>| {
            let panicked = |_| Err(Error::Node("its start panicked".into()));
            thread.join().unwrap_or_else(panicked)
        };
        let half_node = |bridge| HalfNode::start(&dir, &programs, bridge, &kubelet, port, steps);
        let (control_plane, half_node) = thread::scope(|scope| {
            let half_node = bridge.as_ref().map(|bridge| scope.spawn(move || half_node(bridge)));
            let control_plane = ControlPlane::start(&ground);
            (control_plane, half_node.map(joined))
        });
        // First of all the control plane's error: it explains a node's.
        let control_plane = control_plane?;
        let node = half_node.transpose()?.map(|half| half.join(&dir, &kubectl, steps)).transpose()?;
        let scripted =
            (options.node == NodeKind::Scripted).then(|| ScriptedNode::start(&kubectl, steps)).transpose()?;
        Ok(Self { node, _scripted: scripted, control_plane, kubectl, programs, server_url, ca, audit, dir })
    }

    /// The kubeconfig of an admin (`system:masters`).
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubectl.kubeconfig
    }

    /// `kubectl` as admin.
    #[must_use]
    pub fn kubectl(&self) -> Command {
        self.kubectl.command()
    }

    /// `helm` as admin, with folders of its own; built first, if it is not yet.
    pub fn helm(&self) -> Result<Command, Error> {
        let mut helm = helm::helm(&self.dir.file("helm"))?;
        helm.env("KUBECONFIG", self.kubeconfig());
        Ok(helm)
    }

    /// The path of one of the programs the cluster consists of, or of `kubectl`.
    #[must_use]
    pub fn binary(&self, name: &str) -> PathBuf {
        self.programs.path(name)
    }

    /// The API server's address; its certificate also holds for `localhost`, on any port.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The certificate authority of the API server, PEM.
    #[must_use]
    pub fn ca_path(&self) -> &Path {
        &self.ca
    }

    /// The data folder; a place for a test's own files, too.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The audit log, one JSON object a line; written if [`Options::audit`] says so or `LOCKGATE_AUDIT_DIR` is set.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.audit.clone().unwrap_or_else(|| self.dir.file("audit.log"))
    }

    /// Writes a kubeconfig of a service account, which must exist.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        self.service_account_kubeconfig_via(namespace, name, &self.server_url)
    }

    /// The same with another server address, such as that of a proxy on `https://127.0.0.1:PORT`.
    pub fn service_account_kubeconfig_via(
        &self,
        namespace: &str,
        name: &str,
        server_url: &str,
    ) -> Result<PathBuf, Error> {
        let token = kubeconfig::service_account_token(self.kubectl(), namespace, name)?;
        let content = kubeconfig::content(server_url, &kubeconfig::read_ca(&self.ca)?, name, &token);
        // Several proxies may lead to one server, and each gets its own file.
        let suffix = crate::random::hex(4)?;
        self.dir.write(&format!("kubeconfig-{namespace}-{name}-{suffix}"), content)
    }

    /// Ends the API server as an upgrade would, and waits for its end.
    pub fn stop_api_server(&self) -> Result<(), Error> {
        self.control_plane.with_api_server(ApiServer::stop)
    }

    /// Ends the API server as a crash would.
    pub fn kill_api_server(&self) -> Result<(), Error> {
        self.control_plane.with_api_server(ApiServer::kill)
    }

    /// Starts the API server again, on the same port with the same data, and waits until it is ready.
    pub fn start_api_server(&self) -> Result<(), Error> {
        self.control_plane.with_api_server(|server| {
            server.start(&self.dir)?;
            server.until_ready(&self.kubectl)
        })
    }

    /// Starts the API server again so that it encrypts Secrets; those that are stored already stay as they are.
    pub fn encrypt_secrets(&self) -> Result<(), Error> {
        self.control_plane.with_api_server(|server| {
            server.stop()?;
            server.encrypt_secrets(&self.dir)?;
            server.start(&self.dir)?;
            server.until_ready(&self.kubectl)
        })
    }

    /// Where etcd listens, without TLS; its data lies in the folder `etcd` of [`Cluster::dir`].
    #[must_use]
    pub fn etcd_url(&self) -> &str {
        self.control_plane.etcd_url()
    }

    /// Starts one more private registry, from which the node can pull. It ends when it is dropped.
    pub fn start_registry(&self) -> Result<Registry, Error> {
        let node = self.node.as_ref().ok_or_else(|| Error::Node("only a real node pulls images".into()))?;
        node.registry().start_another(&self.dir)
    }

    /// The node, if it is a real one.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }
}
