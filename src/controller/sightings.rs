//! The watches on objects of which only their being there counts.

use std::sync::Arc;

use kube::core::{NamespaceResourceScope, Resource};
use kube_runtime::watcher::Event;
use tracing::info;

use super::context::Context;
use super::events::{LONGEST_PAUSE, Origin, config, until_refused};
use super::key::ObjectKey;
use super::presence::Sighting;
use super::streams::wake_all;
use crate::api::reason::ObjectKind;
use crate::ops::metrics::Watched;

/// Watches one kind. A 403 is an answer, too: nobody waits for the list then. When the right is given, the watch begins
/// anew, with a list that wakes all who were told of the 403.
pub(super) async fn watch<K>(context: &Arc<Context>, kind: ObjectKind)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + 'static,
{
    loop {
        let origin = Origin::of(context, Watched::Objects(kind));
        until_refused(context.api::<K>(), origin, config(), &[403], |event| hear(context, kind, event)).await;
        let woken = context.with_state(|state| {
            let news = state.objects.of_mut(kind).forbid();
            if news { state.users.of_kind(kind) } else { Vec::new() }
        });
        wake_all(context, Watched::Objects(kind), woken);
        context.synced.notify_waiters();
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
}

fn hear<K: Resource>(context: &Context, kind: ObjectKind, event: Event<K>) {
    let woken = context.with_state(|state| {
        let objects = state.objects.of_mut(kind);
        let changed = match event {
            Event::Init => {
                objects.init();
                Vec::new()
            }
            Event::InitApply(object) => {
                objects.init_apply(sighting(&object));
                Vec::new()
            }
            Event::Apply(object) => {
                let seen = sighting(&object);
                let key = seen.key.clone();
                if objects.apply(seen) { vec![key] } else { Vec::new() }
            }
            Event::Delete(object) => {
                let key = sighting(&object).key;
                if objects.delete(&key) { vec![key] } else { Vec::new() }
            }
            Event::InitDone => {
                let changed = objects.init_done(state.users.named(kind));
                info!(kind = kind.as_str(), "the list is complete");
                context.synced.notify_waiters();
                changed
            }
        };
        changed.iter().flat_map(|key| state.users.of_object(kind, key)).collect::<Vec<_>>()
    });
    wake_all(context, Watched::Objects(kind), woken);
}

fn sighting<K: Resource>(object: &K) -> Sighting {
    let meta = object.meta();
    Sighting {
        key: ObjectKey::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default()),
        leaving: meta.deletion_timestamp.is_some(),
    }
}
