//! `direktiv_api: service/v1` and the body that makes a registry.

use serde_json::json;

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::line::word;
use super::super::source::Source;
use super::function::{self, FUNCTION_LOST};
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
    let line = source.text("/cmd").unwrap_or_default();
    let command = function::command(source, "/cmd", &line);
    draft.set("/spec/transform/cmd", command);
    let variables = function::variables(source, "/envs");
    draft.set("/spec/transform/env", json!(variables));
    let limits = function::limits(source, "/size");
    draft.set("/spec/resource_limits", limits);
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

/// The body that makes a registry in Direktiv: the line that makes a Registry and its Secret. Neither user nor token are looked at.
pub fn registry(source: &mut Source) {
    "registry".clone_into(&mut source.object);
    let login =
        if source.take("/data").is_some() { "--data - < FILE" } else { "--username USER --password-stdin < FILE" };
    source.take("/user");
    source.take("/password");
    let url = ["/reg", "/url"].into_iter().find_map(|field| source.text(field)).unwrap_or_default();
    // An address may hold a login.
    let url = if url.contains('@') || url.is_empty() { "URL".to_owned() } else { word(&url) };
    source.say(
        Severity::Lost,
        "",
        format!("is not imported, so that no token passes by here: lockgate registry create --url {url} {login} makes its Secret and a Registry for all images of that host; what was global takes --scope global, or global-private"),
    );
}
