//! What is judged of what was seen: one fact after another is made bad.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::access::{self, Account, Lacking};
use super::at_rest::Transformed;
use super::crd::numbers;
use super::judge::{Check, State, all};
use super::seen::{Read, Resource, Seen, Unread};
use crate::api::crd;

const NAMESPACE: &str = "edges";

/// What is done to an object before it is looked at.
type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;

/// As the server has them, with that of Pipelines changed.
fn crds(change: impl FnOnce(&mut Value)) -> Vec<Read<Option<CustomResourceDefinition>>> {
    crds_with(0, change)
}

/// The same, where one of the others is changed.
fn crds_with(which: usize, change: impl FnOnce(&mut Value)) -> Vec<Read<Option<CustomResourceDefinition>>> {
    let mut all: Vec<_> = crd::all().unwrap().into_iter().map(|(_, crd)| Ok(Some(crd))).collect();
    let mut value = json!(all[which].as_ref().unwrap());
    change(&mut value);
    all[which] = Ok(serde_json::from_value(value).unwrap());
    all
}

fn deployment(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({
        "metadata": {"name": "lockgate", "namespace": NAMESPACE, "generation": 2},
        "spec": {"replicas": 1, "selector": {}, "template": {"spec": {"containers": [
            {"name": "operator", "image": format!("registry.test:5000/lockgate:{}", env!("CARGO_PKG_VERSION"))}]}}},
        "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    });
    change(&mut value);
    value
}

fn seen(deployments: &[Value]) -> Seen {
    Seen {
        server: Ok(("v1.36.3".into(), "1".into(), "36".into())),
        crds: crds(|_| {}),
        deployments: Ok(serde_json::from_value(json!(deployments)).unwrap()),
        others: Ok(vec![Resource { group: "apps".into(), names: vec!["deployments".into(), "deploy".into()] }]),
        may_list: Ok(true),
        access: deployments_of(deployments),
        cluster_registries: Ok(0),
        at_rest: Err(Unread::Forbidden),
        kubelets: Ok(vec![]),
    }
}

/// Each operator may do all that it has to.
fn deployments_of(deployments: &[Value]) -> Vec<(Account, Read<Vec<Lacking>>)> {
    let asked = deployments.iter().filter_map(|d| access::asked(&serde_json::from_value(d.clone()).unwrap()));
    asked.map(|(account, _)| (account, Ok(vec![]))).collect()
}

fn well() -> Seen {
    seen(&[deployment(|_| {})])
}

fn judged(seen: &Seen) -> Vec<Check> {
    all(seen, &crd::all().unwrap(), NAMESPACE)
}

/// The check of this name as `state: seen: mend`.
fn told(seen: &Seen, name: &str) -> String {
    let check = judged(seen).into_iter().find(|check| check.name == name).unwrap();
    format!("{}: {}: {}", check.state.as_str(), check.seen, check.mend.unwrap_or_default())
}

fn assert_told(seen: &Seen, name: &str, words: &[&str]) {
    let told = told(seen, name);
    assert!(words.iter().all(|word| told.contains(word)), "{told}\nhas not all of {words:?}");
}

#[test]
fn where_all_is_well_nothing_is_to_be_mended() {
    let checks = judged(&well());
    let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "server",
            "crd",
            "crd",
            "crd",
            "operator",
            "projector",
            "access",
            "skew",
            "names",
            "rights",
            "at-rest",
            "kubelets"
        ]
    );
    let (unseen, others): (Vec<_>, Vec<_>) = checks.iter().partition(|check| check.name == "at-rest");
    assert!(others.iter().all(|check| check.state == State::Ok && check.mend.is_none()), "{others:#?}");
    assert!(unseen[0].state == State::Unseen && unseen[0].mend.is_some(), "{unseen:#?}");
}

#[test]
fn whatever_is_not_well_has_a_mend() {
    let none = Seen {
        server: Ok(("v1.34.1".into(), "1".into(), "34".into())),
        crds: vec![Ok(None), Ok(None), Ok(None)],
        deployments: Ok(vec![]),
        others: Err(Unread::Forbidden),
        may_list: Err(Unread::Refused("500 sorry".into())),
        access: vec![],
        cluster_registries: Ok(1),
        at_rest: Ok(Transformed::default()),
        kubelets: Err(Unread::Refused("500 sorry".into())),
    };
    let mut checks = judged(&none);
    checks.retain(|check| check.name != "skew");
    let states: Vec<&str> = checks.iter().map(|check| check.state.as_str()).collect();
    assert_eq!(states, ["failed", "failed", "warn", "warn", "failed", "warn", "warn", "failed", "warn", "failed"]);
    assert!(checks.iter().all(|check| check.mend.is_some()), "{checks:#?}");
}

