//! `lockgate explain` along a Pod that a played kubelet takes from its creation to its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::PostParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use serde_json::{Value, json};

use crate::shell::Shell;
use crate::support::{CANARY, DEADLINE, ended, name_of, step};

/// The stages with their states, as in `+applied ~pulled`.
fn signs(way: &Value) -> String {
    let legs = way["way"].as_array().unwrap().iter().chain(way["steps"][0]["way"].as_array().unwrap());
    let sign = |leg: &Value| {
        let sign = match leg["state"].as_str().unwrap() {
            "done" => "+",
            "waiting" => "~",
            "failed" => "!",
            _ => "-",
        };
        format!("{sign}{}", leg["stage"].as_str().unwrap())
    };
    legs.map(sign).collect::<Vec<_>>().join(" ")
}

fn explained(shell: &Shell, name: &str) -> Value {
    let output = shell.run(&format!("lockgate explain {name} -o json"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(CANARY), "{text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// Waits until the operator says what keeps the Pod from running.
async fn in_trouble(shell: &Shell, trouble: Trouble) {
    let is_told = |pipeline: &Pipeline| step(pipeline).is_some_and(|step| step.trouble == Some(trouble));
    shell.space.until("edges", trouble.as_str(), is_told).await;
}

/// Plays the scheduler: the real one tries a Pod that has no node again and again, and says so each time. Waits until the operator
/// has seen it.
async fn placed(shell: &Shell, pod: &Pod, status: Value) {
    let name = name_of(pod);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "paper"}});
    shell.file("binding.json", binding.to_string());
    let path = format!("/api/v1/namespaces/{}/pods/{name}/binding", shell.space.name);
    shell.good(&format!("kubectl create --raw {path} -f binding.json"));
    shell.space.pod_status(&name, status).await;
    let is_seen = |pipeline: &Pipeline| {
        let step = step(pipeline);
        step.is_some_and(|step| step.pod.is_some() && step.trouble != Some(Trouble::Unschedulable))
    };
    shell.space.until("edges", "it has a node", is_seen).await;
}

fn edges() -> Value {
    json!({"transform": {
        "image": "registry.example.com/vision/edges:1.4", "image_pull_secrets": ["regcred"],
        "secrets": [{"name": "db", "key": "password", "env_var": "DB_PASSWORD"}],
    }})
}

async fn event(shell: &Shell, pod: &Pod, reason: &str, message: &str) {
    let object = json!({
        "metadata": {"generateName": "event-"}, "reason": reason, "message": message, "type": "Warning",
        "involvedObject": {"kind": "Pod", "name": name_of(pod), "namespace": shell.space.name, "uid": pod.metadata.uid},
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
    });
    shell.space.api::<Event>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}], "containerStatuses": [{
        "name": "main", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }]})
}

fn runs() -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }]})
}

