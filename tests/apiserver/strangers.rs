//! Pods that are not ours, whatever their labels say; and Pods that are not let go.

use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::moments::{Moment, marker, plain, pod_name, started, stranger};
use crate::support::audit::{Entry, OPERATOR};
use crate::support::{SYSTEM_NAMESPACE, Space, client, ended, message, name_of, step};
use crate::{audit, shared, space};

/// All that marks a Pod of the Pipeline `edges`, but its owner.
fn our_labels(replacement: i32) -> Value {
    json!({
        "app.kubernetes.io/managed-by": "lockgate", "lockgate.dev/pipeline": "edges", "lockgate.dev/run": "1",
        "lockgate.dev/step": "main", "lockgate.dev/index": "0", "lockgate.dev/attempt": "0",
        "lockgate.dev/replacement": replacement.to_string(),
    })
}

fn owner(pipeline: &Pipeline, kind: &str, controller: bool) -> Value {
    json!([{"apiVersion": "lockgate.dev/v1alpha1", "kind": kind, "name": pipeline.name_any(),
        "uid": pipeline.uid().unwrap(), "controller": controller}])
}

#[tokio::test]
async fn labels_make_no_pod_ours_nor_does_a_reference_that_does_not_control() {
    let space = space("lookalikes").await;
    let mut spec = plain();
    spec["suspend"] = json!(true);
    spec["history_limit"] = json!(0);
    let pipeline = space.pipeline("edges", spec).await;
    let mut lookalikes: Vec<Pod> = Vec::new();
    for (name, owners) in [("without-owner", json!([])), ("not-controlled", owner(&pipeline, "Pipeline", false))] {
        // One of each that would be taken for the Pod that lives, for a result and for a failure.
        for (number, status) in
            [json!({"phase": "Running"}), ended(0, "Completed"), ended(3, "Error")].iter().enumerate()
        {
            let pod = stranger(&format!("{name}-{number}"), &our_labels(i32::try_from(number).unwrap()), &owners);
            let pod = space.api::<Pod>().create(&PostParams::default(), &pod).await.unwrap();
            space.pod_status(&name_of(&pod), status.clone()).await;
            lookalikes.push(pod);
        }
    }
    marker(&space, "marker").await;
    space.patch("edges", json!({"spec": {"suspend": false}})).await;
    let status = started(&space, "edges").await.status.unwrap();
    let own = status.steps[0].pod.clone().unwrap();
    assert!(lookalikes.iter().all(|pod| name_of(pod) != own));
    assert_eq!((status.steps[0].attempts, status.steps[0].replacements), (0, 0));
    let uid = space.api::<Pod>().get(&own).await.unwrap().uid().unwrap();
    space.pod_succeeds(&own).await;
    space.phase("edges", Phase::Succeeded).await;
    // Of its own Pods none is kept; the others are not its own.
    space.until_gone(&own, &uid).await;
    for pod in &lookalikes {
        let now = space.api::<Pod>().get(&name_of(pod)).await.unwrap();
        assert!(now.uid() == pod.uid() && now.metadata.deletion_timestamp.is_none(), "{}", name_of(pod));
    }
}

#[tokio::test]
async fn a_pod_with_a_forged_number_makes_no_other_pods() {
    let space = space("forged").await;
    let mut spec = plain();
    spec["suspend"] = json!(true);
    let pipeline = space.pipeline("edges", spec).await;
    // Whoever may make Pods may make one that the Pipeline owns.
    for (name, label, number) in [
        ("forged-index", "index", "2147483647"),
        ("forged-run", "run", "0"),
        ("forged-attempt", "attempt", "2147483648"),
    ] {
        let mut labels = our_labels(0);
        labels[format!("lockgate.dev/{label}")] = json!(number);
        let pod = stranger(name, &labels, &owner(&pipeline, "Pipeline", true));
        space.api::<Pod>().create(&PostParams::default(), &pod).await.unwrap();
    }
    marker(&space, "marker").await;
    space.patch("edges", json!({"spec": {"suspend": false}})).await;
    let status = started(&space, "edges").await.status.unwrap();
    let of_step = &status.steps[0];
    assert_eq!((status.run.unwrap().number, of_step.parallelism, of_step.attempts), (1, 1, 0));
    space.pod_succeeds(of_step.pod.as_ref().unwrap()).await;
    space.phase("edges", Phase::Succeeded).await;
    let of_edges = |pod: &Pod| name_of(pod).starts_with("edges-main-");
    assert_eq!(space.pods().await.iter().filter(|pod| of_edges(pod)).count(), 1);
}

