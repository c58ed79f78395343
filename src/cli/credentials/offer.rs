//! By which credential an image is pulled: what the kubelet's own keyring offers for it. Pure.

use serde_json::{Value, json};

use super::images::Listed;
use super::read::{Files, PullSecret};
use crate::model::image::Image;
use crate::model::registry::{Fault, Keyring};

/// What is offered for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Offer {
    /// The entries, in the order in which they are tried.
    pub offered: Vec<Offered>,
    /// Secrets that this user may not look into.
    pub unread: Vec<Listed>,
    /// Secrets that are not there.
    pub missing: Vec<Listed>,
    /// Secrets for which the kubelet pulls nothing.
    pub broken: Vec<(Listed, Fault)>,
    /// All that the Pod lists.
    listed: Vec<String>,
    /// Where the image is from.
    host: String,
}

/// An entry that is for the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Offered {
    /// Its Secret.
    pub secret: Listed,
    /// Its key: a host, perhaps with a path.
    pub entry: String,
}

/// What is offered for the image by these pull secrets.
pub(in crate::cli) fn offer(image: &str, listed: &[Listed], files: &Files) -> Offer {
    let mut keyring = Keyring::default();
    let repository = Image::parse(image).map(|image| image.repository()).unwrap_or_default();
    let mut offer = Offer {
        listed: listed.iter().map(|listed| listed.name.clone()).collect(),
        host: repository.split('/').next().unwrap_or_default().to_owned(),
        ..Offer::default()
    };
    for secret in listed {
        match files.get(&secret.name) {
            Some(Ok(Some(PullSecret { breaks: Some(fault), .. }))) => offer.broken.push((secret.clone(), *fault)),
            Some(Ok(Some(file))) => {
                for entry in &file.entries {
                    keyring.add(entry, Offered { secret: secret.clone(), entry: entry.clone() });
                }
            }
            Some(Ok(None)) => offer.missing.push(secret.clone()),
            Some(Err(_)) | None => offer.unread.push(secret.clone()),
        }
    }
    offer.offered = keyring.lookup(&repository).into_iter().cloned().collect();
    offer
}

impl Offer {
    /// In words, as what follows the image's name.
    pub(in crate::cli) fn said(&self) -> String {
        let names = |listed: &[Listed]| listed.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
        let said = match self.offered.as_slice() {
            _ if !self.broken.is_empty() => {
                let broken = self.broken.iter().map(|(secret, _)| secret.name.as_str()).collect::<Vec<_>>().join(", ");
                format!("is not pulled: {broken} cannot be read by the kubelet")
            }
            [] if self.listed.is_empty() => {
                return "anonymous: no pull secret is attached (the node may have a login of its own)".to_owned();
            }
            [] if self.waits() => format!("waits for Secret {}, in which a login may be", names(&self.missing)),
            [] if !self.unread.is_empty() => format!("pull secrets: {}", self.listed.join(", ")),
            [] => format!("anonymous: no entry of {} is for {}", self.listed.join(", "), self.host),
            [one] => format!("with Secret {one}"),
            [first, rest @ ..] => {
                let rest = rest.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then ");
                format!("first with Secret {first}, then {rest}")
            }
        };
        if self.unread.is_empty() {
            return said;
        }
        format!("{said}; what is in {} was not looked at: you may not get it", names(&self.unread))
    }

    /// Whether it is known that nothing is offered.
    fn is_anonymous(&self) -> bool {
        self.offered.is_empty() && self.unread.is_empty() && self.broken.is_empty() && !self.waits()
    }

    /// Whether a Secret that is still to come, and is waited for, may have a login.
    fn waits(&self) -> bool {
        self.missing.iter().any(|Listed { from, .. }| matches!(from.as_str(), "own" | "spec"))
    }

