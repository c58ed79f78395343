//! `lockgate explain` along a real pull, and `lockgate logs` of real containers, with and without `--mask`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::reason::{Phase, Trouble};
use serde_json::{Value, json};

use crate::support::{Space, output};
use crate::{PATIENCE, ended, in_trouble, journey, shared, shell};

/// Values that programs print in other ways: with signs, and in lines.
const PASSWORD: &str = "canary-7c1f a/b+c";
const LINES: &str = "-----BEGIN canary-7c1f-----\nsecond-canary-7c1f-line\n-----END canary-7c1f-----\n";

fn command(space: &Space, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(arguments.split(' ')).args(["-n", &space.name]);
    command.arg("--kubeconfig").arg(shared().unwrap().cluster.kubeconfig());
    command
}

/// The exit code, and what was printed to stdout and to stderr.
fn lockgate(space: &Space, arguments: &str) -> (i32, String, String) {
    let output = command(space, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A command that goes on, and what it prints to stdout; it ends with its test.
struct Begun {
    child: Child,
    lines: Receiver<String>,
    heard: String,
}

fn begin(space: &Space, arguments: &str) -> Begun {
    let mut child = command(space, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (send, lines) = channel();
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    Begun { child, lines, heard: String::new() }
}

impl Begun {
    /// Waits until it has printed these words.
    fn until(&mut self, words: &str) {
        while !self.heard.contains(words) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.heard += &line.unwrap_or_else(|_| panic!("{words:?} never came, but: {}", self.heard));
            self.heard.push('\n');
        }
    }

    /// Waits for its end: the exit code, and what it printed to stdout and to stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        for line in &self.lines {
            self.heard += &line;
            self.heard.push('\n');
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.heard), said)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn make(space: &Space, secret: Value) {
    space.api::<Secret>().create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
}

/// The line of a stage, with what stands below it.
#[track_caller]
fn stage<'a>(text: &'a str, stage: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n{stage} ")).unwrap_or_else(|| panic!("no {stage} in {text}"));
    // What belongs to it is indented.
    let end = rest.match_indices('\n').find(|(at, _)| !rest.get(at + 1..).unwrap().starts_with(' '));
    rest.get(..end.map_or(rest.len(), |(at, _)| at)).unwrap()
}

#[tokio::test]
async fn a_missing_secret_a_wrong_credential_and_the_mend_are_explained() {
    let Some((space, node)) = journey("explained").await else {
        return;
    };
    let registry = node.registry();
    let image = registry.push_busybox("explained/app:1").unwrap();
    let mut spec = shell(&image, "echo done", json!({"image_pull_secrets": ["regcred"]}));
    spec["transform"]["secrets"] = json!([{"name": "db", "mount_path": "/etc/db"}]);
    space.pipeline("edges", spec).await;
    space.phase("edges", Phase::Waiting).await;
    let (code, text, _) = lockgate(&space, "explain edges");
    println!("{text}");
    assert_eq!(code, 1);
    assert!(stage(&text, "references").contains("$ kubectl create secret generic db -n explained"), "{text}");
    let mut watching = begin(&space, "explain edges --watch");
    // It may begin late, and has to see that they are missing.
    watching.until("references  waiting");

    let wrong = json!({"auths": {registry.host(): {"username": registry.username(), "password": "canary-7c1f-wrong"}}});
    space.pull_secret("regcred", &wrong.to_string()).await;
    space.secret("db", &["password"]).await;
    in_trouble(&space, "edges", Trouble::ImageUnauthorized).await;
    let (code, text, _) = lockgate(&space, "explain edges");
    println!("{text}");
    assert_eq!(code, 1);
    assert!(stage(&text, "scheduled").contains("done") && stage(&text, "scheduled").contains("on node"), "{text}");
    assert!(stage(&text, "mounted").contains("done") && stage(&text, "mounted").contains("Secret db"), "{text}");
    let pulled = stage(&text, "pulled");
    assert!(pulled.contains("failed") && pulled.contains("ImageUnauthorized"), "{text}");
    assert!(pulled.contains(&format!("with Secret regcred (entry {})", registry.host())), "{text}");
    assert!(pulled.contains("$ kubectl delete secret regcred -n explained && kubectl create secret"), "{text}");
    assert!(stage(&text, "started").contains("not yet"), "{text}");

    let good = json!({"stringData": {".dockerconfigjson": registry.docker_config_json()}});
    space.api::<Secret>().patch("regcred", &PatchParams::default(), &Patch::Merge(good)).await.unwrap();
    ended(&space, "edges").await;
    let (code, lines, said) = watching.end();
    println!("{lines}");
    assert_eq!(code, Some(0), "{said}");
    for words in
        ["references  waiting", "references  done", "pulled      failed", "pulled      done", "finished    done"]
    {
        assert!(lines.contains(words), "{words} is not in {lines}");
    }
    let (code, text, _) = lockgate(&space, "explain edges");
    println!("{text}");
    assert_eq!(code, 0);
    assert!(stage(&text, "pulled").contains("done") && stage(&text, "finished").contains("exit code 0"), "{text}");
    assert!(!format!("{lines}{text}").contains("canary"), "a value was printed");
}

