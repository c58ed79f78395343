//! What lies on the disk of a cluster's node, and on that of everything else that belongs to it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockgate_cluster::Cluster;

use super::output;

/// The folders that kubelet and containerd have compiled in, beside those of [`Cluster::dir`].
const OUTSIDE: [&str; 6] = [
    "/run/containerd",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
];

/// Whether a file is in memory and on no disk.
pub fn is_in_memory(file: &Path) -> bool {
    output(Command::new("stat").args(["--file-system", "--format=%T"]).arg(file)).trim() == "tmpfs"
}

/// The files that hold this text: of the kubelet, of containerd and its containers, the logs of both, of the control plane and
/// of the operator. Memory that the node mounted as a file system counts, too, for as long as it is mounted.
///
/// Left out is what etcd wrote: it holds every Secret. `etcd::keys_with` says under which keys.
pub fn files_with(cluster: &Cluster, text: &str) -> Vec<PathBuf> {
    let node = cluster.node().unwrap().files();
    let seen = |folder: &Path| node.join(folder.strip_prefix("/").unwrap());
    let folders: Vec<PathBuf> = [cluster.dir()].into_iter().chain(OUTSIDE.map(Path::new)).map(seen).collect();
    let mut grep = Command::new("grep");
    // The text comes through a pipe, or it would stand in an argument.
    grep.args(["-r", "--text", "--files-with-matches", "--fixed-strings", "--devices=skip", "--file=-"]);
    // What stands there are network namespaces, which nobody can read.
    grep.arg("--exclude-dir=netns");
    grep.args(folders.iter().filter(|folder| folder.exists()));
    let mut child = grep.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    // Files come and go meanwhile; whatever else it could not read is a gap.
    let said = String::from_utf8(output.stderr).unwrap();
    let unread: Vec<&str> = said.lines().filter(|line| !line.ends_with("No such file or directory")).collect();
    assert!(unread.is_empty(), "grep: {unread:#?}");
    let files = String::from_utf8(output.stdout).unwrap();
    let etcd = seen(&cluster.dir().join("etcd"));
    files.lines().map(PathBuf::from).filter(|file| !file.starts_with(&etcd)).collect()
}
