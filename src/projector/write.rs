//! The writes: copies, statuses and events. What the API server says of a Secret is never told, only its code and reason.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::{Api, Client, Resource};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{debug, info, warn};

use super::plan::{Content, Copy, Notice, Obstacle, Write};
use super::wire::{FIELD_MANAGER, MARKS, RECIPE, WireCopy, WireRegistry};
use crate::api::registry::ClusterRegistry;
use crate::event::{self, Reporter};
use crate::model::world::PROJECTED_SECRET;
use crate::report::cut;
use crate::values::SecretValue;

/// One write takes no longer.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// An answer that is longer is none: of a copy only metadata is asked for.
const MOST_BYTES: usize = 1 << 20;
/// Only metadata comes back: the values that were sent need not return.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// No object has had this version: an application that demands it makes an object, and never changes one.
const NONE_YET: &str = "1";
/// Who sends the projector's events.
const REPORTER: Reporter =
    Reporter { controller: "lockgate.dev/projector", instance: FIELD_MANAGER, action: "Project" };
/// Where Kubernetes keeps events of what is in no namespace.
const EVENTS_NAMESPACE: &str = "default";
/// The bytes of an event's note at most.
const MOST_NOTE: usize = 1024;

/// What became of a write.
#[derive(Debug)]
pub(super) enum Done {
    /// The copy, as it stands now.
    Applied(Copy),
    /// There is no such copy any more.
    Removed,
    /// What stood in the way.
    Not(Obstacle),
}

/// Writes one copy, or removes it.
pub(super) async fn copy(client: &Client, namespace: &str, write: Write) -> Done {
    let sent = async {
        match write {
            Write::Apply(content) => apply(client, namespace, content).await,
            Write::Remove { uid, resource_version } => remove(client, namespace, &uid, &resource_version).await,
        }
    };
    let done = tokio::time::timeout(WRITE_DEADLINE, sent).await.unwrap_or(Done::Not(Obstacle::Unreachable));
    match &done {
        Done::Applied(_) => info!(namespace, "the copy stands"),
        Done::Removed => info!(namespace, "the copy is gone"),
        Done::Not(obstacle @ (Obstacle::Behind | Obstacle::Ending | Obstacle::Fixed)) => {
            debug!(namespace, ?obstacle, "the copy was not written");
        }
        Done::Not(obstacle) => warn!(namespace, ?obstacle, "the copy could not be written and is tried again"),
    }
    done
}

/// Server-side apply. Where none of that name is there yet it demands that there is none; else that nobody wrote since it was
/// seen, and takes over what somebody else changed in it.
async fn apply(client: &Client, namespace: &str, content: Content) -> Done {
    let Content { seen, file, recipe, owners } = content;
    let force = if seen.is_some() { "&force=true" } else { "" };
    let path = format!(
        "/api/v1/namespaces/{namespace}/secrets/{PROJECTED_SECRET}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict{force}"
    );
    let version = seen.as_deref().unwrap_or(NONE_YET);
    let body = body(namespace, version, &recipe, &owners, &file);
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
        .header(header::ACCEPT, METADATA)
        .body(Body::from(body.expose().to_vec()));
    match exchange(client, request).await {
        Ok(answer) => match serde_json::from_slice::<WireCopy>(&answer) {
            Ok(wire) => Done::Applied(wire.kept),
            // It was written, and what of it is to be seen comes by the watch.
            Err(_) => Done::Not(Obstacle::Behind),
        },
        Err(obstacle) => Done::Not(obstacle),
    }
}

