//! `ttl_after_finished`: a Pipeline goes by itself, with its Pods, at its time and not before; one that a tool would make
//! anew stays.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::PostParams;
use kube_runtime::wait::{await_condition, conditions::is_deleted};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::support::{Space, condition, ended, message, name_of};
use crate::{audit, space};

fn short_lived() -> Value {
    json!({"transform": {"image": "registry.test/edges:1"}, "ttl_after_finished": "3s"})
}

/// What the kubelet would write at this time.
fn ended_at(exit_code: i32, time: Timestamp) -> Value {
    let mut status = ended(exit_code, "Error");
    status["containerStatuses"][0]["state"]["terminated"]["finishedAt"] = json!(whole_second(time));
    status
}

fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap()
}

async fn until_pipeline_gone(space: &Space, name: &str, uid: &str) {
    let gone = await_condition(space.api::<Pipeline>(), name, is_deleted(uid));
    tokio::time::timeout(space.patience, gone).await.unwrap_or_else(|_| panic!("{name} stays")).unwrap();
}

#[tokio::test]
async fn a_finished_pipeline_goes_with_its_pods_at_its_time() {
    let space = space("ttl").await;
    let mut audit = audit().await;
    let begun = Timestamp::now();
    let mut ends = Vec::new();
    for (name, exit_code) in [("well", 0), ("badly", 3)] {
        let pipeline = space.pipeline(name, short_lived()).await;
        let pod = space.pod_of(name).await;
        let now = Timestamp::now();
        space.pod_status(&name_of(&pod), ended_at(exit_code, now)).await;
        ends.push((name, pipeline.uid().unwrap(), pod, whole_second(now)));
    }
    // Asked for another run before its time, it stays. Its Node's clock is ahead: however slow this machine, it is asked in time.
    let again = space.pipeline("again", short_lived()).await;
    let ahead = Timestamp::now() + SignedDuration::from_secs(60);
    space.pod_status(&name_of(&space.pod_of("again").await), ended_at(0, ahead)).await;
    space.phase("again", Phase::Succeeded).await;
    space.patch("again", json!({"metadata": {"annotations": {"lockgate.dev/run-requested-at": "now"}}})).await;

    for (name, uid, _, ended_at) in &ends {
        until_pipeline_gone(&space, name, uid).await;
        let stayed = Timestamp::now().duration_since(*ended_at);
        println!("{name} went {stayed:#} after it had ended");
        // Its end was written in the second before, at most.
        assert!(stayed.as_secs_f64() >= 2.0, "{name} went {stayed:#} after its end");
    }
    for (_, _, pod, _) in &ends {
        space.until_gone(&name_of(pod), &pod.uid().unwrap()).await;
    }
    let second = |p: &Pipeline| p.status.as_ref().and_then(|s| s.run.as_ref()).is_some_and(|run| run.number == 2);
    let kept = space.until("again", "its second run", second).await;
    assert_eq!(kept.uid(), again.uid());

    audit.settle(&space.client).await;
    // Both may have ended in one second: which goes first is then nobody's to say.
    let mut deletions: Vec<(String, u16)> = audit
        .since(begun)
        .iter()
        .filter(|entry| entry.kind() == "delete pipelines" && entry.namespace() == space.name)
        // What is gone may be asked for once more, where an event of its Pods is heard before its own end.
        .filter(|entry| entry.code() != 404)
        .map(|entry| (entry.name().to_owned(), entry.code()))
        .collect();
    deletions.sort();
    assert_eq!(deletions, [("badly".to_owned(), 200), ("well".to_owned(), 200)], "one deletion each");
}

#[tokio::test]
async fn what_argo_cd_manages_stays_and_says_why() {
    let space = space("ttl-argo").await;
    let object = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
        "metadata": {
            "name": "edges",
            "annotations": {"argocd.argoproj.io/tracking-id": "app:lockgate.dev/Pipeline:ttl-argo/edges"},
        },
        "spec": short_lived(),
    });
    let object: Pipeline = serde_json::from_value(object).unwrap();
    let managed = space.api::<Pipeline>().create(&PostParams::default(), &object).await.unwrap();
    // Its time is long past.
    space.pod_succeeds(&name_of(&space.pod_of("edges").await)).await;
    space.phase("edges", Phase::Succeeded).await;
    // Another one, whose time passes after that, goes.
    let other = space.pipeline("other", short_lived()).await;
    space.pod_succeeds(&name_of(&space.pod_of("other").await)).await;
    until_pipeline_gone(&space, "other", &other.uid().unwrap()).await;
    let stays = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(stays.uid(), managed.uid());
    assert_eq!(condition(&stays, "Ready"), "True/Succeeded");
    let said = message(&stays);
    assert!(said.contains("Argo CD (annotation argocd.argoproj.io/tracking-id) manages this Pipeline"), "{said}");
    assert!(space.api::<Pod>().get(&stays.status.unwrap().steps[0].pod.clone().unwrap()).await.is_ok());
}
