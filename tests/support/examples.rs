//! The manifests of `deploy/examples`: applied as people apply them.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;

use super::{CANARY, output};

/// Those that run on the node.
pub const ON_THE_NODE: [&str; 7] =
    ["env-secret", "mounted-secret", "pull-secret", "graph", "input", "service", "rotation"];
/// Those that need no node: the test plays the kubelet.
pub const WITHOUT_A_NODE: [&str; 5] = ["all-in-one", "external-secrets", "suspended", "everything", "registry"];

/// The folder.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/examples")
}

/// One file.
pub struct Example {
    pub name: &'static str,
    text: String,
}

impl Example {
    pub fn read(name: &'static str) -> Self {
        let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
        Self { name, text }
    }

    /// The phase that its header promises.
    pub fn expects(&self) -> Phase {
        let word = self.text.lines().find_map(|line| line.strip_prefix("# expect: "));
        let word = word.unwrap_or_else(|| panic!("{}: no line says `# expect: PHASE`", self.name));
        serde_json::from_value(word.into()).unwrap_or_else(|_| panic!("{}: {word} is no phase", self.name))
    }

    /// The commands that its comments name: what it needs besides itself.
    pub fn commands(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("#   kubectl ")).collect()
    }

    /// Its documents.
    pub fn documents(&self) -> Vec<String> {
        self.text.split("\n---\n").map(ToOwned::to_owned).collect()
    }

    /// The name of its Pipeline.
    pub fn pipeline(&self) -> String {
        let document = self.documents().into_iter().find(|document| document.contains("\nkind: Pipeline\n")).unwrap();
        let name = document.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap();
        name.to_owned()
    }

    /// Itself, with this image in the place of its own.
    pub fn with_image(mut self, image: &str) -> Self {
        let line = |line: &str| match line.split_once("image: ") {
            Some((before, _)) if before.trim().is_empty() => format!("{before}image: {image}\n"),
            _ => format!("{line}\n"),
        };
        self.text = self.text.lines().map(line).collect();
        self
    }

    /// Runs the commands, with a value for what the reader is to fill in.
    pub fn prepare(&self, cluster: &Cluster, namespace: &str, registry: (&str, &str, &str)) {
        let (host, user, password) = registry;
        for command in self.commands().into_iter().filter(|command| command.starts_with("create ")) {
            let filled = command
                .replace("VALUE", CANARY)
                .replace("registry.example.com", host)
                .replace("=USER", &format!("={user}"))
                .replace("=PASSWORD", &format!("={password}"));
            output(cluster.kubectl().args(["-n", namespace]).args(filled.split(' ')));
        }
    }
}

/// `kubectl apply`; returns whether the API server took it.
pub fn apply(cluster: &Cluster, namespace: Option<&str>, text: &str) -> bool {
    let mut command = cluster.kubectl();
    command.args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.args(namespace.iter().flat_map(|namespace| ["-n", namespace]));
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait().unwrap().success()
}
