//! Every manifest of `deploy/examples` is applied by a test; these are the ones that need no node.

use std::collections::BTreeSet;

use kube::ResourceExt;
use lockgate::api::pipeline::{Pipeline, PipelineSpec};
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::support::examples::{Example, ON_THE_NODE, WITHOUT_A_NODE, apply, folder};
use crate::support::{Space, admin, name_of};
use crate::{shared, space};

const REGISTRY: (&str, &str, &str) = ("registry.example.com", "somebody", "canary-7c1f");

/// Plays the kubelet: every Pod of the Pipeline ends well.
async fn ends_well(space: &Space, example: &Example) -> Pipeline {
    let pipeline = example.pipeline();
    let all_there = |p: &Pipeline| p.status.as_ref().is_some_and(|s| s.replicas == Some(p.spec.parallelism));
    space.until(&pipeline, "its Pods", all_there).await;
    for pod in space.pods().await {
        space.pod_succeeds(&name_of(&pod)).await;
    }
    space.phase(&pipeline, example.expects()).await
}

#[test]
fn every_example_has_a_test() {
    let files: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let tested: BTreeSet<String> =
        ON_THE_NODE.iter().chain(&WITHOUT_A_NODE).map(|name| format!("{name}.yaml")).collect();
    assert_eq!(files, tested, "deploy/examples on the left, tests/support/examples.rs on the right");
}

#[test]
fn the_example_of_everything_names_every_field() {
    let text = std::fs::read_to_string(folder().join("everything.yaml")).unwrap();
    let said = |field: &str| text.contains(&format!("{field}:")) || text.contains(&format!("`{field}`"));
    let crd = serde_json::to_value(lockgate::api::crd::pipeline().unwrap()).unwrap();
    let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties").unwrap();
    // Pachyderm's that are refused.
    let refused = ["err_cmd", "err_stdin", "debug", "dockerfile", "datum_batching"];
    let mut count = 0;
    for fields in [spec, &spec["transform"]["properties"], &spec["steps"]["items"]["properties"]] {
        for field in fields.as_object().unwrap().keys().filter(|field| !refused.contains(&field.as_str())) {
            assert!(said(field), "everything.yaml does not name {field}");
            count += 1;
        }
    }
    assert!(count > 50, "the fields were not found");
}

#[tokio::test]
async fn a_namespace_a_secret_and_a_pipeline_in_one_file_run_in_every_order() {
    let cluster = &tokio::task::spawn_blocking(shared).await.unwrap().cluster;
    let client = admin(cluster).await;
    for (i, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].into_iter().enumerate() {
        let name = format!("all-in-one-{i}");
        let example = Example::read("all-in-one");
        let documents: Vec<String> =
            example.documents().iter().map(|document| document.replace("all-in-one", &name)).collect();
        assert_eq!(documents.len(), 3);
        // As a tool that tries again: what was refused comes once more after the rest.
        let mut left: Vec<usize> = order.to_vec();
        for _ in 0..3 {
            left.retain(|at| !apply(cluster, None, &documents[*at]));
        }
        assert!(left.is_empty(), "{order:?}: {left:?} is refused for ever");
        let space = Space { client: client.clone(), name, patience: crate::support::DEADLINE };
        ends_well(&space, &example).await;
    }
}

#[tokio::test]
async fn a_pipeline_waits_for_the_secret_that_another_operator_brings() {
    let space = space("example-external").await;
    let cluster = &shared().cluster;
    let example = Example::read("external-secrets");
    // The CRD of External Secrets is not there: the test is its controller.
    let (of_source, ours): (Vec<String>, Vec<String>) =
        example.documents().into_iter().partition(|document| document.contains("kind: ExternalSecret"));
    assert_eq!((of_source.len(), ours.len()), (1, 1));
    assert!(apply(cluster, Some(&space.name), &ours[0]));
    space.phase(&example.pipeline(), Phase::Waiting).await;
    assert!(of_source[0].contains("target: {name: db}") && of_source[0].contains("secretKey: password"));
    space.secret("db", &["password"]).await;
    ends_well(&space, &example).await;
}

#[tokio::test]
async fn a_suspended_pipeline_starts_when_it_is_told_to() {
    let space = space("example-suspended").await;
    let cluster = &shared().cluster;
    let example = Example::read("suspended");
    assert!(apply(cluster, Some(&space.name), &example.documents().join("\n---\n")));
    space.phase(&example.pipeline(), example.expects()).await;
    assert!(space.pods().await.is_empty());
    let [resume] = example.commands()[..] else { panic!("no command resumes it") };
    // As a shell would take it.
    let resume = resume.replace('\'', "");
    crate::support::output(cluster.kubectl().args(["-n", &space.name]).args(resume.split(' ')));
    space.phase(&example.pipeline(), Phase::Starting).await;
}

#[tokio::test]
async fn the_example_of_everything_runs() {
    let space = space("example-everything").await;
    let cluster = &shared().cluster;
    let example = Example::read("everything");
    assert!(apply(cluster, Some(&space.name), &example.documents().join("\n---\n")));
    space.phase(&example.pipeline(), Phase::Waiting).await;
    example.prepare(cluster, &space.name, REGISTRY);
    let done = ends_well(&space, &example).await;
    // Nothing was dropped on the way: what is stored is what the file says.
    let spec: PipelineSpec = done.spec.clone();
    let stored: Value = serde_json::to_value(&spec).unwrap();
    assert_eq!(stored["transform"]["memory_volume"], json!(true));
    assert_eq!(done.name_any(), "everything");
}

#[tokio::test]
async fn a_registry_and_a_pipeline_that_does_not_name_its_secret_run_in_one_file() {
    let space = space("example-registry").await;
    let cluster = &shared().cluster;
    let example = Example::read("registry");
    example.prepare(cluster, &space.name, REGISTRY);
    let [registry, pipeline] = &example.documents()[..] else { panic!("it has two documents") };
    assert!(apply(cluster, Some(&space.name), registry) && apply(cluster, Some(&space.name), pipeline));
    let is_attached = |p: &Pipeline| {
        let rows = p.status.iter().flat_map(|status| &status.references);
        rows.into_iter().any(|row| row.via.as_deref() == Some("registry/harbor") && row.name == "harbor")
    };
    space.until(&example.pipeline(), "its Secret is attached", is_attached).await;
    ends_well(&space, &example).await;
}
