//! What is known of a Secret without its values.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::civil::Date;

/// Label of a Secret: the day on which what it holds ceases to be good, as `YYYY-MM-DD`.
pub const EXPIRES_ON_LABEL: &str = "lockgate.dev/expires-on";

/// The types that the kubelet takes credentials from; it skips others in silence
/// (`pkg/credentialprovider/secrets/secrets.go`).
pub const PULL_SECRET_TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// The type of the Secrets in which Helm keeps the revisions of a release: many, and nobody's to name.
pub const HELM_RELEASE_TYPE: &str = "helm.sh/release.v1";

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
    /// When its data was last written, in whole seconds; `None`: its `managedFields` do not say.
    ///
    /// A label that the data's own manager sets moves this time as well: `managedFields` have one time for each manager.
    pub data_changed_at: Option<Timestamp>,
    /// Whether somebody who wrote no data has written to it since: a label, an annotation.
    pub touched_since: bool,
    /// What its label [`EXPIRES_ON_LABEL`] says, if it has one.
    pub expires_on: Option<Expiry>,
}

/// What a Secret's label says of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It is good through this day, in UTC.
    On(Date),
    /// The label's text is no date. The text itself is not kept: nobody checks what people write there.
    NoDate,
}

impl Expiry {
    /// Reads the label's text: `YYYY-MM-DD` and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let written = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        text.parse().ok().filter(|_| written).map_or(Self::NoDate, Self::On)
    }
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

/// What the installation lets the operator see of Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAccess {
    /// Their metadata.
    Metadata,
    /// Nothing: no Secret is watched or read, and none holds a Pod back.
    None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::civil::date;

    #[test]
    fn only_a_whole_date_is_a_date() {
        assert_eq!(Expiry::parse("2027-02-28"), Expiry::On(date(2027, 2, 28)));
        let others = ["", "2027-02-29", "2027-2-28", "28.02.2027", "20270228", "2027-02-28T00:00:00Z", "-002027-02-28"];
        for text in others {
            assert_eq!(Expiry::parse(text), Expiry::NoDate, "{text}");
        }
    }
}
