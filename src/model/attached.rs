//! Pull secrets that a Pod gets though its Pipeline does not name them. They hold nothing back.

use std::collections::{BTreeMap, BTreeSet};

use super::defaults::Defaults;
use super::names::SecretName;
use super::secret::AccountKnowledge;
use super::work::{Step, Usage, Work};
use super::world::World;

/// What `status.references[].via` says of a default of the operator's.
const VIA_DEFAULTS: &str = "pod-defaults";
/// What it says of a pull secret for the image that renders inputs.
const VIA_HELPER: &str = "helper-image";

/// One such pull secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its name, as its source has it: that of a ServiceAccount was not checked.
    pub name: String,
    /// Its source, as status tells it.
    pub via: String,
}

/// Every Secret that Pods of this work may use: those that it names, those of its ServiceAccounts, and the operator's defaults.
#[must_use]
pub fn secret_names(
    work: &Work,
    accounts: &BTreeMap<String, AccountKnowledge>,
    defaults: &Defaults,
) -> BTreeSet<SecretName> {
    let named = work.steps.iter().flat_map(|step| &step.uses).map(|usage| usage.secret.clone());
    let of_accounts = accounts.values().flat_map(|account| match account {
        AccountKnowledge::Present { pull_secrets } => pull_secrets.as_slice(),
        AccountKnowledge::Absent => &[],
    });
    let of_accounts = of_accounts.filter_map(|name| SecretName::parse(name).ok());
    let needs_helper = work.steps.iter().any(Step::needs_helper);
    let of_helper = defaults.helper.pull_secrets.iter().filter(|_| needs_helper);
    named.chain(of_accounts).chain(of_helper.cloned()).chain(defaults.pull_secrets.iter().cloned()).collect()
}

impl World {
    /// The pull secrets that a step's Pod gets besides those that it lists itself: its ServiceAccount's, then those of the helper
    /// image where it needs that, then the operator's defaults, each name once.
    ///
    /// The ServiceAccount admission plugin adds the account's only to a Pod that lists none, so that a list of our own
    /// would take them away (`plugin/pkg/admission/serviceaccount`): they are merged here.
    #[must_use]
    pub fn attached_pull_secrets(&self, step: &Step) -> Vec<Attached> {
        let account = step.service_account_name();
        let of_account = match self.accounts.get(account) {
            Some(AccountKnowledge::Present { pull_secrets }) => pull_secrets.as_slice(),
            Some(AccountKnowledge::Absent) | None => &[],
        };
        let of_account = of_account.iter().map(|name| (name.as_str(), format!("serviceaccount/{account}")));
        let of_helper = self.defaults.helper.pull_secrets.iter().filter(|_| step.needs_helper());
        let of_helper = of_helper.map(|name| (name.as_str(), VIA_HELPER.to_owned()));
        let defaults = self.defaults.pull_secrets.iter().map(|name| (name.as_str(), VIA_DEFAULTS.to_owned()));
        let mut attached: Vec<Attached> = Vec::new();
        for (name, via) in of_account.chain(of_helper).chain(defaults) {
            let own = step.uses.iter().any(|usage| usage.usage == Usage::ImagePull && usage.secret.as_str() == name);
            if !own && !attached.iter().any(|other| other.name == name) {
                attached.push(Attached { name: name.to_owned(), via });
            }
        }
        attached
    }

    /// The names of all pull secrets that a step's Pod lists: the step's own and the spec's, then those that are attached.
    #[must_use]
    pub fn pull_secrets(&self, step: &Step) -> Vec<String> {
        let own = step.uses.iter().filter(|usage| usage.usage == Usage::ImagePull);
        let own = own.map(|usage| usage.secret.to_string());
        own.chain(self.attached_pull_secrets(step).into_iter().map(|attached| attached.name)).collect()
    }
}
