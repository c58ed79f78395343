//! `helm` with folders of its own, so that nobody's plugins, repositories and credentials play a part.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::programs::{HELM, Programs, cache_root};

/// Helm as scripts and people run it: for the cluster that their own `KUBECONFIG` names.
pub fn helm_for_people() -> Result<Command, Error> {
    helm(&cache_root()?.join("helm").join("home"))
}

/// The variables that put all folders of Helm below this one.
#[must_use]
pub fn helm_folders(home: &Path) -> [(&'static str, PathBuf); 4] {
    let folders = [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
        ("HELM_PLUGINS", "plugins"),
    ];
    folders.map(|(variable, folder)| (variable, home.join(folder)))
}

/// Helm, built if it is not yet, with all its folders below this one.
pub(crate) fn helm(home: &Path) -> Result<Command, Error> {
    let mut command = Command::new(Programs::ensure(HELM)?.path("helm"));
    command.envs(helm_folders(home));
    Ok(command)
}
