//! Watches, as both server processes keep them: kube's streams, begun anew for ever.

use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::Api;
use kube::core::Resource;
use kube_runtime::watcher::{self, Event, watcher};
use tracing::{debug, warn};

/// The API server ends a watch after so many seconds. kube takes it for dead 5 s later if it stays silent; its own
/// default of 290 s would leave us blind for as long.
const WATCH_SECONDS: u32 = 20;
/// The longest pause before a watch that failed is tried again.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What every watch is asked with.
pub(crate) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// Yields a watch's events; after an error it pauses, longer each time up to [`LONGEST_PAUSE`], and goes on.
/// `on_error` hears of each error, with the code of the API server's answer if there was one. `place` is for the log, in which the
/// first error stands out unless the log `is_told` of it already.
pub(crate) fn events<K>(
    api: Api<K>,
    config: watcher::Config,
    place: String,
    is_told: bool,
    on_error: impl Fn(Option<u16>),
) -> impl Stream<Item = Event<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let kind = K::kind(&()).into_owned();
    let mut failures = u32::from(is_told);
    watcher(api, config).filter_map(move |result| {
        let pause = match &result {
            // A list that begins is no answer yet.
            Ok(Event::Init) => None,
            Ok(_) => {
                failures = 0;
                None
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                on_error(code(error));
                if failures == 1 {
                    warn!(kind, namespace = place, error = short(error), "a watch failed and is tried again");
                } else {
                    debug!(kind, namespace = place, error = short(error), failures, "a watch failed again");
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
