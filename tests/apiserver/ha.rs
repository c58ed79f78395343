//! High availability: of several operators one works; whatever becomes of it another takes over, and no Pipeline ever has
//! two Pods. Order and counts come from the audit log, in which each operator has a `User-Agent` of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;
use serde_json::json;
use tokio::task::block_in_place;

use crate::outage::Proxy;
use crate::support::audit::{Audit, Entry, per_name, tally};
use crate::support::heavy::{Heavy, each};
use crate::support::rights;
use crate::support::{Operator, SYSTEM_NAMESPACE, Space, admin, output, phase_of};

/// At each takeover so many Pipelines are under way.
const BATCH: usize = 25;
/// A slow machine must not lose a Lease; a test must not take long.
const LEASE: Duration = Duration::from_secs(20);
const RENEW_DEADLINE: Duration = Duration::from_secs(15);
/// At once, so that a takeover finds work that is left.
const FEW: [&str; 2] = ["--pod-creates-per-second=3", "--concurrency=4"];
const FLAGS: [&str; 5] = [
    "--leader-elect",
    "--leader-elect-namespace=lockgate-system",
    "--leader-elect-lease-duration=20s",
    "--leader-elect-renew-deadline=15s",
    "--leader-elect-retry-period=500ms",
];

/// What an operator says when it begins to lead; its name in the election follows.
const LEADS: &str = " leads as ";

/// A place from which operators are started.
struct Place<'a> {
    cluster: &'a Cluster,
    kubeconfig: PathBuf,
    flags: Vec<&'static str>,
}

impl<'a> Place<'a> {
    fn on(cluster: &'a Cluster) -> Self {
        let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
        Self { cluster, kubeconfig, flags: FLAGS.to_vec() }
    }

    async fn follower(&self) -> Operator {
        let operator = Operator::start_with_flags(self.cluster, &self.kubeconfig, &self.flags);
        operator.says("follows: another leads").await;
        for list in ["Pipelines", "Pods", "Secrets", "ServiceAccounts"] {
            operator.says(&format!("the list of {list} is complete")).await;
        }
        operator
    }

    async fn leader(&self) -> Operator {
        let operator = Operator::start_with_flags(self.cluster, &self.kubeconfig, &self.flags);
        leads(&operator).await;
        operator
    }
}

/// Waits until it leads, and returns its name in the election.
async fn leads(operator: &Operator) -> String {
    operator.says(LEADS).await;
    let log = operator.log();
    let name = log.split_once(LEADS).unwrap().1.split(|c: char| c.is_whitespace() || c.is_control()).next();
    name.unwrap().to_owned()
}

/// What dashboards for client-go know the leader by.
fn is_master(operator: &Operator) -> bool {
    operator.scrape().value("leader_election_master_status{name=\"lockgate\"}") > 0.5
}

fn leases(client: &Client) -> Api<Lease> {
    Api::namespaced(client.clone(), SYSTEM_NAMESPACE)
}

