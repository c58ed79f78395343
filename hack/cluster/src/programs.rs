//! The programs of Kubernetes: found in `KUBEBUILDER_ASSETS`, or built once from pinned Go modules.

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

const GO_MOD: &str = include_str!("../kubernetes/go.mod");
const GO_SUM: &str = include_str!("../kubernetes/go.sum");
const TOOLS_GO: &str = include_str!("../kubernetes/tools.go");

/// The version that the programs are told to be; it is the one that go.mod pins.
const VERSION: (&str, &str, &str) = ("v1.36.3", "1", "36");

/// Name, Go package, and the seconds of a cold build on two cores in this order.
const SOURCES: &[(&str, &str, u32)] = &[
    ("etcd", "go.etcd.io/etcd/server/v3", 80),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 160),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl", 20),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 55),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 5),
    ("kubelet", "k8s.io/kubernetes/cmd/kubelet", 20),
];

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    paths: BTreeMap<String, PathBuf>,
}

impl Programs {
    /// Finds these programs and builds those that are in no cache yet.
    pub fn ensure(names: &[&str]) -> Result<Self, Error> {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let cache = Cache::of_these_pins()?;
        let mut paths = BTreeMap::new();
        let mut wanted = Vec::new();
        for &name in names {
            let given = assets.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
            if given.is_none() && !cache.program(name).is_file() {
                wanted.push(name);
            }
            paths.insert(name.to_owned(), given.unwrap_or_else(|| cache.program(name)));
        }
        if !wanted.is_empty() {
            cache.build(&wanted)?;
        }
        Ok(Self { paths })
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
    folder: PathBuf,
}

impl Cache {
    fn of_these_pins() -> Result<Self, Error> {
        let digest = encode::hex(&Sha256::new().chain_update(GO_MOD).chain_update(GO_SUM).finalize());
        let name: String = digest.chars().take(16).collect();
        let folder = cache_root()?.join("kubernetes").join(name);
        fs::create_dir_all(&folder).action(|| format!("make {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn build(&self, names: &[&str]) -> Result<(), Error> {
        let _alone = lock(&self.folder.join("lock"), "builds Kubernetes")?;
        let sources: Vec<_> =
            SOURCES.iter().filter(|(name, ..)| names.contains(name) && !self.program(name).is_file()).collect();
        if sources.is_empty() {
            return Ok(());
        }
        let module = self.folder.join("module");
        fs::create_dir_all(&module).action(|| format!("make {}", module.display()))?;
        for (name, text) in [("go.mod", GO_MOD), ("go.sum", GO_SUM), ("tools.go", TOOLS_GO)] {
            fs::write(module.join(name), text).action(|| format!("write {name}"))?;
        }
        tell::note(&format!("building Kubernetes {} once, into {}", VERSION.0, self.folder.display()));
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
        let (version, major, minor) = VERSION;
        let mut flags = String::from("-s -w");
        // The first is what a program says of itself, the second what its clients say.
        for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
            for (key, value) in [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)] {
                let _ = write!(flags, " -X {package}.{key}={value}");
            }
        }
        let half_done = self.folder.join(format!(".{name}"));
        let mut go = Command::new("go");
        go.args(["build", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"]).arg(&half_done).arg(package);
        go.current_dir(module).env("CGO_ENABLED", "0").env("GOWORK", "off").env("PWD", module);
        run(&mut go).map_err(|error| match error {
            Error::Io { source, .. } => {
                Error::Io { action: "run go, which builds Kubernetes (1.26 or newer, in PATH)".into(), source }
            }
            other => other,
        })?;
        fs::rename(&half_done, self.program(name)).action(|| format!("put {name} in its place"))
    }
}
