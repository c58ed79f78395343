//! A world in which whatever is not known is good: what would happen if nothing were missing.

use std::collections::BTreeSet;

use super::names::SecretName;
use super::secret::{AccountKnowledge, Keys, PULL_SECRET_TYPES, SecretFacts, SecretKnowledge};
use super::volume::{ObjectKnowledge, VolumeUse};
use super::work::{Step, Usage};
use super::world::{WorkState, World};

impl World {
    /// Fills in each Secret, ConfigMap, claim and ServiceAccount that the work names and of which nothing is known: it is there, of
    /// a fitting type, with the keys that are needed, and in no version.
    #[must_use]
    pub fn assuming_the_best(mut self) -> Self {
        let steps = match &self.work {
            WorkState::Valid(work) => work.steps.clone(),
            WorkState::Invalid(_) | WorkState::Unreadable(_) => Vec::new(),
        };
        for step in &steps {
            let account = step.service_account_name().to_owned();
            self.accounts.entry(account).or_insert(AccountKnowledge::Present { pull_secrets: Vec::new() });
            for object in step.volumes.iter().filter_map(VolumeUse::object) {
                self.objects.entry(object).or_insert(ObjectKnowledge::Present);
            }
        }
        let attached = steps.iter().flat_map(|step| self.attached_pull_secrets(step));
        let attached = attached.filter_map(|attached| SecretName::parse(&attached.name).ok());
        let named = steps.iter().flat_map(|step| &step.uses).map(|usage| usage.secret.clone());
        let names: BTreeSet<SecretName> = named.chain(attached).collect();
        for name in names.into_iter().filter(|name| !self.secrets.contains_key(name)).collect::<Vec<_>>() {
            let facts = fitting(&steps, &name);
            self.secrets.insert(name, SecretKnowledge::Present(facts));
        }
        self
    }
}

/// A Secret as these steps need it.
fn fitting(steps: &[Step], name: &SecretName) -> SecretFacts {
    let uses = || steps.iter().flat_map(|step| &step.uses).filter(|usage| usage.secret == *name);
    let [pull_secret, _] = PULL_SECRET_TYPES;
    // One that no step names is attached to Pods, as a pull secret.
    let is_read = uses().any(|usage| usage.usage != Usage::ImagePull);
    let is_pulled_with = !is_read || uses().any(|usage| usage.usage == Usage::ImagePull);
    SecretFacts {
        uid: String::new(),
        resource_version: String::new(),
        type_: if is_pulled_with { pull_secret } else { "Opaque" }.to_owned(),
        keys: Keys::Known(uses().flat_map(|usage| usage.required_keys()).map(|key| key.to_string()).collect()),
        data_changed_at: None,
        touched_since: false,
        expires_on: None,
    }
}
