//! Pods on their way: one look for each.

use super::*;

#[test]
fn a_pod_is_on_its_way() {
    let status = starting(&json!({}));
    let unschedulable = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
    ]});
    let placed = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2027-01-15T08:02:00Z"},
    ]});
    for (spec, pod_status, events, expected) in [
        (
            json!({"containers": []}),
            json!({"phase": "Pending"}),
            vec![],
            "~scheduled -mounted -pulled -started -finished",
        ),
        (
            json!({"containers": []}),
            unschedulable,
            vec![],
            "!scheduled/Unschedulable -mounted -pulled -started -finished",
        ),
        (scheduled(), placed.clone(), vec![], "+scheduled ~mounted -pulled -started -finished"),
        (scheduled(), waiting("ContainerCreating", ""), vec![], "+scheduled ~mounted -pulled -started -finished"),
        (
            scheduled(),
            waiting("ContainerCreating", ""),
            vec![event("FailedMount", "secret \"tls\" not found")],
            "+scheduled !mounted/FailedMount -pulled -started -finished",
        ),
        (
            scheduled(),
            waiting("ContainerCreating", ""),
            vec![event("Pulling", "")],
            "+scheduled +mounted ~pulled -started -finished",
        ),
        (
            scheduled(),
            waiting("ErrImagePull", "401 Unauthorized"),
            vec![event("Failed", "")],
            "+scheduled +mounted !pulled/ErrImagePull -started -finished",
        ),
        (
            scheduled(),
            waiting("ContainerCreating", ""),
            vec![event("Pulled", "")],
            "+scheduled +mounted +pulled ~started -finished",
        ),
        (
            scheduled(),
            waiting("CreateContainerConfigError", "secret \"db\" not found"),
            vec![],
            "+scheduled +mounted +pulled !started/CreateContainerConfigError -finished",
        ),
    ] {
        let seen = Seen { events: Ok(events), ..with_pod(&status, pod(0, &spec, &pod_status)) };
        judged(&seen, Verdict::Waiting, &format!("+applied +references +pod {expected}"));
    }
}

#[test]
fn the_operators_words_for_a_trouble_win() {
    let told = json!({"trouble": "ImageUnauthorized", "message": "the registry wants other credentials: make it anew: kubectl delete secret a"});
    let seen = Seen {
        events: Ok(vec![event("Failed", "kubelet's words")]),
        pull_secrets: BTreeMap::from([(
            "regcred".to_owned(),
            Ok(Some(PullSecret { entries: vec!["elsewhere.test".to_owned()], breaks: None })),
        )]),
        ..with_pod(&starting(&told), pod(0, &with_pull_secret(), &waiting("ErrImagePull", "401")))
    };
    let way = judged(
        &seen,
        Verdict::Waiting,
        "+applied +references +pod +scheduled +mounted !pulled/ImageUnauthorized -started -finished",
    );
    let leg = &way.steps[0].legs[4];
    assert_eq!(leg.problems[0].command.as_deref(), Some("kubectl delete secret a"));
    assert_eq!(leg.since, Some("2027-01-15T08:02:00Z".parse().unwrap()), "since the first event");
    assert!(leg.said.ends_with("anonymous: no entry of regcred is for registry.example.com"), "{}", leg.said);
}

fn with_pull_secret() -> Value {
    let mut spec = scheduled();
    spec["imagePullSecrets"] = json!([{"name": "regcred"}]);
    spec
}

fn ended(code: i32) -> Value {
    let times = json!({"exitCode": code, "startedAt": "2027-01-15T08:04:00Z", "finishedAt": "2027-01-15T08:09:00Z"});
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    json!({"phase": phase, "containerStatuses": container(&json!({"terminated": times}))})
}

const BEFORE: &str = "+applied +references +pod +scheduled +mounted +pulled";

