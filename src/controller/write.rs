//! The one write of a report: status as a merge patch, then the events that go with it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};
use tracing::{Instrument, debug, info, warn};

use super::census::waits_since;
use super::context::Context;
use super::key::version;
use super::object::{StoredPipeline, WirePipeline};
use crate::api::reason::Phase;
use crate::api::status::PipelineStatus;
use crate::event::{self, Reporter};
use crate::ops::spans::{self, Call};
use crate::report::{About, Warning};

/// One write takes no longer.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// What became of a status write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It stands.
    Yes,
    /// The Pipeline is gone; there is nothing to say any more.
    Gone,
    /// Our view was behind: look again.
    Behind,
    /// The API server did not take it: try again.
    Failed,
}

impl Written {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "written",
            Self::Gone => "not_found",
            Self::Behind => "conflict",
            Self::Failed => "failed",
        }
    }
}

/// Writes the status where it differs from what stands there.
///
/// A merge patch that carries uid and resourceVersion: the API server refuses it where anybody wrote in between, so
/// that an older view never overwrites a result.
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
    let (Ok(old), Ok(new)) = (serde_json::to_value(before), serde_json::to_value(after)) else {
        return Written::Failed;
    };
    let patch = json!({
        "metadata": {"uid": stored.subject.uid, "resourceVersion": stored.resource_version},
        "status": merge_patch(&old, &new),
    });
    context.with_state(|state| state.pipelines.writing(key.clone()));
    let api: Api<WirePipeline> = Api::namespaced(context.client.clone(), &key.namespace);
    let params = PatchParams::default();
    let patch = Patch::Merge(patch);
    let result = tokio::time::timeout(WRITE_DEADLINE, api.patch_status(&key.name, &params, &patch)).await;
    if !matches!(result, Ok(Ok(_))) {
        context.with_state(|state| state.pipelines.not_written(&key));
    }
    match result {
        Ok(Ok(wire)) => {
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
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Written::Gone,
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            debug!(pipeline = %key, "the status was written by somebody else in between");
            Written::Behind
        }
        Ok(Err(kube::Error::Api(status))) => {
            warn!(pipeline = %key, code = status.code, "the status was refused: {}", status.message);
            Written::Failed
        }
        Ok(Err(_)) | Err(_) => {
            warn!(pipeline = %key, "the status could not be written: the API server could not be reached");
            Written::Failed
        }
    }
}

/// The merge patch (RFC 7396) that turns one object into the other: absent members become null.
pub(super) fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new {
        match old.get(name) {
            Some(same) if same == value => {}
            Some(other) => {
                patch.insert(name.clone(), merge_patch(other, value));
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7396, as the API server applies it.
    fn apply(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let object = target.as_object_mut().unwrap();
        for (name, value) in patch {
            if value.is_null() {
                object.remove(name);
            } else {
                apply(object.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }

    fn object(depth: u32) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from)];
        let inner = leaf.prop_recursive(depth, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_patch_turns_the_old_into_the_new(old in object(3), new in object(3)) {
            let mut target = old.clone();
            apply(&mut target, &merge_patch(&old, &new));
            prop_assert_eq!(target, new);
        }
    }
}
