//! What is in pull secrets, read with the user's own rights; no login is kept.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use kube::Client;

use crate::cli::doctor::seen::{Read, Unread};
use crate::cli::error::Error;
use crate::cli::values::{self, Form, PullFile};
use crate::model::registry::{Fault, Gravity};

/// Pull secrets by name; `Ok(None)`: there is none of that name.
pub(in crate::cli) type Files = BTreeMap<String, Read<Option<PullSecret>>>;

/// A pull secret as far as it may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct PullSecret {
    /// The keys of its entries: hosts, perhaps with paths. Of one that is no docker config: none.
    pub entries: Vec<String>,
    /// A fault for which the kubelet pulls no image at all.
    pub breaks: Option<Fault>,
}

/// Reads these.
pub(in crate::cli) async fn files(client: &Client, namespace: &str, names: BTreeSet<String>) -> Files {
    let of = |name: String| async move {
        let found = values::read(client, namespace, &name).await;
        let found = found.map(|found| found.map(|secret| PullSecret::of(&secret))).map_err(unread);
        (name, found)
    };
    join_all(names.into_iter().map(of)).await.into_iter().collect()
}

fn unread(error: Error) -> Unread {
    match error {
        Error::Client(kube::Error::Api(status)) if status.code == 403 => Unread::Forbidden,
        Error::Client(kube::Error::Api(status)) if status.code == 401 => Unread::Unauthorized,
        error => Unread::Refused(error.to_string()),
    }
}

impl PullSecret {
    /// Reads its file as the kubelet does, and keeps no login.
    fn of(secret: &values::Secret) -> Self {
        let file = Form::of_type(&secret.type_).and_then(|form| Some((form, secret.data.get(form.key())?)));
        let Some((form, value)) = file else { return Self::default() };
        let file = PullFile::read(form, value.expose());
        let faults = file.faults.iter().chain(file.entries.iter().flat_map(|entry| &entry.faults));
        let breaks = faults.copied().find(|fault| fault.gravity() == Gravity::Breaks);
        Self { breaks, entries: file.entries.into_iter().map(|entry| entry.key).collect() }
    }
}
