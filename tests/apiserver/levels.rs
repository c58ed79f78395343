//! Pod Security: whatever a Pipeline asks for, its Pods pass the level that `security` promises.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use lockgate::api::pipeline::PipelineSpec;
use lockgate::model::parse::parse;
use lockgate::model::run::{PodIdentity, RunRef};
use lockgate::model::secret::SecretAccess;
use lockgate::model::work::Step;
use lockgate::model::world::{Subject, WorkState, World};
use serde_json::{Value, json};

use crate::support::{Space, admin, corpus, without_nulls};

/// The Pod of each step of a spec.
fn pods(namespace: &str, spec: &Value) -> Vec<Pod> {
    let spec: PipelineSpec = serde_json::from_value(spec.clone()).unwrap();
    let work = parse(&spec).unwrap();
    let steps = work.steps.clone();
    let subject = Subject::new(namespace, "edges", "uid-edges");
    let work = WorkState::Valid(Box::new(work));
    let world = World {
        secret_access: SecretAccess::None,
        ..World::of(subject, work, "v1:key/".into(), Timestamp::UNIX_EPOCH)
    };
    let pod = |step: &Step| {
        let id = PodIdentity { run: 1, step: step.name.clone(), index: 0, attempt: 0, replacement: 0 };
        lockgate::build::pod(&world, &RunRef { number: 1, key: "v1:key/".into() }, step, &id, 1)
    };
    steps.iter().map(pod).collect()
}

/// Whether a probe asks another host than the Pod: no level allows that, and docs/security.md says so.
fn names_a_host(pod: &Pod) -> bool {
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let probes = [&container.readiness_probe, &container.liveness_probe].into_iter().flatten();
    let mut hosts = probes.flat_map(|probe| {
        let http = probe.http_get.as_ref().and_then(|get| get.host.as_ref());
        [http, probe.tcp_socket.as_ref().and_then(|socket| socket.host.as_ref())]
    });
    hosts.any(|host| host.is_some_and(|host| !host.is_empty()))
}

/// The same spec, with all that `restricted` asks of its author.
fn restricted(mut spec: Value) -> Value {
    spec["security"] = "Restricted".into();
    if let Some(transform) = spec.get_mut("transform") {
        transform["user"] = "1000".into();
    }
    for step in spec.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
        step["user"] = "1000".into();
    }
    spec
}

#[tokio::test]
async fn every_pod_passes_the_pod_security_level_that_is_promised() {
    let client = admin(&tokio::task::spawn_blocking(crate::shared).await.unwrap().cluster).await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut count = 0;
    for level in ["baseline", "restricted"] {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        let space = Space::labelled(&client, &format!("level-{level}"), labels).await;
        for (name, object) in corpus(&space.name) {
            let mut spec = object["spec"].clone();
            without_nulls(&mut spec);
            if level == "restricted" {
                spec = restricted(spec);
            }
            for mut pod in pods(&space.name, &spec) {
                // What the cluster would have to have.
                let inner = pod.spec.as_mut().unwrap();
                inner.service_account_name = None;
                inner.priority_class_name = None;
                let answer = space.api::<Pod>().create(&dry, &pod).await;
                if names_a_host(&pod) {
                    let Err(kube::Error::Api(status)) = answer else { panic!("{name} at {level}: {answer:?}") };
                    assert!(
                        status.message.contains("probe or lifecycle host"),
                        "{name} at {level}: {}",
                        status.message
                    );
                    continue;
                }
                assert!(answer.is_ok(), "{name} at {level}: {answer:?}");
                count += 1;
            }
        }
    }
    println!("{count} Pods pass");
    assert!(count > 150);
}
