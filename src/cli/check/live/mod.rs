//! `--live`: what only the cluster can say of a Pipeline, asked with the user's own rights. Nothing is written.
//!
//! What may not be looked at is told as a note: it is no fault of the manifest.

mod fields;
mod pulls;
mod references;
mod server;

use clap::Args;
use kube::Client;
use serde_json::Value;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::rules::Rule;
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespaceArg, namespace};
use crate::cli::error::Error;
use crate::cli::installed::{self, Installed};
use crate::cli::plan::live::look;
use crate::cli::plan::offline;
use crate::model::validate::validate;
use crate::model::work::Step;
use crate::model::world::WorkState;
use crate::plan::{References, plan};

/// Flags of `--live`.
#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// Look at the cluster, too: whether it would take each Pipeline, whether every reference is there now, and which login the kubelet
    /// would offer for each image. Needs no right to write; what you may not read is told and passed over.
    #[arg(long)]
    pub(super) live: bool,

    /// The operator's namespace: what its Deployment gives to Pods is read there.
    #[arg(long, value_name = "NAME", default_value = installed::NAMESPACE, value_parser = namespace, requires = "live")]
    operator_namespace: String,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What the cluster has to say of the Pipelines among these objects; nothing where it is not asked.
///
/// # Errors
/// The cluster cannot be asked.
pub(super) fn findings(args: &LiveArgs, objects: &[Object<'_>]) -> Result<Vec<Finding>, Error> {
    if !args.live {
        let flag = args.namespace.namespace.as_ref().map(|_| Error::Usage("-n is for --live: give that, too".into()));
        return flag.map_or(Ok(Vec::new()), Err);
    }
    block_on(async {
        let connection = args.cluster.connect().await?;
        let default_namespace = connection.namespace(&args.namespace);
        let operator = installed::deployments(&connection.client, &args.operator_namespace).await;
        let installed = installed::look(&connection.client, &args.operator_namespace, &operator).await;
        let mut found = Vec::new();
        // What breaks a rule was told already, and the cluster would say it once more.
        let good = objects.iter().filter(|object| object.is_pipeline() && validate(object.value).is_empty());
        for pipeline in good {
            let namespace = pipeline.namespace().unwrap_or(&default_namespace);
            let in_files = |name: &str| {
                let same = |object: &&Object<'_>| {
                    let goes_to = object.namespace().unwrap_or(&default_namespace);
                    object.is_secret() && object.name() == Some(name) && goes_to == namespace
                };
                objects.iter().any(|object| same(&object))
            };
            found.extend(of_one(&connection.client, namespace, pipeline, &installed, &in_files).await?);
        }
        Ok(found)
    })
}

async fn of_one(
    client: &Client,
    namespace: &str,
    pipeline: &Object<'_>,
    installed: &Installed,
    in_files: &dyn Fn(&str) -> bool,
) -> Result<Vec<Finding>, Error> {
    let mut value = pipeline.value.clone();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".into(), namespace.into());
    }
    let mut found = server::findings(client, namespace, pipeline, &value).await?;
    if found.iter().any(server::is_about_the_namespace) {
        return Ok(found);
    }
    let wire = offline::wire("-", &value)?;
    let look = look(client, wire, &installed.defaults).await?;
    if !look.unread.is_empty() {
        let message = format!(
            "these could not be looked at, since you may not read them in {namespace}: {}; everything else was",
            look.unread.join(", ")
        );
        found.push(pipeline.finding(Rule::NotLookedAt, Severity::Note, "spec", message));
    }
    let WorkState::Valid(work) = &look.world.work else { return Ok(found) };
    let unseen = installed.unseen(work.steps.iter().any(Step::needs_helper));
    found.extend(unseen.into_iter().map(|said| pipeline.finding(Rule::NotLookedAt, Severity::Note, "spec", said)));
    found.extend(references::accounts(pipeline, &look.world, work));
    if let References::Seen { rows, .. } = plan(&look.world).references {
        found.extend(rows.iter().filter_map(|row| references::finding(pipeline, row, in_files)));
    }
    found.extend(pulls::findings(client, pipeline, &look.world, work).await?);
    Ok(found)
}
