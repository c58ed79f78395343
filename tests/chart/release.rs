//! A release from its install to its end, on a real API server with its controllers.

use std::path::Path;

use serde_json::Value;

use super::server::{cluster, strict_namespace};
use super::support::output;
use super::{chart, objects};

const NAMESPACE: &str = "lockgate-journey";
/// One of each; nobody looks at them here.
const REGISTRIES: &str = "
apiVersion: lockgate.dev/v1alpha1
kind: Registry
metadata: {name: ours, namespace: team-a}
spec: {host: registry.example.com, secret: {name: regcred}}
---
apiVersion: lockgate.dev/v1alpha1
kind: ClusterRegistry
metadata: {name: everybody-s}
spec: {host: registry.example.com, secret: {namespace: lockgate-journey, name: regcred}}
";

/// Helm with the cluster, for the release `gate`; gives what it printed.
fn helm(arguments: &[&str]) -> String {
    let mut helm = cluster().helm().unwrap();
    output(helm.args(arguments).args(["--namespace", NAMESPACE]).current_dir(chart()))
}

/// The same, where a no is expected: what it said.
fn helm_refuses(arguments: &[&str]) -> String {
    let mut helm = cluster().helm().unwrap();
    let output = helm.args(arguments).args(["--namespace", NAMESPACE]).current_dir(chart()).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} went well");
    String::from_utf8(output.stderr).unwrap()
}

fn kubectl(arguments: &[&str]) -> String {
    output(cluster().kubectl().args(arguments))
}

fn get(what: &str) -> Value {
    let text = kubectl(&["get", what, "--namespace", NAMESPACE, "--output=yaml"]);
    objects(&text).remove(0)
}

/// Names of all objects of these kinds, those without a namespace included.
fn names(kinds: &str) -> Vec<String> {
    let label = "--selector=app.kubernetes.io/instance=gate";
    let listed = kubectl(&["get", kinds, "--namespace", NAMESPACE, label, "--output=name"]);
    listed.lines().map(ToOwned::to_owned).collect()
}

/// Whether somebody may do this to a resource, as in `pipelines.lockgate.dev/scale`, in the namespace team-a.
fn may(who: &str, verb: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let arguments = ["auth", "can-i", verb, resource, "--namespace=team-a", "--as", who];
    let answer = cluster().kubectl().args(arguments).args(["--subresource", subresource]).output().unwrap();
    String::from_utf8(answer.stdout).unwrap().trim() == "yes"
}

