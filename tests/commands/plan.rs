//! `lockgate plan` against the operator: what it prints is what is made.

use std::collections::BTreeMap;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, ServiceAccount};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::ObjectKind;
use lockgate::model::parse::parse;
use lockgate::model::work::{Usage, Work};
use serde_json::{Value, json};

use crate::shell::Shell;
use crate::support::{CANARY, DEADLINE, Space, corpus, name_of, without_nulls};

/// So many manifests at once.
const AT_ONCE: usize = 6;

/// Equal Pods are equal: two say as much as a thousand, and a step without a Pod would hold up the others.
fn with_few_pods(spec: &mut Value) {
    let parts = spec.get("steps").and_then(Value::as_array).map_or(0, Vec::len);
    let few = |part: &mut Value| {
        if let Some(number) = part.get("parallelism").and_then(Value::as_i64) {
            part["parallelism"] = json!(number.clamp(1, 2));
        }
    };
    (0..parts).for_each(|at| few(&mut spec["steps"][at]));
    few(spec);
}

/// Everything that the work names.
async fn make_all(space: &Space, work: &Work) {
    let mut secrets: BTreeMap<String, (bool, Vec<String>)> = BTreeMap::new();
    for usage in work.steps.iter().flat_map(|step| &step.uses) {
        let (pulls, keys) = secrets.entry(usage.secret.to_string()).or_default();
        *pulls |= usage.usage == Usage::ImagePull;
        keys.extend(usage.required_keys().iter().map(ToString::to_string));
    }
    let made = secrets.into_iter().map(async |(name, (pulls, keys))| {
        let mut data: BTreeMap<String, String> = keys.into_iter().map(|key| (key, CANARY.to_owned())).collect();
        if pulls {
            data.insert(".dockerconfigjson".into(), r#"{"auths":{}}"#.into());
        }
        let type_ = if pulls { "kubernetes.io/dockerconfigjson" } else { "Opaque" };
        space.make::<Secret>(json!({"metadata": {"name": name}, "type": type_, "stringData": data})).await;
    });
    futures::future::join_all(made).await;
    for object in work.objects() {
        let metadata = json!({"name": object.name.as_str()});
        match object.kind {
            ObjectKind::ConfigMap => space.make::<ConfigMap>(json!({"metadata": metadata})).await,
            ObjectKind::PersistentVolumeClaim => {
                let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
                space.make::<PersistentVolumeClaim>(json!({"metadata": metadata, "spec": spec})).await;
            }
        }
    }
    for step in &work.steps {
        if let Some(name) = &step.service_account
            && space.api::<ServiceAccount>().get_opt(name).await.unwrap().is_none()
        {
            space.make::<ServiceAccount>(json!({"metadata": {"name": name}})).await;
        }
        if let Some(name) = &step.priority_class_name {
            let class = json!({"metadata": {"name": name}, "value": 7});
            let api = Api::<PriorityClass>::all(space.client.clone());
            // Another manifest may have made it.
            let _ = api.create(&PostParams::default(), &serde_json::from_value(class).unwrap()).await;
        }
    }
}

/// Which Pod of the Pipeline it is.
fn place(pod: &Value) -> String {
    let label = |name: &str| pod["metadata"]["labels"][format!("lockgate.dev/{name}")].as_str().unwrap().to_owned();
    ["run", "step", "index", "attempt", "replacement"].map(label).join("/")
}

/// Without what hangs on the Pipeline's uid, on the versions of Secrets, and on the moment.
fn plain(mut pod: Value) -> Value {
    let theirs = ["name", "generateName", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"];
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| !theirs.contains(&field.as_str()) && field != "ownerReferences");
    metadata["annotations"].as_object_mut().unwrap().remove("lockgate.dev/started-with");
    pod.as_object_mut().unwrap().remove("status");
    // The end of this volume's name is random.
    let text = pod.to_string();
    match text.split_once("kube-api-access-") {
        Some((_, rest)) => serde_json::from_str(&text.replace(rest.split('"').next().unwrap(), "xxxxx")).unwrap(),
        None => pod,
    }
}

/// The Pods that the operator makes of it, each as it was first seen. Those of a Job succeed at once, so that all steps have their
/// turn.
async fn made(space: &Space, count: usize, is_job: bool) -> BTreeMap<String, Value> {
    let mut seen = BTreeMap::new();
    let mut stream =
        std::pin::pin!(watcher(space.api::<Pod>(), watcher::Config::default()).default_backoff().applied_objects());
    while seen.len() < count {
        // Each has its time: many that need each other come one by one.
        let Ok(event) = tokio::time::timeout(DEADLINE, stream.next()).await else {
            panic!("{}: {count} Pods were planned, and these came: {:?}", space.name, seen.keys());
        };
        let Some(Ok(pod)) = event else { continue };
        let value = serde_json::to_value(&pod).unwrap();
        if seen.insert(place(&value), value).is_none() && is_job {
            space.pod_succeeds(&name_of(&pod)).await;
        }
    }
    seen
}

/// One manifest: what is printed without a cluster, and what comes. How many Pods there were.
async fn is_what_is_made(at: usize, name: String, mut object: Value) -> usize {
    let shell = Shell::new(&format!("plan-same-{at}")).await;
    let space = &shell.space;
    without_nulls(&mut object);
    object["metadata"]["namespace"] = json!(space.name);
    with_few_pods(&mut object["spec"]);
    let work = parse(&serde_json::from_value(object["spec"].clone()).unwrap()).unwrap();
    make_all(space, &work).await;
    shell.file("plan.json", object.to_string());
    let printed = shell.good("KUBECONFIG=/nowhere lockgate plan -f plan.json -o json");
    let plan: Value = serde_json::from_str::<Value>(&printed).unwrap()["plans"][0].clone();
    let now = plan["create"].as_array().unwrap().iter();
    let planned: Vec<&Value> = now.chain(plan["later"].as_array().unwrap().iter().map(|later| &later["pod"])).collect();

    object["spec"]["suspend"] = json!(false);
    let kind = ApiResource::erase::<Pipeline>(&());
    let pipelines: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &kind);
    pipelines.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    let is_job = matches!(work.lifecycle, lockgate::model::work::Lifecycle::Job);
    let made = made(space, planned.len(), is_job).await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    for pod in &planned {
        let stored = space.api::<Pod>().create(&dry, &serde_json::from_value((*pod).clone()).unwrap()).await;
        let stored = serde_json::to_value(stored.unwrap_or_else(|error| panic!("{name}: {error}"))).unwrap();
        let there = made.get(&place(pod)).unwrap_or_else(|| panic!("{name}: {} was not made", place(pod)));
        assert_eq!(plain(stored), plain(there.clone()), "{name}: {}", place(pod));
    }
    planned.len()
}

