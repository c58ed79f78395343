//! The watches on Registries and ClusterRegistries. An API server that does not know them (an older installation), or does not tell
//! this operator of them, is no reason to wait: there are none then, until it tells.

use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::core::Resource;
use kube_runtime::watcher::Event;
use tracing::info;

use super::wire::{StoredRegistry, Wire, WireClusterRegistry, WireRegistry};
use crate::controller::context::{Context, Shared};
use crate::controller::events::{Origin, config, until_refused};
use crate::controller::realms::Realms;
use crate::controller::streams::wake_all;
use crate::model::backoff::UNANNOUNCED;
use crate::model::world::RegistryKind;
use crate::ops::metrics::Watched;

/// Watches the Registries of a scope.
pub async fn registries(context: &Arc<Context>) {
    let origin = Origin::of(context, Watched::Registries);
    let api: Api<WireRegistry> = context.api();
    watch(&api, origin, |told| hear(context, told)).await;
}

/// Watches the ClusterRegistries, once for all scopes: they are in no namespace.
pub async fn cluster_registries(shared: &Shared, realms: &Realms) {
    let origin = Origin { what: Watched::ClusterRegistries, place: "all", metrics: &shared.metrics, is_told: false };
    let api: Api<WireClusterRegistry> = shared.cluster_api();
    watch(&api, origin, |told| realms.iter().for_each(|context| hear(context, told))).await;
}

/// What a watch tells.
#[derive(Clone, Copy)]
enum Told<'a> {
    News(RegistryKind, &'a Event<Arc<StoredRegistry>>),
    Refused(RegistryKind),
}

/// A refusal is asked about again, later each time: no event announces its end.
async fn watch<K>(api: &Api<K>, origin: Origin<'_>, tell: impl Fn(Told<'_>))
where
    K: Resource<DynamicType = ()> + Wire + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let mut refusals = 0_u32;
    loop {
        let origin = Origin { is_told: refusals > 0, ..origin };
        until_refused(api.clone(), origin, config(), &[403, 404], |event| {
            let event = event_of(event);
            if matches!(event, Event::InitDone) {
                refusals = 0;
                info!(kind = origin.what.as_str(), namespace = origin.place, "the list is complete");
            }
            tell(Told::News(K::KIND, &event));
        })
        .await;
        if refusals == 0 {
            info!(
                kind = origin.what.as_str(),
                namespace = origin.place,
                "goes on without them until they can be listed"
            );
        }
        refusals = refusals.saturating_add(1);
        tell(Told::Refused(K::KIND));
        let pause = UNANNOUNCED.delay(refusals, &format!("{}/{}", origin.what.as_str(), origin.place));
        tokio::time::sleep(Duration::try_from(pause).unwrap_or_default()).await;
    }
}

fn event_of<K: Wire>(event: Event<K>) -> Event<Arc<StoredRegistry>> {
    match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::Apply(wire) => Event::Apply(Arc::new(wire.stored())),
        Event::InitApply(wire) => Event::InitApply(Arc::new(wire.stored())),
        Event::Delete(wire) => Event::Delete(Arc::new(wire.stored())),
    }
}

/// Puts it into the state of a scope, and wakes whom it concerns.
fn hear(context: &Context, told: Told<'_>) {
    let (kind, answers) = match told {
        Told::News(kind, event) => (kind, matches!(event, Event::InitDone)),
        Told::Refused(kind) => (kind, true),
    };
    let woken = context.with_state(|state| {
        let known = state.registries_mut(kind);
        let change = match told {
            Told::News(_, event) => known.hear(event.clone()),
            Told::Refused(_) => known.refused(),
        };
        state.registry_changed(kind, &change)
    });
    let what = match kind {
        RegistryKind::Registry => Watched::Registries,
        RegistryKind::ClusterRegistry => Watched::ClusterRegistries,
    };
    wake_all(context, what, woken);
    context.registry_news.notify_one();
    if answers {
        context.synced.notify_waiters();
    }
}
