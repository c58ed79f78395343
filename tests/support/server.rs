//! Our server processes as people run them: the binary, each as its ServiceAccount.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lockgate_cluster::Cluster;

use super::{DEADLINE, SYSTEM_NAMESPACE, output};

/// A process that is killed when it is dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    fn start(
        cluster: &Cluster,
        command: &str,
        kubeconfig: &Path,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let log = cluster.dir().join(format!("{command}-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let file = std::fs::File::create(&log).unwrap();
        let mut server = lockgate_cluster::mortal(env!("CARGO_BIN_EXE_lockgate"));
        server
            .args([command, "--log-level", "trace"])
            .args(["--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0"])
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(flags)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        Self { child: lockgate_cluster::spawn(server).unwrap(), log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The memory that it has now, and the most that it ever had, in MiB.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let of = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// Whether it runs still.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Everything that it logged so far, in whole lines: of the last one the half may be there.
    pub fn log(&self) -> String {
        let mut bytes = std::fs::read(&self.log).unwrap_or_default();
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        String::from_utf8(bytes).unwrap()
    }
}

/// The log goes with its cluster: of a test that fails its end is shown.
impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            // What the libraries below say of each request and each watch would be all of it.
            let ours =
                |line: &&str| line.contains(" lockgate") || !(line.contains(" TRACE ") || line.contains(" DEBUG "));
            let lines: Vec<String> =
                log.lines().rev().filter(ours).take(40).map(|line| line.chars().take(300).collect()).collect();
            let last = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            println!("{} ({ended:?}) said last:\n{last}", self.log.display());
        }
    }
}

/// The operator.
pub struct Operator(Server);

impl Operator {
    /// Starts it with exactly the rights of `deploy/`.
    pub fn start(cluster: &Cluster) -> Self {
        let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
        Self::start_with(cluster, &kubeconfig)
    }

    /// Starts it with another kubeconfig of that account.
    pub fn start_with(cluster: &Cluster, kubeconfig: &Path) -> Self {
        Self::start_with_flags(cluster, kubeconfig, &[])
    }

    /// Starts it with these flags.
    pub fn start_with_flags(cluster: &Cluster, kubeconfig: &Path, flags: &[&str]) -> Self {
        Self::start_in(cluster, kubeconfig, flags, &[])
    }

    /// The same in this environment.
    pub fn start_in(cluster: &Cluster, kubeconfig: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self(Server::start(cluster, "operator", kubeconfig, flags, environment))
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns how it ended and after how long.
    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        output(Command::new("kill").arg(self.pid().to_string()));
        loop {
            if let Some(status) = self.ended() {
                return (status, asked.elapsed());
            }
            assert!(asked.elapsed() < DEADLINE, "it goes on after SIGTERM");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Deref for Operator {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Operator {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// The projector, which copies credentials.
pub struct Projector(Server);

impl Projector {
    /// Starts it with exactly the rights of `deploy/`; the sources lie in [`SYSTEM_NAMESPACE`].
    pub fn start(cluster: &Cluster) -> Self {
        let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate-projector").unwrap();
        Self::start_with_flags(cluster, &kubeconfig, &["--source-namespaces", SYSTEM_NAMESPACE])
    }

    /// Starts it with another kubeconfig and these flags.
    pub fn start_with_flags(cluster: &Cluster, kubeconfig: &Path, flags: &[&str]) -> Self {
        Self(Server::start(cluster, "projector", kubeconfig, flags, &[]))
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.child.kill().unwrap();
        self.0.child.wait().unwrap();
    }
}

impl Deref for Projector {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}
