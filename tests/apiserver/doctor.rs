//! `lockgate doctor` on a real API server: nothing installed, all well, another definition, other names, few rights.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use lockgate_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::heavy::Heavy;
use crate::support::{SYSTEM_NAMESPACE, Space, admin, apply, name_of, output, rendered};

/// What may be asked for by the account of the chart's test.
const FEW_RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: doctor}
rules:
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], resourceNames: [pipelines.lockgate.dev, registries.lockgate.dev, clusterregistries.lockgate.dev], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: doctor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: doctor}
subjects: [{kind: ServiceAccount, name: doctor, namespace: lockgate-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: doctor, namespace: lockgate-system}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: doctor, namespace: lockgate-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: doctor}
subjects: [{kind: ServiceAccount, name: doctor, namespace: lockgate-system}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: doctor, namespace: lockgate-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: nobody, namespace: lockgate-system}
";

/// What the doctor said, and how it ended.
struct Said {
    code: i32,
    all: Value,
}

impl Said {
    /// The check of this name as `state: seen: mend`.
    fn of(&self, name: &str) -> String {
        let checks = self.all["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == name).unwrap();
        format!("{}: {}: {}", check["state"].as_str().unwrap(), check["seen"].as_str().unwrap(), check["mend"])
    }

    fn states(&self) -> Vec<(&str, &str)> {
        let checks = self.all["checks"].as_array().unwrap();
        checks.iter().map(|check| (check["check"].as_str().unwrap(), check["state"].as_str().unwrap())).collect()
    }

    #[track_caller]
    fn says(&self, name: &str, words: &[&str]) {
        let told = self.of(name);
        assert!(words.iter().all(|word| told.contains(word)), "{told}\nhas not all of {words:?}");
    }
}

fn doctor(kubeconfig: &Path) -> Said {
    let run = |format: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(["doctor", "--namespace", SYSTEM_NAMESPACE]).args(format).arg("--kubeconfig").arg(kubeconfig);
        command.output().unwrap()
    };
    let (json, text) = (run(&["--output", "json"]), run(&[]));
    let all: Value = serde_json::from_slice(&json.stdout).unwrap();
    // The lines say the same.
    let text = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.lines().count(), all["checks"].as_array().unwrap().len(), "{text}");
    println!("{text}");
    Said { code: json.status.code().unwrap(), all }
}

/// Plays the kubelet for the operator's Deployment: its Pods are ready.
pub async fn operator_is_ready(client: &Client) {
    let space = Space { client: client.clone(), name: SYSTEM_NAMESPACE.into(), patience: crate::support::DEADLINE };
    let observed = |d: &Deployment| {
        let status = d.status.as_ref();
        status.is_some_and(|status| {
            status.observed_generation == d.metadata.generation && status.updated_replicas.is_some_and(|n| n > 0)
        })
    };
    space.until::<Deployment>("lockgate", "has its Pods", observed).await;
    let label = ListParams::default().labels("app.kubernetes.io/name=lockgate");
    for pod in space.api::<Pod>().list(&label).await.unwrap() {
        let ready = json!({"type": "Ready", "status": "True"});
        space.pod_status(&name_of(&pod), json!({"phase": "Running", "conditions": [ready]})).await;
    }
    let available = |d: &Deployment| {
        d.status.as_ref().is_some_and(|status| status.available_replicas == d.spec.as_ref().unwrap().replicas)
    };
    space.until::<Deployment>("lockgate", "is available", available).await;
}

/// Changes the definition, looks, and puts it back.
async fn with_crd(cluster: &Cluster, client: &Client, change: impl FnOnce(&mut Value)) -> Said {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let there = api.get("pipelines.lockgate.dev").await.unwrap();
    let mut other = json!(there);
    change(&mut other);
    let other = serde_json::from_value(other).unwrap();
    let changed = api.replace("pipelines.lockgate.dev", &PostParams::default(), &other).await.unwrap();
    let said = doctor(cluster.kubeconfig());
    let mut back = there;
    back.metadata.resource_version = changed.metadata.resource_version;
    api.replace("pipelines.lockgate.dev", &PostParams::default(), &back).await.unwrap();
    said
}

