//! The watches: each feeds the state and wakes whom it concerns.
//!
//! Streams of our own instead of `kube_runtime::Controller`'s: its `owns` sees metadata only, so no Pod status, and its
//! `watches` hides where a relist begins and ends, which the book of facts needs.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event as CoreEvent, Pod, ServiceAccount};
use kube::core::Resource;
use kube_runtime::watcher::Event;
use tracing::info;

use super::context::Context;
use super::events::{LONGEST_PAUSE, Origin, config, events, until_refused};
use super::key::{ObjectKey, version};
use super::object::{StoredPipeline, WireClaim, WireConfigMap, WirePipeline, WireSecret};
use super::registries;
use super::sightings;
use super::state::{State, StoredPod};
use crate::api::reason::ObjectKind;
use crate::model::pod::{MANAGED_BY, MANAGED_BY_LABEL, PIPELINE_LABEL, owner_uid};
use crate::model::secret::{HELM_RELEASE_TYPE, SecretAccess};
use crate::model::world::PodFacts;
use crate::ops::metrics::Watched;

/// Runs every watch of a scope. Ends only when it is dropped.
pub(super) async fn run(context: Arc<Context>) {
    let c = &context;
    let config_maps = sightings::watch::<WireConfigMap>(c, ObjectKind::ConfigMap);
    let claims = sightings::watch::<WireClaim>(c, ObjectKind::PersistentVolumeClaim);
    let registries = registries::registries(c);
    tokio::join!(pipelines(c), pods(c), secrets(c), accounts(c), registries, config_maps, claims, mount_failures(c));
}

fn key_of<K: Resource>(object: &K) -> (ObjectKey, u64) {
    let meta = object.meta();
    (
        ObjectKey::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default()),
        version(meta.resource_version.as_deref().unwrap_or_default()),
    )
}

pub(super) fn wake_all(context: &Context, about: Watched, keys: impl IntoIterator<Item = ObjectKey>) {
    keys.into_iter().for_each(|key| context.queue.wake(key, about));
}

/// When it is asked for, the watch begins anew with a list, which wakes all: what was woken before was not noted.
async fn pipelines(context: &Arc<Context>) {
    let mut asked = false;
    loop {
        let mut stream =
            std::pin::pin!(events::<WirePipeline>(context, Watched::Pipelines, config(), || context.refused()));
        loop {
            let event = tokio::select! {
                biased;
                () = context.relist.notified() => None,
                event = stream.next() => event,
            };
            let Some(event) = event else { break };
            see_pipeline(context, event, asked);
            if context.with_state(|state| state.pipelines.tally().hosts.have_changed()) {
                context.registry_news.notify_one();
            }
        }
        asked = true;
    }
}

fn see_pipeline(context: &Context, event: Event<WirePipeline>, wake_all_listed: bool) {
    match event {
        Event::Init => context.with_state(|state| state.pipelines.init()),
        Event::Apply(wire) | Event::InitApply(wire) if wire.metadata.name.is_none() => {}
        Event::Apply(wire) => {
            let (key, version) = key_of(&wire);
            let stored = Arc::new(StoredPipeline::of(wire));
            let news = context.with_state(|state| {
                state.pipeline_seen(&key, &stored.subject.uid);
                state.pipelines.apply(key.clone(), version, stored)
            });
            if news {
                context.queue.wake(key, Watched::Pipelines);
            }
        }
        Event::InitApply(wire) => {
            let (key, version) = key_of(&wire);
            let stored = Arc::new(StoredPipeline::of(wire));
            let news = context.with_state(|state| {
                state.pipeline_seen(&key, &stored.subject.uid);
                state.pipelines.init_apply(key.clone(), version, stored)
            });
            if news || wake_all_listed {
                context.queue.wake(key, Watched::Pipelines);
            }
        }
        Event::Delete(wire) => {
            let (key, version) = key_of(&wire);
            context.with_state(|state| {
                if let Some(gone) = state.pipelines.delete(&key, version) {
                    state.pipeline_gone(&key, &gone.subject.uid);
                }
            });
            // A look at it that is under way may keep something for the next one: that one clears it away.
            context.queue.wake(key, Watched::Pipelines);
        }
        Event::InitDone => {
            let gone = context.with_state(|state| {
                let gone = state.pipelines.init_done();
                for (key, gone) in &gone {
                    state.pipeline_gone(key, &gone.subject.uid);
                }
                state.relisted |= wake_all_listed;
                gone
            });
            wake_all(context, Watched::Pipelines, gone.into_iter().map(|(key, _)| key));
            info!("the list of Pipelines is complete");
            context.synced.notify_waiters();
        }
    }
}

