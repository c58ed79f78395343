//! Commands that follow a run, while somebody else makes Secrets and plays the kubelet.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use serde_json::json;

use crate::shell::Shell;
use crate::support::{CANARY, DEADLINE, failed_now, name_of};

/// A command that goes on while the test does.
struct Talk {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Talk {
    fn begin(shell: &Shell, arguments: &[&str]) -> Self {
        let mut command = shell.command("lockgate");
        let mut child = command.args(arguments).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { child, lines, heard: Vec::new() }
    }

    /// Waits until a line on stderr has these words.
    fn until(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("{words:?} was never said, but: {:#?}", self.heard));
            self.heard.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        let kill = std::process::Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end: the exit code, and all that it said on stderr.
    fn end(mut self) -> (i32, String) {
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            self.heard.push(line);
        }
        let code = self.child.wait().unwrap().code().unwrap();
        (code, self.heard.join("\n"))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_run_says_what_is_missing_and_ends_with_the_command() {
    let shell = Shell::new("run-waits").await;
    let arguments = ["run", "count", "--image", "registry.test/a:1", "--secret", "db:url=DB_URL"];
    let mut run = Talk::begin(&shell, &arguments);
    run.until("pipeline.lockgate.dev/count created");
    let waiting = run.until("Waiting: ");
    assert!(waiting.contains("kubectl create secret generic db -n run-waits"), "{waiting}");
    shell.space.secret("db", &["url"]).await;
    run.until("Starting: ");
    let pod = shell.space.pod_of("count").await;
    shell.space.pod_succeeds(&name_of(&pod)).await;
    let (code, said) = run.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("\nSucceeded: "), "{said}");
    assert!(!said.contains(CANARY), "{said}");
}

#[tokio::test]
async fn a_run_that_fails_ends_with_1_and_its_reason_and_rm_takes_it_away() {
    let shell = Shell::new("run-fails").await;
    let mut run = Talk::begin(&shell, &["run", "bad", "--rm", "--image", "registry.test/a:1", "--", "false"]);
    run.until("Starting: ");
    let pod = shell.space.pod_of("bad").await;
    shell.space.pod_status(&name_of(&pod), failed_now(3)).await;
    let (code, said) = run.end();
    assert_eq!(code, 1, "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("lockgate: Pipeline bad failed: ") && last.contains('3'), "{said}");
    assert!(said.contains("pipeline.lockgate.dev \"bad\" deleted"), "{said}");
    assert!(shell.space.api::<Pipeline>().get_opt("bad").await.unwrap().is_none());
}

#[tokio::test]
async fn ctrl_c_leaves_the_pipeline_and_says_how_to_remove_it() {
    let shell = Shell::new("run-stops").await;
    let secret = ["--secret", "db:*"];
    let begin = |name, more: &[&str]| {
        let mut talk = Talk::begin(&shell, &[&["run", name, "--image", "a:1"], &secret[..], more].concat());
        talk.until("Waiting: ");
        talk.interrupt();
        talk.end()
    };
    let (code, said) = begin("left", &[]);
    assert_eq!(code, 130, "{said}");
    let command = said.rsplit_once("to remove it: ").map(|(_, command)| command.to_owned()).unwrap();
    assert!(shell.space.api::<Pipeline>().get_opt("left").await.unwrap().is_some());
    shell.good(&command);
    assert!(shell.space.api::<Pipeline>().get_opt("left").await.unwrap().is_none());
    let (code, said) = begin("removed", &["--rm"]);
    assert_eq!(code, 130, "{said}");
    assert!(shell.space.api::<Pipeline>().get_opt("removed").await.unwrap().is_none(), "{said}");
}

#[tokio::test]
async fn a_pipeline_that_is_deleted_meanwhile_is_waited_for_no_longer() {
    let shell = Shell::new("run-deleted").await;
    let mut run = Talk::begin(&shell, &["run", "gone", "--image", "a:1", "--secret", "db:*"]);
    run.until("Waiting: ");
    shell.space.delete::<Pipeline>("gone").await;
    let (code, said) = run.end();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("Pipeline gone was deleted while it was waited for"), "{said}");
}

#[tokio::test]
async fn a_rerun_is_followed_to_its_end_and_not_to_that_of_the_run_before() {
    let shell = Shell::new("rerun-waits").await;
    shell.space.secret("db", &["url"]).await;
    shell.good("lockgate run count --image a:1 --secret db:url=DB_URL --detach");
    let first = shell.space.pod_of("count").await;
    shell.space.pod_status(&name_of(&first), failed_now(1)).await;
    shell.space.until("count", "run 1 has failed", |p: &Pipeline| run_is_over(p, 1)).await;
    let mut rerun = Talk::begin(&shell, &["rerun", "count", "--wait"]);
    rerun.until("Starting: ");
    let second = shell.space.until(&pod_of_run(&shell, 2).await, "exists", |_: &Pod| true).await;
    shell.space.pod_succeeds(&name_of(&second)).await;
    let (code, said) = rerun.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Succeeded: ") && !said.contains("Failed"), "{said}");
}

#[tokio::test]
async fn a_run_that_gives_way_to_another_is_told() {
    let shell = Shell::new("rerun-gives-way").await;
    let mut run = Talk::begin(&shell, &["run", "count", "--image", "a:1", "--secret", "db:*"]);
    run.until("Waiting: ");
    shell.good("lockgate rerun count");
    let (code, said) = run.end();
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("run 1 of Pipeline count gave way to another run"), "{said}");
}

