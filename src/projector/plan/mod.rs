//! Decides what the copy of each namespace holds. Pure: no client, no clock; equal worlds give equal plans.

mod file;
mod reasons;
mod source;
mod status;
mod world;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

pub(in crate::projector) use source::{PullSource, Source};
pub(in crate::projector) use status::{Notice, report};
pub(in crate::projector) use world::{Copy, Obstacle, Place, Registry, Setback, SourceNamespace, Wants, World};

use crate::model::run::short_hash;
use crate::reach::reaches;
use crate::values::SecretValue;
use reasons::Why;
use source::{Entry, Found, Target};

/// The bytes of a Secret's values at most (`MaxSecretSize` of `k8s.io/api/core/v1`). A login grows in a copy, where it is base64.
const MOST_BYTES: usize = 1 << 20;

/// What is to be done, and what is to be said.
pub(in crate::projector) struct Plan {
    /// The writes, at most one for each namespace.
    pub writes: BTreeMap<String, Write>,
    /// When a write that failed or was put off is tried again, the earliest.
    pub retry_at: Option<Timestamp>,
    /// What is wrong with each ClusterRegistry, by name.
    troubles: BTreeMap<String, Vec<Why>>,
}

/// One write. Without `Debug`: it holds values.
pub(in crate::projector) enum Write {
    /// The copy comes to be, or becomes this.
    Apply(Content),
    /// Our Secret goes, if it is still the one that was seen.
    Remove {
        /// Its uid.
        uid: String,
        /// Its version.
        resource_version: String,
    },
}

/// What a copy holds. Without `Debug`: it holds values.
pub(in crate::projector) struct Content {
    /// The version that was seen; `None`: there is to be none of that name yet.
    pub seen: Option<String>,
    /// The `.dockerconfigjson`.
    pub file: SecretValue,
    /// What it was made of, see [`recipe`].
    pub recipe: String,
    /// Name and uid of each ClusterRegistry in it.
    pub owners: Vec<(String, String)>,
}

impl Plan {
    /// Notes when to look again.
    fn again_at(&mut self, at: Timestamp) {
        self.retry_at = Some(self.retry_at.map_or(at, |earliest| earliest.min(at)));
    }

    /// Notes what is wrong with these.
    fn say<'a>(&mut self, whose: impl IntoIterator<Item = &'a Registry>, why: &Why) {
        for registry in whose {
            self.troubles.entry(registry.name.clone()).or_default().push(why.clone());
        }
    }
}

/// What a ClusterRegistry has to give.
struct Gift<'a> {
    registry: &'a Registry,
    wants: &'a Wants,
    /// Its entries and the version they are of; `None`: not known.
    entries: Option<(&'a PullSource, Vec<&'a Entry>)>,
}

impl Gift<'_> {
    /// Whether its credentials are for this namespace, and asked for there.
    fn is_for(&self, place: &Place) -> bool {
        let Wants { host, scope, selector, .. } = self.wants;
        !place.ending && reaches(*scope, selector.as_ref(), &place.labels) && place.hosts.contains(host)
    }
}

/// Decides.
pub(in crate::projector) fn plan(world: &World) -> Plan {
    let mut plan = Plan { writes: BTreeMap::new(), retry_at: None, troubles: BTreeMap::new() };
    let gifts: Vec<Gift<'_>> =
        world.registries.iter().filter_map(|registry| gift(world, registry, &mut plan)).collect();
    for (namespace, place) in &world.places {
        let wanted: Vec<&Gift<'_>> = gifts.iter().filter(|gift| gift.is_for(place)).collect();
        decide(world, namespace, place, &wanted, &mut plan);
    }
    plan
}

