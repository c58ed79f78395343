//! Pachyderm's pipeline specs (`CreatePipelineRequest` of `src/pps/pps.proto`), as JSON or YAML, in `snake_case` or camelCase.

pub mod fields;
mod input;
mod resources;
mod serving;
mod times;
mod transform;

use super::draft::Draft;
use super::source::Source;
use super::{Options, names};

/// Maps one spec. Options are applied by who calls.
#[must_use]
pub(super) fn map(source: &mut Source, options: &Options) -> Vec<Draft> {
    let called = source.text("/pipeline/name").unwrap_or_default();
    let name = options.name().map_or_else(|| names::pipeline(&called), ToOwned::to_owned);
    format!("pipeline {called}").trim_end().clone_into(&mut source.object);
    if called.is_empty() {
        source.error("/pipeline/name", "is missing: every pipeline has a name");
    } else if name != called && options.name().is_none() {
        source.note(
            "/pipeline/name",
            format!(
                "is renamed to {name}: names of Kubernetes are lower case, with '-', and ours at most 52 characters"
            ),
        );
    }
    let mut draft = Draft::pipeline(&name);
    draft.called = called;
    draft.set("/metadata/annotations/kubernetes.io~1description", source.text("/description"));
    for (from, to) in [("/metadata/labels", "labels"), ("/metadata/annotations", "annotations")] {
        let texts = source.text_map(from);
        draft.set(&format!("/spec/metadata/{to}"), serde_json::json!(texts));
    }
    let mut others = serving::map(source, &mut draft);
    transform::map(source, &mut draft);
    resources::map(source, &mut draft);
    times::map(source, &mut draft);
    input::map(source, &mut draft);
    for (pointer, why) in fields::lost() {
        source.lost(&pointer, why);
    }
    others.insert(0, draft);
    others
}
