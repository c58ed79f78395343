//! One Pod per attempt and quiet, whatever ends the operator and when: SIGKILL at ten points, SIGTERM, two at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::{Heavy, each};
use crate::support::{DEADLINE, Operator, SYSTEM_NAMESPACE, Space, admin, ended, phase_of};

/// So many Pipelines at each point.
const MANY: usize = 10;

/// The operator's place: it is started there again and again.
struct Seat<'a> {
    cluster: &'a Cluster,
    kubeconfig: PathBuf,
}

impl<'a> Seat<'a> {
    fn on(cluster: &'a Cluster) -> Self {
        Self { cluster, kubeconfig: cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap() }
    }

    fn start(&self) -> Operator {
        Operator::start_with(self.cluster, &self.kubeconfig)
    }
}

fn name(i: usize) -> String {
    format!("p-{i}")
}

/// A Secret of its own for each, in every kind of use, and one that all share.
fn spec(i: usize) -> Value {
    let own = format!("s-{i}");
    let (secrets, pulls) = match i % 3 {
        0 => (json!([{"name": own, "env_var": "DB_PASSWORD", "key": "password"}]), json!([])),
        1 => (json!([{"name": own, "mount_path": "/etc/db"}, {"name": "shared", "env_prefix": "SHARED_"}]), json!([])),
        _ => (json!([{"name": "shared", "env_prefix": "SHARED_"}]), json!([own])),
    };
    json!({"transform": {"image": "registry.test/edges:1", "secrets": secrets, "image_pull_secrets": pulls}})
}

async fn make_pipelines(space: &Space, numbers: std::ops::Range<usize>) {
    each(numbers, |i| async move {
        space.pipeline(&name(i), spec(i)).await;
    })
    .await;
}

async fn make_secrets(space: &Space, numbers: std::ops::Range<usize>) {
    each(numbers, |i| async move {
        if i == 0 {
            space.secret("shared", &["a", "b"]).await;
        }
        let own = format!("s-{i}");
        if i % 3 == 2 {
            space.pull_secret(&own, r#"{"auths":{}}"#).await;
        } else {
            space.secret(&own, &["password"]).await;
        }
    })
    .await;
}

async fn pipelines_in(space: &Space, count: usize, wanted: Phase) {
    let is_so = |p: &Pipeline| phase_of(p) == Some(wanted);
    space.until_many(count, wanted.as_str(), Instant::now(), is_so).await;
}

async fn pods_there(space: &Space, count: usize) {
    space.until_many::<Pod>(count, "there", Instant::now(), |_| true).await;
}

/// The rest of every life: Pods that are not there yet come, all run, all end well.
async fn finish(space: &Space) {
    pods_there(space, MANY).await;
    let pods = space.pods().await;
    let left: Vec<&Pod> =
        pods.iter().filter(|p| p.status.as_ref().and_then(|s| s.phase.as_deref()) != Some("Succeeded")).collect();
    each(0..left.len(), |i| space.pod_succeeds(left[i].metadata.name.as_deref().unwrap())).await;
    pipelines_in(space, MANY, Phase::Succeeded).await;
}

/// How far everything was when the operator was killed: how many Pipelines in each phase, and how many Pods.
async fn seen(space: &Space) -> String {
    let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
    for pipeline in space.api::<Pipeline>().list(&ListParams::default()).await.unwrap() {
        *phases.entry(phase_of(&pipeline).map_or("no status", Phase::as_str)).or_insert(0) += 1;
    }
    format!("{} Pods, Pipelines {phases:?}", space.pods().await.len())
}

/// When the operator is killed. The order is that of a Pipeline's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// All Secrets are there; its first list just was complete.
    BeforeItIsReady,
    /// A few statuses say Waiting.
    WhileStatusesAreWritten,
    AmidSecretCreation,
    FirstPod,
    HalfOfThePods,
    LastPod,
    FirstRunning,
    FirstSucceeded,
    HalfEnded,
    AllDone,
}

use Point::{
    AllDone, AmidSecretCreation, BeforeItIsReady, FirstPod, FirstRunning, FirstSucceeded, HalfEnded, HalfOfThePods,
    LastPod, WhileStatusesAreWritten,
};

const POINTS: [Point; 10] = [
    BeforeItIsReady,
    WhileStatusesAreWritten,
    AmidSecretCreation,
    FirstPod,
    HalfOfThePods,
    LastPod,
    FirstRunning,
    FirstSucceeded,
    HalfEnded,
    AllDone,
];

/// Kills the operator as soon as the sign is there, whatever else is still under way.
async fn killed_at(sign: impl Future<Output = ()>, operator: Operator) {
    sign.await;
    operator.kill();
}