#[tokio::test]
async fn a_plan_without_a_cluster_is_what_the_operator_makes_of_every_good_manifest() {
    let all = corpus("x").into_iter().enumerate().map(|(at, (name, object))| is_what_is_made(at, name, object));
    let counts: Vec<usize> = futures::stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
    println!("{} manifests, {} Pods", counts.len(), counts.iter().sum::<usize>());
    assert!(counts.len() > 80 && counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn the_form_for_programs_is_stable() {
    let shell = Shell::new("plan-json").await;
    shell.good("lockgate run edges --image a:1 --secret db:* --dry-run=client -o yaml > p.yaml");
    let offline = shell.good("KUBECONFIG=/nowhere lockgate plan -f p.yaml -n team-a -o json");
    let offline = serde_json::from_str::<Value>(&offline).unwrap()["plans"][0].take();
    let fields: Vec<&str> = offline.as_object().unwrap().keys().map(String::as_str).collect();
    let all = [
        "assumed",
        "create",
        "delete",
        "deletePipeline",
        "images",
        "later",
        "live",
        "message",
        "namespace",
        "phase",
        "pipeline",
        "reason",
        "references",
        "run",
    ];
    assert_eq!(fields, all);
    assert_eq!(
        (&offline["live"], &offline["run"], &offline["namespace"]),
        (&json!(false), &json!(1), &json!("team-a"))
    );
    assert_eq!(offline["create"][0]["metadata"]["namespace"], "team-a");
    let live = shell.good("lockgate plan -f - --live -o json < p.yaml");
    let live = serde_json::from_str::<Value>(&live).unwrap()["plans"][0].take();
    assert_eq!((&live["phase"], &live["reason"]), (&json!("Waiting"), &json!("WaitingForSecrets")));
    assert_eq!(live["references"][0]["state"], "NotFound");
    assert_eq!((live["create"].as_array().unwrap().len(), live["later"].as_array().unwrap().len()), (0, 1));
    let yaml = shell.good("lockgate plan -f p.yaml --live -o yaml");
    let yaml = lockgate::cli::manifest::read(&yaml).unwrap().remove(0);
    assert_eq!(yaml["plans"][0]["later"], live["later"]);
}

#[tokio::test]
async fn a_plan_with_the_cluster_names_what_is_missing_and_asks_for_no_value() {
    let shell = Shell::new("plan-live").await;
    shell.space.secret("db", &["other"]).await;
    shell.file(
        "p.yaml",
        "apiVersion: lockgate.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: edges}\nspec:\n  service_account_name: robot\n  transform:\n    \
         image: a\n    secrets:\n    - {name: db, key: password, env_var: P}\n    - {name: gone, mount_path: /gone}\n    volumes:\n    - \
         {claim: data, mount_path: /data}\n    - {config_map: conf, mount_path: /conf}\n",
    );
    let text = shell.good("lockgate plan -f p.yaml --live");
    for words in [
        "ServiceAccount robot",
        "Secret db",
        "no key password",
        "Secret gone",
        "PersistentVolumeClaim data",
        "ConfigMap conf",
    ] {
        let message = text.lines().find(|line| line.starts_with("# Waiting: ")).unwrap();
        assert!(message.contains(words), "{words} is not in {message}");
    }
    assert!(!text.contains(CANARY), "{text}");
    assert_eq!(text.matches("\n# later: ").count(), 1, "{text}");
    assert!(shell.space.api::<Pipeline>().list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn what_the_user_may_not_read_is_taken_for_good_and_named() {
    let shell = Shell::new("plan-blind").await;
    shell.good(
        "kubectl create role author --verb=get,list,create --resource=pipelines.lockgate.dev,pods && \
         kubectl create rolebinding author --role=author --user=author",
    );
    shell
        .good("lockgate run edges --image a:1 --secret db:* --service-account robot --dry-run=client -o yaml > p.yaml");
    let text = shell.good("lockgate plan -f p.yaml --live --as author");
    assert!(
        text.contains("since you may not read it: ServiceAccount robot, Registries, ClusterRegistries, Secret db."),
        "{text}"
    );
    assert!(text.contains("\n# now\n"), "{text}");
}

#[tokio::test]
async fn a_diff_of_what_runs_shows_what_was_added_by_nobody_but_the_author() {
    let shell = Shell::new("plan-diff").await;
    shell.good("lockgate run edges --image a:1 --service-account default --env A=1 --dry-run=client -o yaml > p.yaml");
    shell.good("kubectl apply -f p.yaml");
    let pod = shell.space.pod_of("edges").await;
    shell.space.phase("edges", lockgate::api::reason::Phase::Starting).await;
    assert_eq!(shell.good("lockgate plan -f p.yaml --diff"), "");
    // A label of the Pipeline is no work.
    let label = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    shell.space.api::<Pipeline>().patch("edges", &PatchParams::default(), &label).await.unwrap();
    assert_eq!(shell.good("lockgate plan edges --diff"), "");
    shell.good("sed -i 's/A: .*/A: \"2\"\\n      B: \"3\"/' p.yaml");
    let output = shell.run("lockgate plan -f p.yaml --diff");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let changed: Vec<&str> =
        text.lines().skip(2).filter(|line| line.starts_with(['-', '+'])).map(str::trim_end).collect();
    let run_key = changed.iter().filter(|line| line.contains("run-key")).count();
    let rest: Vec<&str> = changed.into_iter().filter(|line| !line.contains("lockgate.dev/run")).collect();
    assert_eq!(rest, ["-      value: \"1\"", "+      value: \"2\"", "+    - name: B", "+      value: \"3\""], "{text}");
    assert_eq!(run_key, 2, "{text}");
    assert!(
        text.starts_with(&format!("--- live/plan-diff/pods/{}\n+++ plan/plan-diff/pods/edges-main-", name_of(&pod)))
    );
    // It was a dry run.
    assert_eq!(shell.space.pods().await.len(), 1);
}
