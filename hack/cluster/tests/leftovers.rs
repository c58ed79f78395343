//! Nothing outlives the process that started it, however that ends.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says no by panicking")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use common::{answer, eventually, kubectl};
use lockgate_cluster::{Cluster, Options, can_run_node};

#[test]
fn a_killed_owner_leaves_nothing_behind_the_next_start() {
    let place = Place::new("killed");
    let mut owner = place.hold_a_cluster();
    let id = place.clusters().pop().expect("a data folder");
    owner.kill().expect("SIGKILL");
    owner.wait().expect("its end");
    eventually("no process of it runs", || processes_of(&place.folder).is_empty());

    assert!(place.command(&["run", "--", "true"]).status().expect("the next start").success());
    assert_eq!(place.clusters(), Vec::<String>::new());
    let links = fs::read_dir("/sys/class/net").expect("links");
    assert!(!links.flatten().any(|link| link.file_name().to_string_lossy().contains(&id)));
    assert_eq!(cgroups_with(Path::new("/sys/fs/cgroup"), &id), Vec::<PathBuf>::new());
    assert!(!fs::read_to_string("/proc/self/mountinfo").expect("mounts").contains(&id));
}

#[test]
fn a_terminated_owner_cleans_up_itself() {
    let place = Place::new("terminated");
    let mut owner = place.hold_a_cluster();
    answer(Command::new("kill").args(["-TERM", &owner.id().to_string()])).expect("SIGTERM");
    let status = owner.wait().expect("its end");
    assert_eq!(status.code(), Some(128 + 15), "the command's end is handed on");
    assert_eq!(place.clusters(), Vec::<String>::new());
    eventually("no process of it runs", || processes_of(&place.folder).is_empty());
}

#[test]
fn a_panic_takes_the_cluster_down() {
    let (tell, told) = std::sync::mpsc::channel();
    let test = thread::spawn(move || {
        let cluster = Cluster::start(Options::new()).expect("a cluster");
        kubectl(&cluster, &["get", "namespaces"]);
        tell.send(cluster.dir().to_owned()).expect("somebody listens");
        panic!("as a failing test does");
    });
    test.join().expect_err("the panic");
    let folder = told.recv().expect("the data folder");
    assert!(!folder.exists());
    assert_eq!(processes_of(&folder), Vec::<String>::new());
}

/// A temporary folder in which nobody else's clusters are.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("lockgate-leftovers-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self { folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate-cluster"));
        command.args(args).env("TMPDIR", &self.folder);
        command
    }

    /// A process with a cluster, with a node where one can run, when it is up.
    fn hold_a_cluster(&self) -> Child {
        let up = self.folder.join("up");
        fs::write(&up, "up\n").expect("a file");
        let node: &[&str] = if can_run_node().is_ok() { &["--node"] } else { &[] };
        let mut owner = self.command(&["run"]);
        owner.args(node).arg("--").args(["tail".as_ref(), "-f".as_ref(), up.as_os_str()] as [&OsStr; 3]);
        let mut owner = owner.stdout(Stdio::piped()).spawn().expect("a start");
        // The command's first words say that the cluster is up.
        let mut word = [0; 2];
        std::io::Read::read_exact(owner.stdout.as_mut().expect("a pipe"), &mut word).expect("the cluster comes up");
        owner
    }

    fn clusters(&self) -> Vec<String> {
        let parents = fs::read_dir(&self.folder).expect("the place").flatten().map(|entry| entry.path());
        let folders = parents.filter_map(|parent| fs::read_dir(parent).ok()).flatten().flatten();
        folders
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The command lines of running processes that name the folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&*folder)).collect()
}

fn cgroups_with(folder: &Path, id: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let folders: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    let below =
        folders.iter().flat_map(|path| if folder.ends_with("cgroup") { cgroups_with(path, id) } else { Vec::new() });
    below.chain(folders.iter().filter(|path| path.to_string_lossy().contains(id)).cloned()).collect()
}
