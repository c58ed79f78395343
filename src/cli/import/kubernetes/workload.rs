//! `Deployment`, `Job`, `CronJob` and bare `Pod`: how their Pods live.

use serde_json::{Value, json};

use super::pod;
use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// What the cluster writes into an object: nothing of it is asked for.
const WRITTEN_BY_THE_CLUSTER: [&str; 10] = [
    "/status",
    "/metadata/uid",
    "/metadata/resourceVersion",
    "/metadata/creationTimestamp",
    "/metadata/generation",
    "/metadata/managedFields",
    "/metadata/selfLink",
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    "/metadata/annotations/deployment.kubernetes.io~1revision",
    "/spec/nodeName",
];

/// Labels that tie Pods to what made them. Ours are made by a Pipeline.
const TIES: [&str; 5] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
    "pod-template-hash",
];

/// How often a Job is tried again that does not say it.
const BACKOFF_LIMIT: i64 = 6;

/// Maps one object of the kind.
pub(super) fn map(source: &mut Source, draft: &mut Draft, kind: &str) {
    for field in ["/apiVersion", "/kind", "/metadata/name"] {
        source.take(field);
    }
    source.take("/metadata/generateName");
    let written: Vec<_> = WRITTEN_BY_THE_CLUSTER.into_iter().filter(|field| source.take(field).is_some()).collect();
    if !written.is_empty() {
        source.note("", "came from a cluster: its status and what else the cluster writes were left out");
    }
    draft.set("/metadata/namespace", source.text("/metadata/namespace"));
    ties(source, "/metadata/labels");
    for field in ["/metadata/labels", "/metadata/annotations"] {
        let texts = source.text_map(field);
        draft.set(field, json!(texts));
    }
    for owner in source.elements("/metadata/ownerReferences") {
        let text = |field| source.peek(&child(&owner, field)).and_then(Value::as_str).unwrap_or_default();
        let whose = format!("{} {}", text("kind"), text("name"));
        source.take(&owner);
        source.unserved(
            "/metadata/ownerReferences",
            format!("it was made by {whose}, which makes others like it: import what stands at the beginning"),
        );
    }
    source.take_empty("/metadata/ownerReferences");
    match kind {
        "Deployment" => deployment(source, draft),
        "Job" => job(source, draft, "/spec"),
        "CronJob" => cron_job(source, draft),
        _ => bare_pod(source, draft),
    }
    source.take_empty("/metadata");
}

/// Takes the labels that tie Pods to what made them.
fn ties(source: &mut Source, labels: &str) {
    for label in TIES {
        source.take(&child(labels, label));
    }
}

fn template(source: &mut Source, draft: &mut Draft, at: &str) {
    source.take(&format!("{at}/metadata/creationTimestamp"));
    ties(source, &format!("{at}/metadata/labels"));
    source.take(&format!("{at}/metadata/name"));
    for field in ["labels", "annotations"] {
        let texts = source.text_map(&format!("{at}/metadata/{field}"));
        draft.set(&format!("/spec/metadata/{field}"), json!(texts));
    }
    source.take_empty(&format!("{at}/metadata"));
    pod::map(source, draft, &format!("{at}/spec"));
}

fn deployment(source: &mut Source, draft: &mut Draft) {
    draft.set("/spec/mode", "Service");
    let replicas = source.integer("/spec/replicas");
    draft.set("/spec/parallelism", replicas);
    if source.take("/spec/selector").is_some() {
        source.note(
            "/spec/selector",
            "is not needed; the Pods keep the template's labels, so that Services still find them",
        );
    }
    let recreate = source.text("/spec/strategy/type").as_deref() == Some("Recreate");
    if recreate {
        draft.set("/spec/max_surge", 0);
        draft.set("/spec/max_unavailable", replicas.unwrap_or(1).max(1));
        draft.comment("/spec/max_surge", "strategy: Recreate. All Pods may go before fresh ones come.");
    }
    for (from, to) in [("maxSurge", "max_surge"), ("maxUnavailable", "max_unavailable")] {
        let from = format!("/spec/strategy/rollingUpdate/{from}");
        match source.take(&from) {
            None => {}
            // Kubernetes' own default, which is written into every Deployment.
            Some(Value::String(percent)) if percent == "25%" => {}
            Some(Value::Number(number)) => draft.set(&format!("/spec/{to}"), number),
            Some(_) => source.unserved(
                &from,
                format!(
                    "is a share: {to} is a number of Pods; absent, one fresh Pod is made ready before an old one goes"
                ),
            ),
        }
    }
    source.take_empty("/spec/strategy");
    if let Some(seconds) = source.integer("/spec/progressDeadlineSeconds").filter(|seconds| *seconds != 600) {
        draft.set("/spec/progress_deadline", format!("{seconds}s"));
    }
    if source.peek("/spec/revisionHistoryLimit").and_then(Value::as_i64) == Some(10) {
        source.take("/spec/revisionHistoryLimit");
    }
    source.lost("/spec/revisionHistoryLimit", "there are no revisions: the manifest's history is your repository's");
    source.lost_unless_empty(
        "/spec/minReadySeconds",
        "a Pod counts as soon as it is ready: let the readiness probe wait",
    );
    source.lost_unless_empty("/spec/paused", "a roll is not paused; suspend: true holds back every new Pod");
    template(source, draft, "/spec/template");
}

