//! A Node without a machine, for places where no real one can run: a thread plays the kubelet.
//!
//! It knows phases and nothing else: no container runs, no image is pulled, no Secret is read. The
//! scheduler, the controllers and the API server around it are real.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Action as _, Error, run};
use crate::keeper;
use crate::kubectl::Kubectl;
use crate::node::{NAME, readiness};
use crate::poll::{self, Look};
use crate::tell::Steps;

/// How long a Pod that ends by itself runs.
const RUN_TIME: Duration = Duration::from_secs(1);

/// The playing thread; dropping it ends it.
pub(crate) struct ScriptedNode {
    watch: Arc<Mutex<Watch>>,
    thread: Option<JoinHandle<()>>,
}

/// The current `kubectl get --watch`.
#[derive(Default)]
struct Watch {
    child: Option<Child>,
    over: bool,
}

impl ScriptedNode {
    /// Makes the Node and waits until Pods can be bound to it.
    pub(crate) fn start(kubectl: &Kubectl, steps: Steps) -> Result<Self, Error> {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": {"kubernetes.io/hostname": NAME, "kubernetes.io/os": "linux"}}});
        kubectl.run_with_input(&["create", "-f", "-"], &node.to_string())?;
        let size = json!({"cpu": "1000", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "10000"});
        let ready =
            json!({"type": "Ready", "status": "True", "reason": "Scripted", "message": "a script plays this node"});
        let status = json!({"status": {"capacity": size, "allocatable": size, "conditions": [ready]}});
        kubectl.run(&["patch", "node", NAME, "--subresource=status", "--patch", &status.to_string()])?;
        poll::until("a ready scripted node", Duration::from_mins(1), Duration::from_millis(100), || {
            let answer = kubectl.get_raw(&format!("/api/v1/nodes/{NAME}"))?;
            Ok(match answer.map(|node| readiness(&node)) {
                Ok(Ok(())) => Look::There(()),
                Ok(Err(why)) | Err(why) => Look::NotYet(why),
            })
        })?;
        steps.say("the scripted node is ready");
        let watch = Arc::new(Mutex::new(Watch::default()));
        let (theirs, kubectl) = (Arc::clone(&watch), kubectl.clone());
        let thread = thread::spawn(move || {
            while let Some(stream) = open(&theirs, &kubectl) {
                let events = serde_json::Deserializer::from_reader(BufReader::new(stream)).into_iter::<Value>();
                // The stream ends with the API server, which may come back.
                for event in events.map_while(Result::ok) {
                    act(&kubectl, &event);
                }
                close(&theirs);
                thread::sleep(Duration::from_millis(500));
            }
        });
        Ok(Self { watch, thread: Some(thread) })
    }
}

