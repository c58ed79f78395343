//! `lockgate crd`: the CustomResourceDefinitions, as they are committed in `crds/` and installed.

use super::error::Error;
use std::io::Write;

/// Prints the CustomResourceDefinitions as YAML.
pub(super) fn run() -> Result<(), Error> {
    let yaml = serde_saphyr::to_string(&crate::api::crd::pipeline()?)?;
    std::io::stdout().write_all(yaml.as_bytes())?;
    Ok(())
}
