//! What a graph costs, counted in the API server's audit log; what a restart in its middle forgets (nothing); a quota.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate::model::ranges;
use lockgate_cluster::Cluster;
use serde_json::{Value, json};

use crate::graph::{completed, diamond, pod, pod_ids, pods, secrets_of, steps, until_steps};
use crate::support::audit::{Audit, tally};
use crate::support::heavy::{Heavy, each, paper_node};
use crate::support::{DEADLINE, Operator, Space, admin, condition, failed_now, message};

/// The requests about this namespace since then, by kind and code.
async fn asked(audit: &mut Audit, space: &Space, since: Timestamp) -> Value {
    audit.settle(&space.client).await;
    let entries: Vec<_> = audit.since(since).into_iter().filter(|e| e.namespace() == space.name).collect();
    serde_json::to_value(tally(&entries)).unwrap()
}

/// On the paper node nothing runs, so that the Pods that a test ends are the only ones that end.
async fn made(space: &Space, mut spec: Value) {
    spec["tolerations"] = json!([{"operator": "Exists"}]);
    space.pipeline("edges", spec).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_graphs_cost_and_what_a_killed_operator_forgets() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let operator = Operator::start(&cluster);
    let mut audit = Audit::of(&cluster);

    four_steps(&client, &mut audit).await;
    many_pods(&client, &mut audit).await;
    let operator = killed_amid_a_graph(&cluster, operator, &client, &mut audit).await;
    let operator = killed_amid_many_pods(&cluster, operator, &client).await;
    quota(&client, &mut audit).await;
    drop(operator);
}

/// Four steps of one Pod each, of which one waits for its Secret.
async fn four_steps(client: &kube::Client, audit: &mut Audit) {
    let space = Space::new(client, "counts").await;
    secrets_of(&space, &["extract", "index", "report"]).await;
    audit.settle(client).await;
    let begun = Timestamp::now();
    made(&space, diamond()).await;
    until_steps(&space, "extract=Starting load=Pending index=Pending report=Pending").await;
    space.pod_succeeds(&pod(&space, "1/extract/0").await).await;
    until_steps(&space, "extract=Succeeded load=Waiting index=Starting report=Pending").await;
    // Waiting costs nothing, with a live sibling, too.
    audit.settle(client).await;
    let quiet = Timestamp::now();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(asked(audit, &space, quiet).await, json!({}));
    secrets_of(&space, &["load"]).await;
    until_steps(&space, "extract=Succeeded load=Starting index=Starting report=Pending").await;
    space.pod_succeeds(&pod(&space, "1/load/0").await).await;
    until_steps(&space, "extract=Succeeded load=Succeeded index=Starting report=Pending").await;
    space.pod_succeeds(&pod(&space, "1/index/0").await).await;
    until_steps(&space, "extract=Succeeded load=Succeeded index=Succeeded report=Starting").await;
    space.pod_succeeds(&pod(&space, "1/report/0").await).await;
    space.phase("edges", Phase::Succeeded).await;
    let costs = asked(audit, &space, begun).await;
    println!("a graph of four steps: {costs}");
    // A status for each thing that happened: created; extract ended; load's Secret came; three more Pods ended. One read
    // of each Secret, and two of the one that was missing.
    assert_eq!(
        costs,
        json!({"create pods 201": 4, "patch pipelines/status 200": 6, "get secrets 200": 4, "get secrets 404": 1})
    );
}

/// Twenty equal Pods, one after the other and at once.
async fn many_pods(client: &kube::Client, audit: &mut Audit) {
    for at_once in [false, true] {
        let space = Space::new(client, if at_once { "at-once" } else { "one-by-one" }).await;
        audit.settle(client).await;
        let begun = Timestamp::now();
        made(&space, json!({"parallelism": 20, "transform": {"image": "registry.test/edges:1"}})).await;
        let there = |p: &Pipeline| p.status.as_ref().is_some_and(|s| s.replicas == Some(20));
        space.until("edges", "20 Pods", there).await;
        let names: Vec<String> = pods(&space).await.iter().map(|(_, pod)| pod.name_any()).collect();
        if at_once {
            each(0..20, |i| space.pod_succeeds(&names[i])).await;
        } else {
            for (i, name) in names.iter().enumerate() {
                space.pod_succeeds(name).await;
                let left = i32::try_from(19 - i).unwrap();
                let told = |p: &Pipeline| p.status.as_ref().is_some_and(|s| s.replicas == Some(left));
                space.until("edges", "it was told", told).await;
            }
        }
        let done = space.phase("edges", Phase::Succeeded).await;
        assert_eq!(completed(&done), Some("0-19"));
        let costs = asked(audit, &space, begun).await;
        println!("20 equal Pods that end {}: {costs}", if at_once { "at once" } else { "one by one" });
        assert_eq!(costs["create pods 201"], 20);
        let writes = costs["patch pipelines/status 200"].as_u64().unwrap();
        assert!(writes <= 21, "one for the beginning, and at most one for each end: {writes}");
    }
}

