//! What is refused before anything is sent. An error names the key or the flag and the mend, and never a value.

use super::generic::KEY_RULE;
use super::limits::Limits;
use super::registry::{CONFIG_KEY, CONFIG_TYPE};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::{Draft, Form, PullFile};
use crate::model::names::{SecretKey, is_dns_subdomain};
use crate::model::registry::{Fault, Gravity};

/// What Kubernetes allows the values of a Secret to hold together (`MaxSecretSize`).
pub(in crate::cli) const MAX_SIZE: u64 = 1024 * 1024;

/// The keys that a type has to have (`ValidateSecret` in Kubernetes' `pkg/apis/core/validation`): all of the first, or one of the
/// second.
const REQUIRED: [(&str, &[&str], &[&str]); 5] = [
    (CONFIG_TYPE, &[CONFIG_KEY], &[]),
    ("kubernetes.io/dockercfg", &[".dockercfg"], &[]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"], &[]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"], &[]),
    ("kubernetes.io/basic-auth", &[], &["username", "password"]),
];

/// Refuses them with all that is wrong with any, beside what was found already; warns of what is not refused.
pub(in crate::cli) fn refuse(
    drafts: &[Draft],
    mut problems: Vec<String>,
    limits: &Limits,
    namespaces: &[String],
) -> Result<(), Error> {
    let mut warnings = Vec::new();
    let are_several = drafts.len() > 1 || !problems.is_empty();
    for draft in drafts {
        let prefix = if are_several { format!("Secret {}: ", printable(&draft.name)) } else { String::new() };
        let pull = of_pull_file(draft);
        let of_place = of_names(draft).into_iter().chain(of_namespace(draft, namespaces));
        let found = of_place.chain(of_data(draft, limits)).chain(pull.problems);
        problems.extend(found.map(|problem| format!("{prefix}{problem}")));
        warnings.extend(pull.warnings.iter().map(|warning| format!("{prefix}{warning}")));
    }
    for warning in &warnings {
        eprintln!("Warning: {warning}");
    }
    told(&problems)
}

/// The same for one that is there, and is to hold this.
pub(in crate::cli) fn refuse_change(after: &Draft, limits: &Limits) -> Result<(), Error> {
    let pull = of_pull_file(after);
    let problems: Vec<String> =
        of_names(after).into_iter().chain(of_data(after, limits)).chain(pull.problems).collect();
    for warning in &pull.warnings {
        eprintln!("Warning: {warning}");
    }
    told(&problems)
}

/// One problem as it is; of several each on a line.
fn told(problems: &[String]) -> Result<(), Error> {
    match problems {
        [] => Ok(()),
        [problem] => Err(Error::Findings(problem.clone())),
        _ => Err(Error::Findings(format!("nothing was sent, since\n- {}", problems.join("\n- ")))),
    }
}

/// What is wrong with its name and the names of its keys.
pub(super) fn of_names(draft: &Draft) -> Vec<String> {
    let is_generated = draft.name.is_empty() && draft.metadata.get("generateName").is_some();
    let name = (!is_generated && !is_dns_subdomain(&draft.name)).then(|| {
        if draft.name.is_empty() {
            return "it has no name: give it one, as metadata.name of a manifest".to_owned();
        }
        format!(
            "{:?} cannot be a name: lower-case letters, digits, '-' and '.', a letter or digit at both ends and beside each '.', 1 to 253 of them",
            draft.name
        )
    });
    let wrong = draft.data.keys().filter(|key| SecretKey::parse(key).is_err());
    name.into_iter().chain(wrong.map(|key| format!("{} cannot be a key: {KEY_RULE}", printable(key)))).collect()
}

fn of_namespace(draft: &Draft, namespaces: &[String]) -> Option<String> {
    let own = draft.namespace.as_ref()?;
    let other = namespaces.iter().find(|namespace| *namespace != own)?;
    Some(format!("its metadata.namespace is {}, and -n says {other}: leave one of them away", printable(own)))
}

/// What is wrong with its type, with the keys that this asks for, and with its size.
fn of_data(draft: &Draft, limits: &Limits) -> Vec<String> {
    let mut problems = Vec::new();
    let type_ = draft.type_name();
    if type_ == "kubernetes.io/service-account-token" {
        problems.push(
            "type kubernetes.io/service-account-token: a token that never expires is not made here; kubectl create token NAME makes one that does. (A Pipeline may name a Secret of this type that is there.)"
                .into(),
        );
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
            "its values hold {size} bytes together, and {most} are allowed (--max-size, or max_size in the file of --config): split it into several Secrets, or raise that limit"
        ));
    }
    problems
}

/// What is wrong with a docker config.
struct PullVerdict {
    problems: Vec<String>,
    warnings: Vec<String>,
}

/// Refused is what makes the kubelet pull nothing, and a password that was meant otherwise; the rest may be on purpose.
fn of_pull_file(draft: &Draft) -> PullVerdict {
    let mut verdict = PullVerdict { problems: Vec::new(), warnings: Vec::new() };
    let form = Form::of_type(draft.type_name());
    let Some((form, bytes)) = form.and_then(|form| Some((form, draft.data.get(form.key())?))) else { return verdict };
    let file = PullFile::read(form, bytes.expose());
    let place = file.place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default();
    let of_file = file.faults.iter().map(|fault| (format!("{}{place}", form.key()), *fault));
    let of_entries = file.entries.iter().flat_map(|entry| {
        let name = format!("the entry {} of {}", printable(&entry.key), form.key());
        entry.faults.iter().map(move |fault| (name.clone(), *fault))
    });
    for (name, fault) in of_file.chain(of_entries) {
        let is_refused = fault.gravity() == Gravity::Breaks || fault == Fault::TrailingNewline;
        let told = if is_refused { &mut verdict.problems } else { &mut verdict.warnings };
        told.push(format!("{name} {}: {}", fault.message(), fault.fix()));
    }
    verdict
}
