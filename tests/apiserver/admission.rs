//! The policies of `deploy/policies`: what each refuses, in which words, and that the rest goes on.

mod authors;
mod breaches;
mod chart;
mod contents;
mod page;
mod secrets;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use kube_runtime::wait::await_condition;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{DEADLINE, Space, admin, corpus, name_of, output};
use crate::{Shared, shared};

/// All of them.
const POLICIES: [&str; 6] = [
    "allowed-registries",
    "author-may-read-secrets",
    "author-may-use-service-accounts",
    "no-literal-credentials",
    "protect-secrets",
    "secret-size",
];
/// Asks, and changes nothing.
fn dry() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared cluster, with the policies as people install them.
async fn cluster() -> &'static Shared {
    static INSTALLED: OnceCell<&'static Shared> = OnceCell::const_new();
    let install = || async {
        let install = || {
            let shared = shared();
            let folder = root().join("deploy/policies");
            output(shared.cluster.kubectl().args(["apply", "--server-side", "-k"]).arg(folder));
            shared
        };
        tokio::task::spawn_blocking(install).await.unwrap()
    };
    INSTALLED.get_or_init(install).await
}

/// `kubectl apply` of this text.
async fn apply(text: String) {
    let shared = cluster().await;
    let apply = move || {
        let mut command = shared.cluster.kubectl();
        command.args(["apply", "--server-side", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "kubectl apply failed");
    };
    tokio::task::spawn_blocking(apply).await.unwrap();
}

fn label(policy: &str) -> String {
    format!("policy.lockgate.dev/{policy}")
}

/// A namespace in which these policies do this.
async fn space(name: &str, policies: &[&str], action: &str) -> Space {
    let client = admin(&cluster().await.cluster).await;
    let labels: serde_json::Map<String, Value> = policies.iter().map(|p| (label(p), action.into())).collect();
    Space::labelled(&client, name, labels.into()).await
}

/// A client as which this person makes requests.
async fn person(name: &str) -> Client {
    let mut kubeconfig = Kubeconfig::read_from(cluster().await.cluster.kubeconfig()).unwrap();
    for user in &mut kubeconfig.auth_infos {
        user.auth_info.as_mut().unwrap().impersonate = Some(name.to_owned());
    }
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Lets a person do with Pipelines what they like, and this besides; returns their view of the namespace.
async fn author(space: &Space, name: &str, rules: &[Value]) -> Space {
    let pipelines =
        json!({"apiGroups": ["lockgate.dev"], "resources": ["pipelines", "pipelines/scale"], "verbs": ["*"]});
    let rules: Vec<Value> = rules.iter().cloned().chain([pipelines]).collect();
    let role = json!({"metadata": {"name": name}, "rules": rules});
    space.api::<Role>().create(&PostParams::default(), &serde_json::from_value(role).unwrap()).await.unwrap();
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]});
    space.api::<RoleBinding>().create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    Space { client: person(name).await, ..space.clone() }
}

/// The right to do this to these, or to all.
fn right(resource: &str, verb: &str, names: &[&str]) -> Value {
    json!({"apiGroups": [""], "resources": [resource], "verbs": [verb], "resourceNames": names})
}

fn pipeline(name: &str, spec: &Value) -> Pipeline {
    let object =
        json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(object).unwrap()
}

/// What the API server answers: nothing, or the words of the refusal.
fn words<T>(answer: kube::Result<T>) -> String {
    match answer {
        Ok(_) => String::new(),
        Err(kube::Error::Api(status)) => status.message,
        Err(error) => panic!("{error}"),
    }
}

/// What it answers to a Pipeline of this spec.
async fn asked(space: &Space, spec: &Value) -> String {
    words(space.api().create(&dry(), &pipeline("asked", spec)).await)
}

/// One expectation: admitted if no words are expected, else refused with these.
fn expect(what: &str, said: &str, expected: &str) {
    if expected.is_empty() {
        assert_eq!(said, "", "{what}: it should be admitted");
    } else {
        assert!(
            said.contains("denied request: ") && said.contains(expected),
            "{what}: {expected:?} is not in {said:?}"
        );
    }
}

/// Asks again until the answer has these words: a policy works only some moments after it was made.
async fn until_refused<F: Future<Output = String>>(expected: &str, ask: impl Fn() -> F) {
    let mut last = String::new();
    let refused = async {
        while !last.contains(expected) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            last = ask().await;
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, refused).await.is_ok();
    assert!(in_time, "no policy refuses this with {expected:?}: {last:?}");
}

/// Looks again until it is so; for what no watch tells.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let come = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, come).await.is_ok(), "it never came to this: {what}");
}

/// One container and nothing else.
fn plain() -> Value {
    json!({"transform": {"image": "registry.example.com/team/app:1"}})
}

/// The API server has looked at every expression of this policy, and warns of none.
async fn nothing_to_say_about(name: &str) {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(admin(&cluster().await.cluster).await);
    let judged = |found: Option<&ValidatingAdmissionPolicy>| {
        found.is_some_and(|policy| {
            let status = policy.status.as_ref();
            status.is_some_and(|s| s.type_checking.is_some() && s.observed_generation == policy.metadata.generation)
        })
    };
    let found = tokio::time::timeout(DEADLINE, await_condition(policies, name, judged)).await;
    let status = found.expect("it is never judged").unwrap().unwrap().status.unwrap();
    assert_eq!(status.type_checking.unwrap().expression_warnings, None, "{name}");
}

