//! Pull secrets that a Pod gets though its Pipeline does not name them. They hold nothing back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::defaults::{Defaults, Helper};
use super::image::Image;
use super::names::SecretName;
use super::registry::Host;
use super::secret::{AccountKnowledge, PULL_SECRET_TYPES, SecretKnowledge};
use super::work::{Step, Usage, Work};
use super::world::{RegistryFacts, RegistryKind, World};

/// One such pull secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its name, as its source has it: that of a ServiceAccount was not checked.
    pub name: String,
    /// Where it comes from; of several sources the first.
    pub source: Source,
    /// Whether the Pod lists it. What a Registry names is listed only while it is there and of a fitting type, as far as that is known.
    pub listed: bool,
}

/// Where a pull secret comes from that no Pipeline names. Its text is what status calls `via`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A Registry, by its name, for images of this host.
    Registry(String, Host),
    /// A ClusterRegistry, by its name: the projector's copy.
    ClusterRegistry(String),
    /// A ServiceAccount, by its name.
    ServiceAccount(String),
    /// The operator's, for the image that renders inputs.
    Helper,
    /// The operator's Pod defaults.
    Defaults,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name, _) => f.write_str(&RegistryKind::Registry.via(name)),
            Self::ClusterRegistry(name) => f.write_str(&RegistryKind::ClusterRegistry.via(name)),
            Self::ServiceAccount(name) => write!(f, "serviceaccount/{name}"),
            Self::Helper => f.write_str("helper-image"),
            Self::Defaults => f.write_str("pod-defaults"),
        }
    }
}

/// Every Secret that Pods of this work may use: those that it names, those of the Registries of its images' hosts, those of its
/// ServiceAccounts, and the operator's defaults.
#[must_use]
pub fn secret_names(
    work: &Work,
    registries: &[RegistryFacts],
    accounts: &BTreeMap<String, AccountKnowledge>,
    defaults: &Defaults,
) -> BTreeSet<SecretName> {
    let named = work.steps.iter().flat_map(|step| &step.uses).map(|usage| usage.secret.clone());
    let hosts: BTreeSet<Host> = work.steps.iter().flat_map(|step| step.hosts(&defaults.helper)).collect();
    let of_registries = registries.iter().filter(|registry| hosts.contains(&registry.host));
    let of_registries = of_registries.map(|registry| registry.secret.clone());
    let of_accounts = accounts.values().flat_map(|account| match account {
        AccountKnowledge::Present { pull_secrets } => pull_secrets.as_slice(),
        AccountKnowledge::Absent => &[],
    });
    let of_accounts = of_accounts.filter_map(|name| SecretName::parse(name).ok());
    let needs_helper = work.steps.iter().any(Step::needs_helper);
    let of_helper = defaults.helper.pull_secrets.iter().filter(|_| needs_helper);
    let of_operator = of_helper.chain(&defaults.pull_secrets).cloned();
    named.chain(of_registries).chain(of_accounts).chain(of_operator).collect()
}

/// Where an image is pulled from, as a Registry would name it; `None`: from a place that none can name.
#[must_use]
pub fn host_of(image: &str) -> Option<Host> {
    Image::parse(image).ok().as_ref().and_then(Host::of)
}

impl Step {
    /// Where the images of its Pods are pulled from: its own, and the helper's if something is rendered for it.
    #[must_use]
    pub fn hosts(&self, helper: &Helper) -> BTreeSet<Host> {
        let helper = Some(helper.image.as_str()).filter(|_| self.needs_helper());
        [Some(self.image.as_str()), helper].into_iter().flatten().filter_map(host_of).collect()
    }
}

impl World {
    /// The pull secrets that a step's Pod gets besides those that it lists itself: those of the Registries of its images' hosts,
    /// the copy of ClusterRegistries, its ServiceAccount's, those of the helper image where it needs that, the operator's
    /// defaults; each name once.
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
        let of_account = of_account.iter().map(|name| Attached {
            name: name.clone(),
            source: Source::ServiceAccount(account.to_owned()),
            listed: true,
        });
        let always = |source: Source| {
            move |name: &SecretName| Attached { name: name.to_string(), source: source.clone(), listed: true }
        };
        let of_helper = self.defaults.helper.pull_secrets.iter().filter(|_| step.needs_helper());
        let of_helper = of_helper.map(always(Source::Helper));
        let defaults = self.defaults.pull_secrets.iter().map(always(Source::Defaults));
        let own =
            |name: &str| step.uses.iter().any(|usage| usage.usage == Usage::ImagePull && usage.secret.as_str() == name);
        let mut attached: Vec<Attached> = Vec::new();
        for next in self.of_registries(step).into_iter().chain(of_account).chain(of_helper).chain(defaults) {
            if own(&next.name) {
                continue;
            }
            match attached.iter_mut().find(|other| other.name == next.name) {
                Some(same) => same.listed |= next.listed,
                None => attached.push(next),
            }
        }
        attached
    }

    /// Those of the Registries, the oldest first, then that of the ClusterRegistries.
    fn of_registries(&self, step: &Step) -> Vec<Attached> {
        let hosts = step.hosts(&self.defaults.helper);
        let of_kind = |kind| self.registries.iter().filter(move |registry| registry.kind == kind);
        let own = of_kind(RegistryKind::Registry).filter(|registry| hosts.contains(&registry.host));
        let own = own.map(|registry| Attached {
            name: registry.secret.to_string(),
            source: Source::Registry(registry.name.clone(), registry.host.clone()),
            listed: self.may_be_offered(&registry.secret),
        });
        // Whether a namespace is one of those that it is for, is for the projector to say: by making the copy.
        let is_here =
            |registry: &&RegistryFacts| !matches!(self.secrets.get(&registry.secret), Some(SecretKnowledge::Absent));
        let cluster = of_kind(RegistryKind::ClusterRegistry).filter(|registry| hosts.contains(&registry.host));
        let cluster = cluster.filter(is_here).take(1).map(|registry| Attached {
            name: registry.secret.to_string(),
            source: Source::ClusterRegistry(registry.name.clone()),
            listed: self.may_be_offered(&registry.secret),
        });
        own.chain(cluster).collect()
    }

    /// Whether nothing is known that would keep the kubelet from offering it.
    fn may_be_offered(&self, secret: &SecretName) -> bool {
        match self.secrets.get(secret) {
            Some(SecretKnowledge::Present(facts)) => PULL_SECRET_TYPES.contains(&facts.type_.as_str()),
            Some(SecretKnowledge::Absent) => false,
            // The kubelet passes over one that is not there.
            Some(SecretKnowledge::Forbidden { .. } | SecretKnowledge::Unread { .. }) | None => true,
        }
    }

    /// The names of all pull secrets that a step's Pod lists: the step's own and the spec's, then those that are attached.
    #[must_use]
    pub fn pull_secrets(&self, step: &Step) -> Vec<String> {
        let own = step.uses.iter().filter(|usage| usage.usage == Usage::ImagePull);
        let own = own.map(|usage| usage.secret.to_string());
        let attached = self.attached_pull_secrets(step).into_iter().filter(|attached| attached.listed);
        own.chain(attached.map(|attached| attached.name)).collect()
    }
}
