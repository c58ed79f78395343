//! Says of each Registry whether it can do its part: one look, one write where what is true is not what stands there.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, error, info};

use super::wire::{StoredRegistry, Wire, WireRegistry};
use crate::api::registry::RegistryStatus;
use crate::controller::context::Context;
use crate::controller::key::ObjectKey;
use crate::controller::patch::{Seen, Written};
use crate::controller::streams::wait_until;
use crate::controller::write::{Regarding, events};
use crate::controller::{reader, reconcile};
use crate::model::backoff::TRANSIENT;
use crate::model::secret::{SecretAccess, SecretKnowledge};
use crate::ops::spans::{self, Call};
use crate::report::registry::{self, Asked, Scene};

/// So many Registries are looked at at once.
const AT_ONCE: usize = 8;
/// After a write that met another's: the event that tells of it is on its way.
const AFTER_CONFLICT: Duration = Duration::from_millis(200);

/// What became of a look.
enum Looked {
    /// What is true stands there; after so long look again though nothing was told.
    Done(Option<Duration>),
    /// The API server did not take it, or something broke off: try again, later each time.
    Failed,
}

/// Looks at the Registries of a scope, each when something of it changed. Ends only when it is dropped.
pub async fn write(context: Arc<Context>, elected: bool) {
    wait_until(&context, |state| state.is_ready(elected)).await;
    loop {
        let (keys, next) = context.with_state(|state| state.registries_due(Instant::now()));
        if keys.is_empty() {
            // What was told since is kept for this.
            let news = context.registry_news.notified();
            match next {
                Some(at) => drop(tokio::time::timeout_at(at, news).await),
                None => news.await,
            }
            continue;
        }
        let looks = keys.into_iter().map(|key| look_and_see(&context, key));
        futures::stream::iter(looks).for_each_concurrent(AT_ONCE, |look| look).await;
    }
}

/// One look, and when the next one is due.
async fn look_and_see(context: &Arc<Context>, key: ObjectKey) {
    let span = spans::registry(&key.namespace, &key.name);
    let look = AssertUnwindSafe(look(context, &key)).catch_unwind().instrument(span.clone());
    let looked = match tokio::time::timeout(reconcile::DEADLINE, look).await {
        Ok(Ok(looked)) => looked,
        Ok(Err(_)) => {
            error!(registry = %key, "a look at it broke off; this is a defect of Lockgate");
            context.metrics.panicked();
            Looked::Failed
        }
        Err(_) => {
            context.metrics.timed_out();
            Looked::Failed
        }
    };
    let failed = matches!(looked, Looked::Failed);
    spans::ended(&span, if failed { "error" } else { "success" }, failed);
    context.with_state(|state| {
        let failures = state.agenda.looked(&key, failed);
        let pause = match looked {
            Looked::Done(pause) => pause,
            Looked::Failed => Duration::try_from(TRANSIENT.delay(failures, &key.to_string())).ok(),
        };
        if let Some(pause) = pause {
            state.agenda.wake(key, Instant::now() + pause);
        }
    });
}

async fn look(context: &Arc<Context>, key: &ObjectKey) -> Looked {
    let found = context.with_state(|state| state.registries.cache.get(key).cloned());
    let Some(stored) = found.filter(|stored| !stored.leaving) else { return Looked::Done(None) };
    let asked = stored.asked.as_ref().ok();
    let secret = asked.map(|asked| ObjectKey::new(key.namespace.as_str(), asked.secret.as_str()));
    let secret = secret.filter(|_| context.secret_access == SecretAccess::Metadata);
    if let Some(secret) = &secret {
        reader::ensure_known(context, std::slice::from_ref(secret)).await;
    }
    let now = Timestamp::now();
    let (status, known) = context.with_state(|state| {
        let known = secret.as_ref().and_then(|secret| state.book.look_up(secret, now));
        let (of_host, used_by) = asked.map_or((Vec::new(), 0), |Asked { host, .. }| {
            let of_host = state.registries.of_host(&key.namespace, host).map(|(_, other)| other.name.clone()).collect();
            (of_host, state.pipelines.tally().hosts.users(host, Some(&key.namespace)).len())
        });
        // It may have gone while its Secret was read.
        if let Some(secret) = &secret {
            state.forget_unnamed(secret);
        }
        let scene = Scene {
            now,
            docs: &context.docs,
            namespace: &key.namespace,
            name: &key.name,
            generation: stored.generation,
            asked: &stored.asked,
            secret: known.clone(),
            of_host,
            used_by,
            recorded: &stored.status,
        };
        (registry::status(&scene), known)
    });
    if secret.is_some() && known.is_none() {
        // It changed since it was read.
        return Looked::Done(Some(Duration::ZERO));
    }
    let again = known.and_then(|known| match known {
        SecretKnowledge::Forbidden { retry_at } | SecretKnowledge::Unread { retry_at, .. } => {
            Duration::try_from(retry_at.duration_since(now)).ok()
        }
        SecretKnowledge::Present(_) | SecretKnowledge::Absent => None,
    });
    if status == stored.status {
        return Looked::Done(again);
    }
    let differs_in_count = RegistryStatus { used_by: status.used_by, ..stored.status.clone() } == status;
    let may_count = context.with_state(|state| state.agenda.may_count(key, Instant::now()));
    if let (true, Err(at)) = (differs_in_count, may_count) {
        let pause = at.saturating_duration_since(Instant::now());
        return Looked::Done(Some(again.unwrap_or(pause).min(pause)));
    }
    match write_status(context, &stored, &status).await {
        Written::Yes => {
            let regarding =
                Regarding { kind: "Registry", namespace: &key.namespace, name: &key.name, uid: &stored.uid };
            let warning = registry::warning(&context.docs, &stored.status, &status);
            events(context, regarding, warning.into_iter().collect()).await;
            Looked::Done(again)
        }
        // Its end is told by the watch.
        Written::Gone => Looked::Done(None),
        Written::Behind => Looked::Done(Some(AFTER_CONFLICT)),
        Written::Failed => Looked::Failed,
    }
}

async fn write_status(context: &Context, stored: &StoredRegistry, after: &RegistryStatus) -> Written {
    let key = &stored.key;
    let seen = Seen { kind: "Registry", key, uid: &stored.uid, resource_version: &stored.resource_version };
    context.with_state(|state| state.registries.cache.writing(key.clone()));
    let span = Call::PatchRegistryStatus(&key.name).span(&key.namespace);
    let patched = seen.patch_status(&context.client, &stored.status, after).instrument(span.clone()).await;
    let written = match patched {
        Ok(wire) => {
            let written = Arc::new(WireRegistry::stored(wire));
            context.with_state(|state| {
                state.registries.cache.wrote(key.clone(), written.version(), written);
                state.agenda.wrote(key, Instant::now());
            });
            let ready = after.conditions.first().map(|ready| ready.reason.as_str());
            info!(registry = %key, ready, used_by = after.used_by, "wrote the status");
            Written::Yes
        }
        Err(written) => {
            context.with_state(|state| state.registries.cache.not_written(key));
            written
        }
    };
    spans::ended(&span, written.as_str(), written == Written::Failed);
    written
}
