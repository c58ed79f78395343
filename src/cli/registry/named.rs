//! Which object a word of the command line means: `harbor`, `clusterregistry/harbor`, `secret/regcred`.

use kube::Client;

use super::seen::{self, Row, Seen};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::model::names::is_dns_subdomain;
use crate::model::world::RegistryKind;

/// A kind, if one was said, and a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Named {
    kind: Option<Kind>,
    /// The name.
    pub name: String,
}

/// What may stand before the `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Registry,
    ClusterRegistry,
    Secret,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        match word.strip_suffix(".lockgate.dev").unwrap_or(word) {
            "registry" | "registries" | "lgr" => Some(Self::Registry),
            "clusterregistry" | "clusterregistries" | "lgcr" => Some(Self::ClusterRegistry),
            "secret" | "secrets" => Some(Self::Secret),
            _ => None,
        }
    }
}

/// A Registry of either kind, as an argument.
pub(in crate::cli) fn registry(text: &str) -> Result<Named, &'static str> {
    let wrong = "give the name of a Registry, or registry/NAME or clusterregistry/NAME: lower-case letters, digits, '-' and '.'";
    parse(text).filter(|named| named.kind != Some(Kind::Secret)).ok_or(wrong)
}

/// The same or a Secret, as an argument.
pub(in crate::cli) fn registry_or_secret(text: &str) -> Result<Named, &'static str> {
    parse(text).ok_or(
        "give the name of a Registry or of a Secret, or registry/NAME, clusterregistry/NAME or secret/NAME: lower-case letters, digits, '-' and '.'",
    )
}

fn parse(text: &str) -> Option<Named> {
    let (kind, name) = match text.split_once('/') {
        Some((word, name)) => (Some(Kind::parse(word)?), name),
        None => (None, text),
    };
    is_dns_subdomain(name).then(|| Named { kind, name: name.to_owned() })
}

impl Named {
    /// The Registry of this name: of the namespace, else the `ClusterRegistry`. An error where there is none.
    pub(in crate::cli) async fn find(&self, client: &Client, namespace: &str) -> Result<Row, Error> {
        let (row, unread) = self.look(client, namespace).await?;
        row.ok_or_else(|| self.not_found(namespace, unread.as_deref()))
    }

    /// The same, where a Secret may be meant: `None` where one was said, or where there is no such Registry.
    pub(in crate::cli) async fn find_or_secret(&self, client: &Client, namespace: &str) -> Result<Option<Row>, Error> {
        match self.kind {
            Some(Kind::Secret) => Ok(None),
            Some(_) => self.find(client, namespace).await.map(Some),
            None => self.look(client, namespace).await.map(|(row, _)| row),
        }
    }

    /// What was found, and the words of a refusal to look for one of the kinds.
    async fn look(&self, client: &Client, namespace: &str) -> Result<(Option<Row>, Option<String>), Error> {
        let kinds: &[RegistryKind] = match self.kind {
            Some(Kind::Registry) => &[RegistryKind::Registry],
            Some(Kind::ClusterRegistry) => &[RegistryKind::ClusterRegistry],
            Some(Kind::Secret) | None => &[RegistryKind::Registry, RegistryKind::ClusterRegistry],
        };
        let mut unread = None;
        for kind in kinds {
            match seen::one(client, *kind, namespace, &self.name).await? {
                Seen::Known(None) => {}
                Seen::Known(Some(row)) => return Ok((Some(row), None)),
                seen if self.kind.is_some() => return seen.or_fail().map(|row| (row, None)),
                seen => unread = unread.or_else(|| seen.why()),
            }
        }
        Ok((None, unread))
    }

    /// There is no such Registry.
    fn not_found(&self, namespace: &str, unread: Option<&str>) -> Error {
        let name = &self.name;
        let what = match self.kind {
            Some(Kind::ClusterRegistry) => format!("there is no ClusterRegistry {name}"),
            Some(Kind::Registry) => format!("there is no Registry {name} in {namespace}"),
            _ => format!("there is no Registry {name} in {namespace}, and no ClusterRegistry of that name"),
        };
        let unread = unread.map(|why| format!(" that you may see ({})", printable(why))).unwrap_or_default();
        Error::NotFound(format!("{what}{unread}: lockgate registry list -n {namespace} shows those that there are"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_perhaps_with_its_kind() {
        let kind = |text: &str| parse(text).map(|named| (named.kind, named.name));
        for (text, expected) in [
            ("harbor", (None, "harbor")),
            ("registry/harbor", (Some(Kind::Registry), "harbor")),
            ("registry.lockgate.dev/harbor", (Some(Kind::Registry), "harbor")),
            ("lgcr/harbor", (Some(Kind::ClusterRegistry), "harbor")),
            ("secret/harbor", (Some(Kind::Secret), "harbor")),
        ] {
            assert_eq!(kind(text), Some((expected.0, expected.1.to_owned())), "{text}");
        }
        for none in ["", "Harbor", "registry/", "pod/harbor", "registry/a/b"] {
            assert_eq!(kind(none), None, "{none}");
        }
        assert!(registry("secret/harbor").is_err() && registry_or_secret("secret/harbor").is_ok());
    }
}
