//! containerd: its configuration, and the images that it is given.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::bridge::Bridge;
use crate::error::{Error, log_tail, run};
use crate::packages::cni_plugins;
use crate::poll::{self, Look};
use crate::process::Process;
use crate::run_dir::RunDir;

pub(crate) fn socket(dir: &RunDir) -> PathBuf {
    dir.file("node/containerd.sock")
}

/// Writes the configurations of containerd and of the network.
pub(crate) fn configure(dir: &RunDir, bridge: &Bridge, pause: &str) -> Result<(), Error> {
    let plugins = cni_plugins().ok_or_else(|| Error::Node("the network plugins are missing".into()))?;
    let network = json!({
        "cniVersion": "0.4.0",
        "name": "lockgate",
        "plugins": [{
            "type": "bridge",
            "bridge": bridge.name(),
            "ipam": {
                "type": "host-local",
                "dataDir": dir.file("node/addresses"),
                // The first address is the bridge's.
                "ranges": [[{"subnet": bridge.subnet(), "gateway": bridge.address()}]],
                // By the bridge's address, and nothing else.
                "routes": [{"dst": format!("{}/32", bridge.service())}],
            },
        }],
    });
    dir.folder("node/network")?;
    dir.write("node/network/10-lockgate.conflist", network.to_string())?;
    dir.write("node/containerd.toml", config(dir, &plugins, pause)).map(drop)
}

/// Lets containerd ask this registry without TLS. It reads such files with every pull, so this may come late.
pub(crate) fn ask_in_plain(dir: &RunDir, registry: &str) -> Result<(), Error> {
    dir.folder(&format!("node/hosts/{registry}"))?;
    let host = format!(
        "server = \"http://{registry}\"\n[host.\"http://{registry}\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
    );
    dir.write(&format!("node/hosts/{registry}/hosts.toml"), host).map(drop)
}

fn config(dir: &RunDir, plugins: &Path, pause: &str) -> String {
    // A JSON string is a TOML string.
    let path = |path: &Path| json!(path).to_string();
    let own = |name: &str| path(&dir.file(&format!("node/{name}")));
    let (root, state, opt, network, hosts) = (own("root"), own("state"), own("opt"), own("network"), own("hosts"));
    let (socket, plugins) = (path(&socket(dir)), path(plugins));
    // Without CAP_SYS_RESOURCE no score below our own can be set, hence restrict_oom_score_adj.
    format!(
        r#"version = 2
root = {root}
state = {state}
[grpc]
address = {socket}
[plugins."io.containerd.internal.v1.opt"]
path = {opt}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {plugins}
conf_dir = {network}
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {hosts}
"#
    )
}

/// Waits until containerd answers.
pub(crate) fn until_answering(dir: &RunDir, limit: Duration, process: &mut Process) -> Result<(), Error> {
    poll::until("an answer of containerd", limit, Duration::from_millis(50), || {
        process.check()?;
        // Its socket is there before its services; asking for images asks one of them.
        let socket = socket(dir);
        let answer = socket.exists().then(|| run(ctr(&socket).args(["images", "list", "--quiet"])));
        Ok(match answer {
            Some(Ok(_)) => Look::There(()),
            Some(Err(error)) => Look::NotYet(format!("{error}\n{}", log_tail(&dir.log("containerd")))),
            None => Look::NotYet(log_tail(&dir.log("containerd"))),
        })
    })
}

/// Gives containerd an image where the kubelet finds it.
pub(crate) fn import(socket: &Path, archive: &Path) -> Result<(), Error> {
    run(ctr(socket).args(["images", "import"]).arg(archive)).map(drop)
}

fn ctr(socket: &Path) -> Command {
    let mut ctr = Command::new("ctr");
    ctr.arg("--address").arg(socket).args(["--namespace", "k8s.io"]);
    ctr
}
