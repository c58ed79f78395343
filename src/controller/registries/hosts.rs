//! Which Pipelines have an image of which host, kept by difference as they come and go. Its size is the number of their images.

use std::collections::{BTreeSet, HashMap};

use crate::controller::key::ObjectKey;
use crate::controller::object::StoredPipeline;
use crate::model::attached::host_of;
use crate::model::registry::Host;
use crate::model::work::Work;

/// Where the images of a Pipeline's Pods are pulled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// The hosts of its steps' images.
    pub hosts: BTreeSet<Host>,
    /// Whether a step needs the helper image, whose host the operator knows.
    pub helper: bool,
}

impl Images {
    /// Those of this work.
    #[must_use]
    pub fn of(work: &Work) -> Self {
        Self {
            hosts: work.steps.iter().filter_map(|step| host_of(&step.image)).collect(),
            helper: work.steps.iter().any(crate::model::work::Step::needs_helper),
        }
    }
}

/// The index.
#[derive(Debug, Default)]
pub struct Hosts {
    /// Where the helper image is pulled from.
    pub helper: Option<Host>,
    of: HashMap<Host, BTreeSet<ObjectKey>>,
    with_helper: BTreeSet<ObjectKey>,
    changed: BTreeSet<String>,
}

impl Hosts {
    /// One Pipeline took another's place, came or went.
    pub fn replace(&mut self, old: Option<&StoredPipeline>, new: Option<&StoredPipeline>) {
        if old.map(|old| &old.images) == new.map(|new| &new.images) {
            return;
        }
        if let Some(old) = old {
            let key = old.key();
            for host in &old.images.hosts {
                if let Some(users) = self.of.get_mut(host) {
                    users.remove(&key);
                    if users.is_empty() {
                        self.of.remove(host);
                    }
                }
            }
            self.with_helper.remove(&key);
            self.changed.insert(key.namespace);
        }
        if let Some(new) = new {
            let key = new.key();
            for host in &new.images.hosts {
                self.of.entry(host.clone()).or_default().insert(key.clone());
            }
            if new.images.helper {
                self.with_helper.insert(key.clone());
            }
            self.changed.insert(key.namespace);
        }
    }

    /// The Pipelines that have an image of this host: in this namespace, or (`None`) in all.
    #[must_use]
    pub fn users(&self, host: &Host, namespace: Option<&str>) -> BTreeSet<ObjectKey> {
        let with_helper = Some(&self.with_helper).filter(|_| self.helper.as_ref() == Some(host));
        let sets = self.of.get(host).into_iter().chain(with_helper);
        match namespace {
            None => sets.flatten().cloned().collect(),
            Some(namespace) => {
                let first = ObjectKey::new(namespace, "");
                let here = |key: &&ObjectKey| key.namespace == namespace;
                sets.flat_map(|set| set.range(&first..).take_while(here)).cloned().collect()
            }
        }
    }

    /// Whether a namespace has other images than when [`Self::take_changed`] was called.
    #[must_use]
    pub fn have_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The namespaces that have other images than when this was called before.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }
}
