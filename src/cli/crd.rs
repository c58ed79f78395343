//! `lockgate crd`: the CustomResourceDefinitions, as they are committed in `crds/` and installed.

use super::error::Error;
use std::io::Write;

use clap::Args;

/// Flags of `lockgate crd`.
#[derive(Debug, Args)]
pub(super) struct CrdArgs {
    /// Only this one, by its plural. Absent: all of them.
    #[arg(value_parser = ["pipelines", "registries", "clusterregistries"])]
    name: Option<String>,
}

/// Prints the CustomResourceDefinitions as YAML.
pub(super) fn run(args: &CrdArgs) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let chosen =
        crate::api::crd::all()?.into_iter().filter(|(name, _)| args.name.as_deref().is_none_or(|only| only == *name));
    for (at, (_, crd)) in chosen.enumerate() {
        if at > 0 {
            out.write_all(b"---\n")?;
        }
        out.write_all(serde_saphyr::to_string(&crd)?.as_bytes())?;
    }
    Ok(())
}
