//! The one write of a report: status, then the events that go with it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use tracing::{Instrument, debug, info};

use super::census::waits_since;
use super::context::Context;
use super::key::version;
use super::object::{StoredPipeline, WirePipeline};
use super::patch::{Seen, WRITE_DEADLINE, Written};
use crate::api::reason::Phase;
use crate::api::status::PipelineStatus;
use crate::event::{self, Reporter};
use crate::ops::spans::{self, Call};
use crate::report::{About, Warning};

/// Writes the status where it differs from what stands there.
pub(super) async fn status(context: &Context, stored: &StoredPipeline, after: &PipelineStatus) -> Written {
    let before = &stored.status;
    let only_conditions;
    let after = if stored.status_unreadable {
        only_conditions = PipelineStatus { conditions: after.conditions.clone(), ..before.clone() };
        &only_conditions
    } else {
        after
    };
    if before == after {
        return Written::Yes;
    }
    let span = Call::PatchStatus(&stored.subject.name).span(&stored.subject.namespace);
    let written = patch_status(context, stored, after).instrument(span.clone()).await;
    spans::ended(&span, written.as_str(), written == Written::Failed);
    written
}

async fn patch_status(context: &Context, stored: &StoredPipeline, after: &PipelineStatus) -> Written {
    let (key, before) = (stored.key(), &stored.status);
    let seen =
        Seen { kind: "Pipeline", key: &key, uid: &stored.subject.uid, resource_version: &stored.resource_version };
    context.with_state(|state| state.pipelines.writing(key.clone()));
    let wire: WirePipeline = match seen.patch_status(&context.client, before, after).await {
        Ok(wire) => wire,
        Err(written) => {
            context.with_state(|state| state.pipelines.not_written(&key));
            return written;
        }
    };
    let at = version(wire.metadata.resource_version.as_deref().unwrap_or_default());
    let written = Arc::new(StoredPipeline::of(wire));
    context.with_state(|state| state.pipelines.wrote(key.clone(), at, written));
    if let (Some(since), None) = (waits_since(before), waits_since(after)) {
        // Both are whole seconds.
        let seconds = u32::try_from(Timestamp::now().as_second().saturating_sub(since)).unwrap_or_default();
        context.metrics.waited(f64::from(seconds));
    }
    info!(
        pipeline = %key,
        phase = after.phase.map(Phase::as_str),
        resolved = after.resolved,
        waiting_for = after.waiting_for,
        "wrote the status"
    );
    Written::Yes
}

/// Whom an event is about.
#[derive(Clone, Copy)]
pub(super) struct Regarding<'a> {
    pub kind: &'static str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
}

/// Who sends the operator's events.
const REPORTER: Reporter = Reporter { controller: "lockgate.dev/operator", instance: "lockgate", action: "Reconcile" };

/// Sends one event for each warning. An event is a courtesy: what it says stands in status, so none is tried again.
pub(super) async fn events(context: &Context, subject: Regarding<'_>, warnings: Vec<Warning>) {
    let api: Api<Event> = Api::namespaced(context.client.clone(), subject.namespace);
    for Warning { reason, note, about } in warnings {
        let regarding = ObjectReference {
            api_version: Some("lockgate.dev/v1alpha1".into()),
            kind: Some(subject.kind.into()),
            namespace: Some(subject.namespace.to_owned()),
            name: Some(subject.name.to_owned()),
            uid: Some(subject.uid.to_owned()),
            ..ObjectReference::default()
        };
        let event = Event {
            related: about.map(|about| related(subject.namespace, about)),
            ..event::warning(&REPORTER, subject.namespace, regarding, reason, note)
        };
        let span = Call::CreateEvent(reason).span(subject.namespace);
        let params = PostParams::default();
        let create = tokio::time::timeout(WRITE_DEADLINE, api.create(&params, &event));
        let sent = matches!(create.instrument(span.clone()).await, Ok(Ok(_)));
        spans::ended(&span, if sent { "created" } else { "failed" }, !sent);
        if !sent {
            debug!(
                kind = subject.kind,
                namespace = subject.namespace,
                name = subject.name,
                reason,
                "an event could not be sent"
            );
        }
    }
}

/// The other object of an event. Its uid is not known where it is missing.
fn related(namespace: &str, about: About) -> ObjectReference {
    let (kind, name) = match about {
        About::Secret(name) => ("Secret", name),
        About::Object(kind, name) => (kind.as_str(), name),
        About::Pod(name) => ("Pod", name),
    };
    ObjectReference {
        api_version: Some("v1".into()),
        kind: Some(kind.into()),
        namespace: Some(namespace.into()),
        name: Some(name),
        ..ObjectReference::default()
    }
}
