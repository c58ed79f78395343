//! Every command that the docs show to people runs.

use std::path::Path;
use std::process::Command;

use lockgate::api::reason::Phase;

use crate::doctor::operator_is_ready;
use crate::shared;
use crate::support::{Space, admin, name_of, output};

/// The lines of the `sh` blocks of a page, without what CI itself runs.
fn commands(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in page.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            command if inside && !command.is_empty() && !command.starts_with("make ") => found.push(command.to_owned()),
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn every_command_of_the_docs_runs() {
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let space = Space::new(&admin(&shared.cluster).await, "team-a").await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kubeconfig = shared.cluster.dir().join("docs.kubeconfig");
    std::fs::copy(shared.cluster.kubeconfig(), &kubeconfig).unwrap();
    let lockgate = Path::new(env!("CARGO_BIN_EXE_lockgate"));
    let path = std::env::join_paths(
        shared
            .cluster
            .binary("kubectl")
            .parent()
            .map(Path::to_path_buf)
            .into_iter()
            .chain(lockgate.parent().map(Path::to_path_buf))
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let shell = |line: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", line]).current_dir(root).env("KUBECONFIG", &kubeconfig).env("PATH", &path);
        output(&mut command)
    };
    shell("kubectl config set-context --current --namespace=team-a");
    // What the pages speak of: the Pipeline `edges`, done, and the Service `web`.
    shell("kubectl apply -f examples/quickstart");
    space.pod_succeeds(&name_of(&space.pod_of("edges").await)).await;
    space.phase("edges", Phase::Succeeded).await;
    shell("kubectl create secret generic web --from-literal=page=canary-7c1f");
    shell("kubectl apply -f deploy/examples/service.yaml");
    space.pod_of("web").await;
    let mut pages = vec![root.join("README.md")];
    pages.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut count = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        for line in commands(&std::fs::read_to_string(page).unwrap()) {
            if line.starts_with("lockgate doctor") {
                // It looks for an operator that is available, and here no kubelet makes one so.
                shell("kubectl apply --server-side -k deploy/base");
                operator_is_ready(&space.client).await;
            }
            let printed = shell(&line);
            assert!(!printed.trim().is_empty(), "{line} printed nothing");
            count += 1;
        }
    }
    println!("ran {count} commands of {} pages", pages.len());
    assert!(count >= 4, "the commands were not found");
}
