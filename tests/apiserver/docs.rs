//! Every command that the docs show to people runs, and every manifest is taken.

use std::path::Path;
use std::process::Command;

use lockgate::api::reason::Phase;
use lockgate_cluster::{Cluster, Options};
use serde_json::Value;

use crate::doctor::operator_is_ready;
use crate::gitops::piped;
use crate::shared;
use crate::support::pages::{self, Page, Section};
use crate::support::{Space, admin, heavy, name_of, output};

/// These install and remove Lockgate: each of their sections begins with an empty cluster.
const FROM_NOTHING: [&str; 2] = ["docs/install.md", "docs/upgrade.md"];

/// Kinds of others, which the API server of the tests does not know.
const FOREIGN: [&str; 9] = [
    "argoproj.io/",
    "bitnami.com/",
    "external-secrets.io/",
    "generators.external-secrets.io/",
    "kubelet.config.k8s.io/",
    "kustomize.config.k8s.io/",
    "kustomize.toolkit.fluxcd.io/",
    "secrets-store.csi.x-k8s.io/",
    "tekton.dev/",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A shell as a reader has it: in the checkout, with our programs and the cluster's, in the namespace team-a.
struct Shell<'a> {
    cluster: &'a Cluster,
}

impl<'a> Shell<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        let shell = Self { cluster };
        std::fs::copy(cluster.kubeconfig(), cluster.dir().join("docs.kubeconfig")).unwrap();
        shell.run("kubectl config set-context --current --namespace=team-a");
        shell
    }

    fn run(&self, line: &str) -> String {
        let helm = self.cluster.helm().unwrap();
        let programs = [
            self.cluster.binary("kubectl"),
            helm.get_program().into(),
            Path::new(env!("CARGO_BIN_EXE_lockgate")).to_path_buf(),
        ];
        let folders = programs.iter().filter_map(|program| program.parent().map(Path::to_path_buf));
        let path = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new("bash");
        command.envs(helm.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["-o", "pipefail", "-c", line]).current_dir(root()).env("PATH", path);
        command.env("KUBECONFIG", self.cluster.dir().join("docs.kubeconfig"));
        // Another cluster may have had the same port.
        command.env("KUBECACHEDIR", self.cluster.dir().join("docs-cache"));
        output(&mut command)
    }

    /// Runs the commands of a section; says how many it shows.
    fn section(&self, page: &Page, section: &Section) -> usize {
        for command in &section.commands {
            let printed = self.run(&command.line);
            let says = command.is_hidden || !printed.trim().is_empty();
            assert!(says, "{}, {}: {} printed nothing", page.name, section.title, command.line);
        }
        section.commands.iter().filter(|command| !command.is_hidden).count()
    }
}

#[tokio::test]
async fn every_command_of_the_docs_runs() {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let space = Space::new(&admin(&shared.cluster).await, "team-a").await;
    let shell = Shell::new(&shared.cluster);
    // What the pages speak of: the Pipeline `edges`, done, and the Service `web`.
    shell.run("kubectl apply -f examples/quickstart");
    space.pod_succeeds(&name_of(&space.pod_of("edges").await)).await;
    space.phase("edges", Phase::Succeeded).await;
    shell.run("kubectl create secret generic web --from-literal=page=canary-7c1f");
    shell.run("kubectl apply -f deploy/examples/service.yaml");
    space.pod_of("web").await;
    // `lockgate doctor` looks for an operator that is available, and here no kubelet makes one so.
    shell.run("kubectl apply --server-side -k deploy/base");
    operator_is_ready(&space.client).await;
    let mut count = 0;
    for page in pages::all().iter().filter(|page| !FROM_NOTHING.contains(&&*page.name)) {
        count += page.sections().iter().map(|section| shell.section(page, section)).sum::<usize>();
    }
    println!("ran {count} commands");
    assert!(count >= 20, "the commands were not found");
}

