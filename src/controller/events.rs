//! One watch of one kind: its events, its pauses after errors, and what the log says of them.

use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::Api;
use kube::core::{NamespaceResourceScope, Resource};
use kube_runtime::watcher::{self, Event, watcher};
use tracing::{debug, warn};

use super::context::Context;
use crate::ops::metrics::{Metrics, Watched};

/// The API server ends a watch after so many seconds. kube takes it for dead 5 s later if it stays silent; its own
/// default of 290 s would leave us blind for as long.
const WATCH_SECONDS: u32 = 20;
/// The longest pause before a watch that failed is tried again.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3);

pub(super) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// What a watch is on, for the log and the metrics.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub what: Watched,
    /// The namespace, or `all`.
    pub place: &'a str,
    pub metrics: &'a Metrics,
}

/// Yields a watch's events; after an error it pauses, longer each time up to [`LONGEST_PAUSE`], and goes on.
/// `on_forbidden` hears of each 403.
pub(super) fn events<K>(
    context: &Context,
    what: Watched,
    config: watcher::Config,
    on_forbidden: impl Fn(),
) -> impl Stream<Item = Event<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + 'static,
{
    let place = context.namespace.as_deref().unwrap_or("all");
    let origin = Origin { what, place, metrics: &context.metrics };
    let on_error = move |code| {
        if code == Some(403) {
            on_forbidden();
        }
    };
    events_of(context.api::<K>(), origin, config, 0, on_error)
}

/// The same of any API. So many `failures` were told of before. `on_error` hears of each error, with the code of the API server's
/// answer if there was one.
pub(super) fn events_of<K>(
    api: Api<K>,
    origin: Origin<'_>,
    config: watcher::Config,
    mut failures: u32,
    on_error: impl Fn(Option<u16>),
) -> impl Stream<Item = Event<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let Origin { what, place: namespace, metrics } = origin;
    let kind = K::kind(&()).into_owned();
    watcher(api, config).filter_map(move |result| {
        let pause = match &result {
            Ok(_) => {
                failures = 0;
                None
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                metrics.watch_failed(what);
                on_error(code(error));
                if failures == 1 {
                    warn!(kind, namespace, error = short(error), "a watch failed and is tried again");
                } else {
                    debug!(kind, namespace, error = short(error), failures, "a watch failed again");
                }
                Some(LONGEST_PAUSE.min(Duration::from_millis(100).saturating_mul(1 << failures.min(6))))
            }
        };
        async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            result.ok()
        }
    })
}

/// The code of the API server's answer, if it answered.
fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// The kind of error without anything that the server sent.
fn short(error: &watcher::Error) -> String {
    let of = |error: &kube::Error| match error {
        kube::Error::Api(status) if status.code == 404 => {
            "404: the API server does not serve this kind; are the CRDs installed?".to_owned()
        }
        kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
        kube::Error::HyperError(_) | kube::Error::Service(_) => "no connection".to_owned(),
        kube::Error::SerdeError(_) => "an answer that could not be decoded".to_owned(),
        _ => "a broken answer".to_owned(),
    };
    match error {
        watcher::Error::InitialListFailed(inner) => format!("list: {}", of(inner)),
        watcher::Error::WatchStartFailed(inner) | watcher::Error::WatchFailed(inner) => format!("watch: {}", of(inner)),
        watcher::Error::WatchError(status) => format!("watch: {} {}", status.code, status.reason),
        watcher::Error::NoResourceVersion => "watch: no resourceVersion".to_owned(),
    }
}