#[test]
fn the_servers_version_counts() {
    for (major, minor, words) in [
        ("1", "35", "ok: Kubernetes v"),
        ("1", "36+", "ok: Kubernetes v"),
        ("2", "0", "ok: Kubernetes v"),
        ("1", "34+", "failed: Kubernetes v is older than 1.35"),
        ("0", "99", "failed: Kubernetes v is older than 1.35"),
        ("", "", "warn: Kubernetes v: its number cannot be read"),
    ] {
        let server = Ok(("v".into(), major.into(), minor.into()));
        assert_told(&Seen { server, ..well() }, "server", &[words]);
    }
}

#[test]
fn a_server_that_does_not_answer_is_told_once() {
    for why in [Unread::NoAnswer("refused".into()), Unread::Unauthorized] {
        let away = Seen {
            server: Err(why.clone()),
            crds: vec![Err(why.clone()), Err(why.clone()), Err(why.clone())],
            deployments: Err(why.clone()),
            others: Err(why.clone()),
            may_list: Err(why.clone()),
            access: vec![],
            cluster_registries: Err(why.clone()),
            at_rest: Err(why.clone()),
            kubelets: Err(why),
        };
        let checks = judged(&away);
        assert_eq!(checks.iter().filter(|check| check.state == State::Failed).count(), 1, "{checks:#?}");
        assert_eq!(checks.len(), 10);
        assert_told(&away, "server", &["failed", "--context"]);
        assert_told(&away, "crd", &["warn: not checked"]);
    }
}

#[test]
fn what_may_not_be_read_is_said_and_fails_nothing() {
    let blind = Seen {
        server: Err(Unread::Forbidden),
        crds: vec![Err(Unread::Forbidden), Err(Unread::Forbidden), Err(Unread::Forbidden)],
        deployments: Err(Unread::Forbidden),
        others: Err(Unread::Forbidden),
        may_list: Err(Unread::Forbidden),
        access: vec![],
        cluster_registries: Err(Unread::Forbidden),
        at_rest: Err(Unread::Forbidden),
        kubelets: Err(Unread::Forbidden),
    };
    for check in judged(&blind).into_iter().filter(|check| check.name != "skew") {
        let mend = check.mend.unwrap();
        assert!(check.seen.contains("403") && mend.contains("grant "), "{}: {mend}", check.seen);
        let few_may = ["at-rest", "kubelets"].contains(&check.name);
        assert_eq!(check.state, if few_may { State::Unseen } else { State::Warn });
    }
    assert_told(&blind, "operator", &["list on deployments in namespace edges"]);
}

#[test]
fn a_definition_is_told_as_older_newer_or_edited_as_far_as_can_be_seen() {
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let drop_field = move |crd: &mut Value| {
        crd.pointer_mut(&format!("{spec}/properties")).unwrap().as_object_mut().unwrap().remove("history_limit");
    };
    let add_field = move |crd: &mut Value| {
        crd.pointer_mut(&format!("{spec}/properties")).unwrap()["schedule"] = json!({"type": "string"});
    };
    let bound = move |crd: &mut Value| {
        crd.pointer_mut(&format!("{spec}/properties/history_limit")).unwrap()["maximum"] = json!(7);
    };
    let label = |crd: &mut Value, version: &str| {
        crd["metadata"]["labels"] = json!({"app.kubernetes.io/version": version});
    };
    let table: Vec<(Change<'_>, &[&str])> = vec![
        (Box::new(drop_field), &["failed", "older version", "it would drop spec.history_limit", "lockgate crd | "]),
        (
            Box::new(add_field),
            &["warn", "newer version", "it also has spec.schedule", "use the lockgate of that version"],
        ),
        (Box::new(bound), &["warn", "older, newer or edited", "its fields are the same", "lockgate crd | "]),
        (
            Box::new(|crd| {
                drop_field(crd);
                add_field(crd);
            }),
            &["failed", "older, newer or edited", "drop spec.history_limit", "also has spec.schedule"],
        ),
        (
            Box::new(|crd| {
                bound(crd);
                label(crd, "0.0.9");
            }),
            &["warn", "older version"],
        ),
        (
            Box::new(|crd| {
                bound(crd);
                label(crd, "v99.0.0");
            }),
            &["warn", "newer version"],
        ),
        (
            Box::new(|crd| {
                drop_field(crd);
                label(crd, env!("CARGO_PKG_VERSION"));
            }),
            &["failed", "but was edited", "it would drop spec.history_limit"],
        ),
        (Box::new(|crd| crd["spec"]["scope"] = json!("Cluster")), &["warn", "older, newer or edited"]),
        (
            Box::new(|crd| crd["spec"]["versions"][0]["served"] = json!(false)),
            &["failed", "as v1alpha1", "but as: none"],
        ),
        (Box::new(|crd| crd["spec"]["versions"][0]["name"] = json!("v1")), &["failed", "but as: v1:"]),
        (
            Box::new(|crd| {
                let refused =
                    json!({"type": "NamesAccepted", "status": "False", "reason": "x", "message": "lgp is in use"});
                crd["status"] = json!({"conditions": [refused]});
            }),
            &["failed", "NamesAccepted: lgp is in use"],
        ),
    ];
    for (change, words) in table {
        assert_told(&Seen { crds: crds(change), ..well() }, "crd", words);
    }
}