/// What is kept of a Pod; `None`: it is not ours.
pub(super) fn stored_pod(pod: &Pod) -> Option<StoredPod> {
    let owner_name = pod.metadata.labels.as_ref().and_then(|labels| labels.get(PIPELINE_LABEL)).cloned();
    let by_reference = || {
        let owners = pod.metadata.owner_references.iter().flatten();
        owners.into_iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.name.clone())
    };
    Some(StoredPod {
        owner_uid: owner_uid(pod)?.to_owned(),
        owner: ObjectKey::new(pod.metadata.namespace.clone()?, by_reference().or(owner_name)?),
        facts: PodFacts::of(pod),
    })
}

async fn pods(context: &Arc<Context>) {
    let config = config().labels(&format!("{MANAGED_BY_LABEL}={MANAGED_BY}"));
    let mut stream = std::pin::pin!(events::<Pod>(context, Watched::Pods, config, || context.refused()));
    while let Some(event) = stream.next().await {
        match event {
            Event::Init => context.with_state(|state| state.pods.init()),
            Event::Apply(pod) => see_pod(context, &pod, false),
            Event::InitApply(pod) => see_pod(context, &pod, true),
            Event::Delete(pod) => {
                let (key, version) = key_of(&pod);
                let last = stored_pod(&pod);
                let woken = context.with_state(|state| {
                    let known = state.pods.delete(&key, version)?;
                    // The event carries the last state, which may hold the result.
                    Some(state.pod_gone(&key, last.unwrap_or(known)))
                });
                wake_all(context, Watched::Pods, woken);
            }
            Event::InitDone => {
                let woken = context.with_state(|state| {
                    let gone = state.pods.init_done();
                    gone.into_iter().map(|(key, pod)| state.pod_gone(&key, pod)).collect::<Vec<_>>()
                });
                wake_all(context, Watched::Pods, woken);
                info!("the list of Pods is complete");
                context.synced.notify_waiters();
            }
        }
    }
}

fn see_pod(context: &Context, pod: &Pod, listed: bool) {
    let (key, version) = key_of(pod);
    let stored = stored_pod(pod);
    let owner = stored.as_ref().map(|stored| stored.owner_uid.as_str());
    // Somebody may have taken it from its Pipeline, by hand or to orphan it.
    let bereft = context.with_state(|state| {
        state.pods.get(&key).filter(|known| Some(known.owner_uid.as_str()) != owner)?;
        let known = state.pods.delete(&key, version)?;
        Some(state.pod_gone(&key, known))
    });
    wake_all(context, Watched::Pods, bereft);
    let Some(stored) = stored else { return };
    let woken = context.with_state(|state| {
        let news = if listed {
            state.pods.init_apply(key.clone(), version, stored.clone())
        } else {
            state.pods.apply(key.clone(), version, stored.clone())
        };
        news.then(|| state.pod_seen(&key, &stored))
    });
    wake_all(context, Watched::Pods, woken);
}