#[test]
fn a_job_runs_and_ends() {
    let runs = with_pod(
        &stepping("Running", "PodsRunning", &step("Running", &json!({}))),
        pod(0, &scheduled(), &running(true)),
    );
    judged(&runs, Verdict::Well, &format!("{BEFORE} +started ~finished"));
    let over = step("Succeeded", &json!({"exitCode": 0}));
    let done = with_pod(&stepping("Succeeded", "Succeeded", &over), pod(0, &scheduled(), &ended(0)));
    judged(&done, Verdict::Well, &format!("{BEFORE} +started +finished"));
    // accept_return_code
    let accepted = with_pod(&stepping("Succeeded", "Succeeded", &over), pod(0, &scheduled(), &ended(3)));
    judged(&accepted, Verdict::Well, &format!("{BEFORE} +started +finished"));
    let over = step("Failed", &json!({"reason": "PodFailed", "message": "exit code 3", "exitCode": 3}));
    let failed = with_pod(&stepping("Failed", "PodFailed", &over), pod(0, &scheduled(), &ended(3)));
    judged(&failed, Verdict::Failed, &format!("{BEFORE} +started !finished/PodFailed"));
}

#[test]
fn a_pod_that_never_ran_failed_where_it_was() {
    let over = step("Failed", &json!({"reason": "PodFailed", "message": "the container could not be started"}));
    let mut status = ended(128);
    status["containerStatuses"][0]["state"]["terminated"]["reason"] = json!("StartError");
    let failed = with_pod(&stepping("Failed", "PodFailed", &over), pod(0, &scheduled(), &status));
    judged(&failed, Verdict::Failed, &format!("{BEFORE} !started/PodFailed -finished"));
    let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"});
    let evicted = with_pod(&starting(&json!({})), pod(0, &scheduled(), &evicted));
    judged(
        &evicted,
        Verdict::Waiting,
        "+applied +references +pod +scheduled !mounted/Evicted -pulled -started -finished",
    );
}

#[test]
fn a_pod_that_goes_is_no_failure_and_one_that_came_is_ahead_of_status() {
    let mut leaving = pod(0, &scheduled(), &ended(137));
    leaving.metadata.deletion_timestamp = serde_json::from_value(json!(NOW)).unwrap();
    let seen = with_pod(&starting(&json!({})), leaving);
    judged(&seen, Verdict::Waiting, &format!("{BEFORE} +started ~finished"));
    let mut early = lacking();
    early.pods = Ok(vec![pod(0, &json!({"containers": []}), &json!({"phase": "Pending"}))]);
    judged(&early, Verdict::Waiting, "+applied +references +pod ~scheduled -mounted -pulled -started -finished");
    let gone = seen_gone();
    judged(&gone, Verdict::Waiting, "+applied +references ~pod -scheduled -mounted -pulled -started -finished");
}

/// Status names a Pod that is not there any more.
fn seen_gone() -> Seen {
    seen(&one(), &starting(&json!({})))
}

#[test]
fn a_pod_that_is_gone_is_told_by_status() {
    let over = |state: &str, phase: &str| {
        let step = step(state, &json!({"reason": "PodFailed", "message": "m", "finishedAt": "2027-01-15T08:09:00Z"}));
        seen(&one(), &stepping(phase, "PodFailed", &step))
    };
    judged(&over("Failed", "Failed"), Verdict::Failed, "+applied +references +pod !finished/PodFailed");
    judged(&over("Succeeded", "Succeeded"), Verdict::Well, &format!("{BEFORE} +started +finished"));
}

#[test]
fn a_service_is_ready_or_is_not() {
    let status = stepping("Running", "PodsRunning", &step("Running", &json!({"ready": 1})));
    let well = service(&status, vec![pod(0, &scheduled(), &running(true))]);
    judged(&well, Verdict::Well, &format!("{BEFORE} +started +ready"));
    let probed = service(&starting(&json!({})), vec![pod(0, &scheduled(), &running(false))]);
    judged(&probed, Verdict::Waiting, &format!("{BEFORE} +started ~ready"));
    let told = starting(&json!({"trouble": "CrashLoop", "message": "it ends again and again: kubectl logs x"}));
    let mut crashing = waiting("CrashLoopBackOff", "back-off");
    crashing["containerStatuses"][0]["lastState"] = json!({"terminated": {"exitCode": 1, "startedAt": "2027-01-15T08:04:00Z", "finishedAt": "2027-01-15T08:04:01Z"}});
    let crashing = service(&told, vec![pod(0, &scheduled(), &crashing)]);
    judged(&crashing, Verdict::Waiting, &format!("{BEFORE} +started !ready/CrashLoop"));
}

