//! What is looked for: one stable name each, with a heading in docs/check.md.

/// A rule. Its name is what people filter by, and is never used for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    /// The file cannot be read as kubectl reads it.
    NotReadable,
    /// A field that the API server does not know.
    UnknownField,
    /// Whatever else the schema or a rule of it refuses.
    InvalidField,
    /// A credential as text.
    LiteralCredential,
    /// An image with what a template should have replaced.
    TemplateToken,
    /// An image whose tag is moved.
    FloatingTag,
    /// A mount over a directory of the image.
    HiddenDirectory,
    /// One Secret at one place, twice.
    MountedTwice,
    /// An expression of an input that is none, or is too large.
    InputExpression,
    /// An expression of an input that names a Secret which the input does not list.
    InputSecretUnknown,
    /// A key that the Secret in the same files does not have.
    SecretKeyMissing,
    /// A pull secret of a type that the kubelet skips.
    PullSecretType,
    /// Live: the cluster knows no Pipelines.
    NotServed,
    /// Live: this user may not make it.
    MayNotCreate,
    /// Live: the API server would not take it.
    ServerRefuses,
    /// Live: something that it names is not there.
    ReferenceNotThere,
    /// Live: a pull secret that the kubelet cannot read.
    PullSecretMalformed,
    /// Live: an entry of a pull secret that is of no use, or doubtful.
    PullSecretEntry,
    /// Live: pull secrets without a login for an image.
    NoLogin,
    /// Live: what an image is pulled with.
    LoginOffered,
    /// Live: what this user may not look at.
    NotLookedAt,
}

impl Rule {
    /// All of them, in the order of the docs.
    pub(super) const ALL: [Self; 21] = [
        Self::NotReadable,
        Self::UnknownField,
        Self::InvalidField,
        Self::LiteralCredential,
        Self::TemplateToken,
        Self::FloatingTag,
        Self::HiddenDirectory,
        Self::MountedTwice,
        Self::InputExpression,
        Self::InputSecretUnknown,
        Self::SecretKeyMissing,
        Self::PullSecretType,
        Self::NotServed,
        Self::MayNotCreate,
        Self::ServerRefuses,
        Self::ReferenceNotThere,
        Self::PullSecretMalformed,
        Self::PullSecretEntry,
        Self::NoLogin,
        Self::LoginOffered,
        Self::NotLookedAt,
    ];

    /// Its name: the heading in the docs, and the id in SARIF.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::NotReadable => "not-readable",
            Self::UnknownField => "unknown-field",
            Self::InvalidField => "invalid-field",
            Self::LiteralCredential => "literal-credential",
            Self::TemplateToken => "template-token",
            Self::FloatingTag => "floating-tag",
            Self::HiddenDirectory => "hidden-directory",
            Self::MountedTwice => "mounted-twice",
            Self::InputExpression => "input-expression",
            Self::InputSecretUnknown => "input-secret-unknown",
            Self::SecretKeyMissing => "secret-key-missing",
            Self::PullSecretType => "pull-secret-type",
            Self::NotServed => "not-served",
            Self::MayNotCreate => "may-not-create",
            Self::ServerRefuses => "server-refuses",
            Self::ReferenceNotThere => "reference-not-there",
            Self::PullSecretMalformed => "pull-secret-malformed",
            Self::PullSecretEntry => "pull-secret-entry",
            Self::NoLogin => "no-login",
            Self::LoginOffered => "login-offered",
            Self::NotLookedAt => "not-looked-at",
        }
    }

    /// What it finds, in one sentence.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::NotReadable => "The file is no YAML or JSON that kubectl reads.",
            Self::UnknownField => "A Pipeline or a Registry has a field that the API server does not know.",
            Self::InvalidField => "A field of a Pipeline or a Registry is not what its schema and its rules ask for.",
            Self::LiteralCredential => "What looks like a credential stands in a Pipeline as text.",
            Self::TemplateToken => "The name of an image holds what a template should have replaced.",
            Self::FloatingTag => "The tag of an image does not say which image it is.",
            Self::HiddenDirectory => "A mount hides a directory that the image itself needs.",
            Self::MountedTwice => "The same Secret is mounted twice at the same place.",
            Self::InputExpression => "An expression of an input is none of jq, or is too large.",
            Self::InputSecretUnknown => "An expression of an input names a Secret that the input does not list.",
            Self::SecretKeyMissing => "A Secret in the same files does not have the key that a Pipeline names.",
            Self::PullSecretType => "A Secret in the same files is no pull secret, and the kubelet would skip it.",
            Self::NotServed => "The cluster knows no Pipelines.",
            Self::MayNotCreate => "You may not create this Pipeline in its namespace.",
            Self::ServerRefuses => "The API server would refuse the Pipeline.",
            Self::ReferenceNotThere => "What a Pipeline names is not in the cluster now, or is not as it is needed.",
            Self::PullSecretMalformed => "The kubelet cannot read a pull Secret, and pulls no image of the Pod.",
            Self::PullSecretEntry => {
                "An entry of a pull Secret is of no use for the image that it is for, or is doubtful."
            }
            Self::NoLogin => "No pull Secret has a login for an image.",
            Self::LoginOffered => "Which login the kubelet offers for an image.",
            Self::NotLookedAt => "Something could not be looked at.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_has_a_heading_for_every_rule_and_no_other() {
        let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.md")).unwrap();
        let section = |title: &str| {
            let (_, rest) = page.split_once(&format!("\n## {title}\n")).unwrap();
            rest.split("\n## ").next().unwrap()
        };
        let lines = ["Findings", "With a cluster"].into_iter().flat_map(|title| section(title).lines());
        let headings: Vec<&str> = lines.filter_map(|line| line.strip_prefix("### ")).collect();
        let ids: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert_eq!(headings, ids);
    }

    #[test]
    fn every_rule_is_in_the_list_and_has_a_name_of_its_own() {
        let ids: std::collections::BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
        for (index, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, index, "{rule:?}");
        }
    }
}