fn bare_pod(source: &mut Source, draft: &mut Draft) {
    // The Pod's own labels are the Pipeline's and its Pods'.
    for field in ["labels", "annotations"] {
        let texts = draft.object.pointer(&format!("/metadata/{field}")).cloned().unwrap_or_default();
        draft.set(&format!("/spec/metadata/{field}"), texts);
    }
    match source.text("/spec/restartPolicy").as_deref() {
        Some("Never") => {}
        Some("OnFailure") => {
            source.note(
                "/spec/restartPolicy",
                "OnFailure: a failed container is not started again in its Pod; retries gives it fresh Pods",
            );
        }
        _ => {
            draft.set("/spec/mode", "Service");
            draft.comment("/spec/mode", "restartPolicy: Always. The Pod is kept running.");
        }
    }
    pod::map(source, draft, "/spec");
}

fn job(source: &mut Source, draft: &mut Draft, at: &str) {
    let field = |name: &str| child(at, name);
    let parallelism = source.integer(&field("parallelism"));
    let completions = source.integer(&field("completions"));
    draft.set("/spec/parallelism", completions.or(parallelism));
    if let (Some(completions), at_once) = (completions, parallelism.unwrap_or(1))
        && at_once < completions
    {
        source.unserved(&field("parallelism"), format!("{at_once} at a time: all {completions} Pods start at once"));
    }
    if let Some(mode) = source.text(&field("completionMode"))
        && mode == "Indexed"
    {
        source.note(
            &field("completionMode"),
            "the number of a Pod stands in LOCKGATE_INDEX, not in JOB_COMPLETION_INDEX",
        );
    }
    let retries = source.integer(&field("backoffLimit"));
    if retries.is_none() {
        draft.comment("/spec/retries", "What a Job has that says no backoffLimit.");
    }
    draft.set("/spec/retries", retries.unwrap_or(BACKOFF_LIMIT));
    for (from, to) in [("activeDeadlineSeconds", "timeout"), ("ttlSecondsAfterFinished", "ttl_after_finished")] {
        if let Some(seconds) = source.integer(&field(from)) {
            draft.set(&child("/spec", to), format!("{}s", seconds.max(1)));
        }
    }
    if source.flag(&field("suspend")) == Some(true) {
        draft.set("/spec/suspend", true);
    }
    for (name, default) in [("manualSelector", "false"), ("podReplacementPolicy", "TerminatingOrFailed")] {
        let says = source.peek(&field(name)).map(|value| value.as_str().map_or_else(|| value.to_string(), Into::into));
        if says.is_some_and(|says: String| says == default) {
            source.take(&field(name));
        }
    }
    source.take(&field("selector"));
    source
        .lost(&field("podFailurePolicy"), "every failure counts; accept_return_code has the exit codes that are none");
    source.lost(&field("successPolicy"), "a Job is done when all of its Pods are");
    let restart = format!("{at}/template/spec/restartPolicy");
    if source.text(&restart).as_deref() == Some("OnFailure") {
        source.note(
            &restart,
            "OnFailure: a failed container is not started again in its Pod; retries gives it fresh Pods",
        );
    }
    template(source, draft, &format!("{at}/template"));
}

fn cron_job(source: &mut Source, draft: &mut Draft) {
    let schedule = source.text("/spec/schedule").unwrap_or_default();
    draft.comment(
        "",
        format!(
            "Was started by a CronJob, \"{schedule}\": docs/recipes/schedule.md has the CronJob that asks for its runs."
        ),
    );
    source.unserved(
        "/spec/schedule",
        format!("is a schedule, \"{schedule}\": a CronJob asks for the runs, as in docs/recipes/schedule.md; the Pipeline also runs once when it is created"),
    );
    for name in [
        "timeZone",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ] {
        source.lost(
            &child("/spec", name),
            "belongs to the schedule: write it at the CronJob of docs/recipes/schedule.md",
        );
    }
    source.lost_unless_empty(
        "/spec/suspend",
        "belongs to the schedule: write it at the CronJob of docs/recipes/schedule.md",
    );
    for field in ["labels", "annotations"] {
        source.lost(
            &format!("/spec/jobTemplate/metadata/{field}"),
            "there is no Job in between: the Pipeline and its Pods have labels and annotations of their own",
        );
    }
    source.take("/spec/jobTemplate/metadata");
    job(source, draft, "/spec/jobTemplate/spec");
}