/// Prints the Secret's values as programs do.
const PRINTS: &str = r#"
echo "begin $PASSWORD end"
printf %s "$PASSWORD" | base64
echo "$PASSWORD" | base64
printf %s "user:$PASSWORD" | base64
echo "https://x/?p=$(printf %s "$PASSWORD" | sed 's/ /%20/g; s,/,%2F,g; s/+/%2B/g')"
cat /etc/app/lines
base64 /etc/app/lines
head -c 16380 /dev/zero | tr '\0' x; echo "$PASSWORD"
echo "the end"
"#;

/// A Pipeline that prints its Secret, and the Secret.
async fn printing(space: &Space, image: &str) {
    make(
        space,
        json!({"metadata": {"name": "app"}, "stringData": {"password": PASSWORD, "lines": LINES, "short": "no"}}),
    )
    .await;
    let secrets = json!([
        {"name": "app", "key": "password", "env_var": "PASSWORD"},
        {"name": "app", "mount_path": "/etc/app"},
    ]);
    space
        .pipeline("prints", shell(image, PRINTS, json!({"secrets": secrets, "image_pull_secrets": ["regcred"]})))
        .await;
}

#[tokio::test]
async fn logs_are_printed_and_masked() {
    let Some((space, node)) = journey("logged").await else {
        return;
    };
    let image = node.registry().push_busybox("logged/app:1").unwrap();
    space.pull_secret("regcred", &node.registry().docker_config_json()).await;
    // It waits until there is something to print.
    let waits = shell(
        &image,
        "sleep 1; echo first; sleep 1; echo $TOKEN",
        json!({"secrets": [{"name": "late", "key": "token", "env_var": "TOKEN"}], "image_pull_secrets": ["regcred"]}),
    );
    space.pipeline("waits", waits).await;
    let following = begin(&space, "logs waits --follow --mask");
    printing(&space, &image).await;
    ended(&space, "prints").await;

    let (code, plain, _) = lockgate(&space, "logs prints");
    assert_eq!(code, 0);
    assert!(plain.contains(&format!("begin {PASSWORD} end\n")) && plain.contains(LINES), "{plain}");
    let (code, masked, said) = lockgate(&space, "logs prints --mask");
    println!("{}\n{said}", masked.replace(&"x".repeat(16380), "x…"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(said, "lockgate: 1 value is shorter than 4 characters and not masked\n");
    for line in ["begin *** end\n", "https://x/?p=***\n", "the end\n"] {
        assert!(masked.contains(line), "{line:?} is not in {masked}");
    }
    // What is left are the letters of base64 that belong to what stands beside a value.
    for trace in ["canary", "7c1f", "Y2FuYXJ5", "NhbmFyeS", "jYW5hcnkt", "%2F"] {
        assert!(plain.contains(trace) && !masked.contains(trace), "{trace} is in {masked}");
    }
    // The kubelet counts the parts of a long line as lines.
    let (_, last, _) = lockgate(&space, "logs prints --mask --tail 1");
    assert_eq!(last, "the end\n");
    let (_, stamped, _) = lockgate(&space, "logs prints --mask --timestamps --prefix");
    assert!(stamped.lines().all(|line| line.starts_with("[main/0] 20")) && !stamped.contains("canary"), "{stamped}");

    space.secret("late", &["token"]).await;
    let (code, followed, _) = following.end();
    assert_eq!((code, followed.as_str()), (Some(0), "first\n***\n"));

    // Neither a value that is not known any more, nor one that may not be read, is printed.
    let other = Patch::Merge(json!({"stringData": {"password": "canary-7c1f-other"}}));
    space.api::<Secret>().patch("app", &PatchParams::default(), &other).await.unwrap();
    let (code, text, said) = lockgate(&space, "logs prints --mask");
    assert!(code == 1 && text.is_empty() && said.contains("Secret app has changed since Pod"), "{code} {text} {said}");
    let (code, text, _) = lockgate(&space, "logs prints --mask --mask-current");
    assert!(code == 0 && !text.contains("BEGIN canary"), "{text}");
    let kubectl = || {
        let mut kubectl = shared().unwrap().cluster.kubectl();
        kubectl.args(["-n", &space.name]);
        kubectl
    };
    let few = ["create", "role", "few", "--verb=get,list", "--resource=pipelines.lockgate.dev,pods,pods/log"];
    output(kubectl().args(few));
    output(kubectl().args(["create", "rolebinding", "few", "--role=few", "--user=dev"]));
    // The API server learns of it by watch.
    let begun = Instant::now();
    while !kubectl().args(["auth", "can-i", "get", "pods/log", "--as=dev"]).output().unwrap().status.success() {
        assert!(begun.elapsed() < PATIENCE, "dev never had its rights");
    }
    let (code, text, _) = lockgate(&space, "logs prints --tail 1 --as dev");
    assert_eq!((code, text.as_str()), (0, "the end\n"));
    let (code, text, said) = lockgate(&space, "logs prints --mask --as dev");
    assert!(code == 3 && text.is_empty() && said.contains("Secret app cannot be read"), "{code} {text} {said}");
}

#[tokio::test]
async fn the_steps_of_a_graph_and_the_tries_of_a_job_are_told_apart() {
    let Some((space, node)) = journey("logged-steps").await else {
        return;
    };
    let image = node.registry().push_busybox("logged-steps/app:1").unwrap();
    space.pull_secret("regcred", &node.registry().docker_config_json()).await;
    let step = |name: &str, more: Value| {
        crate::with(json!({"name": name, "image": image, "cmd": ["sh", "-c", "echo $0 $LOCKGATE_INDEX", name]}), more)
    };
    let steps = json!([step("load", json!({"parallelism": 2})), step("store", json!({"needs": ["load"]}))]);
    space.pipeline("graph", json!({"steps": steps, "image_pull_secrets": ["regcred"]})).await;
    let (code, text, said) = lockgate(&space, "logs graph -f");
    assert_eq!(code, 0, "{said}");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["[load/0] load 0", "[load/1] load 1", "[store/0] store 0"], "{text}");
    let (_, text, _) = lockgate(&space, "logs graph --step load --index 1");
    assert_eq!(text, "load 1\n");

    let fails = shell(&image, "echo $HOSTNAME; exit 3", json!({"image_pull_secrets": ["regcred"]}));
    space.pipeline("fails", crate::with(fails, json!({"retries": 1}))).await;
    ended(&space, "fails").await;
    let (_, last, _) = lockgate(&space, "logs fails");
    let (_, before, _) = lockgate(&space, "logs fails --previous");
    assert!(last != before && last.starts_with("fails-main-") && before.starts_with("fails-main-"), "{last} {before}");
}