/// Makes Pipelines that can start, and returns when a few of their Pods are there and most are not.
async fn amid_work(space: &Space, batch: usize) {
    let numbers = batch * BATCH..(batch + 1) * BATCH;
    let make = each(numbers, |i| async move {
        let secrets = json!([{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]);
        space.pipeline(&format!("p-{i:03}"), json!({"transform": {"image": "a", "secrets": secrets}})).await;
    });
    tokio::join!(make, space.until_many::<Pod>(batch * BATCH + 3, "there", Instant::now(), |_| true));
    let there = space.pods().await.len();
    assert!(there < (batch + 1) * BATCH, "the takeover finds nothing to do");
}

async fn all_have_pods(space: &Space, batches: usize) {
    space.until_many::<Pod>(batches * BATCH, "there", Instant::now(), |_| true).await;
}

/// Whose requests these are: what stands in brackets in `lockgate/0.1.0 (identity)`.
fn identity(entry: &Entry) -> &str {
    entry.user_agent.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'))
}

fn on_lease(entry: &Entry) -> bool {
    entry.kind().ends_with(" leases")
}

/// The operators that wrote anything but the Lease, in order, each once for each time that it began. What was refused is no
/// write: see [`late_writes`].
fn writers(entries: &[Entry]) -> Vec<String> {
    let mut writes: Vec<&Entry> = entries.iter().filter(|e| e.is_write() && !on_lease(e) && e.code() < 400).collect();
    writes.sort_by_key(|e| e.received());
    let mut all: Vec<String> = writes.iter().map(|e| identity(e).to_owned()).collect();
    all.dedup();
    all
}

/// When this operator wrote the Lease.
fn renewals<'a>(entries: &'a [Entry], who: &'a str) -> impl Iterator<Item = Timestamp> + 'a {
    let wrote = move |e: &&Entry| on_lease(e) && e.is_write() && e.code() < 300 && identity(e) == who;
    entries.iter().filter(wrote).map(Entry::answered)
}

fn acquired(entries: &[Entry], who: &str) -> Timestamp {
    renewals(entries, who).min().unwrap()
}

fn last_renewed(entries: &[Entry], who: &str) -> Timestamp {
    renewals(entries, who).max().unwrap()
}

/// What this process wrote from then on. A request that was past the fence when its process was stopped is sent when that goes
/// on: it names the version or the Pod that it is about, and the one who led meanwhile has been there: so it is refused.
fn late_writes(audit: &mut Audit, since: Timestamp, who: &str) -> Vec<Entry> {
    let theirs = |e: &Entry| identity(e) == who && e.is_write() && !on_lease(e);
    audit.since(since).into_iter().filter(|e| theirs(e) && e.code() < 400).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_works_the_others_stand_ready_and_no_takeover_makes_two_pods() {
    let cluster = Heavy::start_from("deploy/overlays/ha").await;
    let client = admin(&cluster).await;
    let mut place = Place::on(&cluster);
    place.flags.extend(FEW);
    let mut audit = Audit::of(&cluster);
    let space = Space::new(&client, "takeovers").await;
    space.secret("db", &["password"]).await;

    let first = place.leader().await;
    let second = place.follower().await;
    let mut order = vec![leads(&first).await];
    assert!(is_master(&first) && !is_master(&second));

    // SIGKILL: the Lease runs out.
    amid_work(&space, 0).await;
    first.kill();
    let killed = Instant::now();
    order.push(leads(&second).await);
    let after_kill = killed.elapsed();
    assert!(is_master(&second));
    all_have_pods(&space, 1).await;

    // SIGTERM: the Lease is given back.
    let third = place.follower().await;
    amid_work(&space, 1).await;
    let told = Instant::now();
    let ((status, took), third_is) = tokio::join!(async { block_in_place(|| second.terminate()) }, leads(&third));
    let after_term = told.elapsed();
    assert_eq!(status.code(), Some(0), "{status}");
    order.push(third_is);
    all_have_pods(&space, 2).await;

    // SIGSTOP for longer than the Lease lasts, amid work; then it goes on where it stood, if it may.
    let mut third = third;
    let fourth = place.follower().await;
    amid_work(&space, 2).await;
    third.signal("STOP");
    let stopped = Instant::now();
    order.push(leads(&fourth).await);
    let after_stop = stopped.elapsed();
    all_have_pods(&space, 3).await;
    audit.settle(&client).await;
    let resumed = Timestamp::now();
    third.signal("CONT");
    let status = third.end().await;
    assert_eq!(status.code(), Some(1), "{status}");
    let log = third.log();
    assert!(log.contains("lockgate: leadership was lost") && log.contains("Kubernetes restarts it"), "{log}");
    audit.settle(&client).await;
    let late = late_writes(&mut audit, resumed, &order[2]);
    assert!(late.is_empty(), "it wrote after its time: {late:#?}");

    // The Lease is deleted: whoever leads makes it anew, and whoever follows waits as if it were there.
    let fifth = place.follower().await;
    amid_work(&space, 3).await;
    let old = leases(&client).get("lockgate").await.unwrap().metadata.uid;
    leases(&client).delete("lockgate", &kube::api::DeleteParams::default()).await.unwrap();
    all_have_pods(&space, 4).await;
    let system = Space { name: SYSTEM_NAMESPACE.to_owned(), ..space.clone() };
    let lease = system.until("lockgate", "made anew", |lease: &Lease| lease.metadata.uid != old).await;
    assert_eq!(lease.spec.unwrap().holder_identity.as_ref(), order.last(), "another made it");
    assert!(!fifth.log().contains(LEADS));

    audit.settle(&client).await;
    let entries = audit.read().to_vec();
    assert_eq!(writers(&entries), order, "who wrote, in order");
    // One whose client was killed meanwhile is made, and its request ends otherwise.
    assert_eq!(per_name(entries.iter().filter(|e| e.kind() == "create pods")).len(), 4 * BATCH);
    let created = per_name(entries.iter().filter(|e| e.kind() == "create pods" && e.code() == 201));
    assert!(created.values().all(|count| *count == 1), "two Pods for one attempt: {created:?}");
    assert_eq!(space.pods().await.len(), 4 * BATCH);
    // SIGKILL and SIGSTOP cost what is left of the Lease, SIGTERM costs nothing of it.
    assert!(after_kill < 2 * LEASE && after_stop < 2 * LEASE, "{after_kill:?}, {after_stop:?}");
    assert!(after_term < LEASE.checked_sub(Duration::from_secs(1)).unwrap(), "{after_term:?}");
    for (old, new) in [(0, 1), (2, 3)] {
        let between = acquired(&entries, &order[new]).duration_since(last_renewed(&entries, &order[old]));
        assert!(between > RENEW_DEADLINE.try_into().unwrap(), "taken {between:#} after a renewal");
    }
    assert_followers_only_watch(&entries, &order);
    assert_rights(&entries);
    println!(
        "{} Pipelines, one Pod each; a Lease of {LEASE:?}: another led {after_kill:?} after SIGKILL, {after_term:?} after \
         SIGTERM (the old one had ended after {took:?}), {after_stop:?} after SIGSTOP; {:?}",
        4 * BATCH,
        tally(&entries)
    );
}

/// Before it leads an operator has read no Secret; when it leads it lists Pipelines once more and nothing else.
fn assert_followers_only_watch(entries: &[Entry], order: &[String]) {
    for (i, who) in order.iter().enumerate() {
        let since = acquired(entries, who);
        let own: Vec<&Entry> = entries.iter().filter(|e| identity(e) == who && !on_lease(e)).collect();
        let early = own.iter().find(|e| e.received() < since && !matches!(e.verb.as_str(), "list" | "watch"));
        assert!(early.is_none(), "a follower asked for more than lists and watches: {early:#?}");
        let lists: BTreeMap<String, usize> = tally_lists(own.iter().filter(|e| e.received() >= since));
        if i > 0 {
            assert_eq!(lists, BTreeMap::from([("list pipelines".to_owned(), 1)]), "{who} was not warm");
        }
    }
}

fn tally_lists<'a>(entries: impl Iterator<Item = &'a &'a Entry>) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    entries.filter(|e| e.verb == "list" && e.code() == 200).for_each(|e| *all.entry(e.kind()).or_insert(0) += 1);
    all
}

/// What the Role grants is used, and nothing was refused.
fn assert_rights(entries: &[Entry]) {
    let refused: Vec<&Entry> = entries.iter().filter(|e| e.code() == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let verbs: BTreeSet<&str> = entries.iter().filter(|e| on_lease(e)).map(|e| e.verb.as_str()).collect();
    assert_eq!(verbs, BTreeSet::from(["create", "get", "update", "watch"]));
    let elsewhere = entries.iter().find(|e| on_lease(e) && e.namespace() != SYSTEM_NAMESPACE);
    assert!(elsewhere.is_none(), "{elsewhere:#?}");
}

/// As many requests as workers are under way when it is stopped, and their answers lie ready when it goes on. Two things
/// keep it from going on with its work, each enough by itself: the fence, and that the election asks the clock first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_paused_amid_writes_writes_nothing_more() {
    const MANY: usize = 300;
    let cluster = Heavy::start_from("deploy/overlays/ha").await;
    let client = admin(&cluster).await;
    let mut place = Place::on(&cluster);
    place.flags.extend(["--pod-creates-per-second=100000", "--concurrency=32"]);
    let mut audit = Audit::of(&cluster);
    let space = Space::new(&client, "paused").await;
    let mut paused = place.leader().await;
    let name = leads(&paused).await;
    let other = place.follower().await;
    let secrets = json!([{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]);
    let spec = json!({"transform": {"image": "a", "secrets": secrets}});
    each(0..MANY, |i| {
        let (space, spec) = (&space, spec.clone());
        async move {
            space.pipeline(&format!("p-{i:03}"), spec).await;
        }
    })
    .await;
    space.until_many(MANY, "waits", Instant::now(), |p: &Pipeline| phase_of(p) == Some(Phase::Waiting)).await;

    let stop = async {
        space.until_many::<Pod>(20, "there", Instant::now(), |_| true).await;
        paused.signal("STOP");
    };
    tokio::join!(stop, space.secret("db", &["password"]));
    let there = space.pods().await.len();
    assert!(there < MANY, "it had done everything");
    assert_ne!(leads(&other).await, name);
    space.until_many::<Pod>(MANY, "there", Instant::now(), |_| true).await;
    space.until_many(MANY, "starts", Instant::now(), |p: &Pipeline| phase_of(p) == Some(Phase::Starting)).await;
    audit.settle(&client).await;

    let resumed = Timestamp::now();
    paused.signal("CONT");
    assert_eq!(paused.end().await.code(), Some(1));
    audit.settle(&client).await;
    let late = late_writes(&mut audit, resumed, &name);
    assert!(late.is_empty(), "it wrote after its time: {:?}", tally(&late));
    let created = per_name(audit.read().iter().filter(|e| e.kind() == "create pods" && e.code() == 201));
    assert!(created.len() == MANY && created.values().all(|count| *count == 1), "{created:?}");
    println!("paused amid writes with {there} of {MANY} Pods there; after it went on it wrote nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_ends_before_another_begins() {
    let cluster = Heavy::start_from("deploy/overlays/ha").await;
    let client = admin(&cluster).await;
    let whole = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/overlays/ha");
    let applied =
        output(cluster.kubectl().args(["apply", "--server-side", "--dry-run=server", "-o", "name", "-k", whole]));
    for object in ["deployment.apps/lockgate", "poddisruptionbudget.policy/lockgate", "role.rbac.authorization.k8s.io/"]
    {
        assert!(applied.contains(object), "{applied}");
    }
    let mut proxy = Proxy::to(&cluster);
    let kubeconfig = cluster.service_account_kubeconfig_via(SYSTEM_NAMESPACE, "lockgate", &proxy.url()).unwrap();
    let mut cut_off = Operator::start_with_flags(&cluster, &kubeconfig, &FLAGS);
    let name = leads(&cut_off).await;
    let other = Place::on(&cluster).follower().await;

    proxy.cut();
    let cut = Instant::now();
    let ended = async {
        let status = cut_off.end().await;
        (status, cut.elapsed(), other.log().contains(LEADS))
    };
    let (status, after, other_led) = ended.await;
    assert_eq!(status.code(), Some(1), "{status}");
    assert!(!other_led, "the other led before this one had ended");
    assert!(cut_off.log().contains("the Lease could not be renewed for 15s"), "{}", cut_off.log());
    assert_ne!(leads(&other).await, name);
    let lease = leases(&client).get("lockgate").await.unwrap().spec.unwrap();
    assert_eq!(lease.lease_transitions, Some(1));
    println!("cut off: it ended after {after:?}, another led after {:?}", cut.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_flag_no_lease_is_asked_for_and_without_the_role_it_says_what_to_do() {
    let cluster = Heavy::start().await;
    rights::refuses(&cluster, "ha.rs leaves the Role of the Lease out");
    let client = admin(&cluster).await;
    let mut audit = Audit::of(&cluster);
    let alone = Operator::start(&cluster);
    alone.says("ready").await;
    audit.settle(&client).await;
    assert!(!audit.read().iter().any(on_lease));
    assert!(!alone.scrape().0.contains("leader_election"), "there is no election");
    let place = Place::on(&cluster);
    let refused = Operator::start_with_flags(&cluster, &place.kubeconfig, &FLAGS);
    refused
        .says("let the ServiceAccount get, watch, create and update leases there, as deploy/components/ha does")
        .await;
    assert!(!refused.log().contains(LEADS));
}
