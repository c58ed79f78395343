//! A Secret and who uses it, as commands show it: cells of a table, and the object of `-o json`.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::row::SecretRow;
use crate::cli::ages;
use crate::cli::users::{Index, Namer, User, Users};
use crate::model::secret::Keys;

const UNKNOWN: &str = "<unknown>";
const NONE: &str = "<none>";
const MISSING: &str = "<missing>";

/// How many columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// pachctl's three.
    Plain,
    /// With what else is known.
    Wide,
}

/// A Secret, or a name that Pipelines use.
#[derive(Debug)]
pub(super) struct Shown {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What the API server says of it; `None`: there is none of that name.
    pub row: Option<SecretRow>,
    /// Who uses it; `None`: not known.
    pub users: Option<Vec<User>>,
    /// The Registries that name it, as far as they are known.
    pub namers: Vec<Namer>,
}

/// The headings of a table.
pub(super) fn header(in_all: bool, detail: Detail) -> Vec<&'static str> {
    let mut header = if in_all { vec!["NAMESPACE"] } else { Vec::new() };
    header.extend(["NAME", "TYPE", "CREATED"]);
    if detail == Detail::Wide {
        header.extend(["DATA", "AGE", "KEYS", "USED-BY"]);
    }
    header
}

impl Shown {
    /// One that is there.
    pub(super) fn of(row: SecretRow, users: Option<&Users>) -> Self {
        let namers = users.map(|users| users.namers(&row.namespace, &row.name).to_vec()).unwrap_or_default();
        let users = users.and_then(|users| users.of(&row.namespace, &row.name)).map(<[User]>::to_vec);
        Self { namespace: row.namespace.clone(), name: row.name.clone(), row: Some(row), users, namers }
    }

    /// One that is used and does not exist.
    pub(super) fn missing(namespace: &str, name: &str, index: &Index) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            row: None,
            users: Some(index.of(namespace, name).to_vec()),
            namers: index.namers(namespace, name).to_vec(),
        }
    }

    /// Whether somebody is known to use it.
    pub(super) fn is_used(&self) -> bool {
        self.users.as_ref().is_some_and(|users| !users.is_empty()) || !self.namers.is_empty()
    }

    /// Its line of a table.
    pub(super) fn cells(&self, in_all: bool, detail: Detail, now: Timestamp) -> Vec<String> {
        let mut cells = if in_all { vec![self.namespace.clone()] } else { Vec::new() };
        cells.push(self.name.clone());
        let since = self.row.as_ref().map(|row| now.duration_since(row.created));
        cells.push(self.row.as_ref().map_or(MISSING.to_owned(), |row| row.type_.clone()));
        cells.push(since.map_or(NONE.to_owned(), ages::ago));
        if detail == Detail::Wide {
            cells.push(self.row.as_ref().map_or(NONE.to_owned(), |row| row.count.to_string()));
            cells.push(since.map_or(NONE.to_owned(), ages::age));
            cells.push(self.keys());
            cells.push(self.used_by());
        }
        cells
    }

    fn keys(&self) -> String {
        match self.row.as_ref().map(|row| &row.keys) {
            Some(Keys::Known(keys)) if !keys.is_empty() => {
                keys.iter().map(String::as_str).collect::<Vec<_>>().join(",")
            }
            Some(Keys::Known(_)) | None => NONE.to_owned(),
            Some(Keys::Unknown { .. }) => UNKNOWN.to_owned(),
        }
    }

    fn used_by(&self) -> String {
        match &self.users {
            None => UNKNOWN.to_owned(),
            Some(_) if !self.is_used() => NONE.to_owned(),
            Some(users) => {
                let pipelines = users.iter().map(|user| user.pipeline.clone());
                pipelines.chain(self.namers.iter().map(Namer::via)).collect::<Vec<_>>().join(",")
            }
        }
    }

    /// For `-o json`. What is not known is null, and so is what a Secret that does not exist cannot have.
    pub(super) fn json(&self) -> Value {
        let row = self.row.as_ref();
        let keys = match row.map(|row| &row.keys) {
            Some(Keys::Known(keys)) => Some(keys),
            Some(Keys::Unknown { .. }) | None => None,
        };
        json!({
            "namespace": self.namespace,
            "name": self.name,
            "exists": row.is_some(),
            "type": row.map(|row| &row.type_),
            "created": row.map(|row| row.created.to_string()),
            "data": row.map(|row| row.count),
            "keys": keys,
            "labels": row.map(|row| &row.labels),
            "owners": row.map(|row| &row.owners),
            "managedBy": row.and_then(|row| row.managed_by),
            "usedBy": self.users.as_ref().map(|users| users.iter().map(User::json).collect::<Vec<_>>()),
            "usedByRegistries": self.users.as_ref().map(|_| self.namers.iter().map(Namer::json).collect::<Vec<_>>()),
        })
    }
}
