//! `lockgate schema`.

use clap::{Args, ValueEnum};

use super::error::Error;
use super::output;
use crate::api::crd;
use crate::model::validate;

/// Flags of `lockgate schema`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SchemaArgs {
    /// Which kind.
    #[arg(value_enum, default_value = "pipeline", ignore_case = true)]
    kind: Kind,
}

const EXAMPLES: &str = "\
Examples:
  # For an editor with yaml-language-server: the first line of a manifest is then
  # yaml-language-server: $schema=pipeline_v1alpha1.json
  lockgate schema > pipeline_v1alpha1.json";

/// Kinds that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// `lockgate.dev/v1alpha1`, Pipeline.
    Pipeline,
    /// `lockgate.dev/v1alpha1`, Registry.
    Registry,
    /// `lockgate.dev/v1alpha1`, ClusterRegistry.
    #[value(name = "clusterregistry")]
    ClusterRegistry,
}

/// Prints the schema: JSON Schema, draft 7.
pub(super) fn run(args: &SchemaArgs) -> Result<(), Error> {
    let crd = match args.kind {
        Kind::Pipeline => crd::pipeline(),
        Kind::Registry => crd::registry(),
        Kind::ClusterRegistry => crd::cluster_registry(),
    };
    let schema =
        validate::json_schema(&crd?).map_err(|why| Error::Findings(format!("the schema cannot be made: {why}")))?;
    output::json(&mut std::io::stdout().lock(), &schema)
}