#[test]
fn a_release_lives_and_leaves_pipelines_behind() {
    strict_namespace(cluster(), NAMESPACE);
    let installed = helm(&["install", "gate", ".", "--values", "ci/default-values.yaml", "--wait", "--timeout=2m"]);
    assert!(installed.contains("helm test gate -n lockgate-journey"), "{installed}");
    assert_eq!(get("deployment/gate-lockgate")["status"]["availableReplicas"], 1);

    helm(&["test", "gate", "--timeout=2m"]);
    assert_eq!(names("pods,serviceaccounts,roles,rolebindings").len(), 2, "the test cleans up");
    assert!(!names("clusterroles").iter().any(|name| name.ends_with("-test")), "the test cleans up");

    the_test_may_look_at_all_that_it_checks();
    people_have_rights();
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart/pipeline.yaml");
    kubectl(&["apply", "--namespace=team-a", "-f", pipeline.to_str().unwrap()]);
    let registries = cluster().dir().join("registries.yaml");
    std::fs::write(&registries, REGISTRIES).unwrap();
    kubectl(&["apply", "-f", registries.to_str().unwrap()]);

    helm(&["upgrade", "gate", ".", "--values", "ci/ha-values.yaml", "--wait", "--timeout=2m"]);
    let deployment = get("deployment/gate-lockgate");
    assert_eq!(deployment["spec"]["strategy"]["type"], "RollingUpdate");
    assert_eq!(deployment["status"]["availableReplicas"], 2);
    assert_eq!(
        names("poddisruptionbudgets,roles"),
        ["poddisruptionbudget.policy/gate-lockgate", "role.rbac.authorization.k8s.io/gate-lockgate-leader-election"]
    );

    helm(&["upgrade", "gate", ".", "--values", "ci/default-values.yaml", "--wait", "--timeout=2m"]);
    let deployment = get("deployment/gate-lockgate");
    assert_eq!(deployment["spec"]["strategy"], serde_json::json!({"type": "Recreate"}));
    assert_eq!(names("poddisruptionbudgets,roles"), Vec::<String>::new());

    the_projector_comes_and_goes();
    a_newer_chart_brings_its_crd();

    helm(&["uninstall", "gate", "--wait", "--timeout=2m"]);
    // Helm waits for what it made; Pods go with the Deployment a little later.
    let all = "all,clusterroles,clusterrolebindings,serviceaccounts,configmaps";
    super::until("nothing is left of the release", || names(all).is_empty());
    let left = kubectl(&["get", "lgp,lgr,lgcr", "--namespace=team-a", "--output=name"]);
    let kinds: Vec<&str> = left.lines().filter_map(|line| line.split('/').next()).collect();
    assert_eq!(kinds, ["pipeline.lockgate.dev", "registry.lockgate.dev", "clusterregistry.lockgate.dev"], "{left}");

    // What stayed belongs to a release of this name. Another one has to say that it takes it.
    let text = helm_refuses(&["install", "other", ".", "--values", "ci/default-values.yaml"]);
    // Helm names the first that it meets.
    assert!(text.contains(".lockgate.dev") && text.contains("meta.helm.sh/release-name"), "{text}");
    helm(&["install", "other", ".", "--values", "ci/default-values.yaml", "--take-ownership"]);
    helm(&["uninstall", "other", "--wait", "--timeout=2m"]);
    helm(&["install", "gate", ".", "--values", "ci/default-values.yaml", "--take-ownership", "--wait", "--timeout=2m"]);
    helm(&["uninstall", "gate", "--wait", "--timeout=2m"]);
    kubectl(&["delete", "namespace", NAMESPACE, "--timeout=60s"]);
}

