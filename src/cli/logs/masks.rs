//! The values that `--mask` looks for: those of the Secrets that the Pipeline's Pods have, read with the user's own rights.
//! Where a value cannot be read, nothing is printed.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;

use super::choose::{Source, secrets_of};
use crate::api::pipeline::Pipeline;
use crate::cli::error::Error;
use crate::cli::values::{self, Patterns, Secret};

/// The Secrets that were read.
pub(super) struct Masks {
    /// By name; `None`: there is none.
    read: BTreeMap<String, Option<Secret>>,
    /// What is looked for.
    pub patterns: Patterns,
}

/// The Secrets of all of the Pipeline's Pods, and those that status names.
pub(super) fn names(pipeline: &Pipeline, pods: &[Pod]) -> BTreeSet<String> {
    let rows = pipeline.status.iter().flat_map(|status| &status.references);
    let named = rows.filter(|row| row.kind.is_none()).map(|row| row.name.clone());
    pods.iter().flat_map(secrets_of).chain(named).collect()
}

impl Masks {
    /// Reads them all.
    pub(super) async fn read(client: &Client, namespace: &str, names: BTreeSet<String>) -> Result<Self, Error> {
        let mut read = BTreeMap::new();
        for name in names {
            let secret = values::read(client, namespace, &name).await.map_err(|error| refused(&name, &error))?;
            read.insert(name, secret);
        }
        let found = read.values().flatten().flat_map(|secret| secret.data.values());
        Ok(Self { patterns: Patterns::of(found)?, read })
    }

    /// Whether all of these were read.
    pub(super) fn have(&self, names: &BTreeSet<String>) -> bool {
        names.iter().all(|name| self.read.contains_key(name))
    }

    /// Refuses a Pod that was made with values that are not those that were read.
    pub(super) fn fit(&self, source: &Source) -> Result<(), Error> {
        for (name, version) in &source.started_with {
            let now = self.read.get(name).and_then(Option::as_ref).map(|secret| &secret.metadata.resource_version);
            if now != Some(version) {
                let pod = &source.pod;
                let what = if now.is_some() { "has changed" } else { "is gone" };
                return Err(Error::Findings(format!(
                    "Secret {name} {what} since Pod {pod} was made, which may have printed the value of then, and that cannot be read any more: --mask-current masks the values of now all the same"
                )));
            }
        }
        Ok(())
    }

    /// What is not masked though it is a value.
    pub(super) fn note(&self) -> Option<String> {
        let short = self.patterns.short;
        (short > 0).then(|| {
            let values = if short == 1 { "1 value is".to_owned() } else { format!("{short} values are") };
            format!("{values} shorter than {} characters and not masked", Patterns::SHORTEST)
        })
    }
}

fn refused(name: &str, error: &Error) -> Error {
    let text = format!(
        "Secret {name} cannot be read, so that its values could not be masked, and nothing is printed: {error}"
    );
    match error.exit_code() {
        crate::cli::error::exit::CLUSTER => Error::Refused(text),
        _ => Error::Findings(text),
    }
}
