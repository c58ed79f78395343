//! An older definition under newer objects: what docs/upgrade.md says of going back.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, RunCause};
use serde_json::{Value, json};

use crate::stored;
use crate::support::heavy::Heavy;
use crate::support::{DEADLINE, Operator, Space, admin, condition, name_of};

/// Takes a property, and all rules, since they may speak of it, out of a schema.
fn without(schema: &mut Value, property: &str) {
    match schema {
        Value::Object(fields) => {
            fields.remove("x-kubernetes-validations");
            if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
                properties.remove(property);
            }
            fields.values_mut().for_each(|value| without(value, property));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, property)),
        _ => {}
    }
}

/// Installs the definition of a version that did not know this field, and waits until it is served.
async fn go_back(space: &Space, property: &str) {
    let crds: Api<CustomResourceDefinition> = Api::all(space.client.clone());
    let mut crd = serde_json::to_value(crds.get("pipelines.lockgate.dev").await.unwrap()).unwrap();
    without(&mut crd["spec"]["versions"], property);
    crds.replace("pipelines.lockgate.dev", &PostParams::default(), &serde_json::from_value(crd).unwrap())
        .await
        .unwrap();
    let any = stored::api(&space.client, &space.name);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while any.get("newer").await.unwrap().data["spec"]["transform"][property] != Value::Null {
        assert!(tokio::time::Instant::now() < deadline, "the older definition is not served");
        tokio::task::yield_now().await;
    }
}

async fn finish(space: &Space, name: &str) {
    space.pod_succeeds(&name_of(&space.pod_of(name).await)).await;
    space.phase(name, Phase::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_pipeline_with_a_field_that_the_older_version_does_not_know_runs_again() {
    let cluster = Heavy::start().await;
    let operator = Operator::start(&cluster);
    let space = Space::new(&admin(&cluster).await, "downgrade").await;
    let older = json!({"transform": {"image": "registry.test/edges:1"}});
    let newer = json!({"transform": {"image": "registry.test/edges:1", "accept_return_code": [3]}});
    for (name, spec) in [("older", &older), ("newer", &newer), ("newer-suspended", &newer)] {
        space.pipeline(name, spec.clone()).await;
        finish(&space, name).await;
    }
    space.patch("newer-suspended", json!({"spec": {"suspend": true}})).await;
    let seen = |p: &Pipeline| p.status.as_ref().and_then(|s| s.observed_generation) == p.metadata.generation;
    space.until("newer-suspended", "observed", seen).await;

    // The operator first, then the definition; the older operator then looks at everything anew.
    drop(operator);
    go_back(&space, "accept_return_code").await;
    let _operator = Operator::start(&cluster);
    let again = |p: &Pipeline| p.status.iter().flat_map(|s| &s.run).any(|run| run.number == 2);
    let run = space.until("newer", "a second run", again).await.status.unwrap().run.unwrap();
    assert_eq!(run.started_by, Some(RunCause::SpecChanged));
    let held = |p: &Pipeline| condition(p, "Ready") == "True/Suspended";
    space.until("newer-suspended", "held back", held).await;
    let pods = |name: &str| {
        let prefix = format!("{name}-main-");
        move |pods: &[k8s_openapi::api::core::v1::Pod]| {
            pods.iter().filter(|pod| name_of(pod).starts_with(&prefix)).count()
        }
    };
    let all = space.pods().await;
    assert_eq!((pods("older")(&all), pods("newer")(&all), pods("newer-suspended")(&all)), (1, 2, 1));
    let untouched = space.phase("older", Phase::Succeeded).await;
    assert_eq!(untouched.status.unwrap().run.unwrap().number, 1);
}