/// Switched on it starts in a namespace of Pod Security's strictest level; switched off nothing of it is left, and nothing of the
/// operator's has changed.
fn the_projector_comes_and_goes() {
    let kinds = "deployments,services,serviceaccounts,roles,rolebindings";
    let of_it = |kinds: &str, namespace: &str| {
        let selector = "--selector=app.kubernetes.io/component=projector";
        let listed = kubectl(&["get", kinds, "--namespace", namespace, selector, "--output=name"]);
        listed.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let version = get("deployment/gate-lockgate")["metadata"]["generation"].clone();
    let sources = "projector.enabled=true,projector.sourceNamespaces={lockgate-journey,registries}";
    let values = ["--values", "ci/default-values.yaml", "--set", sources];
    helm(&[&["upgrade", "gate", ".", "--wait", "--timeout=2m"], &values[..]].concat());
    assert_eq!(get("deployment/gate-lockgate-projector")["status"]["availableReplicas"], 1);
    assert_eq!(get("deployment/gate-lockgate")["metadata"]["generation"], version, "the operator is left alone");
    assert_eq!(of_it(kinds, NAMESPACE).len(), 5);
    assert_eq!(of_it(kinds, "registries").len(), 2);
    let account = &format!("system:serviceaccount:{NAMESPACE}:gate-lockgate-projector");
    super::until("it may list its sources", || may_in(account, "list", "secrets", "registries"));
    assert!(may_in(account, "list", "secrets", NAMESPACE) && !may_in(account, "list", "secrets", "team-a"));
    assert!(may_in(account, "patch", "secrets/lockgate-registries", "team-a"));
    assert!(!may_in(account, "patch", "secrets/db", "team-a") && !may_in(account, "get", "secrets/db", "team-a"));

    helm(&["upgrade", "gate", ".", "--values", "ci/default-values.yaml", "--wait", "--timeout=2m"]);
    for (kinds, namespace) in [(kinds, NAMESPACE), (kinds, "registries"), ("clusterroles,clusterrolebindings", "")] {
        assert_eq!(of_it(kinds, namespace), Vec::<String>::new());
    }
}

/// Whether somebody may do this to an object, as in `secrets/db`, in a namespace.
fn may_in(who: &str, verb: &str, object: &str, namespace: &str) -> bool {
    let arguments = ["auth", "can-i", verb, object, "--namespace", namespace, "--as", who];
    let answer = cluster().kubectl().args(arguments).output().unwrap();
    String::from_utf8(answer.stdout).unwrap().trim() == "yes"
}

/// A chart with a CRD that says more than the one in the cluster.
fn a_newer_chart_brings_its_crd() {
    let newer = cluster().dir().join("newer");
    output(std::process::Command::new("cp").arg("-r").arg(chart()).arg(&newer));
    let file = newer.join("templates/crds/pipelines.yaml");
    let crd = std::fs::read_to_string(&file).unwrap().replace("    - lgp\n", "    - lgp\n    - lockgatepipeline\n");
    std::fs::write(&file, crd).unwrap();
    let short_names = || kubectl(&["get", "crd/pipelines.lockgate.dev", "--output=jsonpath={.spec.names.shortNames}"]);
    assert_eq!(short_names(), r#"["lgp"]"#);
    helm(&["upgrade", "gate", newer.to_str().unwrap(), "--set", super::IMAGE, "--wait", "--timeout=2m"]);
    assert_eq!(short_names(), r#"["lgp","lockgatepipeline"]"#);
}

/// Kubernetes' own roles get those of the chart.
fn people_have_rights() {
    for role in ["view", "edit", "admin"] {
        kubectl(&["create", "rolebinding", role, "--clusterrole", role, "--user", role, "--namespace=team-a"]);
    }
    for role in ["view", "edit", "admin"] {
        let writes = role != "view";
        for kind in ["pipelines.lockgate.dev", "registries.lockgate.dev"] {
            super::until(&format!("{role} may read {kind}"), || may(role, "list", kind));
            super::until(&format!("{role} may write {kind}: {writes}"), || may(role, "create", kind) == writes);
            for verb in ["patch", "update", "delete"] {
                assert_eq!(may(role, verb, kind), writes, "{role}: {verb} {kind}");
            }
            assert!(!may(role, "patch", &format!("{kind}/status")), "{role}: status of {kind}");
        }
        assert_eq!(may(role, "patch", "pipelines.lockgate.dev/scale"), writes, "{role}");
        // What reaches beyond a namespace is nobody's, and whom a GlobalPrivate ClusterRegistry serves is said by a label that
        // nobody here can give.
        for verb in ["get", "list", "watch", "create", "update", "patch", "delete"] {
            assert!(!may(role, verb, "clusterregistries.lockgate.dev"), "{role}: {verb}");
            let reads = ["get", "list", "watch"].contains(&verb);
            assert!(reads || !may(role, verb, "namespaces"), "{role}: {verb} namespaces");
        }
    }
    assert!(!may("nobody", "list", "pipelines.lockgate.dev") && !may("nobody", "list", "registries.lockgate.dev"));
}

/// What the Pod of `helm test` runs, with the rights that it has: a script plays the node here, so that the Pod itself runs nothing.
fn the_test_may_look_at_all_that_it_checks() {
    let flags =
        ["template", "gate", ".", "--values", "ci/default-values.yaml", "--show-only", "templates/tests/doctor.yaml"];
    let (pods, others): (Vec<Value>, Vec<Value>) =
        objects(&helm(&flags)).into_iter().partition(|object| object["kind"] == "Pod");
    let [pod] = &pods[..] else { panic!("{} Pods", pods.len()) };
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": others});
    let file = cluster().dir().join("doctor.json");
    std::fs::write(&file, list.to_string()).unwrap();
    kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
    let kubeconfig = cluster().service_account_kubeconfig(NAMESPACE, account).unwrap();
    let arguments = pod["spec"]["containers"][0]["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_lockgate"));
    let said = output(doctor.args(arguments).env("KUBECONFIG", &kubeconfig));
    assert!(said.contains("operator") && said.contains("crd"), "{said}");
    // What only administrators may look at is left to them: the test needs no such rights.
    let (unseen, seen): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("unseen"));
    assert!(!seen.concat().contains("403") && !seen.concat().contains("not checked"), "{said}");
    let unseen: Vec<&str> = unseen.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(unseen, ["projector", "access", "at-rest", "kubelets"], "{said}");
    kubectl(&["delete", "-f", file.to_str().unwrap()]);
}
