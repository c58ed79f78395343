//! Where the operator works: everywhere, or in some namespaces. Each of those is a world of its own, with its own watches and
//! its own state, so that nothing is asked of the cluster as a whole, and one that cannot be seen holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::context::{Context, Shared};

/// The contexts of an operator.
pub struct Realms {
    everywhere: Option<Arc<Context>>,
    of: BTreeMap<String, Arc<Context>>,
}

impl Realms {
    /// One context for all namespaces, or one for each of these.
    #[must_use]
    pub fn new(shared: &Shared, namespaces: &BTreeSet<String>) -> Self {
        let context = |namespace: Option<String>| Arc::new(Context::new(shared.clone(), namespace));
        Self {
            everywhere: namespaces.is_empty().then(|| context(None)),
            of: namespaces.iter().map(|name| (name.clone(), context(Some(name.clone())))).collect(),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Context>> {
        self.everywhere.iter().chain(self.of.values())
    }

    /// The context of a namespace; `None`: nothing is looked at there.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<&Arc<Context>> {
        self.of.get(namespace).or(self.everywhere.as_ref())
    }
}
