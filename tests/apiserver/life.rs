//! Deletion at every moment, re-creation under the same name, the end of a namespace: nothing hangs, nothing goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, PropagationPolicy};
use kube::{Api, ResourceExt};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::json;

use crate::moments::{
    MOMENTS, Moment, delete_pipeline, first_pod_name, hold, marker, plain, pod_name, release, release_all, started,
};
use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::each;
use crate::support::{DEADLINE, Space, failed_now, name_of, step};
use crate::{audit, space};

/// So many Pipelines are deleted as soon as they were made.
const BURST: usize = 50;
/// Longer than any first pause: between two tries, or after a refusal.
const PAUSES: Duration = Duration::from_secs(11);

const KINDS: [(&str, PropagationPolicy); 3] = [
    ("background", PropagationPolicy::Background),
    ("foreground", PropagationPolicy::Foreground),
    ("orphan", PropagationPolicy::Orphan),
];

/// What the operator asked for in this namespace since then.
async fn asked_since(audit: &mut Audit, space: &Space, then: Timestamp) -> Vec<Entry> {
    audit.settle(&space.client).await;
    audit.since(then).into_iter().filter(|entry| entry.namespace() == space.name).collect()
}

/// Looks again and again until it is so: for what no watch on one object tells.
async fn until_so<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < DEADLINE, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_of(pod: &Pod, pipeline: &str) -> bool {
    name_of(pod).starts_with(&format!("{pipeline}-main-"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_is_deleted_at_any_moment_goes_and_nothing_is_done_for_it_any_more() {
    let space = space("deleted-anytime").await;
    let mut audit = audit().await;
    let begun = Timestamp::now();
    let all: Vec<(String, Moment, PropagationPolicy)> = KINDS
        .into_iter()
        .flat_map(|(word, kind)| {
            MOMENTS.map(|moment| (format!("{moment:?}-{word}").to_lowercase(), moment, kind.clone()))
        })
        .collect();
    join_all(all.iter().map(|(name, moment, _)| moment.reach(&space, name))).await;
    join_all(all.iter().map(|(name, _, kind)| delete_pipeline(&space, name, kind.clone()))).await;
    let deleted = Instant::now();
    each(0..BURST, |i| {
        let space = &space;
        async move {
            let name = format!("burst-{i}");
            // Half of them wait for a Secret that comes when they are gone.
            let secrets = if i % 2 == 0 { json!([]) } else { json!([{"name": "late", "mount_path": "/etc/late"}]) };
            space.pipeline(&name, json!({"transform": {"image": "registry.test/edges:1", "secrets": secrets}})).await;
            delete_pipeline(space, &name, PropagationPolicy::Background).await;
        }
    })
    .await;
    release_all(&space).await;

    // All go, and their Pods with them; of those whose Pods are orphaned these stay and are nobody's.
    let pipelines = space.api::<Pipeline>();
    until_so("no Pipeline", || async { pipelines.list(&ListParams::default()).await.unwrap().items.is_empty() }).await;
    let left = |pod: &Pod| pod.metadata.owner_references.is_none();
    until_so("no Pod that is owned", || async { space.pods().await.iter().all(left) }).await;
    let with_pod = |kind| all.iter().filter(move |(_, m, k)| m.has_pod() && *m != Moment::Ends && *k == kind);
    let orphans = space.pods().await;
    for (name, _, _) in with_pod(PropagationPolicy::Orphan) {
        assert_eq!(orphans.iter().filter(|pod| is_of(pod, name)).count(), 1, "{name}");
    }
    // Deletions are heard later than they are listed: this Pipeline is heard of after them.
    marker(&space, "marker-before").await;
    let came = Timestamp::now();
    space.secret("late", &["password"]).await;
    marker(&space, "marker").await;
    audit.settle(&space.client).await;
    let quiet = Timestamp::now();
    tokio::time::sleep(PAUSES.saturating_sub(deleted.elapsed())).await;
    let afterwards = asked_since(&mut audit, &space, quiet).await;
    assert!(afterwards.is_empty(), "it goes on with what is gone: {afterwards:#?}");

    let entries = asked_since(&mut audit, &space, begun).await;
    for (name, moment, _) in &all {
        let of_it = |entry: &&Entry| entry.name().starts_with(&format!("{name}-main-"));
        let made: Vec<_> =
            entries.iter().filter(of_it).filter(|e| e.kind() == "create pods" && e.code() == 201).collect();
        assert_eq!(made.len(), usize::from(moment.has_pod()), "{name}: {made:#?}");
        assert!(!entries.iter().filter(of_it).any(|e| e.kind() == "delete pods"), "{name}");
    }
    assert!(
        !entries.iter().any(|e| e.name() == "late" && e.received() >= came),
        "nobody used that Secret when it came"
    );

    // What was orphaned is not adopted by another Pipeline of the same name.
    for (name, moment, _) in with_pod(PropagationPolicy::Orphan) {
        let again = Moment::Starts.reach(&space, name).await;
        let of_name: BTreeSet<String> = orphans.iter().filter(|pod| is_of(pod, name)).map(name_of).collect();
        assert!(!of_name.contains(&pod_name(&again)), "{moment:?}");
    }
    marker(&space, "marker-two").await;
    for orphan in &orphans {
        let now = space.api::<Pod>().get(&name_of(orphan)).await.unwrap();
        assert_eq!(
            (now.uid(), now.resource_version()),
            (orphan.uid(), orphan.resource_version()),
            "{}",
            name_of(orphan)
        );
    }
    println!("{} Pipelines deleted: {:?}", all.len() + BURST, tally(&entries));
}

#[tokio::test]
async fn a_pipeline_made_anew_while_its_old_pods_end_has_pods_of_its_own() {
    let space = space("made-anew").await;
    let mut audit = audit().await;
    let first = Moment::Runs.reach(&space, "edges").await;
    let old = space.pod_of("edges").await;
    hold(&space, &name_of(&old)).await;
    space.delete::<Pipeline>("edges").await;
    space.until::<Pod>(&name_of(&old), "ending", |pod| pod.metadata.deletion_timestamp.is_some()).await;

    let made = Timestamp::now();
    let mut spec = plain();
    spec["retries"] = json!(1);
    let second = space.pipeline("edges", spec).await;
    assert_ne!(first.uid(), second.uid());
    let status = started(&space, "edges").await.status.unwrap();
    let own = status.steps[0].pod.clone().unwrap();
    assert_ne!(own, name_of(&old));
    assert_eq!(own, first_pod_name(&second));
    assert_eq!((status.run.unwrap().number, status.steps[0].attempts), (1, 0), "another Pipeline begins anew");

    // However the old one ends, it is not the new Pipeline's business.
    space.pod_status(&name_of(&old), failed_now(7)).await;
    space.pod_status(&own, json!({"phase": "Running"})).await;
    space.phase("edges", Phase::Running).await;
    release(&space, &name_of(&old)).await;
    space.until_gone(&name_of(&old), &old.uid().unwrap()).await;
    marker(&space, "marker").await;
    let now = space.api::<Pipeline>().get("edges").await.unwrap();
    let of_it = step(&now).unwrap();
    assert_eq!((of_it.pod.as_ref(), of_it.attempts, of_it.replacements), (Some(&own), 0, 0));
    assert!(!serde_json::to_string(&now.status).unwrap().contains(&name_of(&old)));
    let writes = asked_since(&mut audit, &space, made).await;
    let about_pods: Vec<_> = writes
        .iter()
        .filter(|e| e.is_write() && e.kind().ends_with(" pods") && e.name().starts_with("edges"))
        .collect();
    assert!(about_pods.len() == 1 && about_pods[0].name() == own, "{about_pods:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_goes_with_all_that_is_in_it_and_comes_again() {
    let doomed = space("doomed").await;
    let mut audit = audit().await;
    let named: Vec<(String, Moment)> =
        MOMENTS.into_iter().map(|moment| (format!("{moment:?}").to_lowercase(), moment)).collect();
    join_all(named.iter().map(|(name, moment)| moment.reach(&doomed, name))).await;
    marker(&doomed, "marker").await;
    audit.settle(&doomed.client).await;
    let asked = Timestamp::now();
    let namespaces: Api<Namespace> = Api::all(doomed.client.clone());
    namespaces.delete("doomed", &DeleteParams::default()).await.unwrap();
    // A Pod that ends slowly keeps the namespace for a while.
    tokio::time::sleep(Duration::from_secs(3)).await;
    release_all(&doomed).await;
    until_so("no namespace", || async { namespaces.get_opt("doomed").await.unwrap().is_none() }).await;
    let gone = Timestamp::now();
    let last = asked_since(&mut audit, &doomed, asked).await;
    println!("the end of a namespace with {} Pipelines: {:?}", named.len() + 1, tally(&last));
    assert!(last.len() <= 4 * named.len(), "{:#?}", tally(&last));
    assert!(last.iter().all(|e| e.kind() != "create pods" || e.code() != 201), "{last:#?}");

    let again = Space::new(&doomed.client, "doomed").await;
    for (name, moment) in named.iter().filter(|(_, moment)| matches!(moment, Moment::Waits | Moment::Starts)) {
        moment.reach(&again, name).await;
    }
    marker(&again, "marker").await;
    again.secret("nowhere", &["x"]).await;
    again.phase("waits", Phase::Starting).await;
    let since = asked_since(&mut audit, &again, gone).await;
    let known = ["waits", "starts", "marker", "nowhere"];
    assert!(since.iter().all(|e| known.iter().any(|name| e.name().starts_with(name))), "{since:#?}");
}