impl Drop for ScriptedNode {
    fn drop(&mut self) {
        lock(&self.watch).over = true;
        close(&self.watch);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to watch, unless it is all over.
fn open(watch: &Mutex<Watch>, kubectl: &Kubectl) -> Option<ChildStdout> {
    let mut watch = lock(watch);
    if watch.over {
        return None;
    }
    let mut child = start_watch(kubectl).ok()?;
    let stream = child.stdout.take();
    watch.child = Some(child);
    stream
}

fn start_watch(kubectl: &Kubectl) -> Result<Child, Error> {
    let mut command = keeper::mortal(&kubectl.program);
    command.args(["get", "pods", "--all-namespaces", "--field-selector", &format!("spec.nodeName={NAME}")]);
    command.args(["--watch", "--output-watch-events", "--output=json"]);
    command.envs(kubectl.command().get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    keeper::spawn(command).action(|| "watch Pods".into())
}

fn close(watch: &Mutex<Watch>) {
    if let Some(mut child) = lock(watch).child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// What the script does about a Pod.
#[derive(Debug, PartialEq, Eq)]
enum Move {
    Nothing,
    Run,
    Finish,
    Remove,
}

fn next_move(event: &Value) -> Move {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let ends = matches!(text("/object/spec/restartPolicy"), "Never" | "OnFailure");
    match (text("/type"), text("/object/status/phase")) {
        ("DELETED", _) => Move::Nothing,
        _ if !text("/object/metadata/deletionTimestamp").is_empty() => Move::Remove,
        (_, "Pending") => Move::Run,
        (_, "Running") if ends => Move::Finish,
        _ => Move::Nothing,
    }
}

/// Failures are left alone: the Pod is gone, or the API server is, and then there will be another event.
fn act(kubectl: &Kubectl, event: &Value) {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/object/metadata/namespace"), text("/object/metadata/name"));
    let patch = |status: &Value| {
        let _ = kubectl.run(&[
            "patch",
            "pod",
            name,
            "--namespace",
            namespace,
            "--subresource=status",
            "--type=merge",
            "--patch",
            &status.to_string(),
        ]);
    };
    match next_move(event) {
        Move::Nothing => {}
        Move::Run => patch(&status(event, "Running", &json!({"running": {"startedAt": now()}}))),
        Move::Remove => {
            let _ = kubectl.run(&[
                "delete",
                "pod",
                name,
                "--namespace",
                namespace,
                "--grace-period=0",
                "--force",
                "--wait=false",
            ]);
        }
        Move::Finish => {
            let (kubectl, event) = (kubectl.clone(), event.clone());
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            thread::spawn(move || {
                thread::sleep(RUN_TIME);
                let end = json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now()}});
                let status = status(&event, "Succeeded", &end).to_string();
                let _ = kubectl.run(&[
                    "patch",
                    "pod",
                    &name,
                    "--namespace",
                    &namespace,
                    "--subresource=status",
                    "--type=merge",
                    "--patch",
                    &status,
                ]);
            });
        }
    }
}

/// The status in which all containers of the Pod are in `state`; its init containers are done.
fn status(event: &Value, phase: &str, state: &Value) -> Value {
    let running = phase == "Running";
    let containers = |list: &str, state: &Value, ready: bool| -> Vec<Value> {
        let containers = event.pointer(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let status = |container: &Value| {
            json!({
                "name": container.get("name"),
                "image": container.get("image"),
                "imageID": "",
                "ready": ready,
                "started": running,
                "restartCount": 0,
                "state": state,
            })
        };
        containers.iter().map(status).collect()
    };
    let done = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    let is = |kind: &str, yes: bool| json!({"type": kind, "status": if yes { "True" } else { "False" }, "lastTransitionTime": now()});
    json!({"status": {
        "phase": phase,
        "startTime": event.pointer("/object/status/startTime").cloned().unwrap_or_else(|| now().into()),
        "conditions": [is("PodScheduled", true), is("Initialized", true), is("ContainersReady", running), is("Ready", running)],
        "containerStatuses": containers("/object/spec/containers", state, running),
        "initContainerStatuses": containers("/object/spec/initContainers", &done, true),
    }})
}

fn now() -> String {
    run(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Move, next_move};
    use serde_json::json;

    #[test]
    fn a_pod_moves_one_phase_at_a_time() {
        let event = |kind: &str, phase: &str, policy: &str, deleted: Option<&str>| {
            next_move(&json!({"type": kind, "object": {
                "metadata": {"deletionTimestamp": deleted}, "spec": {"restartPolicy": policy}, "status": {"phase": phase},
            }}))
        };
        assert_eq!(event("ADDED", "Pending", "Never", None), Move::Run);
        assert_eq!(event("MODIFIED", "Running", "Never", None), Move::Finish);
        assert_eq!(event("MODIFIED", "Running", "Always", None), Move::Nothing);
        assert_eq!(event("MODIFIED", "Succeeded", "Never", None), Move::Nothing);
        assert_eq!(event("MODIFIED", "Running", "Always", Some("2026-01-01T00:00:00Z")), Move::Remove);
        assert_eq!(event("DELETED", "Running", "Never", Some("2026-01-01T00:00:00Z")), Move::Nothing);
    }
}
