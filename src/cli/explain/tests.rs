//! Ways judged from what might be seen: one expectation for each.

mod pods;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::{Value, json};

use super::judge::way;
use super::print;
use super::seen::{Now, Seen};
use super::way::{Leg, State, Verdict, Way};
use crate::cli::credentials::PullSecret;
use crate::cli::doctor::seen::Unread;

const NOW: &str = "2027-01-15T08:10:00Z";

/// A Pipeline of one container, looked at by an operator; nothing else was found.
fn seen(spec: &Value, status: &Value) -> Seen {
    let mut whole = json!({"observedGeneration": 1});
    whole.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    let pipeline = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
        "metadata": {
            "name": "edges", "namespace": "team-a", "uid": "u", "generation": 1, "creationTimestamp": "2027-01-15T08:00:00Z",
        },
        "spec": spec, "status": whole,
    });
    Seen {
        now: NOW.parse().unwrap(),
        pipeline: serde_json::from_value(pipeline).unwrap(),
        pods: Ok(Vec::new()),
        events: Ok(Vec::new()),
        operator: Ok(Vec::new()),
        operator_namespace: "lockgate-system".to_owned(),
        secrets: BTreeMap::new(),
        forecast: Vec::new(),
        forecast_unread: Vec::new(),
        pull_secrets: BTreeMap::new(),
    }
}

fn one() -> Value {
    json!({"transform": {"image": "registry.example.com/vision/edges:1.4"}})
}

fn ready(status: &str, reason: &str, message: &str) -> Value {
    json!([{
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2027-01-15T08:05:00Z",
    }])
}

fn row(state: &str, message: &str) -> Value {
    json!({"step": "main", "use": "Env", "name": "db", "key": "password", "state": state, "message": message})
}

