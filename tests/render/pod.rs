//! An init container's folders, and how `lockgate render` ended in them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// What no message may have in it.
pub const CANARY: &str = "canary-7c1f";

/// An init container's folders, gone with it.
pub struct Pod {
    folder: PathBuf,
    /// Its literal variables.
    pub env: Vec<(String, String)>,
}

/// How it ended.
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// What the operator reads.
    pub message: String,
}

impl Pod {
    /// With one Secret, in the folder `0`, as the kubelet mounts it.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("lockgate-render-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("out")).unwrap();
        let pod = Self { folder, env: Vec::new() };
        pod.secret("0", &[("token", CANARY), ("user", "app")]);
        pod
    }

    /// Makes a Secret's volume.
    pub fn secret<V: AsRef<[u8]>>(&self, dir: &str, keys: &[(&str, V)]) {
        let volume = self.folder.join("secrets").join(dir);
        for (path, value) in keys {
            let state = volume.join("..2026_11_22").join(path);
            fs::create_dir_all(state.parent().unwrap()).unwrap();
            fs::write(&state, value).unwrap();
            let first = path.split('/').next().unwrap();
            let _ = std::os::unix::fs::symlink(format!("..data/{first}"), volume.join(first));
        }
        fs::create_dir_all(volume.join("..2026_11_22")).unwrap();
        let _ = std::os::unix::fs::symlink("..2026_11_22", volume.join("..data"));
    }

    /// Sets the mode of a file of a Secret.
    pub fn mode(&self, dir: &str, path: &str, mode: u32) {
        let file = self.folder.join("secrets").join(dir).join("..data").join(path);
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The request for an input with the Secret as `.secrets.db`, and its token as `.secrets.token`.
    pub fn request(template: &Value, into: &Value) -> Value {
        json!({
            "pipeline": "edges", "namespace": "team-a", "step": "load", "index": 2, "run": 7,
            "input": {
                "secrets": [{"as": "db", "dir": "0"}, {"as": "token", "dir": "0", "key": "token"}],
                "template": template, "into": into,
            },
        })
    }

    /// Renders a template into the file `input.json`.
    pub fn render(&self, template: &Value) -> Ended {
        self.run(&Self::request(template, &json!({"file": {"path": "input.json"}})))
    }

    /// Runs a request, and looks for leaks.
    pub fn run(&self, request: &Value) -> Ended {
        fs::write(self.folder.join("request.json"), request.to_string()).unwrap();
        let log = self.folder.join("message");
        let _ = fs::remove_file(&log);
        let output = self.command().output().unwrap();
        let message = fs::read_to_string(&log).unwrap_or_default();
        assert!(message.len() <= 1024, "{} bytes", message.len());
        let Output { status, stdout, stderr } = output;
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
        assert!(!message.contains(CANARY) && !stderr.contains(CANARY), "{message}\n{stderr}");
        let code = status.code().expect("it ended by a signal");
        if code != 0 {
            assert!(stderr.starts_with("lockgate: "), "{stderr}");
            assert!(stderr.contains(&message), "{message}\n{stderr}");
        } else {
            assert_eq!((&*message, &*stderr), ("", ""));
        }
        Ended { code, message }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.arg("render").envs(self.env.clone());
        for (flag, path) in [
            ("--request", "request.json"),
            ("--secrets", "secrets"),
            ("--out", "out"),
            ("--termination-log", "message"),
        ] {
            command.arg(flag).arg(self.folder.join(path));
        }
        command
    }

    /// A file that was written.
    pub fn written(&self, path: &str) -> String {
        fs::read_to_string(self.out(path)).unwrap()
    }

    /// A path below the folder that is written into.
    pub fn out(&self, path: &str) -> PathBuf {
        self.folder.join("out").join(path)
    }

    /// All files that were written, with their modes.
    pub fn all(&self) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        let mut open = vec![self.out("")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    let path = entry.path().strip_prefix(self.out("")).unwrap().to_string_lossy().into_owned();
                    found.push((path, entry.metadata().unwrap().permissions().mode() & 0o777));
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
