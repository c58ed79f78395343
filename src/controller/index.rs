//! Who names which Secret and which ServiceAccount. Its size is the number of references, not of objects.

use std::collections::{BTreeSet, HashMap};

use super::key::ObjectKey;

/// The index, in both directions.
#[derive(Debug, Default)]
pub struct UseIndex {
    secrets: HashMap<ObjectKey, BTreeSet<ObjectKey>>,
    accounts: HashMap<ObjectKey, BTreeSet<ObjectKey>>,
    of: HashMap<ObjectKey, Uses>,
}

#[derive(Debug, Default)]
struct Uses {
    secrets: BTreeSet<ObjectKey>,
    accounts: BTreeSet<ObjectKey>,
}

impl UseIndex {
    /// Sets what a Pipeline names. Returns the Secrets that nobody names any more.
    pub fn set(
        &mut self,
        pipeline: &ObjectKey,
        secrets: BTreeSet<ObjectKey>,
        accounts: BTreeSet<ObjectKey>,
    ) -> Vec<ObjectKey> {
        let old = self.of.remove(pipeline).unwrap_or_default();
        for account in old.accounts.difference(&accounts) {
            unlink(&mut self.accounts, account, pipeline);
        }
        let unused = old
            .secrets
            .difference(&secrets)
            .filter(|secret| unlink(&mut self.secrets, secret, pipeline))
            .cloned()
            .collect();
        for secret in &secrets {
            link(&mut self.secrets, secret, pipeline);
        }
        for account in &accounts {
            link(&mut self.accounts, account, pipeline);
        }
        if !secrets.is_empty() || !accounts.is_empty() {
            self.of.insert(pipeline.clone(), Uses { secrets, accounts });
        }
        unused
    }

    /// Who names this Secret.
    #[must_use]
    pub fn of_secret(&self, secret: &ObjectKey) -> Vec<ObjectKey> {
        self.secrets.get(secret).into_iter().flatten().cloned().collect()
    }

    /// Who runs as this ServiceAccount.
    #[must_use]
    pub fn of_account(&self, account: &ObjectKey) -> Vec<ObjectKey> {
        self.accounts.get(account).into_iter().flatten().cloned().collect()
    }
}

fn link(index: &mut HashMap<ObjectKey, BTreeSet<ObjectKey>>, to: &ObjectKey, from: &ObjectKey) {
    index.entry(to.clone()).or_default().insert(from.clone());
}

/// Returns whether nobody is left.
fn unlink(index: &mut HashMap<ObjectKey, BTreeSet<ObjectKey>>, to: &ObjectKey, from: &ObjectKey) -> bool {
    let Some(users) = index.get_mut(to) else { return false };
    users.remove(from);
    let empty = users.is_empty();
    if empty {
        index.remove(to);
    }
    empty
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> BTreeSet<ObjectKey> {
        names.iter().map(|name| ObjectKey::new("team-a", *name)).collect()
    }

    #[test]
    fn a_secret_is_unused_when_its_last_user_turns_away() {
        let mut index = UseIndex::default();
        let (a, b) = (ObjectKey::new("team-a", "a"), ObjectKey::new("team-a", "b"));
        index.set(&a, keys(&["db", "tls"]), keys(&["default"]));
        index.set(&b, keys(&["db"]), keys(&["default"]));
        assert_eq!(index.set(&a, keys(&["api"]), keys(&["default"])), [ObjectKey::new("team-a", "tls")]);
        assert_eq!(index.of_secret(&ObjectKey::new("team-a", "db")), std::slice::from_ref(&b));
        assert_eq!(index.of_account(&ObjectKey::new("team-a", "default")), [a.clone(), b.clone()]);
        assert_eq!(index.set(&b, keys(&[]), keys(&[])), [ObjectKey::new("team-a", "db")]);
        assert_eq!(index.of_account(&ObjectKey::new("team-a", "default")), [a]);
    }
}