/// Pipelines run without the other two, so that nothing of these fails.
#[test]
fn registries_are_judged_more_gently() {
    let told = |which: usize, there: Read<Option<CustomResourceDefinition>>| {
        let mut crds = crds(|_| {});
        crds[which] = there;
        let check = judged(&Seen { crds, ..well() }).remove(1 + which);
        format!("{}: {}: {}", check.state.as_str(), check.seen, check.mend.unwrap_or_default())
    };
    for (which, name) in [(1, "registries.lockgate.dev"), (2, "clusterregistries.lockgate.dev")] {
        let absent = told(which, Ok(None));
        let begin = format!("warn: there is no CustomResourceDefinition {name}: none can be made, and Pipelines run");
        assert!(absent.starts_with(&begin) && absent.contains("lockgate crd | kubectl apply"), "{absent}");
        let cut = |crd: &mut Value| {
            let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
            crd.pointer_mut(properties).unwrap().as_object_mut().unwrap().remove("host");
        };
        let older = told(which, crds_with(which, cut).remove(which));
        assert!(older.starts_with("warn: ") && older.contains("it would drop spec.host"), "{older}");
        let unread = told(which, Err(Unread::Forbidden));
        assert!(unread.contains(&format!("get on customresourcedefinitions {name}")), "{unread}");
        assert!(told(which, crds(|_| {}).remove(which)).starts_with(&format!("ok: {name} v1alpha1 is the one of")));
    }
}

#[test]
fn what_binds_nothing_is_no_difference() {
    let changed = crds(|crd| {
        crd["metadata"] =
            json!({"name": "pipelines.lockgate.dev", "uid": "u", "labels": {"app.kubernetes.io/version": "99.0.0"}});
        crd["spec"]["conversion"] = json!({"strategy": "None"});
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = json!("other words");
        crd["status"] = json!({"conditions": [{"type": "Established", "status": "True", "reason": "x"}]});
    });
    assert_told(&Seen { crds: changed, ..well() }, "crd", &["ok: "]);
}

#[test]
fn many_fields_are_counted() {
    let cut = crds(|crd| {
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = crd.pointer_mut(spec).unwrap().as_object_mut().unwrap();
        fields.retain(|name, _| name == "mode");
    });
    assert_told(&Seen { crds: cut, ..well() }, "crd", &["failed", "it would drop spec.", " more: "]);
}

