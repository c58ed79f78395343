//! `security` against the kubelet and Pod Security admission.

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use serde_json::json;

use crate::support::{condition, message};
use crate::{in_trouble, journey, labelled_journey, printed, shell, with};

#[tokio::test]
async fn an_image_that_runs_as_root_needs_one_of_two_changes() {
    let Some((space, node)) =
        labelled_journey("restricted", json!({"pod-security.kubernetes.io/enforce": "restricted"})).await
    else {
        return;
    };
    let restricted =
        |script, more| with(shell(node.preloaded_image(), script, more), json!({"security": "Restricted"}));
    space.pipeline("root", restricted("id -u", json!({}))).await;
    space.pipeline("user", restricted("id -u; grep NoNewPrivs /proc/self/status", json!({"user": "1000"}))).await;
    space.pipeline("baseline", shell(node.preloaded_image(), "id -u", json!({}))).await;

    let said = in_trouble(&space, "root", Trouble::RootImage).await;
    assert!(said.contains("set spec.transform.user to a number other than 0"), "{said}");
    assert!(said.contains("or spec.security to Baseline"), "{said}");
    assert_eq!(printed(&space, "user").await, "1000\nNoNewPrivs:\t1\n");

    let refused = |p: &Pipeline| condition(p, "Ready") == "False/PodSecurityRefused";
    let baseline = space.until("baseline", "Pod Security refuses it", refused).await;
    println!("baseline in a restricted namespace: {}", message(&baseline));
    assert!(message(&baseline).contains("violates PodSecurity \"restricted:latest\""), "{}", message(&baseline));
    assert!(message(&baseline).contains("set spec.security to Restricted"), "{}", message(&baseline));

    // One of the fixes that the message names. No event tells of it: it is found out by trying again.
    let relaxed = Patch::Merge(json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}));
    let namespaces: Api<Namespace> = Api::all(space.client.clone());
    namespaces.patch(&space.name, &PatchParams::default(), &relaxed).await.unwrap();
    assert_eq!(printed(&space, "baseline").await, "0\n");
    // The other fix: it is another version of the work.
    space.patch("root", json!({"spec": {"transform": {"user": "1000"}}})).await;
    assert_eq!(printed(&space, "root").await, "1000\n");
    let root = space.phase("root", Phase::Succeeded).await;
    assert_eq!(root.status.unwrap().run.unwrap().number, 2);
}

#[tokio::test]
async fn an_ordinary_image_runs_where_baseline_is_enforced() {
    let Some((space, node)) =
        labelled_journey("baseline", json!({"pod-security.kubernetes.io/enforce": "baseline"})).await
    else {
        return;
    };
    space.secret("db", &["password"]).await;
    let script =
        "id -u; grep Seccomp: /proc/self/status; ls /var/run/secrets/kubernetes.io 2>/dev/null || echo no token";
    let secrets = json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    space.pipeline("ordinary", shell(node.preloaded_image(), script, secrets)).await;
    assert_eq!(printed(&space, "ordinary").await, "0\nSeccomp:\t2\nno token\n");
}

#[tokio::test]
async fn an_account_that_somebody_chose_brings_its_token() {
    let Some((space, node)) = journey("token").await else {
        return;
    };
    let script = "ls /var/run/secrets/kubernetes.io/serviceaccount";
    let spec = with(shell(node.preloaded_image(), script, json!({})), json!({"service_account_name": "robot"}));
    space.pipeline("robot", spec).await;
    let waiting = space
        .until("robot", "its account is missing", |p| condition(p, "Ready") == "False/ServiceAccountNotFound")
        .await;
    assert!(message(&waiting).contains("kubectl create serviceaccount robot -n token"), "{}", message(&waiting));
    let account = serde_json::from_value(json!({"metadata": {"name": "robot"}})).unwrap();
    space.api::<ServiceAccount>().create(&PostParams::default(), &account).await.unwrap();
    assert_eq!(printed(&space, "robot").await, "ca.crt\nnamespace\ntoken\n");
}
