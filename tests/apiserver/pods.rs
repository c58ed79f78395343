//! One Pod per attempt, nobody else's adopted, none stuck; refusals said and tried again.

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Reason, ReferenceState, Trouble};
use serde_json::{Value, json};

use crate::space;
use crate::support::{Space, admin, condition, message, name_of, states};

fn plain() -> Value {
    json!({"transform": {"image": "registry.test/edges:1", "cmd": ["true"]}})
}

async fn ready_reason(space: &Space, name: &str, reason: Reason) -> Pipeline {
    space.until(name, reason.as_str(), |p| condition(p, "Ready").ends_with(&format!("/{reason}"))).await
}

/// Another Pipeline that was handled from begin to end: what came before it was seen.
async fn marker(space: &Space, name: &str) {
    space.pipeline(name, plain()).await;
    let pod = name_of(&space.pod_of(name).await);
    space.pod_succeeds(&pod).await;
    space.phase(name, Phase::Succeeded).await;
}

#[tokio::test]
async fn a_finished_run_is_never_run_again() {
    let space = space("finished").await;
    space.pipeline("edges", plain()).await;
    let pod = name_of(&space.pod_of("edges").await);
    space.pod_succeeds(&pod).await;
    space.phase("edges", Phase::Succeeded).await;
    space.delete::<Pod>(&pod).await;
    marker(&space, "later").await;
    assert!(space.pods().await.iter().all(|pod| !name_of(pod).starts_with("edges")));
    assert_eq!(space.phase("edges", Phase::Succeeded).await.status.unwrap().run.unwrap().number, 1);
}

#[tokio::test]
async fn a_pod_that_was_deleted_before_it_ended_is_replaced_by_another() {
    let space = space("replaced").await;
    space.pipeline("edges", plain()).await;
    let first = space.pod_of("edges").await;
    space.pod_status(&name_of(&first), json!({"phase": "Running"})).await;
    space.phase("edges", Phase::Running).await;
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    space.api::<Pod>().delete(&name_of(&first), &now).await.unwrap();
    let replaced = space
        .until("edges", "its second Pod", |p: &Pipeline| {
            p.status.as_ref().and_then(|s| s.steps.first()).is_some_and(|s| s.replacements == 1 && s.pod_uid.is_some())
        })
        .await;
    let second = replaced.status.unwrap().steps[0].pod.clone().unwrap();
    assert_ne!(second, name_of(&first));
    space.pod_succeeds(&second).await;
    let done = space.phase("edges", Phase::Succeeded).await.status.unwrap();
    assert_eq!((done.run.unwrap().number, done.steps[0].attempts), (1, 0));
}

#[tokio::test]
async fn a_failed_container_fails_the_run_with_its_exit_code() {
    let space = space("failed").await;
    space.pipeline("edges", plain()).await;
    let pod = name_of(&space.pod_of("edges").await);
    space.pod_status(&pod, crate::support::ended(3, "Error")).await;
    let failed = space.phase("edges", Phase::Failed).await;
    assert_eq!(condition(&failed, "Ready"), "False/PodFailed");
    assert_eq!(condition(&failed, "Stalled"), "True/PodFailed");
    assert_eq!(condition(&failed, "Complete"), "False/PodFailed");
    assert_eq!(failed.status.as_ref().unwrap().steps[0].exit_code, Some(3));
    assert!(
        message(&failed).contains("exit code 3") && message(&failed).contains("kubectl logs"),
        "{}",
        message(&failed)
    );
    let events: Api<Event> = space.api();
    let event = events.get(&events_of(&events, "edges", "PodFailed").await).await.unwrap();
    let related = event.related.unwrap();
    assert_eq!((related.kind.as_deref(), related.name.as_deref()), (Some("Pod"), Some(pod.as_str())));
}

/// The name of the event with that reason, once it is there.
async fn events_of(events: &Api<Event>, pipeline: &str, reason: &str) -> String {
    let stream = watcher(events.clone(), watcher::Config::default()).default_backoff().applied_objects();
    let found = tokio::time::timeout(crate::support::DEADLINE, async {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.try_next().await.unwrap() {
            let about = event.regarding.as_ref().and_then(|object| object.name.as_deref());
            if about == Some(pipeline) && event.reason.as_deref() == Some(reason) {
                return event.name_any();
            }
        }
        unreachable!("the watch ended")
    });
    found.await.unwrap_or_else(|_| panic!("no event {reason} of {pipeline}"))
}