/// Brings ten Pipelines to this point, kills the operator there, starts it again and lets all come to their end.
/// Returns the operator that runs now.
async fn through(point: Point, operator: Operator, seat: &Seat<'_>, space: &Space) -> Operator {
    match point {
        BeforeItIsReady => {
            operator.kill();
            make_secrets(space, 0..MANY).await;
            make_pipelines(space, 0..MANY).await;
            let operator = seat.start();
            operator.says("is complete").await;
            operator.kill();
        }
        WhileStatusesAreWritten => {
            let sign = pipelines_in(space, 3, Phase::Waiting);
            tokio::join!(make_pipelines(space, 0..MANY), killed_at(sign, operator));
        }
        _ => {
            tokio::join!(make_pipelines(space, 0..MANY), pipelines_in(space, MANY, Phase::Waiting));
            later(point, operator, space).await;
        }
    }
    println!("{point:?}: killed at {}", seen(space).await);

    let secrets_left = match point {
        WhileStatusesAreWritten => 0..MANY,
        AmidSecretCreation => MANY / 2..MANY,
        _ => 0..0,
    };
    // Half of what is left comes while nobody hears it.
    let middle = secrets_left.start.midpoint(secrets_left.end);
    make_secrets(space, secrets_left.start..middle).await;
    let operator = seat.start();
    make_secrets(space, middle..secrets_left.end).await;
    finish(space).await;
    operator
}

/// The points at which all Pipelines wait, or are past that.
async fn later(point: Point, operator: Operator, space: &Space) {
    let secrets = make_secrets(space, 0..MANY);
    match point {
        BeforeItIsReady | WhileStatusesAreWritten => unreachable!("those are earlier"),
        AmidSecretCreation => killed_at(make_secrets(space, 0..MANY / 2), operator).await,
        FirstPod => drop(tokio::join!(secrets, killed_at(pods_there(space, 1), operator))),
        HalfOfThePods => drop(tokio::join!(secrets, killed_at(pods_there(space, MANY / 2), operator))),
        LastPod => drop(tokio::join!(secrets, killed_at(pods_there(space, MANY), operator))),
        FirstRunning | FirstSucceeded | HalfEnded | AllDone => {
            tokio::join!(secrets, pipelines_in(space, MANY, Phase::Starting));
            let pods = space.pods().await;
            let end_half = each(0..MANY / 2, |i| space.pod_succeeds(pods[i].metadata.name.as_deref().unwrap()));
            match point {
                FirstRunning => {
                    let sign = pipelines_in(space, 1, Phase::Running);
                    tokio::join!(space.all_pods_run(), killed_at(sign, operator));
                }
                FirstSucceeded => {
                    let sign = pipelines_in(space, 1, Phase::Succeeded);
                    tokio::join!(space.all_pods_succeed(), killed_at(sign, operator));
                }
                HalfEnded => killed_at(end_half, operator).await,
                _ => killed_at(finish(space), operator).await,
            }
        }
    }
}

/// Exactly one Pod was ever asked for and made for each of these Pipelines, and it is there.
///
/// A request whose sender was killed may stand in the log as a failure and have made its Pod all the same, so that both
/// the log and the Pods are looked at: all requests for a Pipeline name one Pod, and at most one made it.
async fn assert_one_pod_each(audit: &mut Audit, space: &Space, count: usize) {
    let mut asked: BTreeMap<String, Vec<(String, u16)>> = BTreeMap::new();
    for entry in audit.read().iter().filter(|e| e.kind() == "create pods" && e.namespace() == space.name) {
        let pipeline = entry.name().split("-main-").next().unwrap_or_default();
        asked.entry(pipeline.to_owned()).or_default().push((entry.name().to_owned(), entry.code()));
    }
    assert_eq!(asked.len(), count, "{asked:#?}");
    for requests in asked.values() {
        assert!(requests.iter().all(|(name, _)| *name == requests[0].0), "{requests:?}");
        assert!(requests.iter().filter(|(_, code)| *code == 201).count() <= 1, "{requests:?}");
    }
    let mut there: Vec<String> = space.pods().await.iter().map(ResourceExt::name_any).collect();
    let mut first: Vec<String> = asked.values().map(|requests| requests[0].0.clone()).collect();
    there.sort();
    first.sort();
    assert_eq!(there, first, "the Pods that are there are not those that were asked for");
}

/// A Pipeline from begin to end: whatever was woken before it was looked at.
async fn marker(space: &Space, name: &str) {
    space.pipeline(name, json!({"transform": {"image": "registry.test/edges:1"}})).await;
    let pod = space.pod_of(name).await;
    space.pod_succeeds(&pod.name_any()).await;
    space.phase(name, Phase::Succeeded).await;
}