#[tokio::test]
async fn the_api_server_finds_nothing_to_say_about_any_policy() {
    let client = admin(&cluster().await.cluster).await;
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(client).list(&ListParams::default()).await.unwrap();
    for policy in POLICIES {
        let name = format!("lockgate-{policy}");
        nothing_to_say_about(&name).await;
        let actions = |binding: &ValidatingAdmissionPolicyBinding| {
            let spec = &binding.spec;
            let resources = spec.match_resources.as_ref()?;
            let labels = resources.namespace_selector.as_ref()?.match_labels.clone()?;
            (spec.policy_name == name).then(|| (labels, spec.validation_actions.clone()))
        };
        let mut found: Vec<_> = bindings.items.iter().filter_map(actions).collect();
        found.sort();
        let expected = [("deny", "Deny"), ("warn", "Warn")].map(|(value, action)| {
            ([(label(policy), value.to_owned())].into(), vec![action.to_owned(), "Audit".to_owned()])
        });
        assert_eq!(found, expected, "{name}");
    }
}

/// Every policy has a budget of its own: none is refused for what it costs to look at.
#[tokio::test]
async fn no_good_pipeline_is_too_large_to_be_judged() {
    const REGISTRIES: &str = "['docker.io', 'registry.example.com', 'registry.example.com:5000', '[2001:db8::1]:5000']";
    let policies = ["author-may-read-secrets", "author-may-use-service-accounts", "no-literal-credentials"];
    let space = contents::with_list("registries-of-corpus", REGISTRIES, &policies).await;
    for policy in policies {
        wait_for(&space, policy).await;
    }
    let mut refused = Vec::new();
    for (name, object) in corpus(&space.name) {
        let uri = format!("{}?dryRun=All", Pipeline::url_path(&(), Some(&space.name)));
        let request = http::Request::post(uri).header("Content-Type", "application/json");
        let request = request.body(serde_json::to_vec(&object).unwrap()).unwrap();
        let said = words(space.client.request::<Value>(request).await);
        if !said.is_empty() {
            expect(&name, &said, "Secrets; where the policy lockgate-author-may-read-secrets is on it may name 24");
            refused.push(name);
        }
    }
    let expected = ["properties-at-bound", "pull-secrets-at-bound", "references-256-at-bound", "references-64"];
    assert_eq!(refused, expected);
}

/// Waits until this policy works here.
async fn wait_for(space: &Space, policy: &str) {
    let mut spec = plain();
    match policy {
        "allowed-registries" => spec["transform"]["image"] = json!("elsewhere.example.com/app"),
        "no-literal-credentials" => spec["transform"]["env"] = json!({"PASSWORD": "x"}),
        "author-may-read-secrets" => spec["image_pull_secrets"] = (0..25).map(|i| format!("s{i}")).collect(),
        "author-may-use-service-accounts" => {
            let step = |i| json!({"name": format!("s{i}"), "image": "registry.example.com/x", "service_account_name": format!("s{i}")});
            spec = json!({"steps": (0..25).map(step).collect::<Vec<_>>()});
        }
        _ => panic!("{policy} does not concern Pipelines"),
    }
    until_refused(&format!("ValidatingAdmissionPolicy 'lockgate-{policy}'"), || asked(space, &spec)).await;
}

#[tokio::test]
async fn with_every_policy_on_a_pipeline_still_waits_for_its_secrets_and_runs() {
    let space = space("policed", &POLICIES, "deny").await;
    let author = author(&space, "policed-author", &[right("secrets", "get", &["later"])]).await;
    for policy in &POLICIES[..4] {
        wait_for(&author, policy).await;
    }
    waits_and_runs(&space, &author).await;
}

/// The author, who may get the Secret `later`, names it before it is there.
async fn waits_and_runs(space: &Space, author: &Space) {
    let mut spec = plain();
    spec["transform"]["secrets"] = json!([{"name": "later", "env_var": "DB_PASSWORD", "key": "password"}]);
    author.pipeline("edges", spec).await;
    space.phase("edges", Phase::Waiting).await;
    space.secret("later", &["password"]).await;
    let pod = name_of(&space.pod_of("edges").await);
    space.phase("edges", Phase::Starting).await;
    space.pod_status(&pod, json!({"phase": "Running"})).await;
    space.phase("edges", Phase::Running).await;
    space.pod_succeeds(&pod).await;
    space.phase("edges", Phase::Succeeded).await;
}

#[tokio::test]
async fn a_namespace_goes_from_a_warning_to_a_refusal_by_its_label() {
    let policies = ["no-literal-credentials"];
    let space = space("rolled-out", &policies, "warn").await;
    let text = pipeline("edges", &json!({"transform": {"image": "x", "env": {"DB_PASSWORD": "x"}}}));
    let text = serde_json::to_string(&text).unwrap();
    // As a person meets it: on kubectl's standard error.
    let warned = move || {
        let shared = shared();
        let mut command = shared.cluster.kubectl();
        command.args(["create", "--dry-run=server", "-n", "rolled-out", "-f", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success());
        String::from_utf8(ended.stderr).unwrap()
    };
    let expected = "Warning: Validation failed for ValidatingAdmissionPolicy 'lockgate-no-literal-credentials' with binding 'lockgate-no-literal-credentials-warn': transform: DB_PASSWORD in env";
    until_refused(expected, || async { tokio::task::spawn_blocking(warned.clone()).await.unwrap() }).await;
    // As an auditor meets it.
    let log = cluster().await.cluster.audit_log();
    let signs = ["\"validation.policy.admission.k8s.io/validation_failure\":", "/namespaces/rolled-out/pipelines"];
    until("the audit log tells of it", || {
        std::fs::read_to_string(&log).unwrap().lines().any(|line| signs.iter().all(|sign| line.contains(sign)))
    })
    .await;
    let namespaces: Api<Namespace> = Api::all(space.client.clone());
    let patch = json!({"metadata": {"labels": {label(policies[0]): "deny"}}});
    namespaces.patch(&space.name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    wait_for(&space, policies[0]).await;
}
