//! What is refused before anything is sent. An error names the key or the flag and the mend, and never a value.

use super::generic::KEY_RULE;
use super::limits::Limits;
use super::registry::{CONFIG_KEY, CONFIG_TYPE};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::Draft;
use crate::model::names::{SecretKey, is_dns_subdomain};

/// What Kubernetes allows the values of a Secret to hold together (`MaxSecretSize`).
pub(super) const MAX_SIZE: u64 = 1024 * 1024;

/// The keys that a type has to have (`ValidateSecret` in Kubernetes' `pkg/apis/core/validation`): all of the first, or one of the
/// second.
const REQUIRED: [(&str, &[&str], &[&str]); 5] = [
    (CONFIG_TYPE, &[CONFIG_KEY], &[]),
    ("kubernetes.io/dockercfg", &[".dockercfg"], &[]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"], &[]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"], &[]),
    ("kubernetes.io/basic-auth", &[], &["username", "password"]),
];

/// Refuses them with all that is wrong with any.
pub(super) fn refuse(drafts: &[Draft], limits: &Limits, namespaces: &[String]) -> Result<(), Error> {
    let mut problems = Vec::new();
    for draft in drafts {
        let found = of_name(draft).into_iter().chain(of_namespace(draft, namespaces)).chain(of_data(draft, limits));
        problems.extend(found.map(|problem| match drafts {
            [_] => problem,
            _ => format!("Secret {}: {problem}", printable(&draft.name)),
        }));
    }
    told(&problems)
}

/// One problem as it is; of several each on a line.
pub(super) fn told(problems: &[String]) -> Result<(), Error> {
    match problems {
        [] => Ok(()),
        [problem] => Err(Error::Findings(problem.clone())),
        _ => Err(Error::Findings(format!("nothing was sent, since\n- {}", problems.join("\n- ")))),
    }
}

fn of_name(draft: &Draft) -> Option<String> {
    let is_generated = draft.name.is_empty() && draft.metadata.get("generateName").is_some();
    (!is_generated && !is_dns_subdomain(&draft.name)).then(|| {
        format!(
            "{:?} cannot be a name: lower-case letters, digits, '-' and '.', a letter or digit at both ends and beside each '.', 1 to 253 of them",
            draft.name
        )
    })
}

fn of_namespace(draft: &Draft, namespaces: &[String]) -> Option<String> {
    let own = draft.namespace.as_ref()?;
    let other = namespaces.iter().find(|namespace| *namespace != own)?;
    Some(format!("its metadata.namespace is {}, and -n says {other}: leave one of them away", printable(own)))
}

/// What is wrong with the keys and values that the Secret would have.
pub(in crate::cli) fn of_data(draft: &Draft, limits: &Limits) -> Vec<String> {
    let mut problems = Vec::new();
    let type_ = draft.type_name();
    if type_ == "kubernetes.io/service-account-token" {
        problems.push(
            "type kubernetes.io/service-account-token: a token that never expires is not made here; kubectl create token NAME makes one that does. (A Pipeline may name a Secret of this type that is there.)"
                .into(),
        );
    }
    for key in draft.data.keys() {
        if SecretKey::parse(key).is_err() {
            problems.push(format!("{} cannot be a key: {KEY_RULE}", printable(key)));
        }
    }
    let has = |key: &&str| draft.data.contains_key(*key);
    for (_, all, one) in REQUIRED.iter().filter(|(name, _, _)| *name == type_) {
        for key in all.iter().filter(|key| !has(key)) {
            problems.push(format!("a Secret of type {type_} has to have the key {key}: add it"));
        }
        if !one.is_empty() && !one.iter().any(has) {
            problems.push(format!("a Secret of type {type_} has to have one of the keys {}: add one", one.join(", ")));
        }
    }
    if type_ == "kubernetes.io/ssh-auth" && draft.data.get("ssh-privatekey").is_some_and(|key| key.expose().is_empty())
    {
        problems.push(format!("ssh-privatekey is empty, which type {type_} does not allow: give the key"));
    }
    let size = u64::try_from(draft.size()).unwrap_or(u64::MAX);
    if size > MAX_SIZE {
        problems.push(format!(
            "its values hold {size} bytes together, and Kubernetes takes {MAX_SIZE}: split it into several Secrets"
        ));
    } else if let Some(most) = limits.max_size.filter(|most| size > *most) {
        problems.push(format!(
            "its values hold {size} bytes together, and --max-size allows {most}: split it into several Secrets, or raise that limit"
        ));
    }
    problems
}