#[tokio::test]
async fn a_changed_spec_ends_the_old_pod_and_starts_the_next_run() {
    let space = space("changed").await;
    space.pipeline("edges", plain()).await;
    let first = space.pod_of("edges").await;
    space.patch("edges", json!({"spec": {"transform": {"image": "registry.test/edges:2"}}})).await;
    let second = space
        .until("edges", "its second run", |p: &Pipeline| {
            p.status.as_ref().is_some_and(|s| {
                s.run.as_ref().is_some_and(|run| run.number == 2)
                    && s.steps.first().is_some_and(|s| s.pod_uid.is_some())
            })
        })
        .await;
    let pods = space.pods().await;
    assert_eq!(pods.len(), 1);
    assert_ne!(pods[0].uid(), first.uid());
    assert_eq!(pods[0].spec.as_ref().unwrap().containers[0].image.as_deref(), Some("registry.test/edges:2"));
    assert_eq!(second.status.unwrap().steps[0].pod, Some(name_of(&pods[0])));
}

#[tokio::test]
async fn what_does_not_define_the_work_runs_nothing_again() {
    let space = space("same-work").await;
    space.pipeline("edges", plain()).await;
    let pod = space.pod_of("edges").await;
    space.pod_succeeds(&name_of(&pod)).await;
    space.phase("edges", Phase::Succeeded).await;
    let patched = space.patch("edges", json!({"spec": {"suspend": true, "on_missing_secret": "Fail"}})).await;
    let seen = space
        .until("edges", "the new generation is observed", |p: &Pipeline| {
            p.status.as_ref().and_then(|s| s.observed_generation) == patched.metadata.generation
        })
        .await;
    assert_eq!(seen.status.unwrap().phase, Some(Phase::Succeeded));
    assert_eq!(space.pods().await.len(), 1);
}

#[tokio::test]
async fn a_stranger_s_pod_is_never_adopted() {
    let space = space("stranger").await;
    // The name that the Pod will get is known only when the uid is: hold the Pipeline back until then.
    let mut spec = plain();
    spec["suspend"] = json!(true);
    let pipeline = space.pipeline("edges", spec).await;
    let id = lockgate::model::run::PodIdentity { run: 1, step: "main".into(), index: 0, attempt: 0, replacement: 0 };
    let name = id.pod_name("edges", &pipeline.uid().unwrap());
    // Our labels, our name, and another owner: one that is there, or garbage collection would take the Pod away.
    let other =
        space.pipeline("other", json!({"suspend": true, "transform": {"image": "registry.test/other:1"}})).await;
    let stranger = json!({
        "metadata": {"name": name, "labels": {
            "app.kubernetes.io/managed-by": "lockgate", "lockgate.dev/pipeline": "edges", "lockgate.dev/run": "1",
            "lockgate.dev/step": "main", "lockgate.dev/index": "0", "lockgate.dev/attempt": "0", "lockgate.dev/replacement": "0",
        }, "ownerReferences": [{"apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "name": "other",
            "uid": other.uid().unwrap(), "controller": true}]},
        "spec": {"containers": [{"name": "main", "image": "registry.test/evil:1"}]},
    });
    let stranger: Pod =
        space.api().create(&PostParams::default(), &serde_json::from_value(stranger).unwrap()).await.unwrap();
    space.patch("edges", json!({"spec": {"suspend": false}})).await;
    let conflict = ready_reason(&space, "edges", Reason::NameConflict).await;
    assert!(message(&conflict).contains(&format!("kubectl delete pod {name} -n stranger")), "{}", message(&conflict));
    // What the message says mends it.
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    space.api::<Pod>().delete(&name, &now).await.unwrap();
    let ours = space.until::<Pod>(&name, "ours", |pod| pod.uid() != stranger.uid()).await;
    assert_eq!(ours.owner_references()[0].uid, pipeline.uid().unwrap());
}

#[tokio::test]
async fn a_pod_that_lost_its_label_is_neither_lost_nor_doubled() {
    let space = space("unlabelled").await;
    space.pipeline("edges", plain()).await;
    let pod = name_of(&space.pod_of("edges").await);
    space.phase("edges", Phase::Starting).await;
    let strip = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}});
    space.api::<Pod>().patch(&pod, &PatchParams::default(), &Patch::Merge(strip)).await.unwrap();
    marker(&space, "later").await;
    assert_eq!(space.pods().await.iter().filter(|pod| name_of(pod).starts_with("edges")).count(), 1);
    space.pod_succeeds(&pod).await;
    space.phase("edges", Phase::Succeeded).await;
}

