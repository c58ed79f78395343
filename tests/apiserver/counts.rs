//! Quiet: how many requests a Pipeline costs, counted in the API server's audit log.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;

use crate::support::audit::{Audit, Entry, per_name, tally};
use crate::support::heavy::{Heavy, each, paper_node, uses};
use crate::support::{Operator, Space, admin, phase_of};

/// So many Pipelines.
const MANY: usize = 200;
/// What the operator watches, each in the whole cluster.
const WATCHED: [&str; 9] = [
    "pipelines",
    "pods",
    "secrets",
    "serviceaccounts",
    "configmaps",
    "persistentvolumeclaims",
    "events",
    "registries",
    "clusterregistries",
];
/// One of the operator's watches lasts so long and is then renewed.
const WATCH: Duration = Duration::from_secs(20);

fn in_phase(pipeline: &Pipeline, phase: Phase) -> bool {
    phase_of(pipeline) == Some(phase)
}

/// A cluster with an operator that has done its first work: all that follows is counted.
async fn busy_operator(cluster: &Cluster, namespace: &str) -> (Operator, Space) {
    let client = admin(cluster).await;
    paper_node(&client).await;
    let operator = Operator::start(cluster);
    let space = Space::new(&client, namespace).await;
    space.secret("warm", &["password"]).await;
    space.pipeline("warm", uses("warm")).await;
    space.until_many::<Pod>(1, "bound", Instant::now(), bound).await;
    space.phase("warm", Phase::Starting).await;
    (operator, space)
}

fn bound(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some())
}

/// Another Pipeline from begin to end: whatever was woken before it was looked at.
async fn marker(space: &Space, name: &str) {
    space.pipeline(name, uses("warm")).await;
    space.phase(name, Phase::Starting).await;
}

fn about(entry: &Entry, prefix: &str) -> bool {
    entry.name().starts_with(prefix)
}

/// A watch of the fixed set being renewed. The URI of one shows no namespace.
fn is_watch(entry: &Entry) -> bool {
    WATCHED.iter().any(|kind| entry.kind() == format!("watch {kind}"))
        && entry.namespace().is_empty()
        && entry.uri.contains("timeoutSeconds=20")
        && entry.code() == 200
}

