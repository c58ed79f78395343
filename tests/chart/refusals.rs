//! What is misspelt or cannot work is refused, and the text says what to do.

use lockgate::model::validate::pod_defaults;

use super::{IMAGE, chart, helm, object, objects, rendered};

/// Flags, and words of the refusal.
type Case = (&'static [&'static str], &'static [&'static str]);

fn refused(flags: &[&str]) -> String {
    let output = helm(&[&["template", "lockgate", "."], flags].concat());
    assert!(!output.status.success(), "{flags:?} was not refused");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn without_an_image_it_says_how_to_get_one() {
    let version = env!("CARGO_PKG_VERSION");
    let text = refused(&[]);
    for words in [
        format!("make image IMAGE=registry.example.com/lockgate:{version}"),
        format!("make push IMAGE=registry.example.com/lockgate:{version}"),
        "--set image.repository=registry.example.com/lockgate".to_owned(),
    ] {
        assert!(text.contains(&words), "{text}");
    }
}

#[test]
fn combinations_that_cannot_work() {
    let cases: &[Case] = &[
        (&["secretAccess=namespaces"], &["watchNamespaces is empty", "name the namespaces"]),
        (&["watchNamespaces={team-a}"], &["secretAccess is cluster", "set secretAccess to namespaces or none"]),
        (&["replicaCount=2"], &["replicaCount is 2", "set leaderElection.enabled to true"]),
        (&["podDisruptionBudget.enabled=true"], &["podDisruptionBudget keeps 1 of 1", "raise replicaCount"]),
        (
            &[
                "replicaCount=2,leaderElection.enabled=true",
                "podDisruptionBudget.enabled=true,podDisruptionBudget.minAvailable=51%",
            ],
            &["podDisruptionBudget keeps 51% of 2"],
        ),
        (
            &["podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=0"],
            &["podDisruptionBudget.maxUnavailable is 0", "set it to 1 or more"],
        ),
        (&["podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=0%"], &["maxUnavailable is 0%"]),
        (
            &[
                "podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=1,podDisruptionBudget.minAvailable=0",
            ],
            &["podDisruptionBudget has minAvailable and maxUnavailable"],
        ),
        (
            &["metrics.enabled=false,monitoring.serviceMonitor.enabled=true"],
            &["monitoring.serviceMonitor.enabled is true", "set metrics.enabled to true"],
        ),
        (
            &["metrics.enabled=false,monitoring.prometheusRule.enabled=true"],
            &["monitoring.prometheusRule.enabled is true"],
        ),
        (
            &["metrics.enabled=false,monitoring.grafanaDashboard.enabled=true"],
            &["monitoring.grafanaDashboard.enabled is true"],
        ),
        (
            &["metrics.service.enabled=false,monitoring.serviceMonitor.enabled=true"],
            &["set metrics.service.enabled to true"],
        ),
        (
            &["monitoring.serviceMonitor.enabled=true,monitoring.serviceMonitor.renderMode=failIfMissing"],
            &["does not know the kind ServiceMonitor", "install the Prometheus operator first"],
        ),
        (
            &["monitoring.prometheusRule.enabled=true,monitoring.prometheusRule.renderMode=failIfMissing"],
            &["does not know the kind PrometheusRule", "monitoring.prometheusRule.renderMode to skipIfMissing"],
        ),
        (&["metrics.port=8081"], &["metrics.port and health.port are both 8081"]),
        (&["serviceAccount.create=false"], &["the account default", "set serviceAccount.name"]),
        (&["policies.allowedRegistries.enabled=true"], &["set policies.allowedRegistries.registries"]),
        (
            &["projector.enabled=true,secretAccess=none,watchNamespaces={team-a}"],
            &[
                "watchNamespaces keeps the operator from looking at ClusterRegistries",
                "lockgate-registries to defaults",
            ],
        ),
        (
            &["projector.enabled=true,projector.serviceAccount.create=false"],
            &["the account default", "set projector.serviceAccount.name"],
        ),
        (
            &["projector.enabled=true,projector.serviceAccount.name=gate,serviceAccount.name=gate"],
            &["would have one account, gate", "set projector.serviceAccount.name to another"],
        ),
        (&["projector.enabled=true,projector.metrics.port=8081"], &["projector.health.port are both 8081"]),
        (
            &["projector.enabled=true,hostNetwork=true"],
            &["projector.metrics.port is 8080, as a port of the operator", "set projector.health.port to another"],
        ),
        (&["extraArgs={--helper-image=x}"], &["--helper-image in extraArgs", "set helper.image"]),
        (&["extraEnv[0].name=LOCKGATE_HELPER_IMAGE"], &["LOCKGATE_HELPER_IMAGE in extraEnv", "set helper.image"]),
        (&["extraArgs={--secret-access=none}"], &["--secret-access in extraArgs", "set secretAccess"]),
        (&["extraArgs={--leader-elect}"], &["set leaderElection.enabled"]),
        (
            &["extraEnv[0].name=LOCKGATE_WATCH_NAMESPACES"],
            &["LOCKGATE_WATCH_NAMESPACES in extraEnv", "set watchNamespaces"],
        ),
    ];
    for (sets, words) in cases {
        let flags: Vec<&str> = sets.iter().chain([&IMAGE]).flat_map(|set| ["--set", set]).collect();
        let text = refused(&flags);
        for word in *words {
            assert!(text.contains(word), "{sets:?} gave: {text}");
        }
    }
}

/// What is just on the right side of these refusals.
#[test]
fn combinations_that_work() {
    for sets in [
        "replicaCount=2,leaderElection.enabled=true,podDisruptionBudget.enabled=true,podDisruptionBudget.minAvailable=50%",
        "replicaCount=0,podDisruptionBudget.enabled=true",
        "podDisruptionBudget.enabled=true,podDisruptionBudget.maxUnavailable=1",
        "podDisruptionBudget.enabled=true,podDisruptionBudget.minAvailable=0",
        "serviceAccount.create=false,rbac.create=false",
        "serviceAccount.create=false,serviceAccount.name=theirs",
        "metrics.enabled=false,metrics.port=8081",
        "monitoring.serviceMonitor.enabled=true",
        "leaderElection.enabled=true",
        "extraArgs={--log-level=debug}",
        "enabled=true,global.whatever=1",
        "projector.enabled=true,hostNetwork=true,projector.metrics.port=9090,projector.health.port=9091",
        "projector.enabled=true,projector.serviceAccount.create=false,projector.serviceAccount.name=theirs",
        "projector.enabled=true,metrics.enabled=false,projector.metrics.port=8081",
        "projector.enabled=true,secretAccess=none,watchNamespaces={team-a},defaults.imagePullSecrets={lockgate-registries}",
        "projector.serviceAccount.create=false",
        "projector.enabled=true,crds.install=false",
    ] {
        let output = helm(&["template", "lockgate", ".", "--set", IMAGE, "--set", sets]);
        assert!(output.status.success(), "{sets}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// With a server to ask: the kinds that it knows are those of an older version.
#[test]
fn a_projector_without_its_kind_is_refused() {
    let flags = ["--set", IMAGE, "--set", "projector.enabled=true,crds.install=false", "--api-versions"];
    let older = [&flags[..], &["lockgate.dev/v1alpha1/Pipeline"]].concat();
    let text = refused(&older);
    assert!(text.contains("does not know the kind ClusterRegistry") && text.contains("lockgate crd | "), "{text}");
    let newer = [&older[..], &["--api-versions", "lockgate.dev/v1alpha1/ClusterRegistry"]].concat();
    rendered(&newer);
}

#[test]
fn every_problem_is_told_at_once() {
    let text = refused(&["--set", "replicaCount=2,secretAccess=namespaces,metrics.port=8081"]);
    for words in ["image.repository is not set", "watchNamespaces is empty", "replicaCount is 2", "both 8081"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn misspelt_values_are_refused() {
    let cases: &[(&str, &str)] = &[
        ("replicas=2", "replicas"),
        ("image.repositry=x", "repositry"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("image.digest=latest", "/image/digest"),
        ("secretAccess=all", "/secretAccess"),
        ("secretAccess=metadata", "/secretAccess"),
        ("watchNamespaces=team-a", "/watchNamespaces"),
        ("watchNamespaces={Team}", "/watchNamespaces/0"),
        ("watchNamespaces={team-a\\,team-b}", "/watchNamespaces/0"),
        ("watchNamespaces={team-a,team-a}", "/watchNamespaces"),
        ("replicaCount=two", "/replicaCount"),
        ("replicaCount=-1", "/replicaCount"),
        ("leaderElection.enabled=yes", "/leaderElection/enabled"),
        ("leaderElection.leaseDuration=15", "/leaderElection/leaseDuration"),
        ("leaderElection.leaseDuration=fifteen", "/leaderElection/leaseDuration"),
        ("podDisruptionBudget.minAvailable=some", "/podDisruptionBudget/minAvailable"),
        ("defaults.nodeSelctor.a=b", "nodeSelctor"),
        ("defaults.podLabels.a=1", "/defaults/podLabels/a"),
        ("imagePullSecrets[0].nam=x", "/imagePullSecrets/0"),
        ("defaults.imagePullSecrets={Mirror}", "/defaults/imagePullSecrets/0"),
        ("crds.enabled=false", "enabled"),
        ("metrics.port=70000", "/metrics/port"),
        ("monitoring.serviceMonitor.renderMode=never", "/monitoring/serviceMonitor/renderMode"),
        ("monitoring.serviceMonitor.interval=often", "/monitoring/serviceMonitor/interval"),
        ("policies.secretSize.limit=1", "limit"),
        ("policies.authorMayReadSecret.enabled=true", "authorMayReadSecret"),
        ("livenessProbe.httpGet.path=/x", "httpGet"),
        ("concurrency=0", "/concurrency"),
        ("log.format=xml", "/log/format"),
        ("extraArgs=--log-level=debug", "/extraArgs"),
        ("projector.enabled=yes", "/projector/enabled"),
        ("projector.sourceNamespaces=registries", "/projector/sourceNamespaces"),
        ("projector.sourceNamespaces={}", "/projector/sourceNamespaces/0"),
        ("projector.sourceNamespaces={Registries}", "/projector/sourceNamespaces/0"),
        ("projector.replicas=2", "replicas"),
        ("projector.metrics.port=0", "/projector/metrics/port"),
        ("helper.image.digest=latest", "/helper/image/digest"),
        ("helper.pullSecrets={Mirror}", "/helper/pullSecrets/0"),
    ];
    for (set, named) in cases {
        let text = refused(&["--set", IMAGE, "--set", set]);
        assert!(text.contains("values don't meet the specifications of the schema"), "{set}: {text}");
        assert!(text.contains(named), "{set}: {text}");
        let output = helm(&["lint", &chart().to_string_lossy(), "--set", IMAGE, "--set", set]);
        assert!(!output.status.success(), "helm lint took {set}");
    }
}

/// Else the release would be installed, and its operator would not start.
#[test]
fn defaults_that_the_operator_would_refuse_are_refused() {
    let labels =
        |label: &str| (serde_json::json!({"podLabels": {label: "x"}}), format!("defaults.podLabels has {label},"));
    for label in [
        "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by",
        "argocd.argoproj.io/instance",
        "helm.sh/chart",
        "meta.helm.sh/release-name",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
        "lockgate.dev/run",
    ] {
        let (defaults, refusal) = labels(label);
        assert!(pod_defaults(&defaults).is_err(), "the operator takes {label}");
        let text = refused(&["--set", IMAGE, "--set-json", &format!("defaults={defaults}")]);
        assert!(text.contains(&refusal), "{text}");
    }
    for label in ["app.kubernetes.io/name", "team", "helm.example.com/chart"] {
        let (defaults, _) = labels(label);
        assert!(pod_defaults(&defaults).is_ok(), "the operator refuses {label}");
        rendered(&["--set", IMAGE, "--set-json", &format!("defaults={defaults}")]);
    }
}

#[test]
fn the_operator_reads_the_defaults_that_the_chart_writes() {
    let release = objects(&rendered(&["--values", "ci/everything-values.yaml"]));
    let map = object(&release, "ConfigMap", "lockgate-everything-pod-defaults");
    let file = objects(map["data"]["pod-defaults.yaml"].as_str().unwrap());
    let defaults = pod_defaults(&file[0]).unwrap();
    assert_eq!((defaults.pull_secrets.len(), defaults.tolerations.len()), (3, 1));
    assert_eq!(defaults.priority_class_name.as_deref(), Some("batch"));
    assert_eq!((defaults.labels.len(), defaults.node_selector.len()), (1, 1));
}