/// What a ClusterRegistry has to give; what is wrong with it is noted. `None`: nothing, whatever comes.
fn gift<'a>(world: &'a World, registry: &'a Registry, plan: &mut Plan) -> Option<Gift<'a>> {
    let mut say = |why: Why| plan.say([registry], &why);
    let wants = match &registry.wants {
        Ok(wants) => wants,
        Err(why) => {
            say(Why::Invalid(why.clone()));
            return None;
        }
    };
    let Some(place) = world.sources.get(&wants.secret.namespace) else {
        say(Why::SourceNamespaceNotAllowed);
        return None;
    };
    if place.forbidden || !place.listed {
        say(Why::SourceForbidden);
    }
    let source = match place.secrets.get(&wants.secret.name).map(AsRef::as_ref) {
        Some(Source::Pull(source)) => source,
        Some(Source::OtherType) => {
            say(Why::WrongType);
            return None;
        }
        None if place.listed => {
            say(Why::SecretNotFound);
            return None;
        }
        None => return Some(Gift { registry, wants, entries: None }),
    };
    match source.of_host(&wants.host) {
        Found::Entries(entries, bad) => {
            let keys = bad.iter().map(|bad| (bad.target.to_string(), bad.fault)).collect::<Vec<_>>();
            if !keys.is_empty() {
                say(Why::EntryMalformed(keys));
            }
            (!entries.is_empty()).then_some(Gift { registry, wants, entries: Some((source, entries)) })
        }
        Found::Nothing(fault) => {
            say(Why::NoEntryForHost(fault));
            None
        }
        Found::Broken(fault) => {
            say(Why::FileMalformed(fault));
            None
        }
    }
}

/// One ClusterRegistry's part of a copy.
struct Part<'a> {
    registry: &'a Registry,
    source: &'a PullSource,
    entries: Vec<&'a Entry>,
}

