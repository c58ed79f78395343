//! What it asks for: values of its sources alone, nothing at rest and nothing after a restart; what it shows holds no value; two at
//! once do no harm; and what the operator sees of copies.

use std::collections::BTreeSet;
use std::time::Instant;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;
use lockgate::api::registry::ClusterRegistry;
use lockgate_cluster::Cluster;

use super::{COPY, PROJECTOR, Site, copy, until_none, until_password, version};
use crate::canary::{in_memory, spellings};
use crate::metrics::documented;
use crate::support::audit::{Audit, Entry, tally};
use crate::support::rights::{Right, granted, rules_in};
use crate::support::{CANARY, DEADLINE, Operator, Projector, rendered};

/// Whether a request can have been answered with values of Secrets.
fn may_bring_values(entry: &Entry) -> bool {
    entry.right().resource == "secrets" && !entry.is_write()
}

/// Two turns of every watch.
async fn two_turns(audit: &mut Audit) {
    let since = Timestamp::now();
    let renewed = |all: &[Entry]| {
        let renewed = all.iter().filter(|entry| entry.received() >= since && entry.kind() == "watch secrets");
        renewed.count() >= 8
    };
    audit.until("every watch of Secrets was renewed twice", renewed).await;
}

/// What is granted to the projector.
fn grants(cluster: &Cluster) -> BTreeSet<Right> {
    let objects = rendered(cluster, super::OVERLAY);
    let ours = objects.iter().filter(|object| {
        let is_role = object.contains("\nkind: Role\n") || object.contains("\nkind: ClusterRole\n");
        is_role && object.contains("\n  name: lockgate-projector\n")
    });
    ours.flat_map(|object| granted(&rules_in(object))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_asks_for_values_of_its_sources_alone_and_shows_none() {
    let site = Site::new().await;
    let stage = site.stage("quiet").await;
    let operator = Operator::start(&site.cluster);
    let projector = Projector::start(&site.cluster);
    let space = stage.usual().await;
    space.secret("private", &["password"]).await;
    let mut audit = Audit::of_account(&site.cluster, PROJECTOR);
    for round in 2..5 {
        stage.password(round).await;
        until_password(&space, round).await;
    }
    stage
        .source(
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            r#"{"auths": {"quiet.example": {"auth": "canary-7c1f"}}}"#,
        )
        .await;
    stage.says("False/EntryMalformed 0").await;
    until_none(&space, Instant::now()).await;
    stage.password(5).await;
    until_password(&space, 5).await;
    stage.says("True/Copied 1").await;

    // At rest: watches, and nothing else.
    audit.settle(&stage.client).await;
    let rests = Timestamp::now();
    two_turns(&mut audit).await;
    let at_rest: BTreeSet<String> = audit.since(rests).iter().map(Entry::kind).collect();
    assert!(at_rest.iter().all(|kind| kind.starts_with("watch ")), "{at_rest:?}");

    // A restart writes nothing.
    let before = version(&copy(&space).await.unwrap());
    let text = projector.scrape();
    let (log, scrape) = (projector.log(), text.0.clone());
    projector.kill();
    let restarted = Timestamp::now();
    let projector = Projector::start(&site.cluster);
    projector.until_health("/readyz", 200).await;
    two_turns(&mut audit).await;
    let writes: Vec<String> = audit.since(restarted).iter().filter(|entry| entry.is_write()).map(Entry::kind).collect();
    assert_eq!(writes, [""; 0], "after a restart");
    assert_eq!(version(&copy(&space).await.unwrap()), before);

    // Values are asked for in the source namespace alone; of copies, which have one name, metadata.
    let all = audit.read().to_vec();
    println!("{:#?}", tally(&all));
    assert!(all.iter().all(|entry| !entry.is_unauthorised()));
    for entry in all.iter().filter(|entry| may_bring_values(entry)) {
        let of_sources = entry.uri.starts_with("/api/v1/namespaces/lockgate-system/secrets?");
        let of_copies = entry.uri.starts_with("/api/v1/secrets?")
            && entry.uri.contains("fieldSelector=metadata.name%3Dlockgate-registries");
        let of_names = entry.uri.contains("type%21%3D");
        assert!(of_sources || of_copies, "{}", entry.uri);
        let by_type = entry.uri.contains("fieldSelector=type%3Dkubernetes.io%2Fdocker");
        assert_eq!(of_sources && !of_names, by_type, "{}", entry.uri);
        assert_ne!(entry.verb, "get", "{}", entry.uri);
    }
    let written: BTreeSet<&str> =
        all.iter().filter(|entry| entry.is_write() && entry.right().resource == "secrets").map(Entry::name).collect();
    assert_eq!(written, BTreeSet::from([COPY]));
    let asked: BTreeSet<Right> = all.iter().map(Entry::right).collect();
    // The API server asks for the right to create within an application.
    let lacking: Vec<Right> = grants(&site.cluster).difference(&asked).cloned().collect();
    assert_eq!(lacking.iter().map(ToString::to_string).collect::<Vec<_>>(), ["create secrets"]);
    assert!(asked.is_subset(&grants(&site.cluster)), "{asked:?}");

    // No value in what anybody can see.
    let registries = Api::<ClusterRegistry>::all(stage.client.clone()).list(&ListParams::default()).await.unwrap();
    let events = Api::<Event>::all(stage.client.clone()).list(&ListParams::default()).await.unwrap();
    assert!(!events.items.is_empty(), "the malformed entry was worth an event");
    let shown = [
        log,
        projector.log(),
        scrape,
        serde_json::to_string(&registries.items).unwrap(),
        serde_json::to_string(&events.items).unwrap(),
    ];
    let needles = spellings(CANARY);
    for text in &shown {
        for needle in &needles {
            let found = text.as_bytes().windows(needle.len()).any(|window| window == needle.as_slice());
            assert!(!found, "a value stands in: {text}");
        }
        assert!(!text.contains("robot"), "a user stands in: {text}");
    }
    // Nor in the operator, which attaches the copy: neither a value nor the copy's file.
    operator.until_health("/readyz", 200).await;
    let [values] = in_memory(operator.pid(), [&needles]);
    let [of_projector] = in_memory(projector.pid(), [&needles]);
    println!("in memory: {values} values in the operator, {of_projector} in the projector");
    assert_eq!(values, 0, "the operator never asked for data");
    assert!(of_projector > 0, "the search finds what is there");
    every_metric_is_documented(&projector);
    drop((operator, projector));
    site.end().await;
}

/// The page has a row for each family, with its type and its labels, and for none that there is not.
fn every_metric_is_documented(projector: &Projector) {
    const OF_BOTH: [&str; 4] = [
        "lockgate_api_requests_total",
        "lockgate_build_info",
        "lockgate_watch_failures_total",
        "rest_client_requests_total",
    ];
    let is_of = |name: &str| {
        name.contains("projector")
            || name == "lockgate_clusterregistries"
            || name.starts_with("process_")
            || OF_BOTH.contains(&name)
    };
    let (page, real) = documented(&projector.scrape(), is_of);
    assert_eq!(page, real);
}

#[tokio::test]
async fn two_at_once_write_what_one_would_and_come_to_rest() {
    let site = Site::new().await;
    let stage = site.stage("twins").await;
    let twins = [Projector::start(&site.cluster), Projector::start(&site.cluster)];
    let space = stage.usual().await;
    let uid = copy(&space).await.unwrap().metadata.uid;
    for round in 2..8 {
        stage.password(round).await;
        assert_eq!(until_password(&space, round).await.metadata.uid, uid, "it was taken away while it was needed");
    }
    super::delete_pipeline(&space).await;
    until_none(&space, Instant::now()).await;
    stage.need(&space).await;
    let again = until_password(&space, 7).await;
    assert_ne!(again.metadata.uid, uid);
    stage.says("True/Copied 1").await;
    let mut audit = Audit::of_account(&site.cluster, PROJECTOR);
    audit.settle(&stage.client).await;
    let begun = Instant::now();
    loop {
        let rests = Timestamp::now();
        two_turns(&mut audit).await;
        let writes: Vec<String> = audit.since(rests).iter().filter(|entry| entry.is_write()).map(Entry::kind).collect();
        if writes.is_empty() {
            break;
        }
        // What was waited for may be one's alone: the other may be behind.
        assert!(begun.elapsed() < DEADLINE, "they do not come to rest: {writes:?}");
    }
    let codes = tally(audit.read());
    println!("{codes:#?}");
    drop(twins);
    site.end().await;
}

#[tokio::test]
async fn flags_that_cannot_be_are_refused_with_their_name() {
    for (flags, words) in [
        (["--source-namespaces", "Team A"], "give names of namespaces"),
        (["--helper-image", "not an image"], "--helper-image"),
        (["--log-level", "lockgate=loud"], "--log-level"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_lockgate")).arg("projector").args(flags).output();
        let output = output.unwrap();
        assert!(!output.status.success(), "{flags:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(words), "{told}");
    }
}
