//! Many at once: a steady pace, namespaces that take turns, and nobody slowed by those that cannot start. Counted and put
//! in order by the audit log; no assertion is about how quick this machine is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Client, ResourceExt};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;
use serde_json::{Value, json};

use crate::stored;
use crate::support::audit::{Audit, Entry, per_name, tally};
use crate::support::heavy::{Heavy, each, paper_node};
use crate::support::{Operator, SYSTEM_NAMESPACE, Space, admin, condition, phase_of};

/// Creations per second: few, so that a slow machine, too, can be too quick.
const CAP: usize = 20;
/// Requests that may be under way at once: so many may have left in an earlier second than they arrived in.
const WORKERS: usize = 16;
/// In each of the small namespaces.
const FEW: usize = 10;
const SMALL: usize = 9;

/// So many Pipelines in all; `LOCKGATE_MANY=10000` for the full size (10 minutes).
fn many() -> usize {
    std::env::var("LOCKGATE_MANY").map_or(600, |text| text.parse().expect("LOCKGATE_MANY is a number"))
}

fn spec(secret: &str) -> Value {
    json!({
        "transform": {
            "image": "registry.test/edges:1",
            "secrets": [{"name": secret, "env_var": "DB_PASSWORD", "key": "password"}],
        },
        // However late the scheduler hears that the paper node is ready.
        "tolerations": [{"operator": "Exists"}],
    })
}

fn start(cluster: &Cluster) -> Operator {
    let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
    let (cap, workers) = (CAP.to_string(), WORKERS.to_string());
    Operator::start_with_flags(cluster, &kubeconfig, &["--pod-creates-per-second", &cap, "--concurrency", &workers])
}

/// A namespace whose ServiceAccount the operator has heard of: before that a Pipeline would wait for it.
async fn known(client: &Client, namespace: &str) -> Space {
    let mut space = Space::new(client, namespace).await;
    space.pipeline("first", spec("never")).await;
    let waits = |p: &Pipeline| condition(p, "Ready").ends_with("/WaitingForSecrets");
    space.until("first", "waits for its Secret", waits).await;
    space.patience += Duration::from_millis(100 * many() as u64);
    space
}

/// Makes so many Pipelines that wait for the Secret, each named after its namespace.
async fn make_waiting(space: &Space, count: usize) {
    let name = |i: usize| format!("{}-{i:05}", space.name);
    each(0..count, |i| async move {
        space.pipeline(&name(i), spec("the-secret")).await;
    })
    .await;
    let waits = |p: &Pipeline| p.name_any() != "first" && phase_of(p) == Some(Phase::Waiting);
    space.until_many::<Pipeline>(count, "waits", Instant::now(), waits).await;
}

/// Waits until the status of each tells of its Pod.
async fn started(space: &Space, count: usize) {
    let starts = |p: &Pipeline| phase_of(p) == Some(Phase::Starting);
    space.until_many::<Pipeline>(count, "its Pod is in its status", Instant::now(), starts).await;
}

/// The requests of a kind and answer in the order in which they arrived.
fn of<'a>(entries: &'a [Entry], kind: &str, code: u16) -> Vec<&'a Entry> {
    let mut found: Vec<&Entry> = entries.iter().filter(|e| e.kind() == kind && e.code() == code).collect();
    found.sort_by_cached_key(|entry| entry.received());
    found
}

fn between(entries: &[&Entry]) -> Duration {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Duration::ZERO };
    last.received().duration_since(first.received()).unsigned_abs()
}

/// In every stretch of time no more than the cap allows: one second's worth at once, then a tenth of it every tenth of a
/// second. Returns the most in any one second.
fn assert_pace(what: &str, requests: &[&Entry]) -> usize {
    let times: Vec<i64> = requests.iter().map(|entry| entry.received().as_microsecond()).collect();
    let mut most_in_a_second = 0;
    for (i, first) in times.iter().enumerate() {
        for (j, last) in times.iter().enumerate().skip(i) {
            let micros = usize::try_from(last - first).unwrap();
            let most = CAP + CAP * micros / 1_000_000 + CAP / 10 + WORKERS;
            assert!(j - i < most, "{what}: {} within {micros} µs, and {most} are allowed", j - i + 1);
            if micros < 1_000_000 {
                most_in_a_second = most_in_a_second.max(j - i + 1);
            }
        }
    }
    most_in_a_second
}

