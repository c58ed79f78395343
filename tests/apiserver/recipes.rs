//! What the recipes promise, where a command that runs does not show it.

use std::process::Command;

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{Container, Pod, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, RunCause};
use serde_json::{Value, json};

use crate::gitops::piped;
use crate::support::audit::tally;
use crate::support::stage::running;
use crate::support::{condition, name_of, output};
use crate::{audit, shared, space};

fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The command of a container, as the kubelet would start it in the Job of this name.
fn arguments(container: &Container, job: &str) -> Vec<String> {
    container.args.iter().flatten().map(|argument| argument.replace("$(REQUEST)", job)).collect()
}

#[tokio::test]
async fn the_schedule_s_account_can_ask_for_the_next_run_and_do_nothing_else() {
    let space = space("recipe-schedule").await;
    let cluster = &shared().cluster;
    output(cluster.kubectl().args(["apply", "-n", &space.name, "-k"]).arg(root().join("deploy/recipes/schedule")));
    space.secret("warehouse", &["password"]).await;
    space.pod_succeeds(&name_of(&space.pod_of("nightly").await)).await;
    space.phase("nightly", Phase::Succeeded).await;

    let kubeconfig = cluster.service_account_kubeconfig(&space.name, "nightly-schedule").unwrap();
    let as_account = |args: &[String]| {
        let mut kubectl: Command = cluster.kubectl();
        kubectl.env("KUBECONFIG", &kubeconfig).args(["-n", &space.name]).args(args);
        kubectl.output().unwrap()
    };
    let cron = space.until::<CronJob>("nightly", "exists", |_| true).await;
    let pod = cron.spec.job_template.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.service_account_name.as_deref(), Some("nightly-schedule"));
    let [wait] = &pod.init_containers.unwrap()[..] else { panic!("one container waits") };
    let [request] = &pod.containers[..] else { panic!("one container asks") };

    // Its own commands, as its own account: the run before is over, and the next one begins, once for one Job.
    let waited = as_account(&arguments(wait, "nightly-1"));
    assert!(waited.status.success(), "{waited:?}");
    for _ in 0..2 {
        let asked = as_account(&arguments(request, "nightly-1"));
        assert!(asked.status.success(), "{asked:?}");
    }
    let is_second = |p: &Pipeline| p.status.iter().flat_map(|s| &s.run).any(|run| run.number == 2);
    let second = space.until("nightly", "a second run", is_second).await.status.unwrap();
    assert_eq!(second.last_handled_run_request.as_deref(), Some("nightly-1"));
    assert_eq!(second.run.unwrap().started_by, Some(RunCause::Requested));
    // While it is under way the next request would wait.
    let mut impatient = arguments(wait, "nightly-2");
    impatient.retain(|argument| !argument.starts_with("--timeout"));
    impatient.push("--timeout=1s".into());
    let waited = as_account(&impatient);
    assert!(String::from_utf8_lossy(&waited.stderr).contains("timed out"), "{waited:?}");

    // Nothing else.
    space.pipeline("other", json!({"suspend": true, "transform": {"image": "registry.test/edges:1"}})).await;
    for refused in [
        "get secrets",
        "get secret warehouse",
        "get pods",
        "get pipelines.lockgate.dev",
        "get pipelines.lockgate.dev other",
        "annotate pipelines.lockgate.dev other x=y",
        "delete pipelines.lockgate.dev nightly",
        "create job --image=busybox x",
        "patch pipelines.lockgate.dev nightly --subresource=status --type=merge -p {}",
        "get pipelines.lockgate.dev nightly -n default",
    ] {
        let words: Vec<String> = refused.split(' ').map(ToOwned::to_owned).collect();
        let answer = as_account(&words);
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(!answer.status.success() && said.contains("orbidden"), "{refused}: {said}");
    }

    // And Kubernetes makes the Job's Pod, with the name of the Job where the request takes it from.
    output(cluster.kubectl().args(["create", "job", "--from=cronjob/nightly", "now", "-n", &space.name]));
    let labelled = |pod: &Pod| pod.labels().get("batch.kubernetes.io/job-name").is_some_and(|job| job == "now");
    let found = async {
        loop {
            if let Some(pod) = space.pods().await.into_iter().find(labelled) {
                return pod;
            }
            tokio::task::yield_now().await;
        }
    };
    let made = tokio::time::timeout(space.patience, found).await.expect("the Job has no Pod");
    let spec = serde_json::to_value(made.spec.unwrap()).unwrap();
    let field = "/containers/0/env/0/valueFrom/fieldRef/fieldPath";
    assert_eq!(spec.pointer(field).unwrap(), "metadata.labels['batch.kubernetes.io/job-name']");
}