/// A Pipeline that has its Secrets and a Pod.
async fn with_pod(name: &str) -> (Shell, Pod) {
    let shell = Shell::new(name).await;
    shell.space.secret("db", &["password"]).await;
    let config = format!(r#"{{"auths": {{"registry.example.com": {{"username": "robot", "password": "{CANARY}"}}}}}}"#);
    shell.space.pull_secret("regcred", &config).await;
    shell.space.pipeline("edges", edges()).await;
    let pod = shell.space.pod_of("edges").await;
    (shell, pod)
}

#[tokio::test]
async fn a_pods_way_is_told_stage_by_stage() {
    let (shell, pod) = with_pod("explain-stages").await;
    let name = name_of(&pod);
    // There is a scheduler, and no node.
    in_trouble(&shell, Trouble::Unschedulable).await;
    let way = explained(&shell, "edges");
    assert_eq!(signs(&way), "+applied +references +pod !scheduled -mounted -pulled -started -finished");
    assert_eq!(way["steps"][0]["way"][2]["problems"][0]["reason"], "Unschedulable");

    event(&shell, &pod, "FailedMount", "MountVolume.SetUp failed for volume x").await;
    placed(&shell, &pod, waits("ContainerCreating", "")).await;
    let way = explained(&shell, "edges");
    assert_eq!(signs(&way), "+applied +references +pod +scheduled !mounted -pulled -started -finished");
    let since = &way["steps"][0]["way"][3]["since"];
    assert_eq!(since, "2026-01-01T00:00:00Z", "when the kubelet first said it");

    shell.space.pod_status(&name, waits("ErrImagePull", "401 Unauthorized")).await;
    in_trouble(&shell, Trouble::ImageUnauthorized).await;
    let way = explained(&shell, "edges");
    assert_eq!(signs(&way), "+applied +references +pod +scheduled +mounted !pulled -started -finished");
    let leg = &way["steps"][0]["way"][4];
    assert!(
        leg["said"].as_str().unwrap().ends_with("with Secret regcred (entry registry.example.com), named by the step"),
        "{leg}"
    );
    assert_eq!(leg["problems"][0]["reason"], "ImageUnauthorized");
    let command = leg["problems"][0]["command"].as_str().unwrap();
    assert!(
        command.starts_with("kubectl delete secret regcred -n explain-stages && kubectl create secret docker-registry")
    );

    shell.space.pod_status(&name, runs()).await;
    shell.space.phase("edges", Phase::Running).await;
    let way = explained(&shell, "edges");
    assert_eq!(signs(&way), "+applied +references +pod +scheduled +mounted +pulled +started ~finished");
    shell.good("lockgate explain edges");

    shell.space.pod_status(&name, ended(3, "Error")).await;
    shell.space.phase("edges", Phase::Failed).await;
    let way = explained(&shell, "edges");
    assert_eq!(signs(&way), "+applied +references +pod +scheduled +mounted +pulled +started !finished");
    let (code, said) = shell.bad("lockgate explain edges");
    assert!(code == 1 && said.contains("Pipeline edges failed"), "{code}: {said}");
}

#[tokio::test]
async fn who_may_not_read_secrets_is_told_which_are_offered() {
    let (shell, pod) = with_pod("explain-rights").await;
    placed(&shell, &pod, waits("ErrImagePull", "401 Unauthorized")).await;
    shell.good(
        "kubectl create role few --verb=get,list --resource=pipelines.lockgate.dev,pods,events && \
         kubectl create rolebinding few --role=few --user=dev",
    );
    let text = String::from_utf8(shell.run("lockgate explain edges --as dev").stdout).unwrap();
    assert!(text.contains("pull secrets: regcred; what is in regcred was not looked at: you may not get it"), "{text}");
}

/// A command that goes on, and what it prints to stdout.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn begin(shell: &Shell, arguments: &[&str]) -> Self {
        let mut command = shell.command("lockgate");
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines }
    }

    /// Waits for a line with these words.
    fn until(&self, words: &str) -> String {
        let mut heard = Vec::new();
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("{words:?} never came, but: {heard:#?}"));
            assert!(!line.contains(CANARY), "{line}");
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
    }

    /// Waits for its end.
    fn code(mut self) -> i32 {
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_is_followed_to_its_end_a_line_for_each_change() {
    let shell = Shell::new("explain-watch").await;
    shell.space.pipeline("edges", edges()).await;
    let watching = Watching::begin(&shell, &["explain", "edges", "--watch"]);
    let line = watching.until("references");
    assert!(line.contains("waiting") && line.contains("kubectl create secret generic db"), "{line}");
    shell.space.secret("db", &["password"]).await;
    shell.space.pull_secret("regcred", r#"{"auths": {}}"#).await;
    watching.until("references  done");
    let pod = shell.space.pod_of("edges").await;
    let name = name_of(&pod);
    watching.until("pod         done");
    placed(&shell, &pod, waits("ErrImagePull", "manifest unknown")).await;
    watching.until("ImageNotFound");
    shell.space.pod_status(&name, runs()).await;
    watching.until("started     done");
    shell.space.pod_succeeds(&name).await;
    watching.until("finished    done");
    assert_eq!(watching.code(), 0);
}

#[tokio::test]
async fn a_failure_ends_it_with_1_a_deletion_with_4_and_ctrl_c_with_130() {
    let shell = Shell::new("explain-ends").await;
    for name in ["fails", "goes", "stays"] {
        shell.space.pipeline(name, edges()).await;
    }
    let [fails, goes, stays] = ["fails", "goes", "stays"].map(|name| {
        let watching = Watching::begin(&shell, &["explain", name, "--watch"]);
        watching.until("references");
        watching
    });
    // From the first line on.
    shell.good(&format!("kill -INT {}", stays.child.id()));
    assert_eq!(stays.code(), 130);
    shell.space.patch("fails", json!({"spec": {"on_missing_secret": "Fail"}})).await;
    assert_eq!(fails.code(), 1);
    shell.space.delete::<Pipeline>("goes").await;
    assert_eq!(goes.code(), 4);
}

#[tokio::test]
async fn a_list_is_followed_row_by_row() {
    let shell = Shell::new("get-watch").await;
    shell.space.pipeline("edges", edges()).await;
    shell.space.phase("edges", Phase::Waiting).await;
    let watching = Watching::begin(&shell, &["get", "pipelines", "--watch"]);
    watching.until("NAME");
    watching.until("edges   Waiting");
    shell.space.secret("db", &["password"]).await;
    shell.space.pull_secret("regcred", r#"{"auths": {}}"#).await;
    watching.until("edges   Starting");
    let watching = Watching::begin(&shell, &["get", "edges", "-w", "-o", "name"]);
    watching.until("pipeline.lockgate.dev/edges");
}
