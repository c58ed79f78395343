//! Services on a real node: a password that is served, rotated without a moment of silence; and containers that crash.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Trouble;
use serde_json::{Value, json};

use crate::support::stage::is_ready;
use crate::support::{CANARY, Space, condition, message, name_of, step};
use crate::{PATIENCE, journey, with};

/// Serves the password on port 8080, for as long as nobody ends it.
const SERVE: &str = "mkdir /tmp/www; printf %s \"$DB_PASSWORD\" > /tmp/www/index.html; \
    trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp/www & wait";

/// A Service with one Pod that has the Secret's password as a variable; `more` are further fields of the spec.
fn serving(image: &str, script: &str, more: Value) -> Value {
    let transform = json!({
        "image": image, "cmd": ["sh", "-euc", script],
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}],
    });
    let service = json!({
        "mode": "Service", "transform": transform, "ports": [{"containerPort": 8080}],
        "readiness_probe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    });
    with(service, more)
}

async fn set_password(space: &Space, value: &str) {
    let patch = Patch::Merge(json!({"stringData": {"password": format!("{CANARY}-{value}")}}));
    space.api::<Secret>().patch("db", &PatchParams::default(), &patch).await.unwrap();
}

/// What the Pod at this address serves.
fn fetch(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&format!("{address}:8080").parse().unwrap(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}

/// Asks a Pod that is ready, as a Kubernetes Service would choose one, until it serves this. Every request is answered.
async fn serves(space: &Space, pipeline: &str, wanted: &str) -> usize {
    let wanted = format!("{CANARY}-{wanted}");
    let chosen = ListParams::default().labels(&format!("lockgate.dev/pipeline={pipeline}"));
    let begun = Instant::now();
    for asked in 1.. {
        let pods = space.api::<Pod>().list(&chosen).await.unwrap();
        let ready = pods.iter().filter(|pod| is_ready(pod));
        let newest = ready.max_by_key(|pod| pod.creation_timestamp()).expect("a Pod is ready at every moment");
        let address = newest.status.as_ref().unwrap().pod_ip.clone().unwrap();
        let answer = tokio::task::spawn_blocking(move || fetch(&address)).await.unwrap();
        if answer.expect("the Pod that is ready answers") == wanted {
            return asked;
        }
        assert!(begun.elapsed() < PATIENCE, "the new value was never served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!()
}

/// Looks at every event of the Pipeline's Pods, and keeps the least number that were ready at once.
fn watch_ready(space: &Space, pipeline: &str) -> (tokio::task::JoinHandle<()>, Arc<AtomicUsize>) {
    let least = Arc::new(AtomicUsize::new(usize::MAX));
    let config = watcher::Config::default().labels(&format!("lockgate.dev/pipeline={pipeline}"));
    let (api, kept) = (space.api::<Pod>(), Arc::clone(&least));
    let ready = Mutex::new(std::collections::BTreeSet::new());
    let task = tokio::spawn(async move {
        let mut stream = std::pin::pin!(watcher(api, config).default_backoff());
        while let Some(event) = stream.next().await {
            let mut ready = ready.lock().unwrap();
            match event.unwrap() {
                watcher::Event::Init => continue,
                watcher::Event::InitApply(pod) | watcher::Event::Apply(pod) if is_ready(&pod) => {
                    ready.insert(name_of(&pod));
                }
                watcher::Event::InitApply(pod) | watcher::Event::Apply(pod) | watcher::Event::Delete(pod) => {
                    ready.remove(&name_of(&pod));
                }
                watcher::Event::InitDone => {}
            }
            kept.fetch_min(ready.len(), Ordering::Relaxed);
        }
    });
    (task, least)
}

async fn all_ready(space: &Space, name: &str) -> Pipeline {
    space.until(name, "its Pod is ready", |p: &Pipeline| condition(p, "Ready") == "True/PodsRunning").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_password_is_served_and_a_pod_is_ready_at_every_moment() {
    let Some((space, node)) = journey("served").await else {
        return;
    };
    space.secret("db", &["password"]).await;
    set_password(&space, "old").await;
    let all = [("quick", json!({"rotation_debounce": "1s"})), ("usual", json!({}))];
    for (name, more) in &all {
        space.pipeline(name, serving(node.preloaded_image(), SERVE, more.clone())).await;
    }
    for (name, _) in &all {
        all_ready(&space, name).await;
        serves(&space, name, "old").await;
    }
    let watched = all.each_ref().map(|(name, _)| watch_ready(&space, name));
    set_password(&space, "new").await;
    let changed = Instant::now();
    let (quick, usual) = tokio::join!(async { (serves(&space, "quick", "new").await, changed.elapsed()) }, async {
        (serves(&space, "usual", "new").await, changed.elapsed())
    },);
    for (name, (asked, took)) in [("rotation_debounce 1s", quick), ("the default of 10s", usual)] {
        println!(
            "{name}: the new password was served {:.1} s after its change ({asked} requests, none unanswered)",
            took.as_secs_f64()
        );
    }
    for (name, _) in &all {
        let done = space.until(name, "its old Pod is gone", |p: &Pipeline| {
            condition(p, "Ready") == "True/PodsRunning" && p.status.as_ref().unwrap().replicas == Some(1)
        });
        assert_eq!(step(&done.await).unwrap().replacements, 1, "one roll");
    }
    for (task, least) in watched {
        assert!(!task.is_finished(), "the watch goes on");
        task.abort();
        assert_eq!(least.load(Ordering::Relaxed), 1, "a Pod was ready at every event");
    }
}

async fn crash_loop(space: &Space, name: &str, code: &str) {
    let is_so = |p: &Pipeline| step(p).is_some_and(|step| step.trouble == Some(Trouble::CrashLoop));
    let told = space.until(name, "CrashLoop", is_so).await;
    let said = message(&told);
    println!("{name}: {said}");
    assert!(
        said.contains(&format!("ends again and again, the last time with exit code {code}: kubectl logs ")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_ends_again_and_again_is_told_with_its_exit_code() {
    let Some((space, node)) = journey("crashing").await else {
        return;
    };
    space.secret("db", &["password"]).await;
    set_password(&space, "wrong").await;
    let unhealthy = json!({
        "mode": "Service",
        "transform": {
            "image": node.preloaded_image(), "cmd": ["sh", "-euc", "trap 'exit 7' TERM; sleep 600 & wait"],
        },
        "liveness_probe": {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1},
    });
    space.pipeline("unhealthy", unhealthy).await;
    let picky = format!("case $DB_PASSWORD in *-right) ;; *) exit 3;; esac; {SERVE}");
    space.pipeline("picky", serving(node.preloaded_image(), &picky, json!({"rotation_debounce": "1s"}))).await;
    tokio::join!(crash_loop(&space, "unhealthy", "7"), crash_loop(&space, "picky", "3"));

    // The kubelet would let it wait for up to five minutes; a fresh Pod need not.
    set_password(&space, "right").await;
    let mended = Instant::now();
    all_ready(&space, "picky").await;
    println!("ready {:.1} s after its password was corrected", mended.elapsed().as_secs_f64());
    serves(&space, "picky", "right").await;
}
