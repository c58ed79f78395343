//! The chart and `deploy/` give the same objects where they overlap, and `deploy/install.yaml` those of `deploy/base`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use lockgate_cluster::Programs;
use serde_json::{Value, json};

use super::support::output;
use super::{IMAGE, rendered};

/// Helm says by labels whose an object is, and selects by them. kustomize's objects are those of a namespace.
const LABELS_OF_HELM: [&str; 5] = [
    "app.kubernetes.io/component",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];
/// Of a CRD. They say whose it is, and tell Helm and Argo CD how to treat it; `crds/` holds what `lockgate crd` prints.
const MARKS: [&str; 2] = ["annotations", "labels"];
/// Helm makes no Namespace; `--create-namespace` does.
const ONLY_IN_DEPLOY: [&str; 1] = ["Namespace lockgate-system"];
/// Roles for people, whom `deploy/` grants nothing; and a Service, which there is part of the component `monitoring`.
const ONLY_IN_CHART: [&str; 4] = [
    "ClusterRole lockgate-edit",
    "ClusterRole lockgate-view",
    "Service lockgate-system lockgate-metrics",
    "Service lockgate-system lockgate-projector-metrics",
];
/// It is the reader's own in both.
const IMAGE_FIELDS: [&str; 2] =
    ["/spec/template/spec/containers/0/image", "/spec/template/metadata/annotations/lockgate.dev~1helper-image"];

/// A profile: the kustomization, and the values that mean the same.
const PROFILES: [(&str, &str); 8] = [
    ("deploy/base", "{}"),
    ("deploy/overlays/namespaced", "{watchNamespaces: [team-a, team-b], secretAccess: namespaces}"),
    ("deploy/overlays/none", "{secretAccess: none}"),
    ("deploy/overlays/projector", "{projector: {enabled: true}}"),
    ("deploy/overlays/ha", "{replicaCount: 2, leaderElection: {enabled: true}, podDisruptionBudget: {enabled: true}}"),
    (
        "examples/monitoring",
        "monitoring:
           serviceMonitor: {enabled: true, renderMode: alwaysRender}
           prometheusRule:
             enabled: true
             renderMode: alwaysRender
             runbookBaseUrl: https://git.example.com/lockgate/blob/main/docs/troubleshooting.md
           grafanaDashboard: {enabled: true}",
    ),
    (
        "deploy/policies",
        "policies:
           allowedRegistries: {enabled: true, registries: [registry.example.com]}
           authorMayReadSecrets: {enabled: true}
           authorMayUseServiceAccounts: {enabled: true}
           noLiteralCredentials: {enabled: true}
           protectSecrets: {enabled: true}
           secretSize: {enabled: true}",
    ),
    (
        "examples/policies",
        "policies:
           allowedRegistries:
             enabled: true
             registries: [registry.example.com, ghcr.io/acme, docker.io/library]
             denyNamespaceSelector:
               matchExpressions:
               - {key: policy.lockgate.dev/allowed-registries, operator: NotIn, values: ['off', warn]}
           secretSize: {enabled: true, maxBytes: 16384}",
    ),
];

/// Objects by kind, namespace and name.
type Objects = BTreeMap<String, Value>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn by_name(manifests: &str) -> Objects {
    let mut objects = Objects::new();
    for object in lockgate::cli::manifest::read(manifests).unwrap() {
        let of = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = [of("/kind"), of("/metadata/namespace"), of("/metadata/name")];
        let name = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        assert!(objects.insert(name.clone(), object).is_none(), "{name} is there twice");
    }
    objects
}

fn of_kustomize(folder: &str) -> Objects {
    let kubectl = Programs::ensure(&["kubectl"]).unwrap().path("kubectl");
    by_name(&output(Command::new(kubectl).arg("kustomize").arg(root().join(folder))))
}

/// What `helm install` makes of these values; hooks are of `helm test`.
fn of_chart(values: &str) -> Objects {
    let values = lockgate::cli::manifest::read(values).unwrap().remove(0).to_string();
    by_name(&rendered(&["--set", IMAGE, "--set-json", &values, "--no-hooks"]))
}

/// Takes away what is each tool's own; the constants above say what and why.
fn normal(mut object: Value) -> Value {
    for field in IMAGE_FIELDS {
        if let Some(image) = object.pointer_mut(field) {
            *image = json!("lockgate");
        }
    }
    without(&mut object, &LABELS_OF_HELM);
    if object["kind"] == "CustomResourceDefinition" {
        without(&mut object["metadata"], &MARKS);
    }
    object
}

/// Takes these keys out of every map.
fn without(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !keys.contains(&key.as_str()));
            fields.values_mut().for_each(|value| without(value, keys));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, keys)),
        _ => {}
    }
}

/// As much of it as a person reads.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 300 { text.chars().take(300).chain(['…']).collect() } else { text }
}

/// Where two values differ, as `path: chart has this, deploy has that`.
fn differences(path: &str, chart: &Value, deploy: &Value, found: &mut Vec<String>) {
    match (chart, deploy) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let of = |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                differences(&format!("{path}/{key}"), &of(a), &of(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{i}"), a, b, found);
            }
        }
        _ if chart == deploy => {}
        _ => found.push(format!("{path}: the chart has {}, deploy has {}", short(chart), short(deploy))),
    }
}

