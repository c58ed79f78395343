//! Questions to the API server whose answers a decoder of our own reads: kube's `request` logs what it cannot decode, and an
//! answer about Secrets may not stand in a log.

use http::header::{ACCEPT, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::Client;
use kube::api::ListParams;
use kube::client::Body;
use kube::core::Status;
use serde::de::DeserializeOwned;

use super::error::Error;
use crate::model::table::{ListMeta, Table};

/// `Accept` for whole objects.
pub(super) const JSON: &str = "application/json";
/// `Accept` for rows: the cells that `kubectl get` prints, and metadata; of a Secret no value.
pub(super) const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// `Accept` for metadata alone, as an answer to a deletion.
pub(super) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// How many objects come in one answer, as with kubectl (`--chunk-size`).
const CHUNK: u32 = 500;

/// One page of a list.
pub(super) trait Page: DeserializeOwned {
    /// Metadata of the list.
    fn list_meta(&self) -> &ListMeta;
}

impl<M: DeserializeOwned> Page for Table<M> {
    fn list_meta(&self) -> &ListMeta {
        &self.metadata
    }
}

/// Sends one request and decodes its answer. An answer that cannot be decoded is not quoted.
pub(super) async fn ask<T: DeserializeOwned>(
    client: &Client,
    request: Request<Vec<u8>>,
    accept: &'static str,
) -> Result<T, Error> {
    let (mut parts, body) = request.into_parts();
    parts.headers.insert(ACCEPT, HeaderValue::from_static(accept));
    let answer = answer(client, Request::from_parts(parts, Body::from(body))).await?;
    serde_json::from_slice(answer.body()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::Findings(format!("the API server's answer could not be read (line {line}, column {column})"))
    })
}

/// Sends one request; the whole answer where it is a good one, and the server's refusal as an error where it is not.
pub(super) async fn answer(client: &Client, request: Request<Body>) -> Result<Response<Bytes>, Error> {
    good(exchange(client, request).await?)
}

/// Sends one request; the whole answer, good or not.
pub(super) async fn exchange(client: &Client, request: Request<Body>) -> Result<Response<Bytes>, Error> {
    let (parts, body) = client.send(request).await?.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
}

/// The answer, if it is no refusal.
pub(super) fn good(answer: Response<Bytes>) -> Result<Response<Bytes>, Error> {
    if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer.status(), answer.body())) }
}

/// Reads a whole list, page by page. A list that grew too old in between is read once more, in one piece, as kubectl does
/// (`k8s.io/client-go/tools/pager`).
pub(super) async fn pages<P: Page>(
    client: &Client,
    path: &str,
    params: &ListParams,
    accept: &'static str,
) -> Result<Vec<P>, Error> {
    let list = kube::core::Request::new(path);
    let mut params = ListParams { limit: Some(CHUNK), ..params.clone() };
    let mut pages: Vec<P> = Vec::new();
    loop {
        let request = list.list(&params).map_err(kube::Error::BuildRequest)?;
        match ask::<P>(client, request, accept).await {
            Ok(page) => {
                params.continue_token = page.list_meta().next.clone().filter(|next| !next.is_empty());
                pages.push(page);
                if params.continue_token.is_none() {
                    return Ok(pages);
                }
            }
            Err(error) if error.status_code() == Some(StatusCode::GONE) && params.continue_token.is_some() => {
                pages.clear();
                (params.limit, params.continue_token) = (None, None);
            }
            Err(error) => return Err(error),
        }
    }
}

/// The path of a namespaced resource: `api` as in `/api/v1` or `/apis/lockgate.dev/v1alpha1`; `None`: in all namespaces.
pub(super) fn path(api: &str, namespace: Option<&str>, resource: &str) -> String {
    match namespace {
        Some(namespace) => format!("{api}/namespaces/{namespace}/{resource}"),
        None => format!("{api}/{resource}"),
    }
}

/// A refusal: the server's `Status`, or the bare code where it sent none.
fn refusal(code: StatusCode, body: &[u8]) -> Error {
    let status = serde_json::from_slice::<Status>(body).ok().filter(|status| status.code != 0);
    let bare = || Status::failure(code.canonical_reason().unwrap_or_default(), "").with_code(code.as_u16());
    kube::Error::Api(Box::new(status.unwrap_or_else(bare))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_a_status_keeps_its_code() {
        let code = |body: &[u8]| refusal(StatusCode::NOT_FOUND, body).status_code();
        assert_eq!(code(b"404 page not found\n"), Some(StatusCode::NOT_FOUND));
        assert_eq!(code(br#"{"kind":"Status","code":403,"message":"no"}"#), Some(StatusCode::FORBIDDEN));
    }

    #[test]
    fn a_path_is_of_one_namespace_or_of_all() {
        assert_eq!(path("/api/v1", Some("team-a"), "secrets"), "/api/v1/namespaces/team-a/secrets");
        assert_eq!(path("/api/v1", None, "secrets"), "/api/v1/secrets");
    }
}