/// The whole copy. What holds values is put together by hand: its types cannot be serialised.
fn body(namespace: &str, version: &str, recipe: &str, owners: &[(String, String)], file: &SecretValue) -> SecretValue {
    let labels: serde_json::Map<String, Value> =
        MARKS.iter().map(|&(label, value)| (label.to_owned(), value.into())).collect();
    let owners: Vec<Value> = owners
        .iter()
        .map(|(name, uid)| {
            json!({
                "apiVersion": ClusterRegistry::api_version(&()), "kind": ClusterRegistry::kind(&()),
                "name": name, "uid": uid,
            })
        })
        .collect();
    let metadata = json!({
        "name": PROJECTED_SECRET, "namespace": namespace, "resourceVersion": version,
        "labels": labels, "annotations": {RECIPE: recipe}, "ownerReferences": owners,
    });
    let head = format!(
        r#"{{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/dockerconfigjson","metadata":{metadata},"data":{{".dockerconfigjson":""#
    );
    SecretValue::new([head.as_bytes(), file.to_base64().expose(), br#""}}"#].concat())
}

async fn remove(client: &Client, namespace: &str, uid: &str, resource_version: &str) -> Done {
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions",
        "preconditions": {"uid": uid, "resourceVersion": resource_version},
    });
    let request = Request::builder()
        .method(Method::DELETE)
        .uri(format!("/api/v1/namespaces/{namespace}/secrets/{PROJECTED_SECRET}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, METADATA)
        .body(Body::from(options.to_string().into_bytes()));
    match exchange(client, request).await {
        Ok(answer) => match serde_json::from_slice::<WireCopy>(&answer) {
            // A finalizer holds it; the watch tells of its end.
            Ok(wire) if wire.kept.deleting => Done::Applied(wire.kept),
            _ => Done::Removed,
        },
        Err(Obstacle::Ending) => Done::Removed,
        Err(obstacle) => Done::Not(obstacle),
    }
}

/// Sends a request by our own hand: kube would log an answer that it cannot decode.
async fn exchange(client: &Client, request: Result<Request<Body>, http::Error>) -> Result<Vec<u8>, Obstacle> {
    // Names come from the API server, and are fine in a path.
    let request = request.map_err(|_| Obstacle::Refused("the request could not be made".into()))?;
    let answer = client.send(request).await.map_err(|_| Obstacle::Unreachable)?;
    let status = answer.status();
    let body = http_body_util::Limited::new(answer.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|_| Obstacle::Unreachable)?.to_bytes();
    if status.is_success() { Ok(body.to_vec()) } else { Err(obstacle(status, &body)) }
}

/// Of a refusal only what is a word of Kubernetes' own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    reason: String,
    message: String,
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    field: String,
}

fn obstacle(status: StatusCode, body: &[u8]) -> Obstacle {
    let Refusal { reason, message, details: Details { causes } } = serde_json::from_slice(body).unwrap_or_default();
    match status.as_u16() {
        // The object, or the whole namespace.
        404 => Obstacle::Ending,
        403 if causes.iter().any(|cause| cause.reason == "NamespaceTerminating") => Obstacle::Ending,
        409 => Obstacle::Behind,
        403 if message.contains("exceeded quota") || message.contains("failed quota") => Obstacle::Quota,
        // RBAC's own words; an admission plugin's are others.
        403 if message.contains(" cannot ") => Obstacle::Forbidden,
        422 if causes.iter().any(|cause| cause.reason == "FieldValueTooLong") => Obstacle::TooLarge,
        422 if causes.iter().any(|cause| matches!(cause.field.as_str(), "data" | "type" | "immutable")) => {
            Obstacle::Fixed
        }
        429 | 500..=599 => Obstacle::Unreachable,
        code => {
            let word: String = reason.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            Obstacle::Refused(format!("{code} {word}").trim_end().to_owned())
        }
    }
}

/// Writes a status where nobody wrote it since it was seen. What the API server has now; `None`: nothing came of it.
pub(super) async fn status(client: &Client, notice: &Notice) -> Result<Option<WireRegistry>, Obstacle> {
    let Notice { name, uid, resource_version, status, .. } = notice;
    let patch = json!({"metadata": {"uid": uid, "resourceVersion": resource_version}, "status": status});
    let api: Api<WireRegistry> = Api::all(client.clone());
    let params = PatchParams::default();
    let patch = Patch::Merge(patch);
    match tokio::time::timeout(WRITE_DEADLINE, api.patch_status(name, &params, &patch)).await {
        Ok(Ok(wire)) => {
            info!(clusterregistry = name, "wrote the status");
            Ok(Some(wire))
        }
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(None),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            warn!(
                clusterregistry = name,
                "the status could not be written, for want of the right to patch clusterregistries/status: give the projector its ClusterRole (deploy/components/projector/rbac.yaml)"
            );
            Err(Obstacle::Forbidden)
        }
        Ok(Err(kube::Error::Api(status))) => {
            warn!(clusterregistry = name, code = status.code, "the status was refused: {}", status.message);
            Err(Obstacle::Refused(status.code.to_string()))
        }
        Ok(Err(_)) | Err(_) => {
            warn!(clusterregistry = name, "the status could not be written: the API server could not be reached");
            Err(Obstacle::Unreachable)
        }
    }
}

