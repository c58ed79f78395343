//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler with the flags that suit tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::encode;
use crate::error::Error;
use crate::kubectl::Kubectl;
use crate::options::NodeKind;
use crate::pki::Pki;
use crate::poll::{self, Look};
use crate::ports;
use crate::process::Process;
use crate::programs::Programs;
use crate::random;
use crate::run_dir::RunDir;
use crate::tell::Steps;

const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Every request once when it is answered, and watches also when they begin.
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}"#;

/// The same, and of Secrets also what was sent and what was answered.
const AUDIT_SECRETS_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "RequestResponse", "resources": [{"group": "", "resources": ["secrets"]}]}, {"level": "Metadata"}]}"#;

/// What the control plane is made from.
pub(crate) struct Ground<'a> {
    pub(crate) dir: &'a RunDir,
    pub(crate) programs: &'a Programs,
    pub(crate) pki: &'a Pki,
    pub(crate) kubectl: &'a Kubectl,
    pub(crate) steps: Steps,
    pub(crate) port: u16,
    /// The addresses of services.
    pub(crate) services: &'a str,
    /// Where the audit log is written, if it is.
    pub(crate) audit: Option<&'a Path>,
    pub(crate) encrypt_secrets: bool,
    /// What Pods are bound to.
    pub(crate) node: NodeKind,
}

/// The running control plane; the order of the fields is the order in which they end.
pub(crate) struct ControlPlane {
    _scheduler: Process,
    _controller_manager: Process,
    api_server: Mutex<ApiServer>,
    etcd_url: String,
    _etcd: Process,
}

impl ControlPlane {
    /// Starts all four and waits until the API server is ready and a namespace gets its service account.
    pub(crate) fn start(ground: &Ground<'_>) -> Result<Self, Error> {
        let etcd_port = ports::free()?;
        let mut etcd = start_etcd(ground, etcd_port)?;
        until_accepting("etcd", etcd_port, &mut etcd)?;
        let mut api_server = ApiServer::new(ground, etcd_port);
        if ground.encrypt_secrets {
            api_server.encrypt_secrets(ground.dir)?;
        }
        api_server.start(ground.dir)?;
        if let Some(process) = &mut api_server.process {
            until_accepting("kube-apiserver", ground.port, process)?;
        }
        // Both try again until the API server is ready, so they can already load.
        let mut controller_manager = start_controller_manager(ground)?;
        let mut scheduler = start_scheduler(ground)?;
        api_server.until_ready(ground.kubectl)?;
        ground.steps.say("kube-apiserver is ready");
        poll::until("the default service account", PATIENCE, PAUSE, || {
            controller_manager.check()?;
            scheduler.check()?;
            let answer = ground.kubectl.get_raw("/api/v1/namespaces/default/serviceaccounts/default")?;
            Ok(answer.map_or_else(
                |no| Look::NotYet(format!("{no}\n{}", controller_manager.log_tail())),
                |_| Look::There(()),
            ))
        })?;
        ground.steps.say("kube-controller-manager works");
        Ok(Self {
            _scheduler: scheduler,
            _controller_manager: controller_manager,
            api_server: Mutex::new(api_server),
            etcd_url: etcd_url(etcd_port),
            _etcd: etcd,
        })
    }

    /// Where etcd listens.
    pub(crate) fn etcd_url(&self) -> &str {
        &self.etcd_url
    }

