//! A pull Secret that copies are made of: which of its entries are for a host, and which of those the kubelet could use.

use std::fmt;

use crate::model::registry::{Fault, Gravity, Host, Key};
use crate::values::{Form, Login, PullEntry, PullFile, SecretValue};

/// What is known of a Secret of a source namespace. Without `Debug`: it holds values.
#[derive(Clone)]
pub(in crate::projector) enum Source {
    /// A pull secret.
    Pull(PullSource),
    /// A Secret of another type, of which nothing else was asked for.
    OtherType,
}

/// A pull secret, taken apart once when it was read.
#[derive(Clone)]
pub(in crate::projector) struct PullSource {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
    entries: Vec<Entry>,
    bad: Vec<Bad>,
    /// What is wrong with the file as a whole.
    file: Option<Fault>,
}

/// An entry that the kubelet can use. Without `Debug`: it holds a login.
#[derive(Clone)]
pub(super) struct Entry {
    /// As it is written.
    pub key: String,
    /// Which images it is for.
    pub target: Target,
    /// User and password.
    pub user: SecretValue,
    /// See `user`.
    pub password: SecretValue,
}

/// Which images an entry is for: a host, and what the repositories there begin with. Two entries with equal ones are for the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    host: Host,
    path: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, self.path)
    }
}

impl Target {
    /// What a key is for; `None`: not for one host alone.
    pub fn of(key: &str) -> Option<Self> {
        let host = Host::of_key(key)?;
        let key = Key::parse(key)?;
        let path = key.as_str().strip_prefix(key.host()).unwrap_or_default().to_owned();
        Some(Self { host, path })
    }
}

/// An entry that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Which images it is for. What may stand before an `@` in its key is a login, and is not told.
    pub target: Target,
    /// Why.
    pub fault: Fault,
}

/// What a source has for a host.
pub(super) enum Found<'a> {
    /// These entries, and these that are left out; at least one of either.
    Entries(Vec<&'a Entry>, Vec<&'a Bad>),
    /// Nothing; what may be wrong with the file.
    Nothing(Option<Fault>),
    /// The file cannot be read at all.
    Broken(Fault),
}

impl PullSource {
    /// Takes a file apart; `None` where the Secret lacks the key that its type demands, which the API server allows nowhere.
    pub fn read(uid: String, resource_version: String, form: Form, file: &SecretValue) -> Self {
        let PullFile { entries, faults, .. } = PullFile::read(form, file.expose());
        let mut source =
            Self { uid, resource_version, entries: Vec::new(), bad: Vec::new(), file: faults.first().copied() };
        for entry in entries {
            source.add(entry);
        }
        source
    }

    fn add(&mut self, entry: PullEntry) {
        // What is for no host, or for many, is nobody's here.
        let Some(target) = Target::of(&entry.key) else { return };
        let harmful = entry.faults.iter().find(|fault| fault.gravity() > Gravity::Doubtful);
        match (entry.login, harmful) {
            (Some(Login { user, password }), None) => {
                self.entries.push(Entry { key: entry.key, target, user, password });
            }
            (_, fault) => {
                let fault = fault.copied().unwrap_or(Fault::EntryShape);
                self.bad.push(Bad { target, fault });
            }
        }
    }

    /// What it has for this host, and for no other.
    pub(super) fn of_host(&self, host: &Host) -> Found<'_> {
        let entries: Vec<&Entry> = self.entries.iter().filter(|entry| entry.target.host == *host).collect();
        let bad: Vec<&Bad> = self.bad.iter().filter(|bad| bad.target.host == *host).collect();
        match self.file {
            Some(fault) if fault.gravity() == Gravity::Breaks => Found::Broken(fault),
            file if entries.is_empty() && bad.is_empty() => Found::Nothing(file),
            _ => Found::Entries(entries, bad),
        }
    }
}
