//! The programs of Kubernetes, and Helm: found in `KUBEBUILDER_ASSETS`, or built once from pinned Go modules.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use crate::encode;
use crate::error::{Action as _, Error, run};
use crate::tell;

/// What a control plane consists of, and `kubectl` to talk to it.
pub const CONTROL_PLANE: &[&str] = &["etcd", "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler"];
/// What a node needs on top.
pub const NODE: &[&str] = &["kubelet"];

/// Helm, which no cluster needs and tests of the chart do.
pub const HELM: &[&str] = &["helm"];

/// Name, Go package, and the seconds of a cold build on two cores in the order of their list.
type Source = (&'static str, &'static str, u32);

/// Programs that are built from the same pins.
struct Pins {
    /// What people call it.
    name: &'static str,
    /// Its folder in the cache.
    folder: &'static str,
    /// The version that go.mod pins, and what the programs are told of it when they are linked.
    version: &'static str,
    stamps: &'static [(&'static str, &'static str)],
    go_mod: &'static str,
    go_sum: &'static str,
    tools_go: &'static str,
    sources: &'static [Source],
}

/// The programs of Kubernetes, the node's last.
const SOURCES: [Source; 6] = [
    ("etcd", "go.etcd.io/etcd/server/v3", 80),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 160),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl", 20),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 55),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 5),
    ("kubelet", "k8s.io/kubernetes/cmd/kubelet", 20),
];

const KUBERNETES: Pins = Pins {
    name: "Kubernetes",
    folder: "kubernetes",
    version: "v1.36.3",
    // The first is what a program says of itself, the second what its clients say.
    stamps: &[
        ("k8s.io/component-base/version.gitVersion", "v1.36.3"),
        ("k8s.io/component-base/version.gitMajor", "1"),
        ("k8s.io/component-base/version.gitMinor", "36"),
        ("k8s.io/client-go/pkg/version.gitVersion", "v1.36.3"),
        ("k8s.io/client-go/pkg/version.gitMajor", "1"),
        ("k8s.io/client-go/pkg/version.gitMinor", "36"),
    ],
    go_mod: include_str!("../kubernetes/go.mod"),
    go_sum: include_str!("../kubernetes/go.sum"),
    tools_go: include_str!("../kubernetes/tools.go"),
    sources: &SOURCES,
};

/// The oldest that Lockgate supports. Only tests of compatibility run it: it has no node.
const KUBERNETES_1_35: Pins = Pins {
    name: "Kubernetes",
    folder: "kubernetes",
    version: "v1.35.4",
    stamps: &[
        ("k8s.io/component-base/version.gitVersion", "v1.35.4"),
        ("k8s.io/component-base/version.gitMajor", "1"),
        ("k8s.io/component-base/version.gitMinor", "35"),
        ("k8s.io/client-go/pkg/version.gitVersion", "v1.35.4"),
        ("k8s.io/client-go/pkg/version.gitMajor", "1"),
        ("k8s.io/client-go/pkg/version.gitMinor", "35"),
    ],
    go_mod: include_str!("../kubernetes-1.35/go.mod"),
    go_sum: include_str!("../kubernetes-1.35/go.sum"),
    tools_go: include_str!("../kubernetes-1.35/tools.go"),
    // All but the kubelet, which is the last.
    sources: SOURCES.split_at(SOURCES.len() - 1).0,
};

/// The variable that chooses a Kubernetes by its minor version.
const CHOICE: &str = "LOCKGATE_KUBERNETES";

/// The Kubernetes of that minor version; the newest if none was named.
fn kubernetes(minor: Option<&str>) -> Result<&'static Pins, Error> {
    match minor {
        None | Some("" | "1.36") => Ok(&KUBERNETES),
        Some("1.35") => Ok(&KUBERNETES_1_35),
        Some(other) => {
            Err(Error::Unexpected(format!("{CHOICE} is {other}: there are 1.35 and 1.36, which is the default")))
        }
    }
}

/// A module of its own, since Helm's dependencies are not those of Kubernetes.
const HELM_PINS: Pins = Pins {
    name: "Helm",
    folder: "helm",
    version: "v4.3.1",
    stamps: &[("helm.sh/helm/v4/internal/version.version", "v4.3.1")],
    go_mod: include_str!("../helm/go.mod"),
    go_sum: include_str!("../helm/go.sum"),
    tools_go: include_str!("../helm/tools.go"),
    sources: &[("helm", "helm.sh/helm/v4/cmd/helm", 120)],
};

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    paths: BTreeMap<String, PathBuf>,
}

impl Programs {
    /// Finds these programs and builds those that are in no cache yet.
    pub fn ensure(names: &[&str]) -> Result<Self, Error> {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let mut paths = BTreeMap::new();
        let kubernetes = kubernetes(std::env::var(CHOICE).ok().as_deref())?;
        for pins in [kubernetes, &HELM_PINS] {
            let cache = Cache::of(pins)?;
            let mut wanted = Vec::new();
            for &name in names.iter().filter(|name| pins.sources.iter().any(|(source, ..)| source == *name)) {
                let given = assets.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
                if given.is_none() && !cache.program(name).is_file() {
                    wanted.push(name);
                }
                paths.insert(name.to_owned(), given.unwrap_or_else(|| cache.program(name)));
            }
            if !wanted.is_empty() {
                cache.build(&wanted)?;
            }
        }
        match names.iter().find(|name| !paths.contains_key(**name)) {
            None => Ok(Self { paths }),
            Some(name) => {
                Err(Error::Unexpected(format!("{} {} has no {name} here", kubernetes.name, kubernetes.version)))
            }
        }
    }

