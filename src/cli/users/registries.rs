//! Registries that name a pull Secret, and Pipelines with images of a host.

use std::collections::BTreeMap;
use std::fmt;

use kube::Client;
use serde_json::{Value, json};

use crate::cli::error::Error;
use crate::cli::registry::seen::{self, Row, kind_word};
use crate::model::attached::host_of;
use crate::model::registry::Host;
use crate::model::world::RegistryKind;

/// A Registry or a `ClusterRegistry` that names a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Namer {
    /// Which of the two.
    pub kind: RegistryKind,
    /// Its name.
    pub name: String,
    /// As it is written.
    pub host: String,
}

impl Namer {
    /// As `status.references[].via` has it: `registry/NAME`.
    pub(in crate::cli) fn via(&self) -> String {
        self.kind.via(&self.name)
    }

    /// For `-o json`.
    pub(in crate::cli) fn json(&self) -> Value {
        json!({"kind": kind_word(self.kind), "name": self.name, "host": self.host})
    }
}

impl fmt::Display for Namer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: for images of {}", self.via(), self.host)
    }
}

/// Who names which Secret, by its namespace and name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Namers {
    by_secret: BTreeMap<(String, String), Vec<Namer>>,
    /// Why Registries are not known; `None`: they are.
    pub(super) unknown: Option<String>,
    /// The same of `ClusterRegistries`.
    pub(super) cluster_unknown: Option<String>,
}

impl Namers {
    /// Asks for both kinds, as far as they name Secrets of a namespace, or of all. One that is not served names nothing.
    pub(super) async fn read(client: &Client, namespace: Option<&str>) -> Result<Self, Error> {
        let (own, of_all) = tokio::try_join!(seen::registries(client, namespace), seen::cluster_registries(client))?;
        let (unknown, cluster_unknown) = (own.forbidden(), of_all.forbidden());
        let mut namers = Self { unknown, cluster_unknown, ..Self::default() };
        let rows = own.known().into_iter().chain(of_all.known()).flatten();
        namers.add(rows.filter(|row| namespace.is_none_or(|namespace| row.secret_namespace == namespace)));
        Ok(namers)
    }

    fn add(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            let namer = Namer { kind: row.kind, name: row.name, host: row.host };
            self.by_secret.entry((row.secret_namespace, row.secret)).or_default().push(namer);
        }
    }

    /// Those that name this Secret.
    pub(super) fn get(&self, namespace: &str, secret: &str) -> &[Namer] {
        self.by_secret.get(&(namespace.to_owned(), secret.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The Secrets that are named.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &(String, String)> {
        self.by_secret.keys()
    }
}

/// An image of a Pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ImageUse {
    /// The Pipeline's namespace.
    pub namespace: String,
    /// The Pipeline.
    pub pipeline: String,
    /// The step; `main` for a `transform`.
    pub step: String,
    /// The image as it is written.
    pub image: String,
    /// What status says that this step's Pods get their pull secrets from, besides those that the Pipeline names.
    pub via: Vec<String>,
}

impl ImageUse {
    /// Where it is pulled from.
    pub(in crate::cli) fn host(&self) -> Option<Host> {
        host_of(&self.image)
    }

    /// For `-o json`.
    pub(in crate::cli) fn json(&self) -> Value {
        json!({"namespace": self.namespace, "pipeline": self.pipeline, "step": self.step, "image": self.image})
    }
}