#[test]
fn of_several_pods_the_worst_is_told() {
    let several = json!({"pod": null, "parallelism": 2, "completedIndexes": "0"});
    let status = stepping("Running", "PodsRunning", &step("Running", &several));
    let pods = vec![pod(0, &scheduled(), &ended(0)), pod(1, &scheduled(), &waiting("ErrImagePull", "401"))];
    let seen = Seen { pods: Ok(pods), ..seen(&one(), &status) };
    let way = judged(
        &seen,
        Verdict::Well,
        "+applied +references +pod +scheduled +mounted !pulled/ErrImagePull -started -finished",
    );
    assert_eq!(way.steps[0].pod.as_deref(), Some("edges-main-x-1"));
    assert_eq!(way.steps[0].pods.as_deref(), Some("2 Pods, ended well: 0, 1 pending"));
}

#[test]
fn what_is_rendered_comes_before_the_image() {
    let spec = json!({"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.example.com/edges:1"}],
        "initContainers": [{"name": "lockgate-render", "image": "registry.example.com/lockgate:1"}]});
    let helper = |phase: &str, state: &Value, last: &Value| {
        let mut status = waiting("PodInitializing", "");
        status["phase"] = json!(phase);
        status["initContainerStatuses"] = json!([{"name": "lockgate-render", "image": "x", "imageID": "x", "ready": false,
            "restartCount": 0, "state": state, "lastState": last}]);
        status
    };
    let waits = |reason: &str| json!({"waiting": {"reason": reason, "message": "m"}});
    let ends = |code: i32| json!({"terminated": {"exitCode": code, "message": "template at /x"}});
    let none = json!({});
    let mut pulled = event("Pulled", "");
    pulled.involved_object.field_path = Some("spec.initContainers{lockgate-render}".to_owned());
    for (status, expected) in [
        (helper("Pending", &waits("PodInitializing"), &none), "~mounted -rendered -pulled"),
        (helper("Pending", &waits("ErrImagePull"), &none), "+mounted !rendered/ErrImagePull -pulled"),
        (helper("Pending", &waits("CrashLoopBackOff"), &ends(65)), "+mounted !rendered/InvalidInput -pulled"),
        (helper("Pending", &waits("CrashLoopBackOff"), &ends(1)), "+mounted !rendered/CrashLoopBackOff -pulled"),
        (helper("Pending", &ends(0), &none), "+mounted +rendered ~pulled"),
    ] {
        let seen = Seen { events: Ok(vec![pulled.clone()]), ..with_pod(&starting(&json!({})), pod(0, &spec, &status)) };
        judged(&seen, Verdict::Waiting, &format!("+applied +references +pod +scheduled {expected} -started -finished"));
    }
    let told = starting(
        &json!({"trouble": "ImageUnauthorized", "message": "the registry wants other credentials: make it anew: kubectl delete secret a"}),
    );
    let seen = with_pod(&told, pod(0, &spec, &helper("Pending", &waits("ErrImagePull"), &none)));
    judged(
        &seen,
        Verdict::Waiting,
        "+applied +references +pod +scheduled +mounted !rendered/ImageUnauthorized -pulled -started -finished",
    );
    let over = step("Failed", &json!({"reason": "InvalidInput", "message": "what Pod edges needs cannot be rendered"}));
    let failed =
        with_pod(&stepping("Failed", "InvalidInput", &over), pod(0, &spec, &helper("Failed", &ends(65), &none)));
    let way = judged(
        &failed,
        Verdict::Failed,
        "+applied +references +pod +scheduled +mounted !rendered/InvalidInput -pulled -started -finished",
    );
    assert!(way.steps[0].legs[4].problems[0].said.starts_with("what Pod edges needs"), "{way:?}");
}
