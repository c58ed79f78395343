//! Apply: does what the plan says, and nothing else. Writes are safe to repeat: names are deterministic, deletions
//! carry the uid that was seen.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Status;
use tracing::{Instrument, Span, info, warn};

use super::context::Context;
use super::key::{ObjectKey, version};
use super::object::WirePipeline;
use super::pace::{Answer, Turn};
use super::streams::stored_pod;
use crate::model::backoff::{Backoff, TRANSIENT, UNANNOUNCED};
use crate::model::world::{Outcome, PodFacts, Setback, SetbackKind, Subject, World};
use crate::ops::spans::{self, Call, setback_word};
use crate::plan::{Plan, PodDeletion};

/// One write takes no longer.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// What became of the writes, and whether Pods that were to be created wait for their turn.
#[derive(Debug)]
pub(super) struct Applied {
    pub outcome: Outcome,
    pub put_off: bool,
}

impl From<Outcome> for Applied {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, put_off: false }
    }
}

/// Writes what the plan says: deletions, then creations, of each up to the first that does not succeed, and of creations
/// as many as the pace allows.
pub(super) async fn apply(context: &Context, world: &World, plan: &Plan) -> Applied {
    // Destructured whole, so that a new kind of write cannot be forgotten here.
    let Plan {
        delete,
        create,
        delete_subject,
        run: _,
        verdict: _,
        references: _,
        steps: _,
        started_at: _,
        finished_at: _,
        waiting_since: _,
        gives_up: _,
        expiring: _,
        look_again: _,
    } = plan;
    let key = ObjectKey::new(world.subject.namespace.as_str(), world.subject.name.as_str());
    if *delete_subject {
        return delete_pipeline(context, &key, &world.subject).await.into();
    }
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &key.namespace);
    if delete.is_empty() && create.is_empty() {
        return Outcome { setback: world.setback.clone(), ..Outcome::default() }.into();
    }
    let mut outcome = Outcome::default();
    for deletion in delete {
        let span = Call::DeletePod(&deletion.name).span(&key.namespace);
        let answer = delete_pod(&api, deletion).instrument(span.clone()).await;
        trace_end(&span, &answer, |goes| if *goes { "deleted" } else { "conflict" });
        match answer {
            Ok(true) => outcome.deleted.push(deletion.uid.clone()),
            Ok(false) => return outcome.into(),
            Err(refusal) => {
                // A Pod that cannot be cleaned up keeps no other from starting.
                outcome.setback = Some(set_back(context, &key, &deletion.name, refusal, &outcome));
                break;
            }
        }
    }
    for pod in create {
        let name = pod.metadata.name.clone().unwrap_or_default();
        match context.queue.may_create(&key) {
            Turn::Now => {}
            turn => {
                if turn == Turn::Later {
                    info!(pipeline = %key, pod = name, "the Pod waits for its turn: --pod-creates-per-second is reached");
                }
                outcome.setback = outcome.setback.or_else(|| world.setback.clone());
                return Applied { outcome, put_off: true };
            }
        }
        let of_pod = ObjectKey::new(key.namespace.as_str(), name.as_str());
        context.with_state(|state| state.pods.writing(of_pod.clone()));
        let span = Call::CreatePod(&name).span(&key.namespace);
        let answer = create_pod(context, &api, &world.subject.uid, pod).instrument(span.clone()).await;
        trace_end(&span, &answer, |_| "created");
        let refused = answer.as_ref().is_err_and(|refusal| refusal.kind != SetbackKind::Io);
        context.queue.answered(&key, if refused { Answer::Refused } else { Answer::Created });
        match answer {
            Ok(created) => {
                info!(pipeline = %key, pod = name, "created the Pod");
                if let Some(event_at) = context.with_state(|state| state.opening.remove(&key)) {
                    context.metrics.gate_opened(event_at.elapsed());
                }
                outcome.created.extend(note(context, &of_pod, &created));
            }
            Err(refusal) => {
                context.with_state(|state| state.pods.not_written(&of_pod));
                context.metrics.pod_not_created(refusal.kind);
                outcome.setback = Some(set_back(context, &key, &name, refusal, &outcome));
                break;
            }
        }
    }
    if outcome.setback.is_none() {
        context.with_state(|state| state.setbacks.remove(&key));
    }
    outcome.into()
}

