//! What the operator gives to Pods is read from its Deployment by `explain` and `check --live`; who may not, is told what is assumed.

use serde_json::json;

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_own_image_and_defaults_are_told_of_a_pod_that_is_not_there() {
    let shell = Shell::new("installed").await;
    let namespace = shell.space.name.clone();
    let labels = json!({"app.kubernetes.io/part-of": "lockgate", "app": "operator"});
    let operator = json!([
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "of-pods"},
         "data": {"pods.yaml": "imagePullSecrets: [everybodys]\n"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator", "labels": labels}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "operator"}},
            "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [{
                    "name": "operator", "image": "a:1", "args": [
                        "operator", "--helper-image=mirror.example.com/lockgate:2", "--helper-pull-secrets=mirror",
                        "--pod-defaults=/etc/of-pods/pods.yaml",
                    ],
                    "volumeMounts": [{"name": "of-pods", "mountPath": "/etc/of-pods"}],
                }],
                "volumes": [{"name": "of-pods", "configMap": {"name": "of-pods"}}],
            }},
        }},
    ]);
    shell.file("operator.json", json!({"apiVersion": "v1", "kind": "List", "items": operator}).to_string());
    shell.good("kubectl apply -f operator.json");
    let edges = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "edges"},
        "spec": {"transform": {
            "image": "registry.example.com/edges:1",
            "input": {"secrets": [{"name": "db", "key": "password"}], "template": {"a": "jq(.secrets.db)"}, "env_var": "A"},
        }},
    });
    shell.file("edges.json", edges.to_string());
    let login = |host: &str| json!({"auths": {(host): {"username": "u", "password": "canary-7c1f"}}}).to_string();
    shell.space.pull_secret("mirror", &login("mirror.example.com")).await;
    shell.space.pull_secret("everybodys", &login("registry.example.com")).await;

    let images = [
        "main: registry.example.com/edges:1, with Secret everybodys (entry registry.example.com)",
        "main (renders its input): mirror.example.com/lockgate:2, with Secret mirror (entry mirror.example.com)",
    ];
    let (_, before) = shell.bad(&format!("lockgate explain -f edges.json --operator-namespace {namespace} >&2"));
    shell.good("kubectl apply -f edges.json && lockgate wait edges --for=phase=Waiting");
    let (_, after) = shell.bad(&format!("lockgate explain edges --operator-namespace {namespace} >&2"));
    for told in [before, after] {
        assert!(images.iter().all(|image| told.contains(image)), "{told}");
        assert!(!told.contains("is assumed") && !told.contains("canary"), "{told}");
    }
    let (_, told) = shell.bad(&format!("lockgate check --live -f edges.json --operator-namespace {namespace} >&2"));
    for entry in ["entry mirror.example.com of Secret mirror", "entry registry.example.com of Secret everybodys"] {
        assert!(told.contains(entry), "{told}");
    }

    // The author of a Pipeline, who sees nothing of the operator.
    shell.good(
        "kubectl create role author --verb=get,list --resource=pipelines.lockgate.dev,pods,secrets,events && \
         kubectl create rolebinding author --role=author --user=author",
    );
    let assumed = "the image that renders inputs is assumed to be lockgate:";
    for line in ["explain edges", "check --live -f edges.json"] {
        let (_, told) = shell.bad(&format!("lockgate {line} --as author --operator-namespace {namespace} >&2"));
        assert!(told.contains("could not be looked at") && told.contains(assumed), "{told}");
        assert!(!told.contains("mirror.example.com"), "{told}");
    }
    // The defaults alone may be out of sight.
    shell.good("kubectl delete configmap of-pods");
    let (_, told) = shell.bad(&format!("lockgate explain edges --operator-namespace {namespace} >&2"));
    assert!(
        told.contains("--pod-defaults could not be read, in ConfigMap of-pods") && told.contains(images[1]),
        "{told}"
    );
}
