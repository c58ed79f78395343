//! Counts what is asked of the API server, by words of closed sets only.

use std::borrow::Cow;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, Uri};
use prometheus_client::registry::Registry;
use tower::{Layer, Service};

use super::metrics::{Counts, put};

/// How often the API server was asked, and what it answered. Clones count together.
#[derive(Clone, Debug)]
pub struct CallCounts {
    rest: Counts<2>,
    api: Counts<3>,
}

impl CallCounts {
    /// The counts of a process that talks to this host.
    pub(crate) fn of(registry: &mut Registry, api_server: &str) -> Self {
        let host = (Cow::Borrowed("host"), Cow::Owned(api_server.to_owned()));
        let rest = registry.sub_registry_with_label(host);
        Self {
            rest: put(rest, "rest_client_requests", "Requests to the API server, by method and answer"),
            api: put(registry, "lockgate_api_requests", "Requests to the API server, by verb, resource and answer"),
        }
    }
}

/// Wraps the client.
#[derive(Clone, Debug)]
pub struct CountCalls(pub CallCounts);

impl<S> Layer<S> for CountCalls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counted { inner, counts: self.0.clone() }
    }
}

/// A client whose requests are counted when their answer begins, or when they failed or were given up.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    counts: CallCounts,
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut call = Call::of(self.counts.clone(), request.method(), request.uri());
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            if let Ok(response) = &answer {
                call.answered(response.status());
            }
            answer
        }
        .boxed()
    }
}

/// One request. Counted when it is dropped, so that one that is given up counts, too.
struct Call {
    counts: CallCounts,
    method: &'static str,
    verb: &'static str,
    resource: &'static str,
    code: &'static str,
}

/// As client-go calls a request that got no answer.
const NO_ANSWER: &str = "<error>";

impl Call {
    fn of(counts: CallCounts, method: &Method, uri: &Uri) -> Self {
        let (verb, resource) = verb_and_resource(method, uri);
        Self { counts, method: method_word(method), verb, resource, code: NO_ANSWER }
    }
}

impl Call {
    fn answered(&mut self, status: StatusCode) {
        self.code = code(status);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self { counts, method, verb, resource, code } = self;
        counts.rest.get_or_create(&[("code", *code), ("method", *method)]).inc();
        counts.api.get_or_create(&[("verb", *verb), ("resource", *resource), ("code", *code)]).inc();
    }
}

fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// What the API server answers, and the rest by its first digit.
fn code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "200",
        201 => "201",
        202 => "202",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        410 => "410",
        413 => "413",
        415 => "415",
        422 => "422",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        other => match other / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        },
    }
}

/// Kubernetes' verb and the resource of a path `/api/v1/…` or `/apis/GROUP/VERSION/…`.
fn verb_and_resource(method: &Method, uri: &Uri) -> (&'static str, &'static str) {
    const OTHER: (&str, &str) = ("other", "other");
    let mut parts = uri.path().split('/').filter(|part| !part.is_empty()).peekable();
    let to_version = match parts.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return OTHER,
    };
    let mut parts = parts.skip(to_version).peekable();
    let mut resource = parts.next();
    // Of all namespaces, or in one.
    if resource == Some("namespaces") && parts.next().is_some() {
        resource = parts.next().or(Some("namespaces"));
    }
    let (name, subresource) = (parts.next(), parts.next());
    let resource = match (resource, subresource) {
        (Some("pipelines"), None) => "pipelines",
        (Some("pipelines"), Some("status")) => "pipelines/status",
        (Some("pods"), None) => "pods",
        (Some("secrets"), None) => "secrets",
        (Some("serviceaccounts"), None) => "serviceaccounts",
        (Some("configmaps"), None) => "configmaps",
        (Some("persistentvolumeclaims"), None) => "persistentvolumeclaims",
        (Some("registries"), None) => "registries",
        (Some("registries"), Some("status")) => "registries/status",
        (Some("clusterregistries"), None) => "clusterregistries",
        (Some("events"), None) => "events",
        (Some("leases"), None) => "leases",
        (Some("clusterregistries"), Some("status")) => "clusterregistries/status",
        (Some("namespaces"), None) => "namespaces",
        _ => "other",
    };
    let watches =
        uri.query().is_some_and(|query| query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1")));
    let verb = match (method.as_str(), name) {
        ("GET", _) if watches => "watch",
        ("GET", None) => "list",
        ("GET", Some(_)) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", Some(_)) => "delete",
        ("DELETE", None) => "deletecollection",
        _ => "other",
    };
    (verb, resource)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ops::metrics::{Metrics, Now};

    #[test]
    fn a_request_is_called_as_rbac_calls_it() {
        for (method, path, verb, resource) in [
            ("GET", "/api/v1/secrets?&watch=true&timeoutSeconds=20", "watch", "secrets"),
            ("GET", "/api/v1/secrets?limit=500", "list", "secrets"),
            ("GET", "/api/v1/namespaces/team-a/secrets/watch", "get", "secrets"),
            ("POST", "/api/v1/namespaces/team-a/pods?", "create", "pods"),
            ("DELETE", "/api/v1/namespaces/team-a/pods/edges-main-1", "delete", "pods"),
            (
                "PATCH",
                "/apis/lockgate.dev/v1alpha1/namespaces/team-a/pipelines/edges/status?",
                "patch",
                "pipelines/status",
            ),
            ("POST", "/apis/events.k8s.io/v1/namespaces/team-a/events", "create", "events"),
            ("GET", "/apis/lockgate.dev/v1alpha1/pipelines?resourceVersion=0", "list", "pipelines"),
            ("GET", "/api/v1/namespaces/team-a/secrets/db/canary", "get", "other"),
            ("GET", "/api/v1/namespaces?limit=500", "list", "namespaces"),
            ("GET", "/apis/lockgate.dev/v1alpha1/clusterregistries?watch=true", "watch", "clusterregistries"),
            ("PATCH", "/apis/lockgate.dev/v1alpha1/clusterregistries/hub/status", "patch", "clusterregistries/status"),
            ("GET", "/version", "other", "other"),
            ("GET", "/", "other", "other"),
        ] {
            let method: Method = method.parse().unwrap();
            assert_eq!(verb_and_resource(&method, &path.parse().unwrap()), (verb, resource), "{path}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_counted_and_so_is_none() {
        let metrics = Arc::new(Metrics::new("api.test"));
        let answering = tower::service_fn(|_: Request<()>| async {
            Ok::<_, ()>(Response::builder().status(418).body(()).unwrap())
        });
        let silent = tower::service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, ()>>());
        let request = || Request::get("/api/v1/namespaces/team-a/secrets/db").body(()).unwrap();
        CountCalls(metrics.calls()).layer(answering).call(request()).await.unwrap();
        drop(CountCalls(metrics.calls()).layer(silent).call(request()));
        let text = metrics.scrape(&Now::default());
        for line in [
            r#"lockgate_api_requests_total{verb="get",resource="secrets",code="4xx"} 1"#,
            r#"lockgate_api_requests_total{verb="get",resource="secrets",code="<error>"} 1"#,
            r#"rest_client_requests_total{host="api.test",code="4xx",method="GET"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
    }
}