#[tokio::test]
async fn a_pod_that_was_taken_from_its_pipeline_is_let_go_and_followed_by_another() {
    let space = space("disowned").await;
    let pipeline = Moment::Runs.reach(&space, "edges").await;
    let taken = pod_name(&pipeline);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": null}}));
    space.api::<Pod>().patch(&taken, &PatchParams::default(), &patch).await.unwrap();
    let followed = space
        .until("edges", "a Pod of its own again", |p: &Pipeline| {
            step(p).is_some_and(|s| s.pod_uid.is_some() && s.pod.as_ref() != Some(&taken))
        })
        .await;
    let own = pod_name(&followed);
    space.pod_succeeds(&taken).await;
    marker(&space, "marker").await;
    assert_eq!(space.phase("edges", Phase::Starting).await.uid(), pipeline.uid());
    space.pod_succeeds(&own).await;
    space.phase("edges", Phase::Succeeded).await;
    assert!(space.api::<Pod>().get(&taken).await.unwrap().metadata.deletion_timestamp.is_none());
}

/// Refuses the operator, and nobody else, every deletion of a Pod in this namespace.
async fn refuse_deletions(space: &Space) {
    let name = space.name.clone();
    let policy = json!({"metadata": {"name": name}, "spec": {
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["pods"]},
        ]},
        "validations": [{"expression": format!("request.userInfo.username != '{OPERATOR}'"), "message": "Pods stay here"}],
    }});
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    let binding = json!({"metadata": {"name": name}, "spec": {
        "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector},
    }});
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(space.client.clone());
    policies.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(space.client.clone());
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    // It takes a moment until the API server goes by it.
    let shared = tokio::task::spawn_blocking(shared).await.unwrap();
    let kubeconfig = tokio::task::spawn_blocking(|| {
        shared.cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap()
    });
    let pods: Api<Pod> = Api::namespaced(client(&kubeconfig.await.unwrap()).await, &space.name);
    space.api::<Pod>().create(&PostParams::default(), &stranger("probe", &json!({}), &json!([]))).await.unwrap();
    let try_out = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let refused = async {
        while pods.delete("probe", &try_out).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, refused).await.expect("the policy has no effect");
}

#[tokio::test]
async fn a_deletion_that_is_refused_is_said_and_tried_again_ever_later_whatever_happens() {
    let space = space("refused-deletion").await;
    let mut audit = audit().await;
    let mut spec = plain();
    spec["parallelism"] = json!(3);
    space.pipeline("edges", spec).await;
    space.until_many::<Pod>(3, "there", Instant::now(), |_| true).await;
    space.all_pods_run().await;
    space.phase("edges", Phase::Running).await;
    let all: Vec<String> = space.pods().await.iter().map(name_of).collect();
    refuse_deletions(&space).await;
    let begun = Timestamp::now();
    space.patch("edges", json!({"spec": {"transform": {"image": "registry.test/edges:2"}}})).await;
    let told = space.until("edges", "the refusal", |p: &Pipeline| message(p).contains("Pods stay here")).await;
    let of_one = all.iter().any(|pod| message(&told).contains(&format!("the deletion of Pod {pod}")));
    assert!(of_one && message(&told).contains("an admission rule"), "{}", message(&told));
    // Each of these wakes the Pipeline.
    for i in 0..10 {
        let labels = json!({"metadata": {"labels": {"round": i.to_string()}}});
        space.api::<Pod>().patch(&all[i % all.len()], &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let is_deletion = |e: &&Entry| e.kind() == "delete pods" && e.namespace() == space.name;
    audit.until("it is tried again", |all| all.iter().filter(is_deletion).count() >= 2).await;
    audit.settle(&space.client).await;
    let asked = audit.since(begun);
    let passed = Timestamp::now().duration_since(begun).as_secs_f64();
    let deletions = asked.iter().filter(is_deletion).count();
    // At once, after 2.5 s to 5 s, after 5 s to 10 s more, and so on.
    let most = (1..30).take_while(|n| 2.5 * (f64::powi(2.0, n - 1) - 1.0) <= passed).count();
    assert!(deletions <= most, "{deletions} in {passed} s, and {most} are allowed");
    let writes = asked.iter().filter(|e| e.is_write() && e.namespace() == space.name).count();
    assert!(writes <= 2 * deletions + 1, "{writes} writes for {deletions} deletions");

    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(space.client.clone());
    bindings.delete(&space.name, &DeleteParams::default()).await.unwrap();
    let of_second = |pod: &Pod| pod.labels().get("lockgate.dev/run").is_some_and(|run| run == "2");
    space.until_many::<Pod>(3, "of the second run", Instant::now(), of_second).await;
}
