//! A real API server takes whatever the chart renders.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use lockgate_cluster::{Cluster, NodeKind, Options};

use super::support::output;
use super::{cases, chart, helm, objects, rendered};

/// One cluster for this target. A script plays its node: Pods get ready, and those of `helm test` end.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Cluster::start(Options::new().node(NodeKind::Scripted)).unwrap();
        for namespace in ["lockgate-elsewhere", "team-a", "team-b", "monitoring", "registries"] {
            output(cluster.kubectl().args(["create", "namespace", namespace]));
        }
        cluster
    })
}

/// A namespace in which Pod Security holds Pods to its strictest level, and warns of what would make such Pods.
pub fn strict_namespace(cluster: &Cluster, name: &str) {
    output(cluster.kubectl().args(["create", "namespace", name]));
    let levels = ["pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted"];
    output(cluster.kubectl().args(["label", "namespace", name]).args(levels));
}

fn piped(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Every object of a YAML text, validated strictly and admitted, and not kept.
fn dry_run(cluster: &Cluster, text: &str) -> Output {
    let mut apply = cluster.kubectl();
    apply.args(["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"]);
    piped(apply, text)
}

#[test]
fn every_case_is_taken_and_passes_pod_security() {
    let cluster = cluster();
    strict_namespace(cluster, "lockgate-system");
    let crds = std::fs::read_to_string("tests/chart/monitoring-crds.yaml").unwrap();
    let mut apply = cluster.kubectl();
    apply.args(["apply", "--server-side", "-f", "-"]);
    assert!(piped(apply, &crds).status.success());
    for kind in ["servicemonitors", "prometheusrules"] {
        let crd = format!("crd/{kind}.monitoring.coreos.com");
        output(cluster.kubectl().args(["wait", "--for=condition=Established", &crd, "--timeout=60s"]));
    }
    // A dry run keeps no account for the Pod that comes after it.
    for (namespace, name) in [("lockgate-system", "lockgate-test"), ("lockgate-elsewhere", "lockgate-everything-test")]
    {
        output(cluster.kubectl().args(["create", "serviceaccount", name, "--namespace", namespace]));
    }
    for case in cases() {
        let answer = dry_run(cluster, &rendered(&["--values", &format!("ci/{case}-values.yaml")]));
        let stderr = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.success(), "{case}: {stderr}");
        let stdout = String::from_utf8_lossy(&answer.stdout);
        assert!(stdout.contains("deployment.apps/lockgate"), "{case}: {stdout}");
        // Nothing that a person would have to wonder at; it is said where Pods would break the level, too.
        assert!(!stderr.contains("Warning"), "{case}: {stderr}");
    }
}

/// With a server to ask, the kinds that it knows are rendered, and others are left out.
#[test]
fn what_the_cluster_does_not_know_is_left_out() {
    let values = "monitoring.serviceMonitor.enabled=true,monitoring.prometheusRule.enabled=true";
    let kinds = |more: &[&str]| {
        let output = helm(&[&["template", "lockgate", ".", "--set", super::IMAGE, "--set", values], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        ["ServiceMonitor", "PrometheusRule"].map(|kind| text.contains(&format!("\nkind: {kind}\n")))
    };
    assert_eq!(kinds(&[]), [false, false]);
    assert_eq!(kinds(&["--api-versions", "monitoring.coreos.com/v1/ServiceMonitor"]), [true, false]);
    assert_eq!(kinds(&["--api-versions", "monitoring.coreos.com/v1/PrometheusRule"]), [false, true]);
}

/// Argo CD's Application names values of the chart, in its own words.
#[test]
fn the_values_of_the_example_for_argo_cd_are_taken() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/examples/chart.yaml");
    let application = objects(&std::fs::read_to_string(file).unwrap()).remove(0);
    let source = &application["spec"]["source"];
    assert_eq!(source["path"], "charts/lockgate");
    let values = cluster().dir().join("argo-cd-values.yaml");
    std::fs::write(&values, source["helm"]["valuesObject"].to_string()).unwrap();
    let text = rendered(&["--values", values.to_str().unwrap()]);
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        assert!(text.contains(&format!("\nkind: {kind}\n")), "{kind} is left out");
    }
}

/// The chart as it is packaged has what it needs, and not what only its tests need.
#[test]
fn the_package_is_whole_and_small() {
    let folder = cluster().dir().join("package");
    let output = helm(&["package", &chart().to_string_lossy(), "--destination", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = folder.join(format!("lockgate-{}.tgz", env!("CARGO_PKG_VERSION")));
    let listed = super::support::output(Command::new("tar").arg("-tzf").arg(&file));
    for name in ["values.schema.json", "README.md", "templates/NOTES.txt", "templates/crds/pipelines.yaml"] {
        assert!(listed.contains(&format!("lockgate/{name}\n")), "{listed}");
    }
    assert!(!listed.contains("lockgate/ci/"), "{listed}");
    // A release is kept as one Secret, of at most a MiB; the package is most of it.
    assert!(std::fs::metadata(&file).unwrap().len() < 300_000);
}
