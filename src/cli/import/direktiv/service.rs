//! `direktiv_api: service/v1` and the body that makes a registry.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::source::Source;
use super::action::FUNCTION_LOST;
use super::{Options, named};

/// The port on which Direktiv asks a function.
const PORT: i32 = 8080;

/// A service is a server, and so a Pipeline of mode Service.
pub fn service(source: &mut Source, options: &Options) -> Option<Draft> {
    let mut draft = named(source, options, "service");
    let Some(image) = source.text("/image") else {
        source.error("/image", "is missing: a service has an image");
        source.take("");
        return None;
    };
    draft.set("/spec/mode", "Service");
    draft.set("/spec/transform/image", image);
    let command: Vec<String> =
        source.text("/cmd").unwrap_or_default().split_whitespace().map(ToOwned::to_owned).collect();
    draft.set("/spec/transform/cmd", command);
    let mut variables = BTreeMap::new();
    for pair in source.elements("/envs") {
        if let Some(name) = source.text(&child(&pair, "name")) {
            variables.insert(name, source.text(&child(&pair, "value")).unwrap_or_default());
        }
    }
    draft.set("/spec/transform/env", json!(variables));
    draft.set("/spec/ports", json!([{"containerPort": PORT}]));
    if let Some(scale) = source.integer("/scale") {
        draft.set("/spec/parallelism", scale.max(1));
        source.note("/scale", "is the number of Pods: none goes away when nobody asks");
    }
    for (field, text) in FUNCTION_LOST {
        source.lost(&child("", field), text);
    }
    Some(draft)
}

/// `{"data": "USER:TOKEN", "reg": "URL"}`: the line that makes the pull Secret; neither user nor token are looked at.
pub fn registry(source: &mut Source) {
    "registry".clone_into(&mut source.object);
    source.take("/data");
    source.take("/reg");
    source.say(
        Severity::Lost,
        "",
        "is not imported, so that no token passes by here: lockgate secret create docker-registry NAME --docker-server=URL --docker-username=USER --docker-password-stdin < FILE, then image_pull_secrets: [NAME]",
    );
}