/// One Pipeline in each state in which it may stay for long.
async fn standing(client: &kube::Client) -> Space {
    let space = Space::new(client, "standing").await;
    let plain = json!({"image": "registry.test/edges:1"});
    let waits = |on: &str| {
        json!({
            "transform": {"image": "registry.test/edges:1", "secrets": [{"name": "nowhere", "mount_path": "/etc/x"}]},
            "on_missing_secret": on,
        })
    };
    space.pipeline("waits", waits("Wait")).await;
    space.pipeline("gave-up", waits("Fail")).await;
    space.pipeline("suspended", json!({"transform": plain, "suspend": true})).await;
    space.pipeline("accountless", json!({"transform": plain, "service_account_name": "nobody"})).await;
    for name in ["starts", "runs", "failed"] {
        space.pipeline(name, json!({"transform": plain})).await;
    }
    let pod_of = |pipeline: &'static str| {
        let space = &space;
        async move { space.pod_of(pipeline).await.name_any() }
    };
    // There is no node: once the scheduler has said so it says nothing else.
    for name in ["starts", "runs", "failed"] {
        let told = |p: &Pipeline| crate::support::step(p).is_some_and(|step| step.trouble.is_some());
        space.until(name, "the scheduler found no node", told).await;
    }
    space.pod_status(&pod_of("runs").await, json!({"phase": "Running"})).await;
    space.pod_status(&pod_of("failed").await, ended(3, "Error")).await;
    for (name, phase) in [
        ("waits", Phase::Waiting),
        ("gave-up", Phase::Failed),
        ("suspended", Phase::Suspended),
        ("accountless", Phase::Waiting),
        ("starts", Phase::Starting),
        ("runs", Phase::Running),
        ("failed", Phase::Failed),
    ] {
        space.phase(name, phase).await;
    }
    space
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_ten_points_it_makes_one_pod_each_and_a_restart_writes_nothing() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    let seat = Seat::on(&cluster);
    let mut audit = Audit::of(&cluster);
    let mut operator = seat.start();
    let mut spaces = Vec::new();
    for (i, point) in POINTS.into_iter().enumerate() {
        let space = Space::new(&client, &format!("point-{i}")).await;
        operator = through(point, operator, &seat, &space).await;
        spaces.push(space);
    }
    let _standing = standing(&client).await;
    audit.settle(&client).await;
    for space in &spaces {
        assert_one_pod_each(&mut audit, space, MANY).await;
    }
    let refused = |all: &[Entry]| all.iter().filter(|e| e.is_write() && e.code() >= 300).cloned().collect::<Vec<_>>();
    println!(
        "all ten points: {:?}; writes that were refused: {:?}",
        tally(audit.read()),
        tally(&refused(audit.read()))
    );

    // SIGTERM; then a start on a world in which everything is done or stands.
    let (status, took) = operator.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    audit.settle(&client).await;
    let restarted = Timestamp::now();
    let since = Instant::now();
    let operator = seat.start();
    operator.says("ready").await;
    let ready = since.elapsed();
    let after = Space::new(&client, "after").await;
    // What was in the queue was taken before the first marker, and was ended before the second was begun.
    marker(&after, "marker-a").await;
    marker(&after, "marker-b").await;
    audit.settle(&client).await;
    let writes: Vec<Entry> =
        audit.since(restarted).into_iter().filter(|e| e.is_write() && e.namespace() != "after").collect();
    assert!(writes.is_empty(), "a restart wrote: {writes:#?}");
    println!(
        "SIGTERM: exit code 0 after {took:?}; restart: ready after {ready:?}, 0 writes for {} Pipelines",
        POINTS.len() * MANY + 7
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_amid_work_ends_it_cleanly_and_leaves_one_pod_each() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    let seat = Seat::on(&cluster);
    let mut audit = Audit::of(&cluster);
    let operator = seat.start();
    let space = Space::new(&client, "term").await;
    tokio::join!(make_pipelines(&space, 0..MANY), pipelines_in(&space, MANY, Phase::Waiting));
    let terminated = async {
        pods_there(&space, 1).await;
        tokio::task::block_in_place(|| operator.terminate())
    };
    let ((), (status, took)) = tokio::join!(make_secrets(&space, 0..MANY), terminated);
    assert_eq!(status.code(), Some(0), "{status}");
    println!("SIGTERM amid work: exit code 0 after {took:?}, with {}", seen(&space).await);
    let _operator = seat.start();
    finish(&space).await;
    audit.settle(&client).await;
    assert_one_pod_each(&mut audit, &space, MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_at_once_make_one_pod_each_and_come_to_rest() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    let seat = Seat::on(&cluster);
    let mut audit = Audit::of(&cluster);
    let both = [seat.start(), seat.start()];
    for operator in &both {
        operator.says("ready").await;
    }
    let space = Space::new(&client, "both").await;
    // Half of the Secrets are there first.
    make_secrets(&space, 0..MANY / 2).await;
    tokio::join!(make_pipelines(&space, 0..MANY), pods_there(&space, 1));
    make_secrets(&space, MANY / 2..MANY).await;
    pods_there(&space, MANY).await;
    tokio::join!(space.all_pods_run(), pipelines_in(&space, MANY, Phase::Running));
    finish(&space).await;
    marker(&space, "marker").await;

    // Two that disagree would write for ever.
    audit.settle(&client).await;
    let begun = Instant::now();
    loop {
        let quiet = Timestamp::now();
        tokio::time::sleep(Duration::from_secs(5)).await;
        audit.settle(&client).await;
        let writes: Vec<Entry> = audit.since(quiet).into_iter().filter(Entry::is_write).collect();
        if writes.is_empty() {
            break;
        }
        // The marker tells that one of them is done: the other may be behind.
        assert!(begun.elapsed() < DEADLINE, "they do not come to rest: {writes:#?}");
    }
    assert_one_pod_each(&mut audit, &space, MANY + 1).await;
    println!("two operators, {} Pipelines: {:?}", MANY + 1, tally(audit.read()));
}