#[tokio::test]
async fn a_mounted_token_that_is_replaced_all_the_time_costs_no_pod_and_no_write() {
    let space = space("recipe-token").await;
    space.secret("api-token", &["token"]).await;
    let spec = json!({
        "mode": "Service", "rotation_debounce": "1s",
        "transform": {"image": "registry.test/poller:1", "secrets": [{"name": "api-token", "mount_path": "/etc/api"}]},
    });
    space.pipeline("poller", spec).await;
    let pod = name_of(&space.pod_of("poller").await);
    space.pod_status(&pod, running(true)).await;
    let settled = space.phase("poller", Phase::Running).await;

    let begun = Timestamp::now();
    for i in 0..10 {
        let patch = Patch::Merge(json!({"stringData": {"token": format!("canary-7c1f-{i}")}}));
        space.api::<Secret>().patch("api-token", &PatchParams::default(), &patch).await.unwrap();
    }
    // A Pipeline that waits for a key of the same Secret: when it starts, all ten were seen.
    let later = json!({"transform": {"image": "a", "secrets": [{"name": "api-token", "env_var": "X", "key": "last"}]}});
    space.pipeline("marker", later).await;
    space.phase("marker", Phase::Waiting).await;
    let patch = Patch::Merge(json!({"stringData": {"last": "canary-7c1f"}}));
    space.api::<Secret>().patch("api-token", &PatchParams::default(), &patch).await.unwrap();
    space.pod_of("marker").await;

    let mut audit = audit().await;
    audit.settle(&space.client).await;
    let ours = |entry: &crate::support::audit::Entry| {
        entry.namespace() == space.name && entry.name().starts_with("poller") && entry.is_write()
    };
    let writes = tally(&audit.since(begun).into_iter().filter(ours).collect::<Vec<_>>());
    assert!(writes.is_empty(), "{writes:?}");
    let now = space.api::<Pipeline>().get("poller").await.unwrap();
    assert_eq!(now.resource_version(), settled.resource_version());
}

#[tokio::test]
async fn parameters_arrive_where_they_are_meant_to_by_both_tools() {
    let space = space("recipe-parameters").await;
    let cluster = &shared().cluster;
    let expected = |pull_secrets: Value| {
        let mut transform = json!({
            "image": "registry.example.com/shop/report:1.4", "cmd": ["/report"],
            "env": {"REGION": "us", "DAYS": "30"},
            "secrets": [{"name": "warehouse-us", "env_var": "DB_PASSWORD", "key": "password"}],
        });
        if !pull_secrets.is_null() {
            transform["image_pull_secrets"] = pull_secrets;
        }
        json!({"transform": transform, "resource_requests": {"memory": "256Mi"}})
    };
    let folder = root().join("deploy/recipes/parameters");
    let by_kustomize = output(cluster.kubectl().arg("kustomize").arg(folder.join("kustomize/prod")));
    let mut helm = cluster.helm().unwrap();
    helm.args(["template", "report-helm"]).arg(folder.join("helm")).arg("--values").arg(folder.join("helm/prod.yaml"));
    let by_helm = output(&mut helm);
    for (name, text, pull_secrets) in
        [("report", by_kustomize, Value::Null), ("report-helm", by_helm, json!(["regcred"]))]
    {
        let objects = lockgate::cli::manifest::read(&text).unwrap();
        let [pipeline] = &objects[..] else { panic!("one object: {text}") };
        assert_eq!(pipeline["metadata"]["name"], name);
        assert_eq!(pipeline["spec"], expected(pull_secrets));
        piped(cluster.kubectl(), &["apply", "-n", &space.name, "-f", "-"], &text);
        space.until(name, "waits", |p| condition(p, "Ready") == "False/WaitingForSecrets").await;
    }
}
