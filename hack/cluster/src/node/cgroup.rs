//! The control groups below which the node's Pods run, apart from those of other nodes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Action as _, Error};
use crate::release::Entry;
use crate::run_dir::RunDir;

const ROOT: &str = "/sys/fs/cgroup";

/// Makes the group in each hierarchy and gives its name, as the kubelet's `cgroupRoot` wants it.
pub(crate) fn make(dir: &RunDir) -> Result<String, Error> {
    let name = format!("lockgate-{}", dir.id());
    for hierarchy in hierarchies()? {
        let group = hierarchy.join(&name);
        dir.record(&Entry::Cgroup(group.clone()))?;
        fs::create_dir_all(&group).action(|| format!("make the control group {}", group.display()))?;
    }
    Ok(format!("/{name}"))
}

/// One folder with version 2, a folder per controller with version 1; runc also uses a version 2 beside
/// version 1.
fn hierarchies() -> Result<Vec<PathBuf>, Error> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        delegate(root);
        return Ok(vec![root.into()]);
    }
    let entries = fs::read_dir(root).action(|| format!("read {ROOT}"))?;
    let folders = entries.flatten().map(|entry| entry.path());
    Ok(folders.filter(|folder| folder.join("cgroup.procs").exists()).collect())
}

/// Hands the controllers on to our group, one by one because a kernel may lack some.
fn delegate(root: &Path) {
    for controller in ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"] {
        let _ = fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}