/// Why a write did not succeed.
pub(super) struct Refusal {
    pub kind: SetbackKind,
    pub message: String,
}

fn trace_end<T>(span: &Span, answer: &Result<T, Refusal>, word: impl Fn(&T) -> &'static str) {
    spans::ended(span, answer.as_ref().map_or_else(|refusal| setback_word(refusal.kind), word), answer.is_err());
}

/// Notes a write that did not succeed. The pause grows as long as the same stands in the way of the same Pod, or of
/// whichever is tried.
fn set_back(context: &Context, key: &ObjectKey, pod: &str, refusal: Refusal, so_far: &Outcome) -> Setback {
    let Refusal { kind, message } = refusal;
    let backoff: Backoff = if kind == SetbackKind::Io { TRANSIENT } else { UNANNOUNCED };
    let got_on = !so_far.created.is_empty() || !so_far.deleted.is_empty();
    let setback = context.with_state(|state| {
        let failures = match state.setbacks.get(key) {
            Some((old, failures)) if (old.pod == pod || !got_on) && old.kind == kind => failures.saturating_add(1),
            _ => 1,
        };
        let retry_at = backoff.next(Timestamp::now(), failures, &format!("{key}/{pod}"));
        let setback = Setback { pod: pod.to_owned(), kind, message, retry_at };
        state.setbacks.insert(key.clone(), (setback.clone(), failures));
        setback
    });
    warn!(pipeline = %key, pod, kind = ?setback.kind, retry_at = %setback.retry_at, "a write did not succeed: {}", setback.message);
    setback
}

/// Deletes the Pipeline as it was seen; its Pods go by their owner reference. One that was written since then may have
/// been asked for another run: the event that tells is on its way.
async fn delete_pipeline(context: &Context, key: &ObjectKey, subject: &Subject) -> Outcome {
    let api: Api<WirePipeline> = Api::namespaced(context.client.clone(), &key.namespace);
    let seen =
        Preconditions { uid: Some(subject.uid.clone()), resource_version: Some(subject.resource_version.clone()) };
    let params = DeleteParams::background().preconditions(seen);
    let span = Call::DeletePipeline(&key.name).span(&key.namespace);
    let answer = tokio::time::timeout(WRITE_DEADLINE, api.delete(&key.name, &params)).instrument(span.clone()).await;
    let refusal = match answer {
        Ok(Ok(_)) => {
            spans::ended(&span, "deleted", false);
            info!(pipeline = %key, "deleted it: its ttl_after_finished has passed");
            return Outcome { subject_deleted: true, ..Outcome::default() };
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            spans::ended(&span, "not_found", false);
            return Outcome { subject_deleted: true, ..Outcome::default() };
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            spans::ended(&span, "conflict", false);
            return Outcome::default();
        }
        Ok(Err(kube::Error::Api(status))) => Refusal {
            kind: SetbackKind::Refused,
            message: format!(
                "ttl_after_finished has passed, but the API server answered {} to the deletion: let Lockgate's ServiceAccount delete pipelines, as deploy/base does",
                status.code
            ),
        },
        Ok(Err(error)) => refusal(&error, "the deletion"),
        Err(_) => no_answer(),
    };
    spans::ended(&span, setback_word(refusal.kind), true);
    Outcome { setback: Some(set_back(context, key, &key.name, refusal, &Outcome::default())), ..Outcome::default() }
}

/// Returns whether the Pod goes; `false`: it is no longer as it was seen, and the event that tells is on its way.
async fn delete_pod(api: &Api<Pod>, deletion: &PodDeletion) -> Result<bool, Refusal> {
    let PodDeletion { name: _, uid, resource_version } = deletion;
    let params = DeleteParams::default()
        .preconditions(Preconditions { uid: Some(uid.clone()), resource_version: resource_version.clone() });
    match tokio::time::timeout(WRITE_DEADLINE, api.delete(&deletion.name, &params)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 && resource_version.is_some() => Ok(false),
        // Gone, or another Pod of that name: either way the one that was seen is no more.
        Ok(Err(kube::Error::Api(status))) if status.code == 404 || status.code == 409 => Ok(true),
        Ok(Err(error)) => Err(refusal(&error, &format!("the deletion of Pod {}", deletion.name))),
        Err(_) => Err(no_answer()),
    }
}

