//! `lockgate schema`.

use clap::{Args, ValueEnum};

use super::error::Error;
use super::output;
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
}

/// Prints the schema: JSON Schema, draft 7.
pub(super) fn run(args: &SchemaArgs) -> Result<(), Error> {
    let schema = match args.kind {
        Kind::Pipeline => validate::json_schema(),
    };
    let schema = schema.map_err(|why| Error::Findings(format!("the schema cannot be made: {why}")))?;
    output::json(&mut std::io::stdout().lock(), &schema)
}
