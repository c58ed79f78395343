//! The kubelet's configuration.

use std::ffi::OsString;

use serde_json::json;

use super::{NAME, containerd};
use crate::error::Error;
use crate::run_dir::RunDir;
use crate::{kubeconfig, ports};

/// What a kubelet has to know.
pub(crate) struct Kubelet<'a> {
    pub(crate) dir: &'a RunDir,
    pub(crate) cgroup: &'a str,
    pub(crate) address: String,
    pub(crate) token: &'a str,
    pub(crate) server_url: &'a str,
}

impl Kubelet<'_> {
    /// Writes its files and gives its arguments.
    pub(crate) fn configure(&self) -> Result<Vec<OsString>, Error> {
        let dir = self.dir;
        let ca = dir.file("pki/ca.crt");
        let kubeconfig = kubeconfig::content(self.server_url, &kubeconfig::read_ca(&ca)?, NAME, self.token);
        let config = json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "port": ports::free()?,
            "healthzPort": 0,
            // Only the API server has a certificate, and it may do all.
            "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": false}, "x509": {"clientCAFile": ca}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": format!("unix://{}", containerd::socket(dir).display()),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": self.cgroup,
            "enforceNodeAllocatable": [],
            "failCgroupV1": false,
            "failSwapOn": false,
            // A full disk or a busy machine must not evict what a test looks at.
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1Mi", "imagefs.available": "1Mi", "nodefs.inodesFree": "1", "imagefs.inodesFree": "1"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "podLogsDir": dir.folder("node/pod-logs")?,
            "volumePluginDir": dir.folder("node/volume-plugins")?,
            "resolvConf": dir.write("node/resolv.conf", "")?,
            // Nobody answers there, and says so at once; without it each Pod gets a warning.
            "clusterDNS": [self.address],
            "clusterDomain": "cluster.local",
            "makeIPTablesUtilChains": false,
            "oomScoreAdj": 0,
            "maxPods": 200,
            "serializeImagePulls": false,
            "registryPullQPS": 0,
            // How often a Pod is looked at without a reason; changed Secrets reach volumes then.
            "syncFrequency": "10s",
        });
        let flag = |name: &str, value: OsString| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            flag
        };
        Ok(vec![
            flag("config", dir.write("node/kubelet.json", config.to_string())?.into()),
            flag("kubeconfig", dir.write("node/kubeconfig", kubeconfig)?.into()),
            flag("root-dir", dir.folder("node/kubelet")?.into()),
            flag("cert-dir", dir.folder("node/kubelet-pki")?.into()),
            flag("hostname-override", NAME.into()),
            flag("node-ip", self.address.clone().into()),
        ])
    }
}