/// Sends an event of a warning. It is a courtesy: what it says stands in status, so none is tried again.
pub(super) async fn event(client: &Client, notice: &Notice) {
    let Some((reason, note)) = &notice.warning else { return };
    let regarding = ObjectReference {
        api_version: Some(ClusterRegistry::api_version(&()).into_owned()),
        kind: Some(ClusterRegistry::kind(&()).into_owned()),
        name: Some(notice.name.clone()),
        uid: Some(notice.uid.clone()),
        ..ObjectReference::default()
    };
    let note = cut(note, MOST_NOTE).to_owned();
    let event = event::warning(&REPORTER, EVENTS_NAMESPACE, regarding, reason.as_str(), note);
    let api: Api<Event> = Api::namespaced(client.clone(), EVENTS_NAMESPACE);
    let sent = tokio::time::timeout(WRITE_DEADLINE, api.create(&PostParams::default(), &event)).await;
    match sent {
        Ok(Ok(_)) => {}
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            warn!(clusterregistry = notice.name, "an event was not sent, for want of the right to create events");
        }
        _ => debug!(clusterregistry = notice.name, "an event could not be sent"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_becomes_an_obstacle_and_nothing_of_its_text_is_told() {
        let rbac = r#"secrets "lockgate-registries" is forbidden: User "x" cannot create resource "secrets""#;
        let quota = r#"secrets "lockgate-registries" is forbidden: exceeded quota: few, requested: secrets=1"#;
        for (code, body, expected) in [
            (404, json!({}), Obstacle::Ending),
            (
                403,
                json!({"message": "x", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}),
                Obstacle::Ending,
            ),
            (403, json!({"reason": "Forbidden", "message": rbac}), Obstacle::Forbidden),
            (403, json!({"reason": "Forbidden", "message": quota}), Obstacle::Quota),
            (403, json!({"reason": "Forbidden", "message": "canary-7c1f"}), Obstacle::Refused("403 Forbidden".into())),
            (409, json!({"reason": "Conflict"}), Obstacle::Behind),
            (
                422,
                json!({"details": {"causes": [{"reason": "FieldValueForbidden", "field": "data"}]}}),
                Obstacle::Fixed,
            ),
            (
                422,
                json!({"details": {"causes": [{"reason": "FieldValueTooLong", "field": "data"}]}}),
                Obstacle::TooLarge,
            ),
            (422, json!({"reason": "Invalid", "message": "canary-7c1f"}), Obstacle::Refused("422 Invalid".into())),
            (400, json!({"reason": "canary-7c1f\n; rm"}), Obstacle::Refused("400 canary7c1frm".into())),
            (400, json!("no Status"), Obstacle::Refused("400".into())),
            (429, json!({}), Obstacle::Unreachable),
            (503, json!({}), Obstacle::Unreachable),
        ] {
            assert_eq!(obstacle(StatusCode::from_u16(code).unwrap(), body.to_string().as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_copy_is_one_object_with_its_marks_its_owners_and_one_key() {
        let file = SecretValue::new(br#"{"auths":{}}"#.to_vec());
        let body = body("team", NONE_YET, "v1-x", &[("hub".into(), "h".into())], &file);
        let object: Value = serde_json::from_slice(body.expose()).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {
                "name": "lockgate-registries", "namespace": "team", "resourceVersion": "1",
                "labels": {"app.kubernetes.io/managed-by": "lockgate-projector", "lockgate.dev/projected": "true"},
                "annotations": {"lockgate.dev/projected-from": "v1-x"},
                "ownerReferences": [
                    {"apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "name": "hub", "uid": "h"},
                ],
            },
            "data": {".dockerconfigjson": "eyJhdXRocyI6e319"},
        });
        assert_eq!(object, expected);
    }
}
