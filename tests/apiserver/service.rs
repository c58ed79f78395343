//! Services: started, scaled, rolled, stuck, and what each costs, counted in the audit log.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::json;

use crate::moments::{delete_pipeline, hold, pod_name, release, started};
use crate::support::audit::{Entry, tally};
use crate::support::stage::{counts, rests, running, service, stage};
use crate::support::{condition, message, name_of, output};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pods_start_when_the_gate_opens_and_scaling_runs_nothing_again() {
    let stage = stage().await;
    let mut scene = stage.scene("scaled").await;
    let env = json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    scene.pipeline("api", service(env, json!({"parallelism": 3}))).await;
    scene.phase("api", Phase::Waiting).await;
    let opens = Timestamp::now();
    scene.secret("db", &["password"]).await;
    scene.rests("api", 1, 3).await;
    let asked = scene.asked(opens).await;
    let created: Vec<&Entry> = asked.iter().filter(|e| e.kind() == "create pods").collect();
    let took = created[2].answered().duration_since(created[0].received());
    println!("three Pods, first to last asked for within {took:#}: {:?}", tally(&asked));
    assert_eq!(created.len(), 3);
    assert_eq!(scene.standing("api").await, ["1/0/0", "1/1/0", "1/2/0"]);

    let scale = |count: &str| {
        let (count, namespace) = (format!("--replicas={count}"), scene.name.clone());
        let kubectl = stage.cluster.kubectl();
        tokio::task::block_in_place(|| scaled(kubectl, &count, &namespace));
    };
    let begun = Timestamp::now();
    scale("5");
    scene.rests("api", 1, 5).await;
    let read = scene.api::<Pipeline>().get_scale("api").await.unwrap();
    assert_eq!(read.spec.unwrap().replicas, Some(5));
    let status = read.status.unwrap();
    assert_eq!((status.replicas, status.selector.as_deref()), (5, Some("lockgate.dev/pipeline=api")));
    scale("1");
    scene.rests("api", 1, 1).await;
    assert_eq!(scene.standing("api").await, ["1/0/0"], "the highest index goes first");
    println!("from 3 to 5 and to 1: {:?}", scene.writes(begun).await);
}