/// A step's end stands over a restart, though its Pod was deleted.
async fn killed_amid_a_graph(
    cluster: &Cluster,
    operator: Operator,
    client: &kube::Client,
    audit: &mut Audit,
) -> Operator {
    let space = Space::new(client, "killed").await;
    secrets_of(&space, &["extract", "load", "index", "report"]).await;
    made(&space, diamond()).await;
    until_steps(&space, "extract=Starting load=Pending index=Pending report=Pending").await;
    let extract = pods(&space).await.remove(0).1;
    space.pod_succeeds(&extract.name_any()).await;
    until_steps(&space, "extract=Succeeded load=Starting index=Starting report=Pending").await;
    space.delete::<Pod>(&extract.name_any()).await;
    space.until_gone(&extract.name_any(), &extract.uid().unwrap()).await;
    // The operator hears of that deletion before it is asked for anything else.
    space.pod_status(&pod(&space, "1/load/0").await, json!({"phase": "Running"})).await;
    until_steps(&space, "extract=Succeeded load=Running index=Starting report=Pending").await;
    assert_eq!(pod_ids(&space).await, ["1/index/0", "1/load/0"]);

    operator.kill();
    // While nobody looks one ends.
    space.pod_succeeds(&pod(&space, "1/index/0").await).await;
    audit.settle(client).await;
    let restarted = Timestamp::now();
    let operator = Operator::start(cluster);
    until_steps(&space, "extract=Succeeded load=Running index=Succeeded report=Pending").await;
    assert_eq!(asked(audit, &space, restarted).await["create pods 201"], Value::Null, "nothing is run again");
    space.pod_succeeds(&pod(&space, "1/load/0").await).await;
    until_steps(&space, "extract=Succeeded load=Succeeded index=Succeeded report=Starting").await;
    space.pod_succeeds(&pod(&space, "1/report/0").await).await;
    space.phase("edges", Phase::Succeeded).await;
    assert_eq!(pod_ids(&space).await, ["1/index/0", "1/load/0", "1/report/0"]);
    operator
}

/// SIGKILL while the Pods are made, and again while they end: each is made once, and no end is forgotten.
async fn killed_amid_many_pods(cluster: &Cluster, operator: Operator, client: &kube::Client) -> Operator {
    let space = Space::new(client, "killed-many").await;
    made(&space, json!({"parallelism": 20, "retries": 1, "transform": {"image": "registry.test/edges:1"}})).await;
    space.until_many::<Pod>(3, "there", Instant::now(), |_| true).await;
    operator.kill();
    let at_kill = pod_ids(&space).await.len();
    let operator = Operator::start(cluster);
    space.until("edges", "20 Pods", |p: &Pipeline| p.status.as_ref().is_some_and(|s| s.replicas == Some(20))).await;
    let all = pods(&space).await;
    let ids: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
    let mut expected: Vec<String> = (0..20).map(|i| format!("1/main/{i}")).collect();
    expected.sort();
    assert_eq!(ids, expected);

    // The last one is tried again.
    space.pod_status(&pod(&space, "1/main/19").await, failed_now(3)).await;
    let again = |p: &Pipeline| {
        let rows = p.status.iter().flat_map(|s| &s.steps).flat_map(|s| &s.indexes);
        rows.into_iter().any(|row| row.index == 19 && row.attempts == 1 && row.pod.is_some())
    };
    space.until("edges", "another try", again).await;

    // Five have ended and are recorded; two of these are deleted.
    let by_index = |i: usize| all.iter().find(|(id, _)| *id == format!("1/main/{i}")).unwrap().1.clone();
    for i in 0..5 {
        space.pod_succeeds(&by_index(i).name_any()).await;
    }
    space.until("edges", "five", |p: &Pipeline| completed(p) == Some("0-4")).await;
    for i in 0..2 {
        space.delete::<Pod>(&by_index(i).name_any()).await;
        space.until_gone(&by_index(i).name_any(), &by_index(i).uid().unwrap()).await;
    }
    operator.kill();
    // While nobody looks the second try loses the label by which it is watched, and five more end.
    let retried = pod(&space, "1/main/19").await;
    let unlabelled = Patch::Merge(json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}));
    space.api::<Pod>().patch(&retried, &PatchParams::default(), &unlabelled).await.unwrap();
    for i in 5..10 {
        space.pod_succeeds(&by_index(i).name_any()).await;
    }
    let operator = Operator::start(cluster);
    space.until("edges", "ten", |p: &Pipeline| completed(p) == Some("0-9")).await;
    each(10..20, |i| {
        let (space, name) = (&space, if i == 19 { retried.clone() } else { by_index(i).name_any() });
        async move { space.pod_succeeds(&name).await }
    })
    .await;
    let done = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(completed(&done), Some("0-19"));
    let mut left: Vec<String> = (2..20).chain([19]).map(|i| format!("1/main/{i}")).collect();
    left.sort();
    assert_eq!(pod_ids(&space).await, left, "nothing was run again");
    println!("SIGKILL with {at_kill} of 20 Pods made, and with 5 of 20 ends recorded: each Pod once, no end forgotten");
    operator
}

