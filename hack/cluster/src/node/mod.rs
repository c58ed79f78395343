//! A real node: containerd and kubelet in namespaces of their own, a bridge, and a private registry.
//!
//! Whatever the node mounts and runs is in its own mount and PID namespaces, which the kernel takes
//! down with their first process. Its control groups and its bridge are outside; the ledger has them.

mod bridge;
mod cgroup;
mod containerd;
mod front;
mod image;
mod kubelet;
mod registry;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

pub use registry::Registry;

pub(crate) use self::bridge::Bridge;
use self::front::Front;
use self::image::{Config, Images};
use self::kubelet::Kubelet;
use crate::error::{Action as _, Error, log_tail};
use crate::kubectl::Kubectl;
use crate::poll::{self, Look};
use crate::process::Process;
use crate::programs::Programs;
use crate::run_dir::RunDir;
use crate::tell::Steps;

/// The name of the Node object. Each cluster has at most one.
pub(crate) const NAME: &str = "node";

const PRELOADED: &str = "lockgate.test/busybox:1";
const PAUSE: &str = "lockgate.test/pause:1";
const PATIENCE: Duration = Duration::from_mins(2);

/// Whether [`NodeKind::Real`](crate::NodeKind::Real) can work here; if not, why.
pub fn can_run_node() -> Result<(), String> {
    if std::env::var_os("LOCKGATE_NO_NODE").is_some_and(|value| value == "1") {
        return Err("LOCKGATE_NO_NODE=1 is set".into());
    }
    if !cfg!(target_os = "linux") {
        return Err("a node needs Linux".into());
    }
    if !rustix::process::getuid().is_root() {
        return Err("a node needs root: containerd and kubelet mount file systems and make network interfaces".into());
    }
    match Command::new("unshare").args(["--pid", "--mount", "--fork", "true"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("this root may not make namespaces: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Err(error) => Err(format!("cannot run unshare: {error}")),
    }
}

/// A node on which containers really run.
pub struct Node {
    process: Process,
    _front: Front,
    registry: Registry,
    address: String,
    containerd: PathBuf,
}

impl Node {
    /// The name of the Node object.
    #[must_use]
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// An image with a busybox that the node has already: with the pull policy `IfNotPresent`, which
    /// is the default of its tag, Pods start without any registry.
    #[must_use]
    pub fn preloaded_image(&self) -> &'static str {
        PRELOADED
    }

    /// The private registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Its address, at which Pods also reach whatever a test listens with there.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// This machine's files as the node sees them, with all that it mounted. Ends with the node.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        format!("/proc/{}/root", self.process.id()).into()
    }

    /// Gives the node the image of an OCI layout under the name that it carries, as [`Node::preloaded_image`] is there.
    pub fn load(&self, layout: &Path) -> Result<(), Error> {
        let archive = image::archive(layout)?;
        let loaded = containerd::import(&self.containerd, &archive);
        std::fs::remove_file(&archive).action(|| format!("remove {}", archive.display()))?;
        loaded
    }
}

/// A node without kubelet: what can start while the control plane does.
pub(crate) struct HalfNode {
    process: Process,
    front: Front,
    registry: Registry,
    address: String,
}

impl HalfNode {
    /// Starts the registry and containerd, and gives containerd its first images.
    pub(crate) fn start(
        dir: &RunDir,
        programs: &Programs,
        bridge: &Bridge,
        kubelet_token: &str,
        api_server: u16,
        steps: Steps,
    ) -> Result<Self, Error> {
        let images = Images::new(dir.folder("node/images")?)?;
        let registry = Registry::start(dir, images.clone())?;
        steps.say("the registry listens");
        let cgroup = cgroup::make(dir)?;
        let front = Front::start(bridge.service(), api_server)?;
        containerd::configure(dir, bridge, PAUSE)?;
        let server_url = &format!("https://127.0.0.1:{api_server}");
        let kubelet = Kubelet { dir, cgroup: &cgroup, address: bridge.address(), token: kubelet_token, server_url };
        let mut init = Command::new("unshare");
        init.args([
            "--pid",
            "--mount",
            "--mount-proc",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            include_str!("init.sh"),
            "init",
        ]);
        init.arg(dir.file("node")).arg(dir.file("logs")).arg(programs.path("kubelet")).args(kubelet.configure()?);
        let mut process = Process::start("node", &init, dir)?;
        containerd::until_answering(dir, PATIENCE, &mut process)?;
        for (reference, config) in [(PAUSE, Config::sleeping()), (PRELOADED, Config::shell(PRELOADED))] {
            containerd::import(&containerd::socket(dir), &images.archive(reference, &config)?)?;
        }
        steps.say("containerd has its images");
        Ok(Self { process, front, registry, address: bridge.address() })
    }

    /// Starts the kubelet, now that there is a control plane, and waits until Pods can be bound to it.
    pub(crate) fn join(mut self, dir: &RunDir, kubectl: &Kubectl, steps: Steps) -> Result<Node, Error> {
        let go = dir.file("node/control-plane-is-ready");
        std::fs::write(&go, "").action(|| format!("write {}", go.display()))?;
        poll::until("a ready node", PATIENCE, Duration::from_millis(100), || {
            self.process.check()?;
            let answer = kubectl.get_raw(&format!("/api/v1/nodes/{NAME}"))?;
            Ok(match answer.map(|node| readiness(&node)) {
                Ok(Ok(())) => Look::There(()),
                Ok(Err(why)) | Err(why) => Look::NotYet(format!("{why}\n{}", log_tail(&dir.log("kubelet")))),
            })
        })?;
        steps.say("the node is ready");
        Ok(Node {
            process: self.process,
            _front: self.front,
            registry: self.registry,
            address: self.address,
            containerd: containerd::socket(dir),
        })
    }
}

/// Whether the scheduler would bind a Pod to this Node; if not, what it says of itself.
pub(crate) fn readiness(node: &str) -> Result<(), String> {
    let node: Value = serde_json::from_str(node).map_err(|error| error.to_string())?;
    let conditions =
        node.pointer("/status/conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let field =
        |condition: &Value, name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ready =
        conditions.iter().find(|condition| field(condition, "type") == "Ready").ok_or("it has no condition yet")?;
    if field(ready, "status") != "True" {
        return Err(field(ready, "message"));
    }
    let tainted = node.pointer("/spec/taints").and_then(Value::as_array).is_some_and(|taints| !taints.is_empty());
    if tainted { Err("it has a taint".into()) } else { Ok(()) }
}