#[tokio::test]
async fn every_way_to_install_and_to_remove_runs_on_an_empty_cluster() {
    let _turn = heavy::turn().await;
    tokio::task::spawn_blocking(install_and_remove).await.unwrap();
}

fn install_and_remove() {
    let mut count = 0;
    for page in pages::all().iter().filter(|page| FROM_NOTHING.contains(&&*page.name)) {
        for section in page.sections().iter().filter(|section| !section.commands.is_empty()) {
            let cluster = Cluster::start(Options::new()).unwrap();
            let shell = Shell::new(&cluster);
            shell.run("kubectl create namespace team-a");
            count += shell.section(page, section);
        }
    }
    println!("ran {count} commands");
    assert!(count >= 10, "the commands were not found");
}

#[tokio::test]
async fn every_manifest_of_the_docs_is_taken_by_the_api_server() {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let space = Space::new(&admin(&shared.cluster).await, "docs-manifests").await;
    let (mut taken, mut foreign) = (0, 0);
    for page in pages::all() {
        for (file, text) in page.manifests() {
            if let Some(file) = file {
                let whole = std::fs::read_to_string(root().join(&file)).unwrap();
                assert!(whole.contains(text.trim_end()), "{}: this is not in {file}:\n{text}", page.name);
            }
            for object in lockgate::cli::manifest::read(&text).unwrap() {
                let Some(version) = object["apiVersion"].as_str().filter(|_| object["kind"].is_string()) else {
                    continue;
                };
                // What differs each time has a test of its own.
                if object["metadata"]["name"].as_str().is_some_and(|name| name.ends_with('…')) {
                    continue;
                }
                if FOREIGN.iter().any(|group| version.starts_with(group)) {
                    foreign += 1;
                    continue;
                }
                let mut object: Value = object.clone();
                object["metadata"].as_object_mut().unwrap().remove("namespace");
                let args = ["apply", "--server-side", "--dry-run=server", "-f", "-", "-n", &space.name];
                piped(shared.cluster.kubectl(), &args, &object.to_string());
                taken += 1;
            }
        }
    }
    println!("{taken} were taken, {foreign} are of others");
    assert!(taken >= 15, "the manifests were not found");
}

/// Whether all that the page shows is so; `…` stands for anything.
fn shows(page: &Value, real: &Value, at: &str) {
    match (page, real) {
        (Value::Object(shown), Value::Object(_)) => {
            shown.iter().for_each(|(key, value)| shows(value, &real[key], &format!("{at}.{key}")));
        }
        (Value::Array(shown), Value::Array(there)) => {
            assert_eq!(shown.len(), there.len(), "{at}");
            shown.iter().zip(there).for_each(|(value, other)| shows(value, other, at));
        }
        (Value::String(shown), Value::String(there)) if shown.ends_with('…') => {
            assert!(there.starts_with(shown.trim_end_matches('…')), "{at}: {there}");
        }
        _ => assert_eq!(page, real, "{at}"),
    }
}

#[tokio::test]
async fn the_pod_that_the_page_shows_is_the_one_that_is_made() {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let space = Space::new(&admin(&shared.cluster).await, "docs-concepts").await;
    let page = pages::all().into_iter().find(|page| page.name == "docs/concepts.md").unwrap();
    let [pipeline, pod] = page.manifests().try_into().unwrap();
    space.secret("db", &["password"]).await;
    space.secret("tls", &["tls.crt"]).await;
    space.pull_secret("regcred", r#"{"auths": {"registry.example.com": {"auth": "YTpjYW5hcnktN2MxZg=="}}}"#).await;
    piped(shared.cluster.kubectl(), &["apply", "-n", &space.name, "-f", "-"], &pipeline.1);
    let real = serde_json::to_value(space.pod_of("sample").await).unwrap();
    shows(&lockgate::cli::manifest::read(&pod.1).unwrap()[0], &real, "");
}