/// What is different in two lists of objects.
fn compared(chart: Objects, deploy: Objects) -> Vec<String> {
    let mut found = Vec::new();
    let mut deploy = deploy;
    for (name, object) in chart {
        match deploy.remove(&name) {
            Some(other) => differences(&name, &normal(object), &normal(other), &mut found),
            None if ONLY_IN_CHART.contains(&name.as_str()) => {}
            None => found.push(format!("{name}: only the chart has it")),
        }
    }
    let left = deploy.into_keys().filter(|name| !ONLY_IN_DEPLOY.contains(&name.as_str()));
    found.extend(left.map(|name| format!("{name}: only deploy has it")));
    found
}

#[test]
fn the_chart_gives_the_objects_of_every_kustomization() {
    let mut found = Vec::new();
    for (folder, values) in PROFILES {
        let deploy = of_kustomize(folder);
        let mut chart = of_chart(values);
        // The policies are a kustomization of their own, without the operator.
        if folder.ends_with("/policies") {
            chart.retain(|name, _| name.starts_with("ValidatingAdmission"));
        }
        assert!(deploy.len() >= 5, "{folder} renders {} objects", deploy.len());
        found.extend(compared(chart, deploy).into_iter().map(|line| format!("{folder}: {line}")));
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_flat_file_is_the_base() {
    let flat = by_name(&std::fs::read_to_string(root().join("deploy/install.yaml")).unwrap());
    let base = of_kustomize("deploy/base");
    assert!(base.len() >= 6);
    let mut found = Vec::new();
    differences("", &json!(flat), &json!(base), &mut found);
    assert!(found.is_empty(), "deploy/install.yaml on the left, deploy/base on the right:\n{}", found.join("\n"));
}

/// Of every Deployment, its image and the one that renders inputs, in this order.
fn images(objects: &Objects) -> Vec<[String; 2]> {
    let deployments = objects.iter().filter(|(name, _)| name.starts_with("Deployment "));
    let of = |object: &Value| IMAGE_FIELDS.map(|field| object.pointer(field).unwrap().as_str().unwrap().to_owned());
    deployments.map(|(_, object)| of(object)).collect()
}

/// Whatever changes the image changes the helper's, too: kustomize, one value, the line of sed.
#[test]
fn an_image_is_named_once() {
    let own = "registry.example.com/platform/lockgate:0.1.0";
    assert_eq!(images(&of_kustomize("deploy/recipes/own-registry")), [[own, own]]);
    let text = std::fs::read_to_string(root().join("deploy/install.yaml")).unwrap();
    let sed = text.lines().find_map(|line| line.strip_prefix("#   sed '")).unwrap().split('\'').next().unwrap();
    let from = by_name(&output(Command::new("sed").arg(sed).arg(root().join("deploy/install.yaml"))));
    assert_eq!(images(&from), [["registry.example.com/lockgate:0.1.0"; 2]]);
    assert_eq!(images(&of_kustomize("deploy/overlays/projector")), [["lockgate:0.1.0"; 2]; 2]);

    let of = |values: &str| images(&of_chart(values));
    let default = format!("registry.example.com/lockgate:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(of("{projector: {enabled: true}}"), [[default.as_str(); 2]; 2]);
    let helper = |values: &str| {
        let values = format!("{{image: {{registry: a.test, repository: x/y, tag: t}}, {values}}}");
        let values = lockgate::cli::manifest::read(&values).unwrap().remove(0).to_string();
        images(&by_name(&rendered(&["--set-json", &values, "--no-hooks"])))
    };
    for (values, image, rendering) in [
        ("helper: {image: {registry: b.test}}", "a.test/x/y:t", "b.test/x/y:t"),
        ("helper: {image: {repository: b.test/z}}", "a.test/x/y:t", "b.test/z:t"),
        ("helper: {image: {tag: u}}", "a.test/x/y:t", "a.test/x/y:u"),
        ("helper: {image: {digest: 'sha256:0a'}}", "a.test/x/y:t", "a.test/x/y@sha256:0a"),
        ("helper: {image: {registry: b.test, repository: z, tag: u}}", "a.test/x/y:t", "b.test/z:u"),
    ] {
        assert_eq!(helper(values), [[image, rendering]], "{values}");
    }
}

/// The pointers of all single values.
fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(key, value)| {
                leaves(&format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), value, found);
            });
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(i, value)| leaves(&format!("{path}/{i}"), value, found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// Whatever changes in one of two equal objects is told, with its place; but for what `normal` takes away.
#[test]
fn no_difference_is_overlooked() {
    let mut overlooked = std::collections::BTreeSet::new();
    let mut count = 0;
    for (name, object) in of_chart(PROFILES[3].1) {
        // As long as all others together, and nothing of it is special.
        if object["kind"] == "CustomResourceDefinition" {
            continue;
        }
        let mut places = Vec::new();
        leaves("", &object, &mut places);
        for place in places {
            let mut other = object.clone();
            *other.pointer_mut(&place).unwrap() = json!("something else");
            let mut found = Vec::new();
            differences(&name, &normal(object.clone()), &normal(other), &mut found);
            count += 1;
            if found.is_empty() {
                overlooked.insert(place.rsplit('/').next().unwrap().replace("~1", "/"));
            } else {
                let told = format!("{name}{}: ", place.replace("~1", "/"));
                assert!(found.len() == 1 && found[0].starts_with(&told), "{place}: {found:?}");
            }
        }
    }
    assert!(count > 200, "{count}");
    let expected: std::collections::BTreeSet<String> =
        LABELS_OF_HELM.into_iter().chain(["image", "lockgate.dev/helper-image"]).map(ToOwned::to_owned).collect();
    assert_eq!(overlooked, expected);
}