/// The first list of each kind that is watched, and no other ever. What the API server could not answer yet, as while the storage
/// of a new kind is being made (429) or etcd stands still (5xx), is asked again.
fn assert_only_first_lists(entries: &[Entry]) {
    let answered = |entry: &&Entry| entry.verb == "list" && entry.code() != 429 && entry.code() < 500;
    let mut lists: Vec<String> = entries.iter().filter(answered).map(Entry::kind).collect();
    lists.sort();
    let mut first: Vec<String> = WATCHED.iter().map(|kind| format!("list {kind}")).collect();
    first.sort();
    assert_eq!(lists, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_whose_secret_is_there_costs_two_writes_and_one_read() {
    let cluster = Heavy::start().await;
    let (_operator, space) = busy_operator(&cluster, "there").await;
    let mut audit = Audit::of(&cluster);
    audit.settle(&space.client).await;
    let begun = Timestamp::now();

    each(0..MANY, |i| {
        let space = &space;
        async move {
            space.secret(&format!("s-{i:03}"), &["password"]).await;
        }
    })
    .await;
    let since = Instant::now();
    let make = each(0..MANY, |i| {
        let space = &space;
        async move {
            space.pipeline(&format!("p-{i:03}"), uses(&format!("s-{i:03}"))).await;
        }
    });
    let ((), statuses, pods) = tokio::join!(
        make,
        space.until_many::<Pipeline>(MANY + 1, "its Pod is in its status", since, |p| in_phase(p, Phase::Starting)),
        space.until_many::<Pod>(MANY + 1, "bound: an event that changes nothing", since, bound),
    );
    marker(&space, "marker").await;
    audit.settle(&space.client).await;

    let entries = audit.since(begun);
    let one_each = |entries: Vec<&Entry>, what: &str| {
        let counts = per_name(entries);
        assert_eq!(counts.len(), MANY, "{what}: {counts:?}");
        assert!(counts.values().all(|count| *count == 1), "{what}: {counts:?}");
    };
    let of = |kind: &str, code: u16, prefix: &str| -> Vec<&Entry> {
        entries.iter().filter(|e| e.kind() == kind && e.code() == code && about(e, prefix)).collect()
    };
    let creations = of("create pods", 201, "p-");
    let (first, last) = (creations.iter().map(|e| e.received()).min(), creations.iter().map(|e| e.answered()).max());
    let between = last.unwrap().duration_since(first.unwrap());
    one_each(creations, "one Pod each");
    one_each(of("patch pipelines/status", 200, "p-"), "one status each");
    one_each(of("get secrets", 200, "s-"), "one read of each Secret");
    let others: Vec<&Entry> =
        entries.iter().filter(|e| !is_watch(e) && !about(e, "p-") && !about(e, "s-") && !about(e, "marker")).collect();
    assert!(others.is_empty(), "{others:#?}");
    // Nothing but those three, the marker's Pod and status, and watches: no conflict, no refusal, no failure.
    let asked = entries.iter().filter(|e| !is_watch(e)).count();
    assert_eq!(asked, 3 * MANY + 2, "{:#?}", tally(&entries));

    let all = audit.read().to_vec();
    assert_only_first_lists(&all);
    for entry in all.iter().filter(|e| e.kind().ends_with(" secrets")) {
        let whole = entry.uri.starts_with("/api/v1/secrets?") && matches!(entry.verb.as_str(), "list" | "watch");
        let one = entry.verb == "get" && entry.uri == format!("/api/v1/namespaces/there/secrets/{}", entry.name());
        assert!(whole || one, "{entry:#?}");
    }
    println!(
        "{MANY} Pipelines whose Secrets are there: first to last Pod {between:#} at the API server; \
         from the first Pipeline's creation to the last bound Pod {:?}, to the last status {:?}; {:?}",
        pods.1,
        statuses.1,
        tally(&entries)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_pipeline_costs_nothing_and_one_event_starts_them_all() {
    let cluster = Heavy::start().await;
    let (_operator, space) = busy_operator(&cluster, "late").await;
    let mut audit = Audit::of(&cluster);
    audit.settle(&space.client).await;
    let begun = Timestamp::now();

    let since = Instant::now();
    each(0..MANY, |i| {
        let space = &space;
        async move {
            space.pipeline(&format!("p-{i:03}"), uses("the-secret")).await;
        }
    })
    .await;
    let waiting = |p: &Pipeline| in_phase(p, Phase::Waiting);
    let (_, all_wait) = space.until_many::<Pipeline>(MANY, "waits", since, waiting).await;
    audit.until("all statuses were written", |all| count(all, "patch pipelines/status", "p-") >= MANY).await;
    marker(&space, "marker").await;
    audit.settle(&space.client).await;

    // Each watch is renewed within the window, whenever it began; on a slow machine the window is longer.
    let quiet = Timestamp::now();
    tokio::time::sleep(WATCH + Duration::from_secs(1)).await;
    let renewals = |all: &[Entry], kind: &str| {
        all.iter().filter(|e| e.kind() == format!("watch {kind}") && e.received() >= quiet).count()
    };
    audit.until("every watch was renewed", |all| WATCHED.iter().all(|kind| renewals(all, kind) > 0)).await;
    audit.settle(&space.client).await;
    let in_window = audit.since(quiet);
    let most = Timestamp::now().duration_since(quiet).unsigned_abs().as_secs() / WATCH.as_secs() + 1;
    assert!(in_window.iter().all(is_watch), "{in_window:#?}");
    for kind in WATCHED {
        let renewed = renewals(&in_window, kind);
        assert!(renewed as u64 <= most, "the watch on {kind} was renewed {renewed} times, not {most}");
    }

    let rung = Instant::now();
    let start = space.secret("the-secret", &["password"]);
    let started = |p: &Pipeline| p.name_any().starts_with("p-") && in_phase(p, Phase::Starting);
    let ours = |pod: &Pod| pod.name_any().starts_with("p-");
    let (_, pods, statuses) = tokio::join!(
        start,
        space.until_many::<Pod>(MANY, "there", rung, ours),
        space.until_many::<Pipeline>(MANY, "its Pod is in its status", rung, started),
    );
    space.until_many::<Pod>(MANY + 2, "bound: an event that changes nothing", rung, bound).await;
    marker(&space, "marker-two").await;
    audit.settle(&space.client).await;

    let entries = audit.since(begun);
    for (kind, code, each) in [("create pods", 201, 1), ("patch pipelines/status", 200, 2)] {
        let counts = per_name(entries.iter().filter(|e| e.kind() == kind && e.code() == code && about(e, "p-")));
        assert_eq!(counts.len(), MANY, "{kind}");
        assert!(counts.values().all(|count| *count == each), "{kind}: {counts:?}");
    }
    let reads: Vec<u16> = entries.iter().filter(|e| e.kind() == "get secrets").map(Entry::code).collect();
    assert_eq!(reads, [404, 200], "two reads for all of them: one that found nothing, one after the ring");
    let asked = entries.iter().filter(|e| !is_watch(e)).count();
    assert_eq!(asked, 3 * MANY + 2 + 2 * 2, "{:#?}", tally(&entries));
    assert_only_first_lists(audit.read());
    println!(
        "{MANY} Pipelines that waited for one Secret: all waiting {all_wait:?} after the first was created; in {:?} of \
         quiet {} renewals of watches and nothing else; after the Secret's creation was asked for: first Pod {:?}, \
         last Pod {:?}, last status {:?}; {:?}",
        WATCH + Duration::from_secs(1),
        in_window.len(),
        pods.0,
        pods.1,
        statuses.1,
        tally(&entries)
    );
}

fn count(entries: &[Entry], kind: &str, prefix: &str) -> usize {
    entries.iter().filter(|e| e.kind() == kind && about(e, prefix)).count()
}