fn assert_each(entries: &[&Entry], names: usize, times: usize, what: &str) {
    let counts = per_name(entries.iter().copied());
    assert_eq!(counts.len(), names, "{what}");
    assert!(counts.values().all(|count| *count == times), "{what}: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_wait_for_one_secret_start_at_a_steady_pace_and_namespaces_take_turns() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let operator = start(&cluster);
    let mut audit = Audit::of(&cluster);
    let many = many();
    let big = known(&client, "big").await;
    let names: Vec<String> = (0..SMALL).map(|i| format!("small-{i}")).collect();
    let small = join_all(names.iter().map(|name| known(&client, name))).await;

    let begun = Timestamp::now();
    make_waiting(&big, many - SMALL * FEW).await;
    join_all(small.iter().map(|space| make_waiting(space, FEW))).await;
    audit.settle(&client).await;
    let (waiting_memory, rung) = (operator.memory(), Timestamp::now());

    // The big namespace's Secret comes first; the others' when its Pods are being created.
    big.secret("the-secret", &["password"]).await;
    big.until_many::<Pod>(1, "there", Instant::now(), |_| true).await;
    join_all(small.iter().map(|space| space.secret("the-secret", &["password"]))).await;
    tokio::join!(started(&big, many - SMALL * FEW), join_all(small.iter().map(|space| started(space, FEW))));
    audit.settle(&client).await;

    let entries = audit.since(begun);
    let created = of(&entries, "create pods", 201);
    // One Pod and two statuses, "waits" and "starts", for each; one read of each Secret, before and after it came.
    assert_each(&created, many, 1, "one Pod each");
    assert_each(&of(&entries, "patch pipelines/status", 200), many, 2, "two statuses each");
    let asked = entries.iter().filter(|e| e.verb != "watch" && e.verb != "list").count();
    assert_eq!(asked, 3 * many + 2 * (SMALL + 1), "{:#?}", tally(&entries));

    let most = assert_pace("creations", &created);
    // In turn: each small namespace gets as much as the big one from when its Secret is there.
    let last_small = created.iter().rposition(|entry| entry.namespace() != "big").unwrap();
    assert!(last_small < many / 2, "the last of the small namespaces was number {last_small} of {many}");
    let last: Vec<&str> = created.iter().rev().take(many / 4).map(|entry| entry.namespace()).collect();
    assert!(last.iter().all(|namespace| *namespace == "big"), "{last:?}");

    let from_ring = |at: Timestamp| at.duration_since(rung).as_secs_f64();
    println!(
        "{many} Pipelines in {} namespaces wait for one Secret each: after the Secret's creation was asked for the first \
         Pod {:.3} s, the last {:.3} s; {:.1} per second between them, at most {most} within one; the last of {} in small \
         namespaces was number {last_small} ({:.3} s); the operator's memory while they wait {} MiB, after {} MiB, most \
         {} MiB",
        SMALL + 1,
        from_ring(created[0].answered()),
        from_ring(created[many - 1].answered()),
        f64::from(u32::try_from(many).unwrap()) / between(&created).as_secs_f64(),
        SMALL * FEW,
        from_ring(created[last_small].answered()),
        waiting_memory.0,
        operator.memory().0,
        operator.memory().1,
    );
}

/// So many equal Pods.
const EQUAL: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_many_equal_pods_keeps_the_pace_and_leaves_others_their_turn() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let _operator = start(&cluster);
    let mut audit = Audit::of(&cluster);
    let (wide, other) = (known(&client, "wide").await, known(&client, "other").await);
    make_waiting(&other, FEW).await;
    let begun = Timestamp::now();

    let mut spec = spec("never");
    spec["transform"]["secrets"] = json!([]);
    spec["parallelism"] = json!(EQUAL);
    wide.pipeline("wide", spec).await;
    wide.until_many::<Pod>(CAP, "there", Instant::now(), |_| true).await;
    other.secret("the-secret", &["password"]).await;
    let all = |p: &Pipeline| p.status.as_ref().and_then(|s| s.replicas) == i32::try_from(EQUAL).ok();
    tokio::join!(wide.until("wide", "all its Pods are in its status", all), started(&other, FEW));
    audit.settle(&client).await;

    let entries = audit.since(begun);
    let created = of(&entries, "create pods", 201);
    assert_each(&created, EQUAL + FEW, 1, "each Pod once");
    assert_pace("creations", &created);
    let last_other = created.iter().rposition(|entry| entry.namespace() == "other").unwrap();
    assert!(last_other < EQUAL * 2 / 3, "the last of the other namespace was number {last_other}");
    let told = of(&entries, "patch pipelines/status", 200).iter().filter(|e| e.namespace() == "wide").count();
    assert!(told <= 4, "{told} statuses for {EQUAL} Pods");
    println!(
        "one step of {EQUAL} Pods: {:?} from the first to the last creation, {told} statuses; the last of {FEW} Pods of \
         another namespace was number {last_other}",
        between(&created)
    );
}

