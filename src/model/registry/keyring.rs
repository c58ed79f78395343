//! The kubelet's keyring: all logins of a Pod's pull Secrets, asked for an image.

use std::collections::BTreeMap;

use super::HUB_KEY;
use super::key::Key;

/// Logins by key. `L` is whatever stands for a login; two equal ones stay two, and are tried both.
#[derive(Clone, Debug)]
pub struct Keyring<L> {
    by_key: BTreeMap<Key, Vec<L>>,
}

impl<L> Default for Keyring<L> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new() }
    }
}

impl<L> Keyring<L> {
    /// Puts an entry in, in the order of the pull Secrets. (Within one Secret the kubelet has no order: of two keys that come to the
    /// same, as `https://a` and `a`, either may be tried first.) False: its key cannot be read, and the entry is passed over.
    pub fn add(&mut self, key: &str, login: L) -> bool {
        let key = Key::parse(key);
        let is_read = key.is_some();
        if let Some(key) = key {
            self.by_key.entry(key).or_default().push(login);
        }
        is_read
    }

    /// The logins that are offered for a repository (`model::image::Image::repository`), in the order in which they are tried, until
    /// one is taken. None: the image is pulled as nobody.
    #[must_use]
    pub fn lookup(&self, repository: &str) -> Vec<&L> {
        let matching = self.by_key.iter().rev().filter(|(key, _)| key.matches(repository));
        let found: Vec<&L> = matching.flat_map(|(_, logins)| logins).collect();
        if !found.is_empty() || !is_of_the_hub(repository) {
            return found;
        }
        self.by_key.iter().filter(|(key, _)| key.as_str() == HUB_KEY).flat_map(|(_, logins)| logins).collect()
    }
}

/// Whether the kubelet falls back to what is kept for Docker Hub: also for a host without dot and port, as `localhost`.
pub(super) fn is_of_the_hub(repository: &str) -> bool {
    let (first, is_whole) = repository.split_once('/').map_or((repository, true), |(first, _)| (first, false));
    !first.is_empty() && (is_whole || matches!(first, "docker.io" | HUB_KEY) || !first.contains(['.', ':']))
}