/// Looks until the check of this name has these words: who authorises hears of another role a moment after it was made or deleted.
fn doctor_until(cluster: &Cluster, name: &str, words: &str) -> Said {
    let begun = std::time::Instant::now();
    loop {
        let said = doctor(cluster.kubeconfig());
        let checks = said.all["checks"].as_array().unwrap();
        if checks.iter().any(|check| check["check"] == name && check["seen"].to_string().contains(words)) {
            return said;
        }
        assert!(begun.elapsed() < crate::support::DEADLINE, "{name} never says {words}: {checks:#?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// Takes the operator's role away, looks, and gives it back.
fn lost_rights_are_told(cluster: &Cluster) {
    let bind = "clusterrolebinding/lockgate";
    output(cluster.kubectl().args(["delete", bind]));
    let said = doctor_until(cluster, "access", "may not: list pipelines");
    assert_eq!(said.code, 1);
    said.says("access", &["failed", "may not: list pipelines, watch pipelines", "create pods", "deploy/base"]);
    let binding: Vec<_> =
        rendered(cluster, "deploy/base").into_iter().filter(|o| o.contains("kind: ClusterRoleBinding")).collect();
    apply(cluster, &binding);
    let said = doctor_until(cluster, "access", "may do what the operator does");
    assert_eq!(said.code, 0);
    said.says(
        "access",
        &["ok: ServiceAccount lockgate-system/lockgate may do what the operator does, in all namespaces"],
    );
    said.says("skew", &["ok: this lockgate is", "operator lockgate"]);
}

/// Where there is a ClusterRegistry somebody should copy its Secret; that one's account is asked about, too.
fn a_projector_that_is_missing_is_told_and_one_that_is_there_is_no_operator(cluster: &Cluster) {
    let registry = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "metadata": {"name": "shared"},
        "spec": {"host": "registry.example.com", "secret": {"namespace": "lockgate-system", "name": "shared"}},
    });
    apply(cluster, &[registry.to_string()]);
    let said = doctor(cluster.kubeconfig());
    assert_eq!(said.code, 0);
    said.says("projector", &["warn: there are 1 ClusterRegistries, and no projector in namespace lockgate-system"]);
    let objects = rendered(cluster, "deploy/overlays/projector");
    let of_it: Vec<_> = objects.into_iter().filter(|object| object.contains("  name: lockgate-projector\n")).collect();
    apply(cluster, &of_it);
    let said = doctor_until(cluster, "access", "may do what the projector does");
    said.says("operator", &["ok: Deployment lockgate: 1 of 1"]);
    said.says("projector", &["failed: Deployment lockgate-projector: 0 of 1 available"]);
    let checks = said.all["checks"].as_array().unwrap().iter();
    let access: Vec<&str> =
        checks.filter(|check| check["check"] == "access").map(|check| check["seen"].as_str().unwrap()).collect();
    assert_eq!(
        access,
        [
            "ServiceAccount lockgate-system/lockgate may do what the operator does, in all namespaces",
            "ServiceAccount lockgate-system/lockgate-projector may do what the projector does, with Secrets of lockgate-system",
        ]
    );
    output(cluster.kubectl().args(["delete", "role/lockgate-projector", "--namespace", SYSTEM_NAMESPACE]));
    let said = doctor_until(cluster, "access", "lockgate-projector may not: ");
    let lost =
        "ServiceAccount lockgate-system/lockgate-projector may not: list secrets in namespace lockgate-system, watch";
    let told = said.all["checks"].to_string();
    assert!(told.contains(lost) && told.contains("-k deploy/overlays/projector "), "{told}");
    output(cluster.kubectl().args(["delete", "deployment/lockgate-projector", "--namespace", SYSTEM_NAMESPACE]));
    output(cluster.kubectl().args(["delete", "clusterregistry/shared"]));
}

/// Definitions under the same name that are not ours.
async fn other_definitions_are_told(cluster: &Cluster, client: &Client) {
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let said = with_crd(cluster, client, |crd| {
        crd.pointer_mut(properties).unwrap().as_object_mut().unwrap().remove("history_limit");
    });
    let said = said.await;
    assert_eq!(said.code, 1);
    said.says("crd", &["failed", "older version", "drop spec.history_limit", "lockgate crd | kubectl apply"]);
    let said = with_crd(cluster, client, |crd| {
        crd.pointer_mut(properties).unwrap()["schedule"] = json!({"type": "string"});
    });
    let said = said.await;
    assert_eq!(said.code, 0);
    said.says("crd", &["warn", "newer version", "it also has spec.schedule"]);
    let said = with_crd(cluster, client, |crd| {
        let mut other = crd["spec"]["versions"][0].clone();
        other["name"] = json!("v9");
        other["storage"] = json!(false);
        crd["spec"]["versions"][0]["served"] = json!(false);
        crd["spec"]["versions"].as_array_mut().unwrap().push(other);
    });
    let said = said.await;
    assert_eq!(said.code, 1);
    said.says("crd", &["failed", "not served as v1alpha1", "but as: v9"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_not_as_it_should_be() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;

    // All but the Deployment is installed. The stored definition is found to be ours.
    let said = doctor(cluster.kubeconfig());
    assert_eq!(said.code, 1);
    let expected = [
        ("server", "ok"),
        ("crd", "ok"),
        ("crd", "ok"),
        ("crd", "ok"),
        ("operator", "failed"),
        ("projector", "ok"),
        ("skew", "ok"),
        ("names", "ok"),
        ("rights", "ok"),
        ("at-rest", "warn"),
        ("kubelets", "ok"),
    ];
    assert_eq!(said.states(), expected);
    said.says("at-rest", &["no sign of encrypting Secrets", "docs/encryption.md"]);
    said.says("operator", &["no Deployment in namespace lockgate-system", "--namespace"]);
    assert_eq!((&said.all["failed"], &said.all["warnings"]), (&json!(1), &json!(1)));

    // The Deployment, without and with a Pod that is ready.
    let objects = rendered(&cluster, "deploy/base");
    apply(&cluster, &objects.into_iter().filter(|object| object.contains("kind: Deployment")).collect::<Vec<_>>());
    let said = doctor(cluster.kubeconfig());
    assert_eq!(said.code, 1);
    said.says("operator", &["failed", "0 of 1 available", "kubectl describe deployment lockgate -n lockgate-system"]);
    operator_is_ready(&client).await;
    let said = doctor(cluster.kubeconfig());
    assert_eq!((said.code, said.all["failed"].as_u64()), (0, Some(0)), "{:#?}", said.all);
    said.says("operator", &["ok", "1 of 1 available", concat!("version ", env!("CARGO_PKG_VERSION"))]);

    lost_rights_are_told(&cluster);
    a_projector_that_is_missing_is_told_and_one_that_is_there_is_no_operator(&cluster);

    other_definitions_are_told(&cluster, &client).await;

    // Few rights, and none.
    apply(&cluster, &[FEW_RIGHTS.to_owned()]);
    let few = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "doctor").unwrap();
    let said = doctor(&few);
    assert_eq!((said.code, said.all["warnings"].as_u64()), (0, Some(0)), "{:#?}", said.all);
    said.says("rights", &["ok: this account may not list Pipelines"]);
    said.says("projector", &["unseen", "list on clusterregistries.lockgate.dev"]);
    said.says("access", &["unseen", "create on subjectaccessreviews"]);
    let none = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "nobody").unwrap();
    let said = doctor(&none);
    let expected = [
        ("server", "ok"),
        ("crd", "warn"),
        ("crd", "warn"),
        ("crd", "warn"),
        ("operator", "warn"),
        ("skew", "ok"),
        ("names", "ok"),
        ("rights", "ok"),
        ("at-rest", "unseen"),
        ("kubelets", "unseen"),
    ];
    assert_eq!((said.code, said.states()), (0, expected.to_vec()));
    said.says("crd", &["not checked: this account may not read it (403)", "grant it get on customresourcedefinitions"]);

    // Somebody else's Pipelines; the definition is taken away last.
    let tekton = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "pipelines.tekton.dev"},
        "spec": {
            "group": "tekton.dev", "scope": "Namespaced", "names": {"plural": "pipelines", "kind": "Pipeline"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    apply(&cluster, &[tekton.to_string()]);
    output(cluster.kubectl().args([
        "wait",
        "--for=condition=Established",
        "crd/pipelines.tekton.dev",
        "--timeout=60s",
    ]));
    // Discovery follows a moment later.
    let begun = std::time::Instant::now();
    while !doctor(&few).of("names").starts_with("warn: tekton.dev has pipelines, too") {
        assert!(begun.elapsed() < crate::support::DEADLINE, "tekton.dev is never seen");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(doctor(&few).code, 0, "a warning fails nothing");
    // Without the registries Pipelines run, as they did before these were known.
    output(cluster.kubectl().args(["delete", "crd", "registries.lockgate.dev", "clusterregistries.lockgate.dev"]));
    let said = doctor(&few);
    assert_eq!(said.code, 0);
    let definitions: Vec<_> = said.states().into_iter().filter(|(name, _)| *name == "crd").collect();
    assert_eq!(definitions, [("crd", "ok"), ("crd", "warn"), ("crd", "warn")]);
    output(cluster.kubectl().args(["delete", "crd", "pipelines.lockgate.dev"]));
    let said = doctor(&few);
    assert_eq!(said.code, 1);
    said.says("crd", &["failed: there is no CustomResourceDefinition pipelines.lockgate.dev"]);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
