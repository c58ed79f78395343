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
    /// A key that the Secret in the same files does not have.
    SecretKeyMissing,
    /// A pull secret of a type that the kubelet skips.
    PullSecretType,
}

impl Rule {
    /// All of them, in the order of the docs.
    pub(super) const ALL: [Self; 10] = [
        Self::NotReadable,
        Self::UnknownField,
        Self::InvalidField,
        Self::LiteralCredential,
        Self::TemplateToken,
        Self::FloatingTag,
        Self::HiddenDirectory,
        Self::MountedTwice,
        Self::SecretKeyMissing,
        Self::PullSecretType,
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
            Self::SecretKeyMissing => "secret-key-missing",
            Self::PullSecretType => "pull-secret-type",
        }
    }

    /// What it finds, in one sentence.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::NotReadable => "The file is no YAML or JSON that kubectl reads.",
            Self::UnknownField => "A Pipeline has a field that the API server does not know.",
            Self::InvalidField => "A field of a Pipeline is not what its schema and its rules ask for.",
            Self::LiteralCredential => "What looks like a credential stands in a Pipeline as text.",
            Self::TemplateToken => "The name of an image holds what a template should have replaced.",
            Self::FloatingTag => "The tag of an image does not say which image it is.",
            Self::HiddenDirectory => "A mount hides a directory that the image itself needs.",
            Self::MountedTwice => "The same Secret is mounted twice at the same place.",
            Self::SecretKeyMissing => "A Secret in the same files does not have the key that a Pipeline names.",
            Self::PullSecretType => "A Secret in the same files is no pull secret, and the kubelet would skip it.",
        }
    }
}
