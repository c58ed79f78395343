//! A shell as a person has it: `lockgate` and `kubectl` on the path, a folder, and a kubeconfig whose context has a namespace.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use crate::shared;
use crate::support::{DEADLINE, Space, admin, output};

/// A shell in a namespace of its own.
pub struct Shell {
    /// The namespace, with a client of all rights.
    pub space: Space,
    /// Where commands run; files of the test go here.
    pub folder: PathBuf,
}

impl Shell {
    /// Makes the namespace, the folder and the kubeconfig.
    pub async fn new(name: &str) -> Self {
        let shared = tokio::task::spawn_blocking(shared).await.unwrap();
        let space = Space::new(&admin(&shared.cluster).await, name).await;
        let folder = shared.cluster.dir().join("shells").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(shared.cluster.kubeconfig(), folder.join("kubeconfig")).unwrap();
        let shell = Self { space, folder };
        output(shell.command("kubectl").args(["config", "set-context", "--current", "--namespace", name]));
        shell
    }

    /// A program of the path.
    pub fn command(&self, program: &str) -> Command {
        let kubectl = shared().cluster.binary("kubectl");
        let programs = [kubectl.as_path(), Path::new(env!("CARGO_BIN_EXE_lockgate"))];
        let folders = programs.iter().filter_map(|program| program.parent().map(Path::to_path_buf));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("PATH", path).stdin(Stdio::null());
        command.env("KUBECONFIG", self.folder.join("kubeconfig"));
        // Another cluster may have had the same port.
        command.env("KUBECACHEDIR", self.folder.join("cache"));
        command
    }

    /// Runs a line of bash to its end.
    pub fn run(&self, line: &str) -> Output {
        let output = self.command("bash").args(["-o", "pipefail", "-c", line]).output().unwrap();
        self.until_granted(line);
        output
    }

    /// Runs a line that has to end well; what it printed.
    pub fn good(&self, line: &str) -> String {
        let printed = output(self.command("bash").args(["-o", "pipefail", "-c", line]));
        self.until_granted(line);
        printed
    }

    /// Where a line gave somebody rights: waits until the API server, which learns of that by watch, goes by it.
    fn until_granted(&self, line: &str) {
        let after = |flag: &str| line.split(flag).nth(1)?.split([' ', ',', ';']).next();
        let Some(user) = after(" --user=").filter(|_| line.contains("kubectl create rolebinding ")) else { return };
        // Without a role of its own it has the one that may do everything here.
        let (verb, resource) = (after("--verb=").unwrap_or("get"), after("--resource=").unwrap_or("secrets"));
        let begun = Instant::now();
        while !self
            .command("kubectl")
            .args(["auth", "can-i", verb, resource, "--as", user])
            .output()
            .unwrap()
            .status
            .success()
        {
            assert!(begun.elapsed() < DEADLINE, "{user} never had the rights of: {line}");
        }
    }

    /// Runs a line that has to fail; the exit code and what it printed to stderr.
    pub fn bad(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{line} ended well");
        (output.status.code().unwrap(), text)
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}