/// So many that start as they should.
const HEALTHY: usize = 300;
/// So many that a ResourceQuota refuses.
const REFUSED: usize = 200;
/// So many of each kind of spec that cannot be run.
const POISONED: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelines_that_are_refused_or_cannot_be_read_do_not_slow_the_others() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    stored::loosen(&client).await;
    let _operator = start(&cluster);
    let mut audit = Audit::of(&cluster);

    let alone = known(&client, "alone").await;
    make_waiting(&alone, HEALTHY).await;
    alone.secret("the-secret", &["password"]).await;
    started(&alone, HEALTHY).await;
    audit.settle(&client).await;
    let alone = between(&of(audit.read(), "create pods", 201));

    let (healthy, refused) = (known(&client, "healthy").await, known(&client, "refused").await);
    let begun = Timestamp::now();
    make_waiting(&healthy, HEALTHY).await;
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    refused
        .api::<ResourceQuota>()
        .create(&PostParams::default(), &serde_json::from_value(quota).unwrap())
        .await
        .unwrap();
    refused.until::<ResourceQuota>("none", "counted", |q| q.status.as_ref().is_some_and(|s| s.hard.is_some())).await;
    make_waiting(&refused, REFUSED).await;
    let poisoned = Space::new(&client, "poisoned").await;

    let rung = Timestamp::now();
    refused.secret("the-secret", &["password"]).await;
    healthy.secret("the-secret", &["password"]).await;
    let any = stored::api(&client, &poisoned.name);
    let poison = each(0..2 * POISONED, |i| {
        let any = &any;
        let transform = if i % 2 == 0 { json!(7) } else { json!({"image": "a", "user": "root"}) };
        async move {
            let object = stored::make(&format!("poisoned-{i:03}"), &json!({"transform": transform}));
            any.create(&PostParams::default(), &object).await.unwrap();
        }
    });
    let says_quota = |p: &Pipeline| condition(p, "Ready").ends_with("/QuotaExceeded");
    tokio::join!(
        poison,
        started(&healthy, HEALTHY),
        refused.until_many::<Pipeline>(REFUSED, "says why", Instant::now(), says_quota),
    );
    let told = |all: &[Entry]| {
        let of_it = all.iter().filter(|e| e.kind() == "patch pipelines/status" && e.namespace() == "poisoned");
        of_it.map(|e| e.name().to_owned()).collect::<BTreeSet<_>>().len() == 2 * POISONED
    };
    audit.until("each poisoned Pipeline has a status", told).await;
    audit.settle(&client).await;

    let entries = audit.since(begun);
    let at = |namespace: &str, kind: &str, code: u16| -> Vec<&Entry> {
        of(&entries, kind, code).into_iter().filter(|e| e.namespace() == namespace).collect()
    };
    let created = at("healthy", "create pods", 201);
    assert_each(&created, HEALTHY, 1, "one Pod each");
    assert_each(&at("healthy", "patch pipelines/status", 200), HEALTHY, 2, "two statuses each");
    assert_each(&at("poisoned", "patch pipelines/status", 200), 2 * POISONED, 1, "one status each");
    assert_each(&at("refused", "patch pipelines/status", 200), REFUSED, 2, "two statuses each: it waits; the quota");

    // A try follows the one before after 2.5 s at least, twice that, and so on.
    let refusals = at("refused", "create pods", 403);
    let passed = Timestamp::now().duration_since(rung).as_secs_f64();
    let most_tries = (1..30).take_while(|n| 2.5 * (f64::powi(2.0, n - 1) - 1.0) <= passed).count();
    let tries = per_name(refusals.iter().copied());
    assert_eq!(tries.len(), REFUSED);
    assert!(tries.values().all(|count| *count <= most_tries), "at most {most_tries} in {passed} s: {tries:?}");
    assert_pace("creations", &created);
    assert_pace("refusals", &refusals);
    let pods = entries.iter().filter(|e| e.kind() == "create pods").count();
    assert_eq!(pods, created.len() + refusals.len(), "{:#?}", tally(&entries));
    println!(
        "{HEALTHY} Pipelines, from the first to the last creation of a Pod: alone {alone:?}; while {REFUSED} others are \
         refused by a quota ({} tries) and {} cannot be read or are invalid: {:?}",
        refusals.len(),
        2 * POISONED,
        between(&created),
    );
}