#[tokio::test]
async fn a_quota_s_refusal_is_said_and_tried_again() {
    let space = space("quota").await;
    let quota: ResourceQuota =
        serde_json::from_value(json!({"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}})).unwrap();
    space.api::<ResourceQuota>().create(&PostParams::default(), &quota).await.unwrap();
    space.until::<ResourceQuota>("few", "counted", |q| q.status.as_ref().is_some_and(|s| s.hard.is_some())).await;
    space.pipeline("edges", plain()).await;
    let refused = ready_reason(&space, "edges", Reason::QuotaExceeded).await;
    assert!(message(&refused).contains("exceeded quota: few"), "{}", message(&refused));
    space.delete::<ResourceQuota>("few").await;
    space.pod_of("edges").await;
    space.phase("edges", Phase::Starting).await;
}

#[tokio::test]
async fn pod_security_s_refusal_names_both_mends_and_restricted_passes() {
    let shared = tokio::task::spawn_blocking(crate::shared).await.unwrap();
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let space = Space::labelled(&admin(&shared.cluster).await, "restricted", labels).await;
    space.pipeline("edges", plain()).await;
    let refused = ready_reason(&space, "edges", Reason::PodSecurityRefused).await;
    for mend in ["spec.security to Restricted", "spec.transform.user", "relax"] {
        assert!(message(&refused).contains(mend), "{}", message(&refused));
    }
    space.patch("edges", json!({"spec": {"security": "Restricted", "transform": {"user": "1000"}}})).await;
    space.pod_of("edges").await;
}

#[tokio::test]
async fn a_service_account_holds_back_until_it_is_there_and_brings_its_pull_secrets() {
    let space = space("accounts").await;
    space.pull_secret("own", r#"{"auths":{}}"#).await;
    let spec = json!({"service_account_name": "robot",
        "transform": {"image": "registry.test/edges:1", "image_pull_secrets": ["own"]}});
    space.pipeline("edges", spec).await;
    let waiting = ready_reason(&space, "edges", Reason::ServiceAccountNotFound).await;
    assert!(message(&waiting).contains("kubectl create serviceaccount robot -n accounts"), "{}", message(&waiting));
    assert!(space.pods().await.is_empty());
    let robot: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "theirs"}]}))
            .unwrap();
    space.api::<ServiceAccount>().create(&PostParams::default(), &robot).await.unwrap();
    let pod = space.pod_of("edges").await;
    let listed: Vec<_> = pod.spec.unwrap().image_pull_secrets.into_iter().flatten().map(|r| r.name).collect();
    assert_eq!(listed, ["own", "theirs"]);
    // What the account names blocks nothing, and is said.
    let starting = space.phase("edges", Phase::Starting).await;
    assert_eq!(states(&starting), ["own:Resolved"]);
    let [_, theirs] = starting.status.unwrap().references.try_into().unwrap();
    assert_eq!((theirs.name.as_str(), theirs.state), ("theirs", ReferenceState::NotFound));
    assert_eq!(theirs.via.as_deref(), Some("serviceaccount/robot"));
}

#[tokio::test]
async fn a_deleted_pipeline_takes_its_pod_along_and_a_new_one_of_its_name_has_its_own() {
    let space = space("deleted").await;
    let first = space.pipeline("edges", plain()).await;
    let pod = space.pod_of("edges").await;
    space.delete::<Pipeline>("edges").await;
    let second = space.pipeline("edges", plain()).await;
    assert_ne!(first.uid(), second.uid());
    let uid = second.uid();
    let starting = space
        .until("edges", "a Pod of its own", |p: &Pipeline| {
            p.uid() == uid && p.status.as_ref().and_then(|s| s.steps.first()).is_some_and(|s| s.pod_uid.is_some())
        })
        .await;
    assert_ne!(starting.status.unwrap().steps[0].pod_uid, pod.uid());
    // Garbage collection, and no finalizer of ours in its way.
    space.until_gone(&name_of(&pod), &pod.uid().unwrap()).await;
}

#[tokio::test]
async fn a_pod_that_no_node_takes_is_said_in_plain_words() {
    let space = space("unschedulable").await;
    space.pipeline("edges", plain()).await;
    // There is no node here at all.
    let stuck = space
        .until("edges", "a trouble", |p: &Pipeline| {
            p.status.as_ref().and_then(|s| s.steps.first()).is_some_and(|s| s.trouble == Some(Trouble::Unschedulable))
        })
        .await;
    assert_eq!(condition(&stuck, "Ready"), "False/PodsStarting");
    assert!(message(&stuck).contains("no nodes available"), "{}", message(&stuck));
    assert_eq!(space.pods().await.len(), 1);
}
