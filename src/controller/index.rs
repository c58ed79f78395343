//! Who names which Secret, ServiceAccount, ConfigMap and claim. Its size is the number of references, not of objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::key::ObjectKey;
use crate::api::reason::ObjectKind;

/// The users of each object.
type Users = HashMap<ObjectKey, BTreeSet<ObjectKey>>;

/// The index, in both directions.
#[derive(Debug, Default)]
pub struct UseIndex {
    secrets: Users,
    accounts: Users,
    objects: BTreeMap<ObjectKind, Users>,
    of: HashMap<ObjectKey, Uses>,
}

/// What a Pipeline names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Secrets.
    pub secrets: BTreeSet<ObjectKey>,
    /// ServiceAccounts.
    pub accounts: BTreeSet<ObjectKey>,
    /// ConfigMaps and claims.
    pub objects: BTreeSet<(ObjectKind, ObjectKey)>,
}

impl UseIndex {
    /// Sets what a Pipeline names. Returns the Secrets that nobody names any more.
    pub fn set(&mut self, pipeline: &ObjectKey, uses: Uses) -> Vec<ObjectKey> {
        let old = self.of.remove(pipeline).unwrap_or_default();
        for account in old.accounts.difference(&uses.accounts) {
            unlink(&mut self.accounts, account, pipeline);
        }
        for (kind, object) in old.objects.difference(&uses.objects) {
            unlink(self.objects.entry(*kind).or_default(), object, pipeline);
        }
        let unused = old
            .secrets
            .difference(&uses.secrets)
            .filter(|secret| unlink(&mut self.secrets, secret, pipeline))
            .cloned()
            .collect();
        for secret in &uses.secrets {
            link(&mut self.secrets, secret, pipeline);
        }
        for account in &uses.accounts {
            link(&mut self.accounts, account, pipeline);
        }
        for (kind, object) in &uses.objects {
            link(self.objects.entry(*kind).or_default(), object, pipeline);
        }
        if uses != Uses::default() {
            self.of.insert(pipeline.clone(), uses);
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

    /// Who names this object.
    #[must_use]
    pub fn of_object(&self, kind: ObjectKind, object: &ObjectKey) -> Vec<ObjectKey> {
        self.objects.get(&kind).and_then(|users| users.get(object)).into_iter().flatten().cloned().collect()
    }

    /// Who names any object of this kind; some of them several times.
    #[must_use]
    pub fn of_kind(&self, kind: ObjectKind) -> Vec<ObjectKey> {
        self.objects.get(&kind).into_iter().flat_map(HashMap::values).flatten().cloned().collect()
    }

    /// The objects of this kind that somebody names.
    pub fn named(&self, kind: ObjectKind) -> impl Iterator<Item = &ObjectKey> {
        self.objects.get(&kind).into_iter().flat_map(HashMap::keys)
    }
}

fn link(index: &mut Users, to: &ObjectKey, from: &ObjectKey) {
    index.entry(to.clone()).or_default().insert(from.clone());
}

/// Returns whether nobody is left.
fn unlink(index: &mut Users, to: &ObjectKey, from: &ObjectKey) -> bool {
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

    fn uses(secrets: &[&str], accounts: &[&str], claims: &[&str]) -> Uses {
        let claim = |key| (ObjectKind::PersistentVolumeClaim, key);
        Uses {
            secrets: keys(secrets),
            accounts: keys(accounts),
            objects: keys(claims).into_iter().map(claim).collect(),
        }
    }

    #[test]
    fn a_secret_is_unused_when_its_last_user_turns_away() {
        let mut index = UseIndex::default();
        let (a, b) = (ObjectKey::new("team-a", "a"), ObjectKey::new("team-a", "b"));
        index.set(&a, uses(&["db", "tls"], &["default"], &[]));
        index.set(&b, uses(&["db"], &["default"], &[]));
        assert_eq!(index.set(&a, uses(&["api"], &["default"], &[])), [ObjectKey::new("team-a", "tls")]);
        assert_eq!(index.of_secret(&ObjectKey::new("team-a", "db")), std::slice::from_ref(&b));
        assert_eq!(index.of_account(&ObjectKey::new("team-a", "default")), [a.clone(), b.clone()]);
        assert_eq!(index.set(&b, Uses::default()), [ObjectKey::new("team-a", "db")]);
        assert_eq!(index.of_account(&ObjectKey::new("team-a", "default")), [a]);
    }

    #[test]
    fn an_object_s_users_are_those_that_name_it_by_kind_and_name() {
        let mut index = UseIndex::default();
        let (a, b) = (ObjectKey::new("team-a", "a"), ObjectKey::new("team-a", "b"));
        let data = ObjectKey::new("team-a", "data");
        index.set(&a, uses(&[], &[], &["data"]));
        index.set(&b, uses(&[], &[], &["data", "more"]));
        assert_eq!(index.of_object(ObjectKind::PersistentVolumeClaim, &data), [a.clone(), b.clone()]);
        assert_eq!(index.of_object(ObjectKind::ConfigMap, &data), []);
        assert_eq!(index.named(ObjectKind::PersistentVolumeClaim).count(), 2);
        index.set(&b, Uses::default());
        assert_eq!(index.of_object(ObjectKind::PersistentVolumeClaim, &data), std::slice::from_ref(&a));
        assert_eq!(index.of_kind(ObjectKind::PersistentVolumeClaim), [a]);
        assert_eq!(index.named(ObjectKind::PersistentVolumeClaim).collect::<Vec<_>>(), [&data]);
    }
}
