//! Which Pipelines a command is about: names, a label selector, or all of the namespace.

use clap::Args;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::connect::{Connection, NamespaceArg};
use super::error::Error;
use crate::controller::object::WirePipeline;
use crate::model::managed_by;

/// How a Pipeline is called in what commands print, as kubectl does.
pub(super) const KIND: &str = "pipeline.lockgate.dev";

/// Names, or a way to find them.
#[derive(Args, Debug)]
pub(super) struct SelectArgs {
    /// The names of the Pipelines.
    #[arg(value_name = "NAME", required_unless_present_any = ["selector", "all"])]
    names: Vec<String>,

    /// Those with these labels, as in app=edges,team!=b.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with_all = ["names", "all"])]
    selector: Option<String>,

    /// All Pipelines of the namespace.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

/// Pipelines of one namespace.
pub(super) struct Selected {
    /// Speaks of that namespace.
    pub api: Api<WirePipeline>,
    /// Its name.
    pub namespace: String,
    /// What was found, or why a name was not.
    pub found: Vec<Result<WirePipeline, Error>>,
}

impl SelectArgs {
    /// Reads them. A name that is not there is no reason to leave the others alone.
    pub(super) async fn read(&self, connection: &Connection, namespace: &NamespaceArg) -> Result<Selected, Error> {
        let namespace = connection.namespace(namespace);
        let api: Api<WirePipeline> = Api::namespaced(connection.client.clone(), &namespace);
        let mut found = Vec::new();
        if self.names.is_empty() {
            let those = self.selector.as_ref().map_or_else(ListParams::default, |l| ListParams::default().labels(l));
            found.extend(api.list(&those).await?.items.into_iter().map(Ok));
        }
        for name in &self.names {
            found.push(get(&api, &namespace, name).await);
        }
        Ok(Selected { api, namespace, found })
    }
}

/// One Pipeline.
pub(super) async fn get(api: &Api<WirePipeline>, namespace: &str, name: &str) -> Result<WirePipeline, Error> {
    api.get_opt(name).await?.ok_or_else(|| {
        Error::NotFound(format!(
            "there is no Pipeline {name} in namespace {namespace}: kubectl get lgp -n {namespace} lists those that are"
        ))
    })
}

/// The tool that has the Pipeline from elsewhere and may set back what is changed here.
pub(super) fn managed_by(pipeline: &WirePipeline) -> Option<&'static str> {
    managed_by::tool(Some(pipeline.labels()), Some(pipeline.annotations()))
}
