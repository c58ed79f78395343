//! What a Pipeline's status says, in the shortest words.

use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate::api::status::StepStatus;

/// The phase, if any was written.
pub fn phase_of(pipeline: &Pipeline) -> Option<Phase> {
    pipeline.status.as_ref().and_then(|status| status.phase)
}

/// The condition of that type, as `status/reason`.
pub fn condition(pipeline: &Pipeline, type_: &str) -> String {
    let found = pipeline.status.iter().flat_map(|s| &s.conditions).find(|c| c.type_ == type_);
    found.map_or_else(|| "absent".to_owned(), |c| format!("{}/{}", c.status, c.reason))
}

/// The message of `Ready`, without the heading that it ends in: that is [`pointer`]'s.
pub fn message(pipeline: &Pipeline) -> String {
    said(pipeline).0
}

/// Where the message of `Ready` sends its reader, if anywhere.
pub fn pointer(pipeline: &Pipeline) -> Option<String> {
    said(pipeline).1
}

fn said(pipeline: &Pipeline) -> (String, Option<String>) {
    let found = pipeline.status.iter().flat_map(|s| &s.conditions).find(|c| c.type_ == "Ready");
    let whole = found.map(|c| c.message.clone()).unwrap_or_default();
    let parts = whole.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    match parts.filter(|(_, pointer)| pointer.contains("/troubleshooting.md#")) {
        Some((text, pointer)) => (text.to_owned(), Some(pointer.to_owned())),
        None => (whole, None),
    }
}

/// The states of the references that the Pipeline itself names, as `name:state`.
pub fn states(pipeline: &Pipeline) -> Vec<String> {
    let named = pipeline.status.iter().flat_map(|s| &s.references).filter(|r| r.via.is_none());
    named.map(|r| format!("{}:{}", r.name, r.state)).collect()
}

/// The Pipeline's first step.
pub fn step(pipeline: &Pipeline) -> Option<&StepStatus> {
    pipeline.status.as_ref()?.steps.first()
}
