//! Gate, doorbell, whole answer: no Pod before every reference is good, one as soon as the last is.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use lockgate::api::reason::Phase;
use serde_json::json;

use crate::space;
use crate::support::{condition, message, pointer, states};

#[tokio::test]
async fn a_pipeline_waits_for_all_of_its_secrets_and_starts_with_the_last() {
    let space = space("gate-all").await;
    space
        .pipeline(
            "edges",
            json!({"transform": {
                "image": "registry.test/edges:1",
                "secrets": [
                    {"name": "db", "env_var": "DB_PASSWORD", "key": "password"},
                    {"name": "tls", "mount_path": "/etc/tls", "items": [{"key": "ca.crt", "path": "ca.pem"}]},
                ],
                "image_pull_secrets": ["regcred"],
            }}),
        )
        .await;

    let waiting = space.phase("edges", Phase::Waiting).await;
    assert_eq!(states(&waiting), ["db:NotFound", "tls:NotFound", "regcred:NotFound"]);
    assert_eq!(condition(&waiting, "Ready"), "False/WaitingForSecrets");
    assert_eq!(condition(&waiting, "SecretsResolved"), "False/WaitingForSecrets");
    assert_eq!(condition(&waiting, "Reconciling"), "True/WaitingForSecrets");
    let status = waiting.status.clone().unwrap();
    assert_eq!(status.resolved.as_deref(), Some("0/3"));
    assert_eq!(status.waiting_for.as_deref(), Some("Secret db, Secret tls, Secret regcred"));
    for fix in [
        "kubectl create secret generic db -n gate-all --from-literal=password=VALUE",
        "kubectl create secret generic tls -n gate-all --from-literal=ca.crt=VALUE",
        "kubectl create secret docker-registry regcred -n gate-all",
    ] {
        assert!(message(&waiting).contains(fix), "{fix} is not in {}", message(&waiting));
    }
    assert_eq!(pointer(&waiting).as_deref(), Some("docs/troubleshooting.md#waitingforsecrets"));
    assert!(space.pods().await.is_empty());

    space.secret("db", &["password"]).await;
    space.secret("tls", &["tls.crt"]).await;
    space.secret("regcred", &["oops"]).await;
    let waiting = space
        .until("edges", "one good, one without its key, one of the wrong type", |p| {
            states(p) == ["db:Resolved", "tls:KeyMissing", "regcred:WrongType"]
        })
        .await;
    assert!(message(&waiting).contains("it has tls.crt"), "{}", message(&waiting));
    assert!(space.pods().await.is_empty());

    space.delete::<Secret>("regcred").await;
    space.pull_secret("regcred", r#"{"auths":{}}"#).await;
    let api = space.api::<Secret>();
    let patch = json!({"stringData": {"ca.crt": crate::support::CANARY}});
    api.patch("tls", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();

    let pod = space.pod_of("edges").await;
    let starting = space.phase("edges", Phase::Starting).await;
    assert_eq!(condition(&starting, "SecretsResolved"), "True/AllResolved");
    assert_eq!(starting.status.unwrap().resolved.as_deref(), Some("3/3"));
    let name = crate::support::name_of(&pod);
    space.pod_status(&name, json!({"phase": "Running"})).await;
    space.phase("edges", Phase::Running).await;
    space.pod_succeeds(&name).await;
    let done = space.phase("edges", Phase::Succeeded).await;
    assert_eq!(pointer(&done), None, "there is nothing to be done");
    assert_eq!(condition(&done, "Complete"), "True/Succeeded");
    assert_eq!(space.pods().await.len(), 1);
}
