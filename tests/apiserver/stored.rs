//! What stands in etcd need not be what this version writes: a form that it cannot read stops nobody else.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use lockgate::api::reason::Phase;
use lockgate_cluster::Options;
use serde_json::{Value, json};

use crate::support::{self, Operator, Space, admin};

/// Pipelines of any form.
pub fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind())
}

fn kind() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("lockgate.dev", "v1alpha1", "Pipeline"))
}

/// A Pipeline with a spec of any form.
pub fn make(name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &kind()).data(json!({"spec": spec}))
}

/// Gives Pipelines the schema of another version: it takes anything.
pub async fn loosen(client: &Client) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut crd = crds.get("pipelines.lockgate.dev").await.unwrap();
    let schema = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
    *schema = serde_json::from_value(json!({"type": "object", "properties": {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }}))
    .unwrap();
    crds.replace(&crd.name_any(), &PostParams::default(), &crd).await.unwrap();
    // Until the API server serves the new schema it refuses this form.
    let any = api(client, "default");
    let deadline = tokio::time::Instant::now() + support::DEADLINE;
    let (params, odd) = (PostParams { dry_run: true, ..PostParams::default() }, make("odd", &json!({"transform": 7})));
    while let Err(error) = any.create(&params, &odd).await {
        assert!(tokio::time::Instant::now() < deadline, "the new schema is not served: {error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pipeline_that_cannot_be_read_gets_a_condition_and_the_others_go_on() {
    let cluster = tokio::task::spawn_blocking(|| support::install(Options::new())).await.unwrap();
    let client = admin(&cluster).await;
    loosen(&client).await;
    let space = Space::new(&client, "stored").await;
    let any = api(&client, "stored");
    any.create(&PostParams::default(), &make("odd", &json!({"transform": 7}))).await.unwrap();
    any.create(&PostParams::default(), &make("broken-rule", &json!({"transform": {"image": "a", "user": "root"}})))
        .await
        .unwrap();
    any.create(&PostParams::default(), &make("good", &json!({"transform": {"image": "a"}}))).await.unwrap();
    // A status of the future, with a result: it must survive us.
    any.create(&PostParams::default(), &make("future", &json!({"transform": {"image": "a"}}))).await.unwrap();
    let future =
        json!({"status": {"phase": "Levitating", "run": {"number": 7, "key": "v9:x", "result": {"succeeded": true}}}});
    any.patch_status("future", &PatchParams::default(), &Patch::Merge(future)).await.unwrap();

    let operator = Operator::start(&cluster);
    let ready = |object: &DynamicObject, reason: &str| {
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "False" && c["reason"] == reason)
    };
    let until = |name: &'static str, reason: &'static str| {
        let any = any.clone();
        async move {
            let condition = kube_runtime::wait::await_condition(any, name, move |object: Option<&DynamicObject>| {
                object.is_some_and(|object| ready(object, reason))
            });
            let found = tokio::time::timeout(support::DEADLINE, condition).await;
            found.unwrap_or_else(|_| panic!("{name} never said {reason}")).unwrap().unwrap()
        }
    };
    until("odd", "Unreadable").await;
    until("broken-rule", "InvalidSpec").await;
    let future = until("future", "Unreadable").await;
    assert_eq!(future.data["status"]["run"]["number"], 7, "{}", future.data["status"]);
    assert_eq!(future.data["status"]["run"]["result"]["succeeded"], true);
    space.pod_of("good").await;
    space.phase("good", Phase::Starting).await;
    assert_eq!(space.pods().await.len(), 1);

    // Mended, it runs.
    any.patch("odd", &PatchParams::default(), &Patch::Merge(json!({"spec": {"transform": {"image": "b"}}})))
        .await
        .unwrap();
    space.pod_of("odd").await;
    drop(operator);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