    /// For `-o json`.
    pub(in crate::cli) fn json(&self) -> Value {
        let of = |Listed { name, from }: &Listed| json!({"secret": name, "from": from});
        let all = |list: &[Listed]| list.iter().map(of).collect::<Vec<_>>();
        let offered = self.offered.iter().map(
            |Offered { secret: Listed { name, from }, entry }| json!({"secret": name, "entry": entry, "from": from}),
        );
        json!({
            "offered": offered.collect::<Vec<_>>(),
            "notLookedAt": all(&self.unread),
            "missing": all(&self.missing),
            "malformed": self.broken.iter().map(|(secret, _)| of(secret)).collect::<Vec<_>>(),
            "anonymous": self.is_anonymous(),
        })
    }
}

impl std::fmt::Display for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { secret: Listed { name, from }, entry } = self;
        write!(f, "{name} (entry {entry}), {}", source(from))
    }
}

/// Where a pull secret comes from, in words.
pub(in crate::cli) fn source(from: &str) -> String {
    match from {
        "own" => "named by the step".to_owned(),
        "spec" => "named by the spec".to_owned(),
        via => format!("from {via}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::seen::{Read, Unread};

    #[allow(clippy::unnecessary_wraps, reason = "it stands beside those that were not read")]
    fn with(entries: &[&str]) -> Read<Option<PullSecret>> {
        Ok(Some(PullSecret { entries: entries.iter().map(|key| (*key).to_owned()).collect(), breaks: None }))
    }

    fn offered(listed: &[(&str, &str, Read<Option<PullSecret>>)]) -> Offer {
        let names: Vec<Listed> =
            listed.iter().map(|(name, from, _)| Listed { name: (*name).into(), from: (*from).into() }).collect();
        let files = listed.iter().map(|(name, _, read)| ((*name).to_owned(), read.clone())).collect();
        offer("registry.example.com/vision/edges:1.4", &names, &files)
    }

    #[test]
    fn the_entry_is_the_kubelets_and_says_where_it_is_from() {
        let good = || with(&["registry.example.com", "other.example.com"]);
        for (listed, expected) in [
            (&[][..], "anonymous: no pull secret is attached (the node may have a login of its own)"),
            (&[("regcred", "own", good())], "with Secret regcred (entry registry.example.com), named by the step"),
            (
                &[("a", "spec", good()), ("b", "registry/b", with(&["registry.example.com/vision"]))],
                "first with Secret b (entry registry.example.com/vision), from registry/b, then a (entry registry.example.com), named by the spec",
            ),
            (
                &[("a", "spec", good()), ("b", "clusterregistry/b", good())],
                "first with Secret a (entry registry.example.com), named by the spec, then b (entry registry.example.com), from clusterregistry/b",
            ),
            (&[("a", "own", Ok(None))], "waits for Secret a, in which a login may be"),
            (&[("a", "own", with(&["elsewhere.test"]))], "anonymous: no entry of a is for registry.example.com"),
            (
                &[("a", "own", Err(Unread::Forbidden)), ("b", "own", good())],
                "with Secret b (entry registry.example.com), named by the step; what is in a was not looked at: you may not get it",
            ),
            (
                &[("a", "own", Err(Unread::Forbidden))],
                "pull secrets: a; what is in a was not looked at: you may not get it",
            ),
        ] {
            assert_eq!(offered(listed).said(), expected, "{listed:?}");
        }
    }

    #[test]
    fn one_that_is_gone_or_broken_is_told() {
        let offer = offered(&[("gone", "own", Ok(None)), ("regcred", "own", with(&["registry.example.com"]))]);
        assert_eq!((offer.missing.len(), offer.offered.len()), (1, 1));
        let broken = PullSecret { entries: Vec::new(), breaks: Some(Fault::AuthNoColon) };
        let offer = offered(&[("regcred", "own", Ok(Some(broken))), ("b", "own", with(&["registry.example.com"]))]);
        assert!(offer.said().starts_with("is not pulled: regcred"), "{}", offer.said());
        assert_eq!(offer.json()["anonymous"], false);
    }
}
