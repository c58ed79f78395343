//! A world in which whatever is not known is good: what would happen if nothing were missing.

use super::attached::secret_names;
use super::names::SecretName;
use super::secret::{AccountKnowledge, Keys, PULL_SECRET_TYPES, SecretFacts, SecretKnowledge};
use super::volume::ObjectKnowledge;
use super::work::{SecretUse, Step, Usage};
use super::world::{WorkState, World};

impl World {
    /// Fills in each Secret, ConfigMap, claim and ServiceAccount that the work names and of which nothing is known: it is there, of
    /// a fitting type, with the keys that are needed, and in no version.
    #[must_use]
    pub fn assuming_the_best(mut self) -> Self {
        let WorkState::Valid(work) = &self.work else { return self };
        let work = work.clone();
        for step in &work.steps {
            let account = step.service_account_name().to_owned();
            self.accounts.entry(account).or_insert(AccountKnowledge::Present { pull_secrets: Vec::new() });
        }
        for object in work.objects() {
            self.objects.entry(object).or_insert(ObjectKnowledge::Present);
        }
        for name in secret_names(&work, &self.registries, &self.accounts, &self.defaults) {
            let fitting = || SecretKnowledge::Present(fitting(&work.steps, &name));
            self.secrets.entry(name.clone()).or_insert_with(fitting);
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
        keys: Keys::Known(uses().flat_map(SecretUse::required_keys).map(|key| key.to_string()).collect()),
        data_changed_at: None,
        touched_since: false,
        expires_on: None,
    }
}
