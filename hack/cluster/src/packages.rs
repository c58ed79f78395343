//! Programs of the system: found, or installed with `apt-get` where we are allowed to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lockgate_image::elf;

use crate::error::{Error, run};
use crate::programs::{cache_root, lock};
use crate::tell;

/// Program (or, with a slash, one of the places of a file) and the Debian package that brings it.
type Need = (&'static [&'static str], &'static str);

const CONTROL_PLANE: &[Need] = &[(&["setpriv"], "util-linux"), (&["openssl"], "openssl")];

const NODE: &[Need] = &[
    (&["unshare"], "util-linux"),
    (&["mount"], "mount"),
    (&["tar"], "tar"),
    (&["ip"], "iproute2"),
    (&["containerd"], "containerd"),
    (&["ctr"], "containerd"),
    (&["runc"], "runc"),
    (CNI_BRIDGE, "containernetworking-plugins"),
    (&["docker-registry"], "docker-registry"),
    (&["htpasswd"], "apache2-utils"),
    (&["skopeo"], "skopeo"),
    (&["busybox"], "busybox-static"),
];

/// They read the completion scripts that we write for them.
const SHELLS: &[Need] = &[(&["zsh"], "zsh"), (&["fish"], "fish")];

/// Where distributions put the network plugins.
const CNI_BRIDGE: &[&str] = &["/usr/lib/cni/bridge", "/opt/cni/bin/bridge", "/usr/libexec/cni/bridge"];

/// Makes sure that everything is installed that a control plane needs.
pub(crate) fn ensure_control_plane_packages() -> Result<(), Error> {
    ensure(CONTROL_PLANE)
}

/// Makes sure that everything is installed that a node needs. Services that come along need not run,
/// and whether they do makes no difference.
pub fn ensure_node_packages() -> Result<(), Error> {
    ensure(CONTROL_PLANE)?;
    ensure(NODE)
}

/// Makes sure that the shells are installed for which a test needs the shell itself.
pub fn ensure_shells() -> Result<(), Error> {
    ensure(SHELLS)
}

/// The folder of the network plugins.
pub(crate) fn cni_plugins() -> Option<PathBuf> {
    find(CNI_BRIDGE)?.parent().map(Path::to_path_buf)
}

/// A busybox that runs in an image without any library.
pub(crate) fn static_busybox() -> Option<PathBuf> {
    find(&["busybox"]).filter(|path| elf::head(path).is_ok_and(|head| head.loader.is_none()))
}

fn ensure(needs: &[Need]) -> Result<(), Error> {
    if missing(needs).is_empty() {
        return Ok(());
    }
    let _alone = lock(&cache_root()?.join("packages.lock"), "installs packages")?;
    let packages = missing(needs);
    if packages.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get update && apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if !rustix::process::getuid().is_root() || find(&["apt-get"]).is_none() {
        let missing = packages.join(", ");
        return Err(Error::Packages { missing, command });
    }
    tell::note(&format!("installing {}; this takes about half a minute", packages.join(", ")));
    let start = Instant::now();
    // Mirrors fail now and then; once more, with fresh lists, is all that helps.
    install(&packages).or_else(|_| install(&packages))?;
    tell::note(&format!("installed in {} s", start.elapsed().as_secs()));
    let missing = missing(needs);
    if missing.is_empty() { Ok(()) } else { Err(Error::Packages { missing: missing.join(", "), command }) }
}

fn install(packages: &[&str]) -> Result<(), Error> {
    apt(&["update"], &[])?;
    apt(&["install", "--yes", "--no-install-recommends"], packages)
}

fn apt(verb: &[&str], packages: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("apt-get");
    command.args(verb).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut command).map(drop)
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    let there = |programs: &[&str], package: &str| {
        if package == "busybox-static" { static_busybox().is_some() } else { find(programs).is_some() }
    };
    let mut packages: Vec<_> =
        needs.iter().filter(|(programs, package)| !there(programs, package)).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// The first of these that is there: a file, or a program of the `PATH` or of an administrator's.
fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    names.iter().find_map(|name| {
        // Joining an absolute path gives that path.
        folders.iter().map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
    })
}