/// POST under a deterministic name. `AlreadyExists` under our uid means that our view was behind: the Pod is read.
/// Under a stranger's it is never adopted.
async fn create_pod(context: &Context, api: &Api<Pod>, owner: &str, pod: &Pod) -> Result<Pod, Refusal> {
    let created = tokio::time::timeout(WRITE_DEADLINE, api.create(&PostParams::default(), pod)).await;
    match created {
        Ok(Ok(created)) => {
            context.metrics.pod_created();
            Ok(created)
        }
        Ok(Err(kube::Error::Api(status))) if status.is_already_exists() => {
            let name = pod.metadata.name.clone().unwrap_or_default();
            match tokio::time::timeout(WRITE_DEADLINE, api.get_opt(&name)).await {
                Ok(Ok(Some(there))) if stored_pod(&there).is_some_and(|stored| stored.owner_uid == owner) => Ok(there),
                Ok(Ok(Some(_))) => Err(name_is_taken(&name, pod.metadata.namespace.as_deref().unwrap_or_default())),
                // It went away in between; the name is free at the next try.
                Ok(Ok(None)) => {
                    Err(Refusal { kind: SetbackKind::Io, message: "the Pod's name was taken for a moment".into() })
                }
                Ok(Err(error)) => Err(refusal(&error, THE_POD)),
                Err(_) => Err(no_answer()),
            }
        }
        Ok(Err(error)) => Err(refusal(&error, THE_POD)),
        Err(_) => Err(no_answer()),
    }
}

pub(super) fn name_is_taken(pod: &str, namespace: &str) -> Refusal {
    Refusal {
        kind: SetbackKind::NameConflict,
        message: format!("Pod {pod} exists and belongs to somebody else: kubectl delete pod {pod} -n {namespace}"),
    }
}

fn no_answer() -> Refusal {
    Refusal { kind: SetbackKind::Io, message: "the API server did not answer in time".into() }
}

/// What a creation writes.
const THE_POD: &str = "the Pod";

/// Sorts an error of a write. A refusal's words come from admission and speak of the Pod, which holds no values.
fn refusal(error: &kube::Error, what: &str) -> Refusal {
    match error {
        kube::Error::Api(status) => of_status(status, what),
        _ => Refusal { kind: SetbackKind::Io, message: "the API server could not be reached".into() },
    }
}

pub(super) fn of_status(status: &Status, what: &str) -> Refusal {
    let said = status.message.as_str();
    let has = |needles: &[&str]| needles.iter().any(|needle| said.contains(needle));
    let (kind, hint) = match status.code {
        403 if has(&[
            "exceeded quota",
            "failed quota",
            "usage per Container",
            "usage per Pod",
            "limits per",
            "LimitRange",
        ]) =>
        {
            (SetbackKind::Quota, "free some of it, raise it, or ask for less in resource_requests and resource_limits")
        }
        403 if has(&["violates PodSecurity"]) => (
            SetbackKind::PodSecurity,
            "set spec.security to Restricted and spec.transform.user to a number other than 0, or relax the namespace's pod-security label",
        ),
        429 | 500..=599 => {
            return Refusal { kind: SetbackKind::Io, message: format!("the API server answered {}", status.code) };
        }
        // From `plugin/pkg/admission/namespace/lifecycle`.
        403 if has(&["because it is being terminated"]) => (SetbackKind::Refused, "no Pod starts in it any more"),
        // A webhook and a policy may answer with any code.
        _ if has(&["denied the request", "denied request"]) => {
            (SetbackKind::Refused, "an admission rule stands in the way")
        }
        403 => (SetbackKind::Refused, "an admission rule or a missing right stands in the way"),
        _ => (SetbackKind::Refused, "correct the field that it names"),
    };
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect();
    Refusal { kind, message: format!("the API server refused {what}: {said}: {hint}") }
}

/// Puts a written Pod where the next decision sees it, ahead of the watch.
fn note(context: &Context, key: &ObjectKey, pod: &Pod) -> Option<PodFacts> {
    let stored = stored_pod(pod)?;
    let version = version(pod.metadata.resource_version.as_deref().unwrap_or_default());
    context.with_state(|state| {
        if state.pods.wrote(key.clone(), version, stored.clone()) {
            state.pod_seen(key, &stored);
        }
    });
    Some(stored.facts)
}