fn step(state: &str, more: &Value) -> Value {
    let mut step = json!({"name": "main", "state": state, "pod": "edges-main-x"});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// Status while a step has a Pod.
fn stepping(phase: &str, reason: &str, step: &Value) -> Value {
    let truth = if matches!(phase, "Running" | "Succeeded") { "True" } else { "False" };
    json!({
        "phase": phase, "conditions": ready(truth, reason, "said"), "run": {"number": 1, "key": "v1:x/"}, "steps": [step],
    })
}

fn pod(index: i32, spec: &Value, status: &Value) -> Pod {
    let suffix = if index == 0 { String::new() } else { format!("-{index}") };
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("edges-main-x{suffix}"), "uid": format!("p{index}"), "creationTimestamp": "2027-01-15T08:01:00Z",
            "labels": {
                "lockgate.dev/step": "main", "lockgate.dev/run": "1", "lockgate.dev/index": index.to_string(),
                "lockgate.dev/attempt": "0", "lockgate.dev/replacement": "0",
            },
            "annotations": {"lockgate.dev/started-with": "{\"db\": \"7\"}"},
        },
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn container(state: &Value) -> Value {
    json!([{"name": "main", "image": "a", "imageID": "", "ready": false, "restartCount": 0, "state": state}])
}

fn waiting(reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    json!({"phase": "Pending", "containerStatuses": container(&state)})
}

fn event(reason: &str, message: &str) -> Event {
    serde_json::from_value(json!({
        "metadata": {"name": format!("e-{reason}")}, "involvedObject": {"kind": "Pod", "name": "edges-main-x"},
        "reason": reason, "message": message, "firstTimestamp": "2027-01-15T08:02:00Z", "lastTimestamp": "2027-01-15T08:03:00Z",
    }))
    .unwrap()
}

fn scheduled() -> Value {
    json!({"nodeName": "n1", "containers": [{"name": "main", "image": "registry.example.com/vision/edges:1.4"}]})
}

/// What was seen, with this Pod.
fn with_pod(status: &Value, pod: Pod) -> Seen {
    Seen { pods: Ok(vec![pod]), ..seen(&one(), status) }
}

fn starting(trouble: &Value) -> Value {
    stepping("Starting", "PodsStarting", &step("Starting", trouble))
}

/// `+` done, `~` waiting, `!` failed, `-` not yet; behind a `/` the reasons of what is wrong.
fn sign(leg: &Leg) -> String {
    let sign = match leg.state {
        State::Done => '+',
        State::Waiting => '~',
        State::Failed => '!',
        State::NotYet => '-',
    };
    let reasons: Vec<String> = leg.problems.iter().map(|problem| format!("/{}", problem.reason)).collect();
    format!("{sign}{}{}", leg.stage.as_str(), reasons.concat())
}

fn signs(way: &Way) -> String {
    let legs = way.steps.iter().flat_map(|step| &step.legs);
    [&way.applied].into_iter().chain(legs).map(sign).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn judged(seen: &Seen, verdict: Verdict, expected: &str) -> Way {
    let way = way(seen);
    assert_eq!(signs(&way), expected);
    assert_eq!(way.verdict, verdict);
    way
}

#[test]
fn nobody_has_looked_at_it() {
    let mut new = seen(&one(), &json!({}));
    new.pipeline.status = None;
    let told = judged(&new, Verdict::Waiting, "~applied/NotLookedAt");
    assert!(told.applied.problems[0].said.contains("is Lockgate installed"), "{told:?}");
    new.operator = Err(Unread::Forbidden);
    let told = judged(&new, Verdict::Waiting, "~applied/NotLookedAt");
    assert!(told.applied.problems[0].said.contains("you may not list Deployments in namespace lockgate-system"));
}

#[test]
fn what_it_was_is_not_what_it_is() {
    let mut changed = seen(&one(), &stepping("Running", "PodsRunning", &step("Running", &json!({}))));
    changed.pipeline.metadata.generation = Some(2);
    let told = judged(
        &changed,
        Verdict::Waiting,
        "~applied/NotLookedAt +references +pod +scheduled +mounted +pulled +started ~finished",
    );
    assert_eq!(told.said, "no operator has looked at generation 2 yet");
}

fn lacking() -> Seen {
    let message =
        "Secret db (env A) does not exist: kubectl create secret generic db -n team-a --from-literal=password=VALUE";
    seen(
        &one(),
        &json!({
            "phase": "Waiting", "conditions": ready("False", "WaitingForSecrets", &format!("{message} (docs/troubleshooting.md#x)")),
            "waitingFor": "Secret db", "waitingSince": "2027-01-15T08:00:01Z", "references": [row("NotFound", message)],
            "steps": [{"name": "main", "state": "Waiting"}],
        }),
    )
}

const LACKING: &str = "+applied ~references/NotFound -pod -scheduled -mounted -pulled -started -finished";

#[test]
fn a_secret_is_missing() {
    let told = judged(&lacking(), Verdict::Waiting, LACKING);
    let leg = &told.steps[0].legs[0];
    assert_eq!(leg.since, Some("2027-01-15T08:00:01Z".parse().unwrap()));
    assert_eq!(leg.problems[0].said, "Secret db (env A) does not exist");
    let command = leg.problems[0].command.as_deref();
    assert_eq!(command, Some("kubectl create secret generic db -n team-a --from-literal=password=VALUE"));
    assert_eq!((told.said.as_str(), told.more.as_deref()), ("waits for Secret db", Some("docs/troubleshooting.md#x")));
}

fn made(version: &str, at: &str) -> Now {
    Now { version: version.to_owned(), made_at: at.parse().ok() }
}

#[test]
fn a_secret_that_came_and_that_nobody_took_up_is_told() {
    let mut seen = lacking();
    seen.secrets = BTreeMap::from([("db".to_owned(), Ok(Some(made("7", "2027-01-15T08:09:00Z"))))]);
    let told = judged(&seen, Verdict::Waiting, LACKING);
    assert!(told.steps[0].legs[0].problems[0].said.contains("the operator has not taken it up"), "{told:?}");
    seen.secrets = BTreeMap::from([("db".to_owned(), Ok(Some(made("7", "2027-01-15T08:09:57Z"))))]);
    assert!(judged(&seen, Verdict::Waiting, LACKING).steps[0].legs[0].problems[0].said.contains("does not exist"));
    seen.secrets = BTreeMap::from([("db".to_owned(), Err(Unread::Forbidden))]);
    assert!(judged(&seen, Verdict::Waiting, LACKING).steps[0].legs[0].problems[0].said.contains("does not exist"));
}

#[test]
fn a_missing_secret_may_be_the_end() {
    let mut failed = lacking();
    let status = failed.pipeline.status.as_mut().unwrap();
    status.phase = Some(crate::api::reason::Phase::Failed);
    status.conditions[0].reason = "MissingSecretTimeout".to_owned();
    judged(
        &failed,
        Verdict::Failed,
        "+applied !references/NotFound -pod -scheduled -mounted -pulled -started -finished",
    );
}

#[test]
fn a_missing_service_account_holds_it_back() {
    let account = json!({
        "phase": "Waiting", "conditions": ready("False", "ServiceAccountNotFound", "ServiceAccount a does not exist: kubectl create sa a"),
        "steps": [{"name": "main", "state": "Waiting"}],
    });
    judged(
        &seen(&one(), &account),
        Verdict::Waiting,
        "+applied ~references/ServiceAccountNotFound -pod -scheduled -mounted -pulled -started -finished",
    );
}

#[test]
fn a_spec_that_breaks_a_rule_is_told_at_once() {
    let broken =
        json!({"phase": "Failed", "conditions": ready("False", "InvalidSpec", "spec.transform.user: a number")});
    judged(&seen(&one(), &broken), Verdict::Failed, "!applied/InvalidSpec");
}

#[test]
fn no_pod_is_made() {
    let without = |state: &str, phase: &str, reason: &str| {
        let step = json!({"name": "main", "state": state});
        seen(&one(), &json!({"phase": phase, "conditions": ready("False", reason, "said: kubectl x"), "steps": [step]}))
    };
    let rest = "-scheduled -mounted -pulled -started -finished";
    for (state, phase, reason, expected) in [
        ("Starting", "Starting", "PodsStarting", "~pod"),
        ("Starting", "Starting", "QuotaExceeded", "!pod/QuotaExceeded"),
        ("Starting", "Starting", "EndingOldRun", "~pod/EndingOldRun"),
        ("Suspended", "Suspended", "Suspended", "~pod/Suspended"),
    ] {
        judged(&without(state, phase, reason), Verdict::Waiting, &format!("+applied +references {expected} {rest}"));
    }
    let rendered = json!({"transform": {"image": "a:1", "input": {"template": {"a": 1}, "env_var": "A"}}});
    let status = json!({"phase": "Starting", "conditions": ready("False", "PodsStarting", "said"),
        "steps": [{"name": "main", "state": "Starting"}]});
    judged(
        &seen(&rendered, &status),
        Verdict::Waiting,
        "+applied +references ~pod -scheduled -mounted -rendered -pulled -started -finished",
    );
}

fn running(ready: bool) -> Value {
    let state = json!({"running": {"startedAt": "2027-01-15T08:04:00Z"}});
    let word = if ready { "True" } else { "False" };
    json!({"phase": "Running", "containerStatuses": container(&state), "conditions": [{"type": "Ready", "status": word}]})
}

fn service(status: &Value, pods: Vec<Pod>) -> Seen {
    let mut spec = one();
    spec["mode"] = json!("Service");
    Seen { pods: Ok(pods), ..seen(&spec, status) }
}

#[test]
fn a_graph_waits_step_by_step() {
    let spec = json!({"steps": [{"name": "a", "image": "a"}, {"name": "b", "image": "b", "needs": ["a"]}]});
    let graph = |first: &str, second: &str| {
        let lacks = json!({"step": "b", "use": "EnvPrefix", "name": "db", "state": "NotFound", "message": "m"});
        let steps = json!([{"name": "a", "state": first}, {"name": "b", "state": second}]);
        seen(&spec, &json!({"phase": "Starting", "steps": steps, "references": [lacks]}))
    };
    let rest = "-pod -scheduled -mounted -pulled -started -finished";
    judged(
        &graph("Starting", "Pending"),
        Verdict::Waiting,
        &format!("+applied +references ~pod {} ~needs ~references/NotFound {rest}", rest.trim_start_matches("-pod ")),
    );
    let skipped = way(&graph("Failed", "Skipped"));
    assert_eq!(sign(&skipped.steps[1].legs[0]), "!needs");
    assert_eq!(skipped.steps[1].legs[0].said, "a (Failed), so that this step does not start");
}

#[test]
fn old_values_are_told_with_the_pods_that_have_them() {
    let mut status = stepping("Running", "PodsRunning", &step("Running", &json!({"parallelism": 2})));
    let mut stale = row("Resolved", "");
    stale["stale"] = json!(true);
    status["references"] = json!([stale]);
    let mut fresh = pod(1, &scheduled(), &running(true));
    let annotations = fresh.metadata.annotations.as_mut().unwrap();
    annotations.insert("lockgate.dev/started-with".to_owned(), "{\"db\": \"9\"}".to_owned());
    let mut seen = service(&status, vec![pod(0, &scheduled(), &running(true)), fresh]);
    seen.secrets = BTreeMap::from([("db".to_owned(), Ok(Some(made("9", NOW))))]);
    assert_eq!(way(&seen).steps[0].old[0].pods, ["edges-main-x"]);
    seen.secrets = BTreeMap::from([("db".to_owned(), Err(Unread::Forbidden))]);
    assert_eq!(way(&seen).steps[0].old[0].pods.len(), 2, "either may have it");
}

#[test]
fn what_may_not_be_looked_at_is_said_and_status_tells_the_rest() {
    let status = starting(&json!({"trouble": "ImageNotFound", "message": "the registry has no a"}));
    let dark = Seen { pods: Err(Unread::Forbidden), ..seen(&one(), &status) };
    let told = judged(
        &dark,
        Verdict::Waiting,
        "+applied +references +pod +scheduled +mounted !pulled/ImageNotFound -started -finished",
    );
    assert_eq!(told.unseen, ["Pods were not looked at: you may not list pods in namespace team-a"]);
}

#[test]
fn pull_secrets_from_elsewhere_have_a_line() {
    let mut status = stepping("Running", "PodsRunning", &step("Running", &json!({})));
    status["references"] =
        json!([{"step": "main", "use": "ImagePull", "name": "of-all", "via": "pod-defaults", "state": "Resolved"}]);
    let mut out = Vec::new();
    print::text(&mut out, &way(&seen(&one(), &status)), NOW.parse().unwrap()).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("step main gets pull secret of-all from pod-defaults (Resolved)"), "{text}");
}

#[test]
fn it_is_printed_for_people() {
    let mut out = Vec::new();
    print::text(&mut out, &way(&lacking()), NOW.parse().unwrap()).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "Pipeline edges in namespace team-a (Waiting): waits for Secret db

applied     done     10m     generation 1
references  waiting  9m59s   0 of 1 good
            NotFound: Secret db (env A) does not exist
            $ kubectl create secret generic db -n team-a --from-literal=password=VALUE
pod         not yet
scheduled   not yet
mounted     not yet
pulled      not yet
started     not yet
finished    not yet

more: docs/troubleshooting.md#x
"
    );
}

#[test]
fn only_what_changed_is_a_line() {
    let before = way(&lacking());
    let first = print::changes(None, &before, NOW.parse().unwrap());
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[0], "08:00:00Z  applied     done     generation 1");
    assert!(first[1].starts_with(
        "08:10:00Z  references  waiting  0 of 1 good  NotFound: Secret db (env A) does not exist: kubectl create"
    ));
    assert_eq!(print::changes(Some(&before), &before, NOW.parse().unwrap()), [""; 0]);
    let after = way(&with_pod(&starting(&json!({})), pod(0, &scheduled(), &json!({"phase": "Pending"}))));
    let lines = print::changes(Some(&before), &after, NOW.parse().unwrap());
    let words: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(words, ["references", "pod", "scheduled", "mounted"]);
}