/// A quota for two of five Pods.
async fn quota(client: &kube::Client, audit: &mut Audit) {
    let space = Space::new(client, "quota").await;
    let quota = json!({"metadata": {"name": "two"}, "spec": {"hard": {"pods": "2"}}});
    space.api::<ResourceQuota>().create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    let counted = |q: &ResourceQuota| q.status.as_ref().is_some_and(|s| s.used.is_some());
    space.until("two", "it counts", counted).await;
    // The API server hears of that after the controller has said it.
    let container = json!({"name": "main", "image": "registry.test/edges:1"});
    let pod = json!({"metadata": {"name": "asks"}, "spec": {"containers": [container]}});
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let admitted = async {
        while space.api::<Pod>().create(&dry_run, &pod).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(DEADLINE, admitted).await.expect("the quota admits nothing");
    audit.settle(client).await;
    let begun = Timestamp::now();
    made(&space, json!({"parallelism": 5, "transform": {"image": "registry.test/edges:1"}})).await;
    let refused = |p: &Pipeline| condition(p, "Ready") == "False/QuotaExceeded";
    let told = space.until("edges", "QuotaExceeded", refused).await;
    assert!(message(&told).contains("exceeded quota: two"), "{}", message(&told));
    assert_eq!(pod_ids(&space).await.len(), 2);
    let mut done = 0;
    while done < 5 {
        let all = pods(&space).await;
        let mut live =
            all.iter().filter(|(_, pod)| pod.status.as_ref().and_then(|s| s.phase.as_deref()) != Some("Succeeded"));
        let Some((_, next)) = live.next_back() else { panic!("no Pod lives, {done} of 5 have ended") };
        space.pod_succeeds(&next.name_any()).await;
        done += 1;
        // That end was told, and another Pod was let in where there is one left.
        let replaced = |p: &Pipeline| {
            let ends = ranges::parse(completed(p).unwrap_or_default()).len();
            ends == done && p.status.as_ref().and_then(|s| s.replicas) == i32::try_from(2.min(5 - done)).ok()
        };
        space.until("edges", "the next Pod", replaced).await;
    }
    let over = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(steps(&over), "main=Succeeded");
    let costs = asked(audit, &space, begun).await;
    let took = Timestamp::now().duration_since(begun);
    println!("five Pods under a quota of two, in {took:#}: {costs}");
    assert_eq!(costs["create pods 201"], 5);
    // The pause after a refusal is 5 s or more, so that there are few.
    let refusals = costs["create pods 403"].as_u64().unwrap();
    assert!((1..=took.as_secs().unsigned_abs() / 4 + 1).contains(&refusals), "{refusals} in {took:#}");
    space.api::<ResourceQuota>().delete("two", &DeleteParams::default()).await.unwrap();
}