    /// Works with the API server's process, one caller at a time.
    pub(crate) fn with_api_server<T>(&self, work: impl FnOnce(&mut ApiServer) -> T) -> T {
        work(&mut self.api_server.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The API server, which tests stop and start again.
pub(crate) struct ApiServer {
    program: PathBuf,
    args: Vec<OsString>,
    port: u16,
    process: Option<Process>,
}

impl ApiServer {
    fn new(ground: &Ground<'_>, etcd_port: u16) -> Self {
        let Ground { dir, pki, services, .. } = ground;
        let mut args: Vec<OsString> = [
            &*format!("--etcd-servers={}", etcd_url(etcd_port)),
            &*format!("--secure-port={}", ground.port),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            // Endpoints of the service `kubernetes` may not be loopback addresses, so there are none.
            "--endpoint-reconciler-type=none",
            // The Node's name is in no DNS.
            "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            &*format!("--service-cluster-ip-range={services}"),
            "--profiling=false",
            // Else watches keep a server that should end for half a minute or more.
            "--shutdown-watch-termination-grace-period=1s",
        ]
        .map(OsString::from)
        .into();
        let mut file = |flag: &str, path: PathBuf| {
            let mut arg = OsString::from(format!("--{flag}="));
            arg.push(path);
            args.push(arg);
        };
        file("cert-dir", dir.file("pki"));
        file("tls-cert-file", pki.path("server.crt"));
        file("tls-private-key-file", pki.path("server.key"));
        file("token-auth-file", dir.file("tokens.csv"));
        file("service-account-key-file", pki.path("service-account.key"));
        file("service-account-signing-key-file", pki.path("service-account.key"));
        file("kubelet-client-certificate", pki.path("kubelet-client.crt"));
        file("kubelet-client-key", pki.path("kubelet-client.key"));
        if let Some(log) = ground.audit {
            file("audit-policy-file", dir.file("audit-policy.json"));
            file("audit-log-path", log.to_owned());
        }
        Self { program: ground.programs.path("kube-apiserver"), args, port: ground.port, process: None }
    }

    /// Has it encrypt Secrets from its next start on. What is stored already it reads as it is.
    pub(crate) fn encrypt_secrets(&mut self, dir: &RunDir) -> Result<(), Error> {
        let key = serde_json::json!({"name": "key1", "secret": encode::base64(&random::bytes(32)?)});
        let providers = serde_json::json!([{"secretbox": {"keys": [key]}}, {"identity": {}}]);
        let config = serde_json::json!({
            "apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        });
        let path = dir.write("encryption.json", config.to_string())?;
        let mut arg = OsString::from("--encryption-provider-config=");
        arg.push(path);
        self.args.push(arg);
        Ok(())
    }

    /// Starts it unless it runs.
    pub(crate) fn start(&mut self, dir: &RunDir) -> Result<(), Error> {
        if self.process.is_none() {
            let mut recipe = Command::new(&self.program);
            recipe.args(&self.args);
            self.process = Some(Process::start("kube-apiserver", &recipe, dir)?);
        }
        Ok(())
    }

    /// Waits until it is ready for work.
    pub(crate) fn until_ready(&mut self, kubectl: &Kubectl) -> Result<(), Error> {
        let Some(process) = &mut self.process else {
            return Err(Error::Unexpected("the API server was stopped".into()));
        };
        until_accepting("kube-apiserver", self.port, process)?;
        poll::until("readiness of kube-apiserver", PATIENCE, PAUSE, || {
            process.check()?;
            Ok(kubectl
                .get_raw("/readyz")?
                .map_or_else(|no| Look::NotYet(format!("{no}\n{}", process.log_tail())), |_| Look::There(())))
        })
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), |mut process| process.stop(Duration::from_secs(30)))
    }

    /// Kills it, and waits.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }
}

/// The policy that [`ApiServer`] names; with what is said about Secrets, or without.
pub(crate) fn write_audit_policy(dir: &RunDir, secrets: bool) -> Result<(), Error> {
    dir.write("audit-policy.json", if secrets { AUDIT_SECRETS_POLICY } else { AUDIT_POLICY }).map(drop)
}

fn etcd_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn start_etcd(ground: &Ground<'_>, port: u16) -> Result<Process, Error> {
    let mut etcd = Command::new(ground.programs.path("etcd"));
    etcd.arg("--data-dir").arg(ground.dir.file("etcd"));
    let url = etcd_url(port);
    etcd.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
    etcd.args(["--listen-peer-urls", "http://127.0.0.1:0", "--unsafe-no-fsync", "--log-level", "warn"]);
    Process::start("etcd", &etcd, ground.dir)
}

fn start_controller_manager(ground: &Ground<'_>) -> Result<Process, Error> {
    let mut manager = Command::new(ground.programs.path("kube-controller-manager"));
    manager.arg("--kubeconfig").arg(&ground.kubectl.kubeconfig);
    manager.arg("--root-ca-file").arg(ground.pki.path("ca.crt"));
    manager.arg("--service-account-private-key-file").arg(ground.pki.path("service-account.key"));
    // The default of 20 requests a second would make tests wait for the deletion of namespaces.
    manager.args([
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]);
    if ground.node != NodeKind::Real {
        // Whatever plays a Node has no heartbeat: it would be tainted, and its Pods marked, in whatever moment of a test.
        manager.arg("--node-monitor-grace-period=87600h");
        // Every 20 s it calls those Pods failed that are being deleted and have no node (gcUnscheduledTerminating): here all have
        // none, and would fail in whatever moment of a test.
        manager.arg("--controllers=*,-pod-garbage-collector-controller");
    }
    Process::start("kube-controller-manager", &manager, ground.dir)
}

fn start_scheduler(ground: &Ground<'_>) -> Result<Process, Error> {
    let mut scheduler = Command::new(ground.programs.path("kube-scheduler"));
    scheduler.arg("--kubeconfig").arg(&ground.kubectl.kubeconfig);
    scheduler.args(["--leader-elect=false", "--secure-port=0", "--profiling=false"]);
    Process::start("kube-scheduler", &scheduler, ground.dir)
}

fn until_accepting(name: &str, port: u16, process: &mut Process) -> Result<(), Error> {
    poll::until(&format!("a connection to {name}"), PATIENCE, Duration::from_millis(20), || {
        process.check()?;
        Ok(if ports::accepts(port) { Look::There(()) } else { Look::NotYet(process.log_tail()) })
    })
}
