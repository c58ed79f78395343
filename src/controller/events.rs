//! The events of one watch of the operator, counted where it fails.

use std::pin::pin;

use futures::{Stream, StreamExt};
use kube::Api;
use kube::core::{NamespaceResourceScope, Resource};
use kube_runtime::watcher::{self, Event};
use tokio::sync::Notify;

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

impl<'a> Origin<'a> {
    /// A watch of this scope, of which the log says nothing yet.
    pub(super) fn of(context: &'a Context, what: Watched) -> Self {
        let place = context.namespace.as_deref().unwrap_or("all");
        Self { what, place, metrics: &context.metrics, is_told: false }
    }
}

/// Hears a watch until the API server refuses it with one of these codes. Who calls says what that means, and begins anew.
pub(super) async fn until_refused<K>(
    api: Api<K>,
    origin: Origin<'_>,
    config: watcher::Config,
    codes: &[u16],
    mut hear: impl FnMut(Event<K>),
) where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let refused = Notify::new();
    let on_error = |code: Option<u16>| {
        if code.is_some_and(|code| codes.contains(&code)) {
            refused.notify_one();
        }
    };
    let mut stream = pin!(events_of(api, origin, config, on_error));
    loop {
        let event = tokio::select! {
            biased;
            () = refused.notified() => None,
            event = stream.next() => event,
        };
        let Some(event) = event else { return };
        hear(event);
    }
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
    let on_error = move |code| {
        if code == Some(403) {
            on_forbidden();
        }
    };
    events_of(context.api::<K>(), Origin::of(context, what), config, on_error)
}

/// Yields the events of any API. `on_error` hears of each error, with the code of the API server's answer if there was one.
fn events_of<K>(
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
