//! By which credential an image is pulled: what the kubelet's own keyring offers for it. Pure.

use std::collections::BTreeMap;

use super::seen::PullSecret;
use super::way::Problem;
use crate::cli::doctor::seen::Read;
use crate::model::image::Image;
use crate::model::registry::Keyring;

/// What is offered for the image, in words; and what of it is wrong.
pub(super) fn offer(
    image: &str,
    listed: &[String],
    read: &BTreeMap<String, Read<Option<PullSecret>>>,
) -> (String, Vec<Problem>) {
    if listed.is_empty() {
        return ("no pull secret is named: asked as nobody, or with the node's own credentials".to_owned(), Vec::new());
    }
    let (mut keyring, mut problems, mut unread) = (Keyring::default(), Vec::new(), Vec::new());
    for name in listed {
        match read.get(name) {
            Some(Ok(Some(PullSecret { breaks: Some(fault), .. }))) => problems.push(Problem {
                reason: "PullSecretMalformed".to_owned(),
                said: format!("Secret {name} {}: {}", fault.message(), fault.fix()),
                command: None,
            }),
            Some(Ok(Some(secret))) => {
                for key in &secret.entries {
                    keyring.add(key, (name.as_str(), key.as_str()));
                }
            }
            Some(Ok(None)) => problems.push(Problem {
                reason: "NotFound".to_owned(),
                said: format!("pull secret {name} does not exist, and the kubelet goes on without it"),
                command: None,
            }),
            Some(Err(_)) | None => unread.push(name.as_str()),
        }
    }
    let repository = Image::parse(image).map(|image| image.repository()).unwrap_or_default();
    let found = keyring.lookup(&repository);
    let found: Vec<String> = found.iter().map(|(name, key)| format!("{name} (entry {key})")).collect();
    let not_looked_at = if unread.is_empty() {
        String::new()
    } else {
        format!("; what is in {} was not looked at: you may not get it", unread.join(", "))
    };
    let said = match found.as_slice() {
        [] if !unread.is_empty() => format!("pull secrets: {}", listed.join(", ")),
        [] => format!(
            "no entry of {} is for {}: asked as nobody",
            listed.join(", "),
            repository.split('/').next().unwrap_or_default()
        ),
        [one] => format!("with Secret {one}"),
        several => format!("with the first that the registry takes of Secrets {}", several.join(", ")),
    };
    (format!("{said}{not_looked_at}"), problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::seen::Unread;
    use crate::model::registry::Fault;

    #[allow(clippy::unnecessary_wraps, reason = "it stands beside those that were not read")]
    fn with(entries: &[&str]) -> Read<Option<PullSecret>> {
        Ok(Some(PullSecret { entries: entries.iter().map(|key| (*key).to_owned()).collect(), breaks: None }))
    }

    fn said(listed: &[(&str, Read<Option<PullSecret>>)]) -> (String, Vec<String>) {
        let names: Vec<String> = listed.iter().map(|(name, _)| (*name).to_owned()).collect();
        let read = listed.iter().map(|(name, read)| ((*name).to_owned(), read.clone())).collect();
        let (said, problems) = offer("registry.example.com/vision/edges:1.4", &names, &read);
        (said, problems.into_iter().map(|problem| problem.said).collect())
    }

    #[test]
    fn the_entry_is_the_kubelets() {
        let good = || with(&["registry.example.com", "other.example.com"]);
        for (listed, expected) in [
            (&[][..], "no pull secret is named: asked as nobody, or with the node's own credentials"),
            (&[("regcred", good())], "with Secret regcred (entry registry.example.com)"),
            (
                &[("a", good()), ("b", with(&["registry.example.com/vision"]))],
                "with the first that the registry takes of Secrets b (entry registry.example.com/vision), a (entry registry.example.com)",
            ),
            (&[("a", with(&["elsewhere.test"]))], "no entry of a is for registry.example.com: asked as nobody"),
            (
                &[("a", Err(Unread::Forbidden)), ("b", good())],
                "with Secret b (entry registry.example.com); what is in a was not looked at: you may not get it",
            ),
            (&[("a", Err(Unread::Forbidden))], "pull secrets: a; what is in a was not looked at: you may not get it"),
        ] {
            assert_eq!(said(listed), (expected.to_owned(), Vec::new()), "{listed:?}");
        }
    }

    #[test]
    fn one_that_is_gone_or_broken_is_told() {
        let (words, problems) = said(&[("gone", Ok(None)), ("regcred", with(&["registry.example.com"]))]);
        assert!(words.contains("regcred"), "{words}");
        assert_eq!(problems, ["pull secret gone does not exist, and the kubelet goes on without it"]);
        let broken = PullSecret { entries: Vec::new(), breaks: Some(Fault::AuthNoColon) };
        let (_, problems) = said(&[("regcred", Ok(Some(broken)))]);
        assert!(problems[0].contains("pulls no image of the Pod"), "{problems:?}");
    }
}