fn scaled(mut kubectl: std::process::Command, count: &str, namespace: &str) {
    output(kubectl.args(["scale", "pipelines.lockgate.dev/api", count, "--namespace", namespace]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disruption_budget_knows_how_many_pods_there_should_be() {
    let scene = stage().await.scene("budget").await;
    scene.pipeline("api", service(json!({}), json!({"parallelism": 3}))).await;
    scene.rests("api", 1, 3).await;
    // `maxUnavailable` counts from the scale of the Pods' owner.
    let budget = json!({"metadata": {"name": "api"}, "spec": {
        "maxUnavailable": 1, "selector": {"matchLabels": {"lockgate.dev/pipeline": "api"}}}});
    let budget = serde_json::from_value(budget).unwrap();
    scene.api::<PodDisruptionBudget>().create(&PostParams::default(), &budget).await.unwrap();
    let knows = |budget: &PodDisruptionBudget, expected: i32, healthy: i32| {
        let status = budget.status.as_ref();
        status.is_some_and(|s| {
            (s.expected_pods, s.current_healthy, s.desired_healthy)
                == (Some(expected), Some(healthy), Some(expected - 1))
        })
    };
    // For 30 s after the CRD's installation kube-controller-manager may not know the kind, and looks at a budget again
    // only at an event (`pkg/controller/disruption`, `failSafe`).
    let remind = async {
        for number in 0.. {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let patch = Patch::Merge(json!({"metadata": {"annotations": {"reminder": number.to_string()}}}));
            let budgets = scene.api::<PodDisruptionBudget>();
            budgets.patch("api", &PatchParams::default(), &patch).await.unwrap();
        }
    };
    tokio::select! {
        () = remind => {}
        _ = scene.until("api", "3 of 3", |budget| knows(budget, 3, 3)) => {}
    }
    scene.patch("api", json!({"spec": {"parallelism": 4}})).await;
    scene.until("api", "4 of 4", |budget| knows(budget, 4, 4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_costs_three_writes_for_each_pod_and_one_status_more() {
    let mut scene = stage().await.scene("rolls").await;
    for (pods, surge) in [(1, 1), (3, 1), (3, 0)] {
        let name = format!("api-{pods}-{surge}");
        let policies = json!({"parallelism": pods, "max_surge": surge, "max_unavailable": 1 - surge});
        scene.pipeline(&name, service(json!({}), policies)).await;
        scene.rests(&name, 1, pods).await;
        let begun = Timestamp::now();
        scene.patch(&name, json!({"spec": {"transform": {"args": ["--new"]}}})).await;
        scene.rests(&name, 2, pods).await;
        let asked = scene.asked(begun).await;
        println!("a roll of {pods} with max_surge {surge}: {:?}", tally(&asked));
        let writes = tally(&asked.into_iter().filter(Entry::is_write).collect::<Vec<_>>());
        let each = usize::try_from(pods).unwrap();
        assert_eq!(writes, counts(each, each, each + 1));
        let fresh: Vec<String> = (0..pods).map(|index| format!("2/{index}/0")).collect();
        assert_eq!(scene.standing(&name).await, fresh);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_stops_at_a_pod_that_is_not_ready_in_time() {
    let mut scene = stage().await.scene("stuck").await;
    let policies = json!({"parallelism": 3, "progress_deadline": "2s"});
    scene.pipeline("api", service(json!({"env": {"READY": "yes"}}), policies)).await;
    scene.rests("api", 1, 3).await;
    let begun = Timestamp::now();
    scene.patch("api", json!({"spec": {"transform": {"env": {"READY": "no"}}}})).await;
    let is_stuck = |p: &Pipeline| condition(p, "Stalled") == "True/RollStuck";
    let stuck = scene.until("api", "RollStuck", is_stuck).await;
    assert_eq!(condition(&stuck, "Ready"), "False/RollStuck");
    assert!(message(&stuck).contains("3 of 3 Pods are ready and are left as they are"), "{}", message(&stuck));
    assert_eq!(scene.standing("api").await, ["1/0/0", "1/1/0", "1/2/0", "2/0/0"]);
    let writes = scene.writes(begun).await;
    let mut expected = counts(1, 0, 2);
    expected.insert("create events 201".into(), 1);
    assert_eq!(writes, expected);
    let quiet = Timestamp::now();
    assert!(scene.writes(quiet).await.is_empty(), "it stays as it is");

    // Ready after all: the next one is exchanged, and is stuck in its turn.
    let pods = scene.pods().await;
    let fresh = pods.iter().find(|pod| pod.labels()["lockgate.dev/run"] == "2").unwrap();
    scene.pod_status(&name_of(fresh), running(true)).await;
    let next = |p: &Pipeline| is_stuck(p) && message(p) != message(&stuck);
    scene.until("api", "RollStuck at the next", next).await;
    assert_eq!(scene.standing("api").await, ["1/1/0", "1/2/0", "2/0/0", "2/1/0"]);

    // A further change goes on from there.
    let mended = Timestamp::now();
    scene.patch("api", json!({"spec": {"transform": {"env": {"READY": "yes"}}}})).await;
    scene.rests("api", 3, 3).await;
    assert_eq!(scene.standing("api").await, ["3/0/0", "3/1/0", "3/2/0"]);
    let writes = scene.writes(mended).await;
    println!("from a stuck roll on: {writes:?}");
    assert_eq!((writes["create pods 201"], writes["delete pods 200"]), (3, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_is_deleted_is_replaced_while_it_ends() {
    let scene = stage().await.scene("deleted").await;
    scene.pipeline("api", service(json!({}), json!({}))).await;
    let first = pod_name(&scene.rests("api", 1, 1).await);
    hold(&scene, &first).await;
    scene.delete::<Pod>(&first).await;
    let replaced = scene.replaced("api", 1).await;
    assert_ne!(pod_name(&replaced), first);
    assert!(scene.api::<Pod>().get(&first).await.unwrap().metadata.deletion_timestamp.is_some(), "it ends still");
    assert_eq!(scene.standing("api").await, ["1/0/1"]);
    release(&scene, &first).await;

    // Suspended it is not replaced, and runs on until then.
    scene.patch("api", json!({"spec": {"suspend": true}})).await;
    scene.rests("api", 1, 1).await;
    scene.delete::<Pod>(&pod_name(&replaced)).await;
    let suspended = scene.phase("api", Phase::Suspended).await;
    assert_eq!(condition(&suspended, "Ready"), "True/Suspended");
    assert!(scene.standing("api").await.is_empty());
    scene.patch("api", json!({"spec": {"suspend": false}})).await;
    scene.rests("api", 1, 1).await;

    let pods = scene.pods().await;
    let last = pods.iter().find(|pod| pod.metadata.deletion_timestamp.is_none()).unwrap();
    delete_pipeline(&scene, "api", PropagationPolicy::Background).await;
    scene.until_gone(&name_of(last), &last.uid().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_becomes_a_job_and_a_service_again() {
    let scene = stage().await.scene("modes").await;
    scene.pipeline("api", service(json!({}), json!({}))).await;
    let of_service = pod_name(&scene.rests("api", 1, 1).await);
    hold(&scene, &of_service).await;
    scene.patch("api", json!({"spec": {"mode": "Job"}})).await;
    let ending = |p: &Pipeline| condition(p, "Ready") == "False/EndingOldRun";
    scene.until("api", "a Job starts when the Service's Pod has ended", ending).await;
    assert!(scene.standing("api").await.is_empty());
    release(&scene, &of_service).await;
    scene.phase("api", Phase::Running).await;
    let of_job = pod_name(&started(&scene, "api").await);
    let policy = |pod: Pod| pod.spec.unwrap().restart_policy.unwrap();
    assert_eq!(policy(scene.api::<Pod>().get(&of_job).await.unwrap()), "Never");
    scene.pod_succeeds(&of_job).await;
    scene.phase("api", Phase::Succeeded).await;

    scene.patch("api", json!({"spec": {"mode": "Service"}})).await;
    let again = scene.until("api", "run 3", |p: &Pipeline| rests(p, 3, 1)).await;
    assert_eq!(policy(scene.api::<Pod>().get(&pod_name(&again)).await.unwrap()), "Always");
    let _ = scene.api::<Pipeline>().delete("api", &DeleteParams::default()).await.unwrap();
}
