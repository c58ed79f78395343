//! A store that a watch fills and that our own writes run ahead of.
//!
//! What a write returned is put in at once, so that the next decision sees it though the watch is behind. A relist
//! replaces everything but what we wrote since it began: its list may have been taken before.

use std::collections::{HashMap, HashSet};

use super::key::ObjectKey;

/// Hears of every change, so that what is counted need never be counted anew.
pub trait Tally<V>: Default {
    /// One value took another's place, came or went.
    fn replace(&mut self, old: Option<&V>, new: Option<&V>);
}

impl<V> Tally<V> for () {
    fn replace(&mut self, _: Option<&V>, _: Option<&V>) {}
}

/// A store of one kind.
#[derive(Debug)]
pub struct Cache<V, T = ()> {
    entries: HashMap<ObjectKey, Entry<V>>,
    tally: T,
    /// Objects of which a write of ours has no answer yet, and at which version the watch told meanwhile that it is gone.
    writing: HashMap<ObjectKey, Option<u64>>,
    relist: Option<Relist>,
    synced: bool,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    version: u64,
}

/// What a relist has seen so far.
#[derive(Debug, Default)]
struct Relist {
    listed: HashSet<ObjectKey>,
    written: HashSet<ObjectKey>,
}

impl<V, T: Default> Default for Cache<V, T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), tally: T::default(), writing: HashMap::new(), relist: None, synced: false }
    }
}

impl<V, T: Tally<V>> Cache<V, T> {
    fn put(&mut self, key: ObjectKey, version: u64, value: V) {
        let old = self.entries.get(&key).map(|entry| &entry.value);
        self.tally.replace(old, Some(&value));
        self.entries.insert(key, Entry { value, version });
    }

    fn take(&mut self, key: &ObjectKey) -> Option<V> {
        let gone = self.entries.remove(key)?.value;
        self.tally.replace(Some(&gone), None);
        Some(gone)
    }

    /// What is counted of all that is there.
    #[must_use]
    pub fn tally(&self) -> &T {
        &self.tally
    }

    /// The same, for who takes something out of it.
    pub fn tally_mut(&mut self) -> &mut T {
        &mut self.tally
    }

    /// The object of that name.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The names of all that are there.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.entries.keys()
    }

    /// All that are there.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Whether a first list was seen to its end.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// An object from the watch. Returns whether it is newer than what is there.
    pub fn apply(&mut self, key: ObjectKey, version: u64, value: V) -> bool {
        if self.entries.get(&key).is_some_and(|entry| entry.version >= version && version > 0) {
            return false;
        }
        self.put(key, version, value);
        true
    }

    /// A write of ours begins. The watch may tell of the object's end before the answer is read.
    pub fn writing(&mut self, key: ObjectKey) {
        self.writing.insert(key, None);
    }

    /// The write that began has changed nothing, as far as is known.
    pub fn not_written(&mut self, key: &ObjectKey) {
        self.writing.remove(key);
    }

    /// An object as a write of ours returned it. Returns whether it is newer than what is there.
    pub fn wrote(&mut self, key: ObjectKey, version: u64, value: V) -> bool {
        // Else it would stay for ever: its end was told already.
        if self.writing.remove(&key).flatten().is_some_and(|gone| gone > version) {
            return false;
        }
        if let Some(relist) = &mut self.relist {
            relist.written.insert(key.clone());
        }
        self.apply(key, version, value)
    }

    /// The object is gone, as of that version. Returns it, unless a newer one of its name is there.
    pub fn delete(&mut self, key: &ObjectKey, version: u64) -> Option<V> {
        if let Some(gone) = self.writing.get_mut(key) {
            *gone = Some(version);
        }
        if self.entries.get(key).is_some_and(|entry| entry.version > version && version > 0) {
            return None;
        }
        self.take(key)
    }

    /// A list begins.
    pub fn init(&mut self) {
        self.relist = Some(Relist::default());
    }

    /// An object of the list. It replaces what is there though it be older (an API server restored from a backup),
    /// unless we wrote that since the list began. Returns whether anything may have changed.
    pub fn init_apply(&mut self, key: ObjectKey, version: u64, value: V) -> bool {
        let Some(relist) = &mut self.relist else {
            return self.apply(key, version, value);
        };
        relist.listed.insert(key.clone());
        if relist.written.contains(&key) {
            return self.apply(key, version, value);
        }
        let same = self.entries.get(&key).is_some_and(|entry| entry.version == version && version > 0);
        self.put(key, version, value);
        !same
    }

    /// The list is complete. Returns what is gone.
    pub fn init_done(&mut self) -> Vec<(ObjectKey, V)> {
        self.synced = true;
        let Relist { listed, written } = self.relist.take().unwrap_or_default();
        let gone: Vec<ObjectKey> =
            self.entries.keys().filter(|key| !listed.contains(*key) && !written.contains(*key)).cloned().collect();
        gone.into_iter().filter_map(|key| self.take(&key).map(|gone| (key, gone))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("team-a", name)
    }

    #[test]
    fn an_older_event_does_not_undo_our_own_write() {
        let mut cache: Cache<_> = Cache::default();
        cache.wrote(key("edges"), 7, "ours");
        assert!(!cache.apply(key("edges"), 6, "older"));
        assert_eq!(cache.get(&key("edges")), Some(&"ours"));
        assert!(cache.delete(&key("edges"), 6).is_none());
        assert!(cache.apply(key("edges"), 8, "newer"));
    }

    #[test]
    fn what_is_gone_before_our_write_s_answer_is_read_does_not_come_back() {
        let mut cache: Cache<_> = Cache::default();
        cache.writing(key("edges"));
        assert!(cache.apply(key("edges"), 7, "as the watch saw it"));
        assert_eq!(cache.delete(&key("edges"), 8), Some("as the watch saw it"));
        assert!(!cache.wrote(key("edges"), 7, "ours"));
        assert_eq!(cache.get(&key("edges")), None);
        // The end of an older one of that name is no news about what we made since.
        cache.writing(key("edges"));
        cache.delete(&key("edges"), 8);
        assert!(cache.wrote(key("edges"), 9, "another"));
    }

    #[test]
    fn a_relist_drops_what_is_gone_and_keeps_what_was_written_since_it_began() {
        let mut cache: Cache<_> = Cache::default();
        cache.apply(key("gone"), 1, "gone");
        cache.apply(key("kept"), 2, "kept");
        cache.init();
        cache.wrote(key("fresh"), 9, "fresh");
        assert!(!cache.init_apply(key("kept"), 2, "kept"));
        let gone = cache.init_done();
        assert_eq!(gone, [(key("gone"), "gone")]);
        assert_eq!(cache.get(&key("fresh")), Some(&"fresh"));
        assert_eq!(cache.get(&key("kept")), Some(&"kept"));
    }

    #[test]
    fn a_relist_may_go_back_in_time() {
        let mut cache: Cache<_> = Cache::default();
        cache.apply(key("edges"), 9, "before the backup was restored");
        cache.init();
        assert!(cache.init_apply(key("edges"), 3, "restored"));
        cache.init_done();
        assert_eq!(cache.get(&key("edges")), Some(&"restored"));
    }
}
