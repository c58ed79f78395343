//! `secret-size`, the quota beside it, and `protect-secrets`.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ResourceQuota, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use kube_runtime::wait::{await_condition, conditions::is_deleted};
use serde_json::{Value, json};

use super::{dry, expect, label, space, until_refused, words};
use crate::support::{CANARY, DEADLINE, Space, admin};

/// A value of so many bytes.
fn bytes(count: usize) -> ByteString {
    ByteString(CANARY.bytes().cycle().take(count).collect())
}

/// A Secret of this type with values of these sizes.
fn secret(name: &str, type_: &str, sizes: &[usize]) -> Secret {
    let data = sizes.iter().enumerate().map(|(i, size)| (format!("k{i}"), bytes(*size))).collect();
    let mut secret: Secret = serde_json::from_value(json!({"metadata": {"name": name}, "type": type_})).unwrap();
    secret.data = Some(data);
    secret
}

async fn asked(space: &Space, secret: &Secret) -> String {
    words(space.api::<Secret>().create(&dry(), secret).await)
}

#[tokio::test]
async fn a_secret_holds_4096_bytes_and_not_one_more() {
    let space = space("sizes", &["secret-size"], "deny").await;
    let too_large = secret("s", "Opaque", &[4097]);
    until_refused("lockgate-secret-size", || asked(&space, &too_large)).await;
    for (sizes, total) in [
        (vec![], 0),
        (vec![4094], 4094),
        (vec![4095], 4095),
        (vec![4096], 4096),
        (vec![4097], 4097),
        (vec![4098], 4098),
        (vec![4099], 4099),
        (vec![2000, 2000, 96], 4096),
        (vec![2000, 2000, 96, 1], 4097),
        (vec![0, 0, 4096], 4096),
        (vec![1_000_000], 1_000_000),
    ] {
        let said = asked(&space, &secret("s", "Opaque", &sizes)).await;
        let refusal = format!(
            "Secret s would hold {total} bytes; a Secret of this namespace may hold 4096: split it into several"
        );
        expect(&format!("{sizes:?}"), &said, if total > 4096 { &refusal } else { "" });
    }
    for (size, expected) in [(4096, ""), (4097, "would hold 4097 bytes")] {
        let text = String::from_utf8(bytes(size).0).unwrap();
        let given: Secret =
            serde_json::from_value(json!({"metadata": {"name": "s"}, "stringData": {"k": text}})).unwrap();
        expect("stringData", &asked(&space, &given).await, expected);
    }
    let several = Secret { immutable: Some(true), ..secret("s", "Opaque", &[4097]) };
    expect("an immutable one", &asked(&space, &several).await, "would hold 4097 bytes");
    // What machines make has sizes that nobody chose.
    expect("a Helm release", &asked(&space, &secret("s", "helm.sh/release.v1", &[500_000])).await, "");
    let mut token = secret("s", "kubernetes.io/service-account-token", &[5000]);
    token.annotations_mut().insert("kubernetes.io/service-account.name".into(), "default".into());
    expect("a ServiceAccount's token", &asked(&space, &token).await, "");
}

#[tokio::test]
async fn a_secret_that_was_too_large_before_may_change_but_not_grow() {
    const POLICY: &str = "secret-size";
    let space = space("grown", &[], "deny").await;
    let secrets = space.api::<Secret>();
    secrets.create(&PostParams::default(), &secret("old", "Opaque", &[5000])).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(space.client.clone());
    let on = Patch::Merge(json!({"metadata": {"labels": {label(POLICY): "deny"}}}));
    namespaces.patch("grown", &PatchParams::default(), &on).await.unwrap();
    let too_large = secret("s", "Opaque", &[4097]);
    until_refused("lockgate-secret-size", || asked(&space, &too_large)).await;
    let changed = async |patch: Value| {
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        words(secrets.patch("old", &params, &Patch::Merge(patch)).await)
    };
    expect("a label", &changed(json!({"metadata": {"labels": {"a": "b"}}})).await, "");
    expect("another value", &changed(json!({"data": {"k0": bytes(4999)}})).await, "");
    expect("one byte more", &changed(json!({"data": {"k1": bytes(1)}})).await, "would hold 5001 bytes");
}

