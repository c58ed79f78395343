//! The events of one watch of the operator, counted where it fails.

use futures::Stream;
use kube::Api;
use kube::core::{NamespaceResourceScope, Resource};
use kube_runtime::watcher::{self, Event};

use super::context::Context;
use crate::ops::metrics::{Metrics, Watched};
use crate::watch;
pub(super) use crate::watch::{LONGEST_PAUSE, config};

/// What a watch is on, for the log and the metrics.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub what: Watched,
    /// The namespace, or `all`.
    pub place: &'a str,
    pub metrics: &'a Metrics,
    /// Whether the log says already that it fails.
    pub is_told: bool,
}

/// Yields a watch's events for ever. `on_forbidden` hears of each 403.
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
    let origin = Origin { what, place, metrics: &context.metrics, is_told: false };
    let on_error = move |code| {
        if code == Some(403) {
            on_forbidden();
        }
    };
    events_of(context.api::<K>(), origin, config, on_error)
}

/// The same of any API. `on_error` hears of each error, with the code of the API server's answer if there was one.
pub(super) fn events_of<K>(
    api: Api<K>,
    origin: Origin<'_>,
    config: watcher::Config,
    on_error: impl Fn(Option<u16>),
) -> impl Stream<Item = Event<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    watch::events(api, config, origin.place.to_owned(), origin.is_told, move |code| {
        origin.metrics.watch_failed(origin.what);
        on_error(code);
    })
}