    /// The path of a program; its bare name if it is none of ours.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.paths.get(name).cloned().unwrap_or_else(|| name.into())
    }
}

/// The folder in which everything lies that is made once per machine.
pub(crate) fn cache_root() -> Result<PathBuf, Error> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = var("LOCKGATE_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|cache| cache.join("lockgate")))
        .or_else(|| var("HOME").map(|home| home.join(".cache/lockgate")))
        .ok_or_else(|| Error::Unexpected("none of LOCKGATE_CACHE, XDG_CACHE_HOME and HOME is set".into()))?;
    fs::create_dir_all(&root).action(|| format!("make {}", root.display()))?;
    Ok(root)
}

/// Locks a file of the cache, and says so if another process has it.
pub(crate) fn lock(path: &Path, what: &str) -> Result<File, Error> {
    let file = File::create(path).action(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => tell::note(&format!("another process {what}, waiting for it")),
        Err(TryLockError::Error(source)) => return Err(source).action(|| format!("lock {}", path.display())),
    }
    file.lock().action(|| format!("lock {}", path.display()))?;
    Ok(file)
}

/// The folder of one set of pins.
struct Cache {
    pins: &'static Pins,
    folder: PathBuf,
}

impl Cache {
    fn of(pins: &'static Pins) -> Result<Self, Error> {
        let digest = encode::hex(&Sha256::new().chain_update(pins.go_mod).chain_update(pins.go_sum).finalize());
        let name: String = digest.chars().take(16).collect();
        let folder = cache_root()?.join(pins.folder).join(name);
        fs::create_dir_all(&folder).action(|| format!("make {}", folder.display()))?;
        Ok(Self { pins, folder })
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn build(&self, names: &[&str]) -> Result<(), Error> {
        let Pins { name: what, version, .. } = self.pins;
        let _alone = lock(&self.folder.join("lock"), &format!("builds {what}"))?;
        let missing = |name: &str| names.contains(&name) && !self.program(name).is_file();
        let sources: Vec<_> = self.pins.sources.iter().filter(|(name, ..)| missing(name)).collect();
        if sources.is_empty() {
            return Ok(());
        }
        let module = self.folder.join("module");
        fs::create_dir_all(&module).action(|| format!("make {}", module.display()))?;
        for (name, text) in
            [("go.mod", self.pins.go_mod), ("go.sum", self.pins.go_sum), ("tools.go", self.pins.tools_go)]
        {
            fs::write(module.join(name), text).action(|| format!("write {name}"))?;
        }
        tell::note(&format!("building {what} {version} once, into {}", self.folder.display()));
        for (index, (name, package, usual)) in sources.iter().enumerate() {
            tell::note(&format!(
                "building {name}, {} of {}; the first time this takes about {usual} s on two cores",
                index + 1,
                sources.len()
            ));
            let start = Instant::now();
            self.build_one(&module, name, package)?;
            tell::note(&format!("built {name} in {} s", start.elapsed().as_secs()));
        }
        Ok(())
    }

    /// Builds beside the final name and renames, so that a program is either whole or not there.
    fn build_one(&self, module: &Path, name: &str, package: &str) -> Result<(), Error> {
        let mut flags = String::from("-s -w");
        for (key, value) in self.pins.stamps {
            let _ = write!(flags, " -X {key}={value}");
        }
        let half_done = self.folder.join(format!(".{name}"));
        let mut go = Command::new("go");
        go.args(["build", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"]).arg(&half_done).arg(package);
        go.current_dir(module).env("CGO_ENABLED", "0").env("GOWORK", "off").env("PWD", module);
        run(&mut go).map_err(|error| match error {
            Error::Io { source, .. } => {
                let action = format!("run go, which builds {} (1.26 or newer, in PATH)", self.pins.name);
                Error::Io { action, source }
            }
            other => other,
        })?;
        fs::rename(&half_done, self.program(name)).action(|| format!("put {name} in its place"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)] // It is a test.

    use super::*;

    #[test]
    fn a_kubernetes_is_chosen_by_its_minor_version_and_has_a_cache_of_its_own() {
        let version = |minor| kubernetes(minor).unwrap().version;
        assert_eq!([None, Some(""), Some("1.36")].map(version), ["v1.36.3"; 3]);
        assert_eq!(version(Some("1.35")), "v1.35.4");
        assert_ne!(KUBERNETES.go_sum, KUBERNETES_1_35.go_sum);
        let Err(error) = kubernetes(Some("1.34")) else { panic!("there is none") };
        assert!(error.to_string().contains("LOCKGATE_KUBERNETES is 1.34: there are 1.35 and 1.36"), "{error}");
    }

    #[test]
    fn what_is_pinned_is_what_is_told_and_built() {
        for pins in [&KUBERNETES, &KUBERNETES_1_35, &HELM_PINS] {
            assert!(pins.go_mod.contains(&format!(" {}\n", pins.version)), "{} is not pinned", pins.version);
            for (_, package, _) in pins.sources {
                assert!(pins.tools_go.contains(&format!("\"{package}\"")), "{package} is not in tools.go");
            }
            for (name, value) in pins.stamps.iter().filter(|(name, _)| name.to_lowercase().ends_with("version")) {
                assert_eq!(*value, pins.version, "{name}");
            }
        }
    }
}
