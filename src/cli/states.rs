//! Pipelines of a cluster, read and watched. An error tells a Pipeline that is not there from a cluster without Pipelines.

use std::future::ready;

use futures::{Stream, StreamExt};
use http::StatusCode;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, Resource};
use kube_runtime::watcher::{self, Event};
use kube_runtime::{WatchStreamExt, watcher as watch_objects};
use serde_json::Value;

use super::ask;
use super::error::Error;
use super::pipelines::KIND;
use crate::api::pipeline::Pipeline;

/// Words that kubectl takes for the resource.
const WORDS: [&str; 4] = ["pipelines", "pipeline", "lgp", "pipelines.lockgate.dev"];

/// Whether the word is one for the resource itself.
pub(super) fn is_kind(word: &str) -> bool {
    WORDS.contains(&word) || word == KIND
}

/// Names as people write them: `edges`, `pipeline/edges`, and `pipeline edges`.
pub(super) fn names(words: &[String]) -> Result<Vec<String>, Error> {
    let words = match words.split_first() {
        Some((first, rest)) if is_kind(first) && !rest.is_empty() => rest,
        _ => words,
    };
    let name = |word: &String| match word.split_once('/') {
        None => Ok(word.clone()),
        Some((kind, name)) if is_kind(kind) => Ok(name.to_owned()),
        Some((kind, _)) => Err(Error::Usage(format!("{kind} is no word for Pipelines: write NAME or pipeline/NAME"))),
    };
    words.iter().map(name).collect()
}

/// The path of Pipelines in a namespace, or in all.
pub(super) fn path(namespace: Option<&str>) -> String {
    ask::path(&format!("/apis/{}", Pipeline::api_version(&())), namespace, &Pipeline::plural(&()))
}

/// A request for one Pipeline.
pub(super) fn request(namespace: &str, name: &str) -> Result<http::Request<Vec<u8>>, Error> {
    let list = kube::core::Request::new(path(Some(namespace)));
    let request = list.get(name, &kube::api::GetParams::default());
    request.map_err(|_| Error::Usage(format!("{name:?} is no name of a Pipeline")))
}

/// One Pipeline.
pub(super) async fn read(client: &Client, namespace: &str, name: &str) -> Result<Pipeline, Error> {
    let answer = ask::ask::<Value>(client, request(namespace, name)?, ask::JSON).await;
    decoded(answer.map_err(|error| told(error, namespace, name))?)
}

/// The Pipeline of this name, now and whenever it changes; `None`: there is none. Ends with the first refusal; an API server
/// that is away for a while is asked again, ever later.
pub(super) fn watch(
    client: &Client,
    namespace: &str,
    name: &str,
) -> impl Stream<Item = Result<Option<Pipeline>, Error>> + use<> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<Pipeline>(&()));
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let mut listed = None;
    let decode = |object: DynamicObject| decoded(serde_json::to_value(object)?).map(Some);
    watch_objects(api, config).default_backoff().filter_map(move |event| {
        ready(match event {
            Ok(Event::Init) => {
                listed = None;
                None
            }
            Ok(Event::InitApply(object)) => {
                listed = Some(object);
                None
            }
            Ok(Event::InitDone) => Some(listed.take().map_or(Ok(None), decode)),
            Ok(Event::Apply(object)) => Some(decode(object)),
            Ok(Event::Delete(_)) => Some(Ok(None)),
            Err(error) => refusal(error).map(|error| Err(told(error, &namespace, &name))),
        })
    })
}

/// What a watch was refused with, if asking again cannot help.
pub(super) fn refusal(error: watcher::Error) -> Option<Error> {
    let (watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)) = error else {
        return None;
    };
    matches!(&error, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404)).then(|| error.into())
}

/// An error that names what is missing.
pub(super) fn told(error: Error, namespace: &str, name: &str) -> Error {
    let is_missing = error.status_code() == Some(StatusCode::NOT_FOUND);
    let Error::Client(kube::Error::Api(status)) = &error else { return error };
    if !is_missing {
        return error;
    }
    let names_one = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    if names_one { gone(namespace, name) } else { Error::NotServed }
}

/// There is no such Pipeline.
pub(super) fn gone(namespace: &str, name: &str) -> Error {
    Error::NotFound(format!(
        "there is no Pipeline {name} in namespace {namespace}: lockgate get -n {namespace} lists those that are there"
    ))
}

/// A Pipeline from its JSON.
pub(super) fn decoded(object: Value) -> Result<Pipeline, Error> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    serde_json::from_value(object).map_err(|error| {
        Error::Findings(format!(
            "this lockgate cannot read Pipeline {name} ({error}): use the version of the cluster's operator, which lockgate doctor tells"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found(details: &Value) -> Error {
        let status = serde_json::json!({"code": 404, "message": "m", "reason": "NotFound", "details": details});
        kube::Error::Api(Box::new(serde_json::from_value(status).unwrap())).into()
    }

    #[test]
    fn a_missing_pipeline_is_told_from_a_cluster_without_pipelines() {
        let missing = told(not_found(&serde_json::json!({"name": "edges", "kind": "pipelines"})), "team-a", "edges");
        assert!(matches!(missing, Error::NotFound(_)) && missing.exit_code() == 4, "{missing}");
        let unknown = told(not_found(&Value::Null), "team-a", "edges");
        assert!(matches!(unknown, Error::NotServed) && unknown.exit_code() == 3, "{unknown}");
    }

    #[test]
    fn names_are_read_as_kubectl_reads_them() {
        let read = |line: &str| names(&line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>());
        for (line, meant) in [
            ("", &[][..]),
            ("edges", &["edges"]),
            ("pipeline edges faces", &["edges", "faces"]),
            ("pipeline/edges lgp/faces faces", &["edges", "faces", "faces"]),
            // Somebody called a Pipeline so.
            ("pipeline", &["pipeline"]),
        ] {
            assert_eq!(read(line).unwrap_or_else(|error| panic!("{error}")), meant, "{line}");
        }
        assert_eq!(read("secret/db").err().map(|error| error.exit_code()), Some(2));
    }
}
