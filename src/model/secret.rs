//! What is known of a Secret without its values.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

/// The types that the kubelet takes credentials from; it skips others in silence
/// (`pkg/credentialprovider/secrets/secrets.go`).
pub const PULL_SECRET_TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// A Secret as the API server describes it without its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFacts {
    /// Which object it is: a Secret that is made anew has another.
    pub uid: String,
    /// Which version of it.
    pub resource_version: String,
    /// Its type, as in `kubernetes.io/dockerconfigjson`.
    pub type_: String,
    /// Its keys.
    pub keys: Keys,
}

/// The names of a Secret's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// These and no others.
    Known(BTreeSet<String>),
    /// Only their number: `managedFields` are gone, or name other than what is there.
    Unknown {
        /// How many keys there are.
        count: usize,
    },
}

/// What the operator knows of a Secret that is named somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKnowledge {
    /// It is there.
    Present(SecretFacts),
    /// There is none of that name.
    Absent,
    /// The API server answers 403. That is never "missing", and no event announces its end.
    Forbidden {
        /// When it is read again.
        retry_at: Timestamp,
    },
    /// It could not be read.
    Unread {
        /// Why, without the server's own words.
        why: String,
        /// When it is read again.
        retry_at: Timestamp,
    },
}

/// What the operator knows of a ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountKnowledge {
    /// It is there and lists these pull secrets.
    Present {
        /// Their names, in the account's order.
        pull_secrets: Vec<String>,
    },
    /// There is none of that name.
    Absent,
}