#[test]
fn each_deployment_is_judged() {
    let version = env!("CARGO_PKG_VERSION");
    let labelled = |deployment: &mut Value, version: &str| {
        deployment["metadata"]["labels"] = json!({"app.kubernetes.io/version": version});
    };
    let image = |deployment: &mut Value, image: &str| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    };
    let good =
        format!("ok: Deployment lockgate: 1 of 1 available, version {version}, image registry.test:5000/lockgate");
    let good = [good.as_str()];
    let table: Vec<(Change<'_>, &[&str])> = vec![
        (Box::new(|_| {}), &good),
        (Box::new(|d| d["spec"]["replicas"] = json!(0)), &["failed", "scaled to 0", "--replicas=1"]),
        (
            Box::new(|d| d["status"]["availableReplicas"] = Value::Null),
            &["failed", "0 of 1 available", "kubectl describe deployment lockgate -n edges"],
        ),
        (Box::new(|d| d["status"] = Value::Null), &["failed", "0 of 1 available"]),
        (Box::new(|d| d["spec"]["replicas"] = json!(2)), &["warn", "1 of 2 available"]),
        (Box::new(|d| d["status"]["updatedReplicas"] = json!(0)), &["warn", "0 of them are of its last version"]),
        (Box::new(|d| d["metadata"]["generation"] = json!(3)), &["warn", "of its last version"]),
        (Box::new(|d| labelled(d, "9.0.0")), &["ok: ", "version 9.0.0"]),
        // The label says it better than the tag; a digest says nothing.
        (
            Box::new(|d| {
                labelled(d, version);
                image(d, "mirror.test/lockgate:9.0.0");
            }),
            &["ok: ", "image mirror.test/lockgate:9.0.0"],
        ),
        (Box::new(|d| image(d, "registry.test:5000/lockgate")), &["ok: ", "available, image registry.test:5000/"]),
        (Box::new(|d| image(d, "lockgate:9.0.0@sha256:abc")), &["ok: ", "version 9.0.0"]),
        (Box::new(|d| image(d, "lockgate:latest")), &["ok: ", "available, image lockgate:latest"]),
    ];
    for (change, words) in table {
        assert_told(&seen(&[deployment(change)]), "operator", words);
    }
    // A projector is no operator, though it has the label.
    let projector = |d: &mut Value| d["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["projector"]);
    let alone = seen(&[deployment(projector)]);
    assert_told(&alone, "operator", &["failed", "no Deployment in namespace edges has the label"]);
    assert_told(&alone, "projector", &["ok: Deployment lockgate: 1 of 1 available"]);
    assert_told(&alone, "skew", &["projector lockgate "]);
    let two = seen(&[deployment(|_| {}), deployment(|d| d["metadata"]["name"] = json!("second"))]);
    assert_eq!(judged(&two).iter().filter(|check| check.name == "operator").count(), 2);
    assert_told(
        &seen(&[]),
        "operator",
        &["failed", "namespace edges", "app.kubernetes.io/part-of=lockgate", "--namespace"],
    );
}

#[test]
fn all_versions_are_to_be_one() {
    let label = |object: &mut Value, version: &str| {
        object["metadata"]["labels"] = json!({"app.kubernetes.io/version": version});
    };
    assert_told(&well(), "skew", &["ok: this lockgate is ", "operator lockgate "]);
    assert_told(
        &seen(&[deployment(|d| label(d, "9.0.0"))]),
        "skew",
        &["warn", "operator lockgate 9.0.0", "use one version"],
    );
    let by_tag =
        |d: &mut Value| d["spec"]["template"]["spec"]["containers"][0]["image"] = json!("lockgate:9.0.0@sha256:a");
    assert_told(&seen(&[deployment(by_tag)]), "skew", &["warn", "operator lockgate 9.0.0"]);
    let definition = Seen { crds: crds_with(1, |crd| label(crd, "0.0.9")), ..well() };
    assert_told(&definition, "skew", &["warn", "CustomResourceDefinition of registries 0.0.9"]);
    let mut both = crds_with(2, |crd| label(crd, "0.0.9"));
    both[0] = crds_with(0, |crd| label(crd, "0.0.9")).remove(0);
    assert_told(&Seen { crds: both, ..well() }, "skew", &["of pipelines, clusterregistries 0.0.9"]);
    let silent =
        seen(&[deployment(|d| d["spec"]["template"]["spec"]["containers"][0]["image"] = json!("lockgate:latest"))]);
    assert_told(&silent, "skew", &["ok: ", "nothing else says its version"]);
}

#[test]
fn names_that_others_have_too_are_told() {
    let with = |group: &str, names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Seen { others: Ok(vec![Resource { group: group.into(), names }]), ..well() }
    };
    let tekton = with("tekton.dev", &["pipelines", "pipeline"]);
    assert_told(&tekton, "names", &["warn", "tekton.dev has pipelines, too", "kubectl get lgp"]);
    let short = with("x.test", &["logpipes", "lgp"]);
    assert_told(&short, "names", &["warn", "x.test has the name lgp", "kubectl get pipelines.lockgate.dev"]);
}

#[test]
fn whether_pipelines_may_be_listed_is_told_and_judged_by_nobody() {
    assert_told(&well(), "rights", &["ok: this account may list"]);
    assert_told(&Seen { may_list: Ok(false), ..well() }, "rights", &["ok: this account may not list"]);
}

#[test]
fn versions_are_numbers() {
    assert_eq!(numbers("v1.2.3-rc.1"), Some([1, 2, 3]));
    assert_eq!(numbers("10.0.1+x"), Some([10, 0, 1]));
    for nonsense in ["", "latest", "1.2", "1.2.3.4", "1.2.x"] {
        assert_eq!(numbers(nonsense), None, "{nonsense}");
    }
}
