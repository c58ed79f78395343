//! What a Secret's values come to: sizes, and whether the kubelet can use each login of a pull secret. No value leaves this file.

use std::collections::BTreeMap;
use std::io::{self, Write};

use http::StatusCode;
use kube::Client;
use serde_json::{Map, Value, json};

use super::describe::field;
use super::row::SecretRow;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::{self, Form, PullFile};
use crate::model::registry::{Fault, Gravity};

/// What was read.
pub(in crate::cli) enum Content {
    /// The values were read.
    Read {
        /// Bytes of each key, where they were asked for.
        sizes: Option<BTreeMap<String, usize>>,
        /// Whether its data may never change.
        immutable: bool,
        /// Of a pull secret: what the kubelet finds in it.
        logins: Option<Logins>,
    },
    /// The API server refuses to show them; its words.
    Refused(String),
    /// It was deleted since it was listed.
    Gone,
}

/// The file of a pull secret.
pub(in crate::cli) struct Logins {
    /// What is wrong with the file.
    faults: Vec<Fault>,
    /// Its entries: the registry as it is written, and what is wrong with it.
    entries: Vec<(String, Vec<Fault>)>,
}

/// Whether something can be said of it that only its values tell.
pub(in crate::cli) fn looks_inside(row: &SecretRow) -> bool {
    Form::of_type(&row.type_).is_some()
}

/// Reads the values with the caller's rights, keeps what they come to and drops them.
pub(in crate::cli) async fn read(client: &Client, row: &SecretRow, with_sizes: bool) -> Result<Content, Error> {
    let secret = match values::read(client, &row.namespace, &row.name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => return Ok(Content::Gone),
        Err(Error::Client(kube::Error::Api(status))) if status.code == StatusCode::FORBIDDEN.as_u16() => {
            return Ok(Content::Refused(status.message));
        }
        Err(error) => return Err(error),
    };
    let sizes =
        with_sizes.then(|| secret.data.iter().map(|(key, value)| (key.clone(), value.expose().len())).collect());
    let file = Form::of_type(&secret.type_).and_then(|form| Some((form, secret.data.get(form.key())?)));
    let logins = file.map(|(form, value)| Logins::of(PullFile::read(form, value.expose())));
    Ok(Content::Read { sizes, immutable: secret.immutable, logins })
}

impl Logins {
    fn of(file: PullFile) -> Self {
        let entries = file.entries.into_iter().map(|entry| (entry.key, entry.faults)).collect();
        Self { faults: file.faults, entries }
    }
}

impl Content {
    /// Bytes of each key, where they were asked for and could be read.
    pub(in crate::cli) fn sizes(&self) -> Option<&BTreeMap<String, usize>> {
        match self {
            Self::Read { sizes, .. } => sizes.as_ref(),
            Self::Refused(_) | Self::Gone => None,
        }
    }

    /// Whether its data may never change, where that was read.
    pub(in crate::cli) fn immutable(&self) -> Option<bool> {
        match self {
            Self::Read { immutable, .. } => Some(*immutable),
            Self::Refused(_) | Self::Gone => None,
        }
    }

    /// The entries of a pull secret that was read: the registry as it is written, and what is wrong with it.
    pub(in crate::cli) fn entries(&self) -> Option<&[(String, Vec<Fault>)]> {
        match self {
            Self::Read { logins: Some(logins), .. } => Some(&logins.entries),
            Self::Read { logins: None, .. } | Self::Refused(_) | Self::Gone => None,
        }
    }

    /// For people.
    pub(in crate::cli) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let logins = match self {
            Self::Read { logins: None, .. } => return Ok(()),
            Self::Read { logins: Some(logins), .. } => logins,
            Self::Refused(words) => return field(out, "Values", &format!("not read: you may not get it ({words})")),
            Self::Gone => return field(out, "Values", "not read: it was deleted in this moment"),
        };
        writeln!(out, "Registries:")?;
        for fault in &logins.faults {
            writeln!(out, "  the file {}: {}", fault.message(), fault.fix())?;
        }
        for (registry, faults) in &logins.entries {
            writeln!(out, "  {:<30}  {}", printable(registry), verdict(faults))?;
            for fault in faults {
                writeln!(out, "    it {}: {}", fault.message(), fault.fix())?;
            }
        }
        Ok(())
    }

    /// Fields of `-o json`.
    pub(in crate::cli) fn json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(sizes) = self.sizes() {
            fields.insert("sizes".into(), json!(sizes));
        }
        match self {
            Self::Read { logins: Some(logins), .. } => {
                let entry = |(registry, faults): &(String, Vec<Fault>)| json!({"registry": registry, "usable": is_usable(faults), "findings": findings(faults)});
                let entries: Vec<Value> = logins.entries.iter().map(entry).collect();
                fields.insert("registries".into(), json!(entries));
                fields.insert("findings".into(), findings(&logins.faults));
            }
            Self::Read { logins: None, .. } => {}
            Self::Refused(words) => {
                fields.insert("notRead".into(), json!(words));
            }
            Self::Gone => {
                fields.insert("notRead".into(), json!("it was deleted in this moment"));
            }
        }
        fields
    }
}

/// Whether the kubelet sends the login of an entry with these faults.
pub(in crate::cli) fn is_usable(faults: &[Fault]) -> bool {
    faults.iter().all(|fault| fault.gravity() == Gravity::Doubtful)
}

/// What the kubelet makes of an entry.
fn verdict(faults: &[Fault]) -> &'static str {
    match faults.iter().map(|fault| fault.gravity()).max() {
        None => "the kubelet can use it",
        Some(Gravity::Doubtful) => "the kubelet can use it; look at",
        Some(Gravity::Useless) => "of no use",
        Some(Gravity::Breaks) => "no image can be pulled with this Secret",
    }
}

fn findings(faults: &[Fault]) -> Value {
    faults.iter().map(|fault| json!({"id": fault.as_str(), "message": fault.message(), "fix": fault.fix()})).collect()
}
