//! The systems whose objects are read, and how each is told by its shape.

use clap::ValueEnum;
use serde_json::Value;

use super::dataos::Known;
use super::draft::Draft;
use super::source::Source;
use super::{Options, dataos, direktiv, kubernetes, pachyderm};

/// A system whose objects become Pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// Pachyderm's pipeline specs.
    Pachyderm,
    /// Pods and what makes Pods; Secrets are left out, other kinds pass through.
    Kubernetes,
    /// DataOS' services, workers, workflows and bundles; its Secrets are named.
    #[value(name = "dataos")]
    DataOs,
    /// Direktiv's workflows.
    Direktiv,
}

impl System {
    /// Whose object it is, by its shape.
    #[must_use]
    pub fn of(document: &Value) -> Option<Self> {
        let has = |name: &str| document.get(name).is_some();
        if has("apiVersion") && has("kind") {
            return Some(Self::Kubernetes);
        }
        if dataos::is_resource(document) {
            return Some(Self::DataOs);
        }
        if direktiv::is_of(document) {
            return Some(Self::Direktiv);
        }
        let is_pachyderm =
            document.pointer("/pipeline/name").is_some() || has("transform") && (has("pipeline") || has("input"));
        is_pachyderm.then_some(Self::Pachyderm)
    }

    /// Takes what it knows from the object and says what it does with it; `known` is what all the files of DataOS define.
    #[must_use]
    pub fn map(self, source: &mut Source, options: &Options, known: &Known) -> Vec<Draft> {
        match self {
            Self::Pachyderm => pachyderm::map(source, options),
            Self::Kubernetes => kubernetes::map(source, options),
            Self::DataOs => dataos::map(source, options, known),
            Self::Direktiv => direktiv::map(source, options),
        }
    }
}