#[tokio::test]
async fn whoever_may_not_watch_is_told_which_right_is_lacking() {
    let shell = Shell::new("run-forbidden").await;
    shell.good(
        "kubectl create role maker --verb=create --resource=pipelines.lockgate.dev && \
         kubectl create rolebinding maker --role=maker --user=maker",
    );
    let (code, said) = shell.bad("lockgate run count --image a:1 --as maker");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("cannot list resource \"pipelines\"") && said.contains("ask for this right"), "{said}");
}

#[tokio::test]
async fn whoever_may_not_read_logs_hears_of_it_and_the_run_counts() {
    let shell = Shell::new("run-no-log").await;
    shell.good(
        "kubectl create role maker --verb=create,get,list,watch --resource=pipelines.lockgate.dev && \
         kubectl create rolebinding maker --role=maker --user=maker",
    );
    let mut run = Talk::begin(&shell, &["run", "count", "--image", "a:1", "--as", "maker"]);
    run.until("Starting: ");
    let pod = name_of(&shell.space.pod_of("count").await);
    shell.space.pod_succeeds(&pod).await;
    let (code, said) = run.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("the log of Pod {pod} cannot be read: ")) && said.contains("pods/log"), "{said}");
}

#[tokio::test]
async fn only_suspend_is_written() {
    let shell = Shell::new("suspend-alone").await;
    shell.good("lockgate run edges --image a:1 --secret db:* --detach");
    // Whoever else changes the Pipeline in the same moment keeps what they wrote.
    let label = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    shell.space.api::<Pipeline>().patch("edges", &PatchParams::default(), &label).await.unwrap();
    let before = shell.space.api::<Pipeline>().get("edges").await.unwrap();
    shell.good("lockgate suspend edges");
    let after = shell.space.api::<Pipeline>().get("edges").await.unwrap();
    assert!(after.spec.suspend && !before.spec.suspend);
    assert_eq!(lockgate::api::pipeline::PipelineSpec { suspend: false, ..after.spec }, before.spec);
    assert_eq!(after.metadata.labels, before.metadata.labels);
    // Nothing is written where nothing changes.
    shell.good("lockgate suspend edges");
    let again = shell.space.api::<Pipeline>().get("edges").await.unwrap();
    assert_eq!(again.metadata.generation, after.metadata.generation);
    assert_eq!(shell.space.api::<Secret>().get_opt("db").await.unwrap(), None);
}

fn run_is_over(pipeline: &Pipeline, number: i64) -> bool {
    let run = pipeline.status.as_ref().and_then(|status| status.run.as_ref());
    run.is_some_and(|run| run.number == number && run.result.is_some())
}

/// The name of the run's one Pod, once status has it.
async fn pod_of_run(shell: &Shell, number: i64) -> String {
    let has_pod = |p: &Pipeline| {
        let status = p.status.as_ref();
        status.is_some_and(|status| status.run.as_ref().is_some_and(|run| run.number == number))
            && crate::support::step(p).is_some_and(|step| step.pod.is_some())
    };
    let pipeline = shell.space.until("count", "its run has a Pod", has_pod).await;
    crate::support::step(&pipeline).unwrap().pod.clone().unwrap()
}