/// The doorbell. Where the right to hear it is taken away, all that is known of Secrets is dropped: nothing would tell
/// of a change. When it is given back the watch begins anew, with a list that wakes all.
async fn secrets(context: &Arc<Context>) {
    if context.secret_access == SecretAccess::None {
        return;
    }
    loop {
        let config = config().fields(&format!("type!={HELM_RELEASE_TYPE}"));
        let origin = Origin::of(context, Watched::Secrets);
        until_refused(context.api::<WireSecret>(), origin, config, &[403], |event| hear(context, event)).await;
        let woken = context.with_state(|state| {
            let keys = state.book.deafen();
            // At once: a scope that is not ready between the two would drop whom this wakes.
            state.doorbell_refused = true;
            state.secrets_rang(&keys)
        });
        context.registry_news.notify_one();
        wake_all(context, Watched::Secrets, woken);
        context.synced.notify_waiters();
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
}

fn hear(context: &Context, event: Event<WireSecret>) {
    let woken = context.with_state(|state| {
        let rung = match event {
            Event::Init => {
                state.book.init();
                Vec::new()
            }
            Event::InitApply(secret) => {
                let ring = secret.ring();
                if state.book.init_apply(&ring) { vec![ring.key] } else { Vec::new() }
            }
            Event::Apply(secret) => {
                let ring = secret.ring();
                if state.book.ring(&ring) { vec![ring.key] } else { Vec::new() }
            }
            Event::Delete(secret) => {
                let ring = secret.ring();
                if state.book.deleted(&ring) { vec![ring.key] } else { Vec::new() }
            }
            Event::InitDone => {
                state.doorbell_refused = false;
                let rung = state.book.init_done();
                info!("the list of Secrets is complete");
                context.synced.notify_waiters();
                rung
            }
        };
        state.secrets_rang(&rung)
    });
    context.registry_news.notify_one();
    wake_all(context, Watched::Secrets, woken);
}

async fn accounts(context: &Arc<Context>) {
    let mut stream =
        std::pin::pin!(events::<ServiceAccount>(context, Watched::ServiceAccounts, config(), || context.refused()));
    while let Some(event) = stream.next().await {
        let woken = context.with_state(|state| {
            let changed = match event {
                Event::Init => {
                    state.accounts.init();
                    Vec::new()
                }
                Event::Apply(account) => {
                    let (key, version) = key_of(&account);
                    if state.accounts.apply(key.clone(), version, pull_secrets(account)) {
                        vec![key]
                    } else {
                        Vec::new()
                    }
                }
                Event::InitApply(account) => {
                    let (key, version) = key_of(&account);
                    let news = state.accounts.init_apply(key.clone(), version, pull_secrets(account));
                    if news { vec![key] } else { Vec::new() }
                }
                Event::Delete(account) => {
                    let (key, version) = key_of(&account);
                    state.accounts.delete(&key, version).map(|_| key).into_iter().collect()
                }
                Event::InitDone => {
                    let gone = state.accounts.init_done();
                    info!("the list of ServiceAccounts is complete");
                    context.synced.notify_waiters();
                    gone.into_iter().map(|(key, _)| key).collect()
                }
            };
            changed.iter().flat_map(|key| state.users.of_account(key)).collect::<Vec<_>>()
        });
        wake_all(context, Watched::ServiceAccounts, woken);
    }
}

fn pull_secrets(account: ServiceAccount) -> Vec<String> {
    account.image_pull_secrets.into_iter().flatten().map(|reference| reference.name).collect()
}

/// A volume that cannot be mounted shows in an Event and nowhere else: the Pod stays `ContainerCreating`.
async fn mount_failures(context: &Arc<Context>) {
    let config = config().fields("reason=FailedMount,involvedObject.kind=Pod");
    // Events of Pods that are not known yet would be dropped.
    wait_until(context, |state| state.pods.is_synced()).await;
    let mut stream = std::pin::pin!(events::<CoreEvent>(context, Watched::Events, config, || ()));
    while let Some(event) = stream.next().await {
        let (Event::Apply(event) | Event::InitApply(event)) = event else {
            continue;
        };
        let object = event.involved_object;
        let pod = ObjectKey::new(object.namespace.unwrap_or_default(), object.name.unwrap_or_default());
        let uid = object.uid.unwrap_or_default();
        let woken = context.with_state(|state| state.mount_failed(&pod, &uid, event.message.unwrap_or_default()));
        wake_all(context, Watched::Events, woken);
    }
}

/// Waits until the watches have told as much.
pub(super) async fn wait_until(context: &Context, told: impl Fn(&State) -> bool) {
    loop {
        let news = context.synced.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        if context.with_state(|state| told(state)) {
            return;
        }
        news.await;
    }
}

/// Wakes every Pipeline of a scope once it is ready: looks before that were put aside.
pub(super) async fn wake_when_ready(context: Arc<Context>, elected: bool) {
    wait_until(&context, |state| state.is_ready(elected)).await;
    let keys: Vec<ObjectKey> = context.with_state(|state| state.pipelines.keys().cloned().collect());
    wake_all(&context, Watched::Pipelines, keys);
}