#[tokio::test]
async fn the_quota_of_the_docs_refuses_the_ninth_secret() {
    let space = space("counted", &[], "deny").await;
    let text = std::fs::read_to_string(super::root().join("examples/secret-quota/quota.yaml")).unwrap();
    let quota: Value = lockgate::cli::manifest::read(&text).unwrap().remove(0);
    let quota: ResourceQuota = serde_json::from_value(quota).unwrap();
    space.api().create(&PostParams::default(), &quota).await.unwrap();
    let counts = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|s| s.hard.is_some() && s.used.is_some());
    space.until("secrets", "the quota counts", counts).await;
    // The API server hears of that after the controller has said it.
    let first = secret("s0", "Opaque", &[1]);
    let admitted = async {
        while !asked(&space, &first).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(DEADLINE, admitted).await.expect("the quota admits nothing");
    for i in 0..8 {
        space.secret(&format!("s{i}"), &["k"]).await;
    }
    let said = words(space.api().create(&PostParams::default(), &secret("ninth", "Opaque", &[1])).await);
    assert!(said.contains("exceeded quota: secrets, requested: count/secrets=1, used: count/secrets=8"), "{said}");
}

/// A Secret with the label, and perhaps an owner.
async fn protected(space: &Space, name: &str, owner: Option<&ConfigMap>) -> Secret {
    let mut secret = secret(name, "Opaque", &[12]);
    secret.labels_mut().insert("lockgate.dev/protect".into(), "true".into());
    let owners = owner.map(|o| {
        serde_json::from_value(json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": o.name_any(), "uid": o.uid()}]))
    });
    secret.metadata.owner_references = owners.map(Result::unwrap);
    space.api().create(&PostParams::default(), &secret).await.unwrap()
}

/// What the API server answers to the deletion of it.
async fn deleted(space: &Space, name: &str) -> String {
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    words(space.api::<Secret>().delete(name, &dry).await)
}

#[tokio::test]
async fn a_protected_secret_goes_only_when_its_label_was_taken_off() {
    let space = space("guarded", &["protect-secrets"], "deny").await;
    let secrets = space.api::<Secret>();
    protected(&space, "db", None).await;
    space.secret("other", &["k"]).await;
    let refusal = "Secret db is protected from deletion by its label lockgate.dev/protect; if it is to go, take the label off first: kubectl label secret db -n guarded lockgate.dev/protect-";
    until_refused(refusal, || deleted(&space, "db")).await;
    expect("one without the label", &deleted(&space, "other").await, "");
    // kubectl delete secrets --all, and what deletes a collection: the rest goes, or nothing does.
    let all = words(secrets.delete_collection(&DeleteParams::default(), &ListParams::default()).await);
    expect("all of them", &all, refusal);
    assert!(secrets.get("db").await.is_ok());
    let off = Patch::Merge(json!({"metadata": {"labels": {"lockgate.dev/protect": null}}}));
    secrets.patch("db", &PatchParams::default(), &off).await.unwrap();
    expect("without the label", &words(secrets.delete("db", &DeleteParams::default()).await), "");
}

/// Waits until the audit log says that a controller was refused the deletion of this Secret.
async fn until_collecting_is_refused(namespace: &str, name: &str) {
    let log = super::cluster().await.cluster.audit_log();
    let uri = format!("/api/v1/namespaces/{namespace}/secrets/{name}\"");
    let signs = [&uri, "\"verb\":\"delete\"", "\"userAgent\":\"kube-controller-manager", "\"code\":403"];
    super::until("the garbage collector is refused", || {
        std::fs::read_to_string(&log).unwrap().lines().any(|line| signs.iter().all(|sign| line.contains(sign)))
    })
    .await;
}

#[tokio::test]
async fn a_protected_secret_outlives_its_owner_and_not_its_namespace() {
    let space = space("orphans", &["protect-secrets"], "deny").await;
    let owner = serde_json::from_value(json!({"metadata": {"name": "owner"}})).unwrap();
    let owner: ConfigMap = space.api().create(&PostParams::default(), &owner).await.unwrap();
    protected(&space, "db", Some(&owner)).await;
    until_refused("is protected", || deleted(&space, "db")).await;
    let mut other = secret("other", "Opaque", &[12]);
    other.metadata.owner_references = space.api::<Secret>().get("db").await.unwrap().metadata.owner_references;
    let other: Secret = space.api().create(&PostParams::default(), &other).await.unwrap();
    // The garbage collector sees both; one may go.
    space.delete::<ConfigMap>("owner").await;
    let uid = other.uid().unwrap();
    let gone = await_condition(space.api::<Secret>(), "other", is_deleted(&uid));
    tokio::time::timeout(DEADLINE, gone).await.expect("nothing collects").unwrap();
    until_collecting_is_refused("orphans", "db").await;
    assert!(space.api::<Secret>().get("db").await.is_ok());

    let namespaces: Api<Namespace> = Api::all(admin(&super::cluster().await.cluster).await);
    let uid = namespaces.get("orphans").await.unwrap().uid().unwrap();
    namespaces.delete("orphans", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(namespaces, "orphans", is_deleted(&uid));
    tokio::time::timeout(DEADLINE, gone).await.expect("the namespace hangs").unwrap();
}