fn decide(world: &World, namespace: &str, place: &Place, wanted: &[&Gift<'_>], plan: &mut Plan) {
    let (parts, shadowed) = parts(wanted);
    for (name, by) in shadowed {
        let why = Why::Shadowed { by: by.to_owned(), namespace: namespace.to_owned() };
        plan.say(wanted.iter().map(|gift| gift.registry).filter(|registry| registry.name == name), &why);
    }
    let write = match &place.copy {
        Some(copy) if !copy.marked => {
            plan.say(wanted.iter().map(|gift| gift.registry), &Why::NameConflict(namespace.to_owned()));
            None
        }
        // Whoever holds it back lets it go some time; its end is an event.
        Some(copy) if copy.deleting || place.ending => None,
        Some(copy) => towards(copy, place, wanted, &parts),
        None if place.ending || parts.is_empty() => None,
        None => Some(Write::Apply(content(&parts, None))),
    };
    let Some(mut write) = write else { return };
    let failed = |obstacle: &Obstacle, plan: &mut Plan| {
        let why = Why::CopyFailed { namespace: namespace.to_owned(), obstacle: obstacle.clone() };
        // Also whose credentials should be there no more.
        let has = |registry: &&Registry| place.copy.as_ref().is_some_and(|copy| copy.owners.contains(&registry.uid));
        let concerned = world
            .registries
            .iter()
            .map(AsRef::as_ref)
            .filter(|registry| has(registry) || wanted.iter().any(|gift| gift.registry.uid == registry.uid));
        plan.say(concerned, &why);
    };
    if let Write::Apply(content) = &write
        && content.file.expose().len() > MOST_BYTES
    {
        failed(&Obstacle::TooLarge, plan);
        // What stands there stays, but not beside what nobody gives any more.
        match &place.copy {
            Some(copy) if revoked(copy, wanted) => write = remove(copy),
            _ => return,
        }
    }
    if let Some(setback) = &place.setback {
        if !matches!(setback.kind, Obstacle::Behind | Obstacle::Ending) {
            failed(&setback.kind, plan);
        }
        if setback.retry_at > world.now && !(setback.kind == Obstacle::Fixed && matches!(write, Write::Remove { .. })) {
            plan.again_at(setback.retry_at);
            return;
        }
    }
    // A Pipeline, a label or a source that it was written for may not have been heard of yet.
    if let Some(at) = place.settles_at.filter(|at| *at > world.now) {
        plan.again_at(at);
        return;
    }
    plan.writes.insert(namespace.to_owned(), write);
}

fn remove(copy: &Copy) -> Write {
    Write::Remove { uid: copy.uid.clone(), resource_version: copy.resource_version.clone() }
}

/// Whether it has something of a ClusterRegistry that gives nothing there any more.
fn revoked(copy: &Copy, wanted: &[&Gift<'_>]) -> bool {
    copy.owners.iter().any(|owner| !wanted.iter().any(|gift| gift.registry.uid == *owner))
}

/// What makes our copy what it has to be; `None`: it is.
fn towards(copy: &Copy, place: &Place, wanted: &[&Gift<'_>], parts: &[Part<'_>]) -> Option<Write> {
    if wanted.is_empty() {
        return Some(remove(copy));
    }
    // Where a source cannot be seen, what was copied of it stays; but not beside what nobody gives any more.
    let is_known = wanted.iter().all(|gift| gift.entries.is_some());
    if !is_known && !revoked(copy, wanted) {
        return None;
    }
    if parts.is_empty() {
        return Some(remove(copy));
    }
    let owners: BTreeSet<&str> = parts.iter().map(|part| part.registry.uid.as_str()).collect();
    let is_so = copy.intact
        && copy.recipe.as_deref() == Some(recipe(parts).as_str())
        && copy.owners.iter().map(String::as_str).eq(owners);
    let is_fixed = place.setback.as_ref().is_some_and(|setback| setback.kind == Obstacle::Fixed);
    match (is_so, is_fixed) {
        (true, _) => None,
        // What cannot be changed is made anew.
        (false, true) => Some(remove(copy)),
        (false, false) => Some(Write::Apply(content(parts, Some(copy.resource_version.clone())))),
    }
}

/// Who is shadowed, by whom.
type Shadows<'a> = BTreeSet<(&'a str, &'a str)>;

/// What a copy holds of each: of two entries for the same images the older ClusterRegistry's.
fn parts<'a>(wanted: &[&'a Gift<'a>]) -> (Vec<Part<'a>>, Shadows<'a>) {
    let mut taken: BTreeMap<&Target, &Registry> = BTreeMap::new();
    let (mut parts, mut shadowed) = (Vec::new(), BTreeSet::new());
    for gift in wanted {
        let Some((source, entries)) = &gift.entries else { continue };
        let mut kept = Vec::new();
        for &entry in entries {
            // Its own key may stand twice, as in `https://a.example` and `a.example`: the kubelet tries both.
            let holder = *taken.entry(&entry.target).or_insert(gift.registry);
            if holder.uid == gift.registry.uid {
                kept.push(entry);
            } else {
                shadowed.insert((gift.registry.name.as_str(), holder.name.as_str()));
            }
        }
        if !kept.is_empty() {
            parts.push(Part { registry: gift.registry, source, entries: kept });
        }
    }
    (parts, shadowed)
}

fn content(parts: &[Part<'_>], seen: Option<String>) -> Content {
    Content {
        seen,
        file: file::config_json(parts.iter().flat_map(|part| part.entries.iter().copied())),
        recipe: recipe(parts),
        owners: parts.iter().map(|part| (part.registry.name.clone(), part.registry.uid.clone())).collect(),
    }
}

/// What a copy was made of, short: which ClusterRegistries, of which versions of which Secrets, and which of their entries. It stands in an annotation,
/// so that after a restart nothing has to be written or read. Of values nothing is in it.
fn recipe(parts: &[Part<'_>]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    for Part { registry, source, entries } in parts {
        for text in [&registry.uid, &source.uid, &source.resource_version] {
            add(text);
        }
        add(&entries.len().to_string());
        for entry in entries {
            add(&entry.target.to_string());
        }
    }
    // Another way to write the file would be another number.
    format!("v1-{}", short_hash(&hash.finalize()))
}
