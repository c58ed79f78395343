//! A manifest -> the object that the operator would see, and its world where everything that it names is good. Pure.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::cli::error::Error;
use crate::controller::object::{StoredPipeline, WirePipeline};
use crate::model::defaults::Defaults;
use crate::model::validate::accepted;
use crate::model::world::World;

/// Reads a manifest as the API server would; its mistakes otherwise.
pub(in crate::cli) fn wire(file: &str, manifest: &Value) -> Result<WirePipeline, Error> {
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("without a name");
    let broken = |told: String| {
        Error::Findings(format!("{file}: Pipeline {name}: {told} (lockgate check -f {file} says it with its place)"))
    };
    let accepted = accepted(manifest).map_err(|violations| {
        let told = violations.into_iter().map(|violation| match violation.field.as_str() {
            "" => violation.message,
            field => format!("{field}: {}", violation.message),
        });
        broken(told.collect::<Vec<_>>().join("; "))
    })?;
    let mut wire: WirePipeline = serde_json::from_value(accepted).map_err(|error| broken(error.to_string()))?;
    // A `generateName` stands for a name that the API server would make.
    if wire.metadata.name.is_none() {
        wire.metadata.name = wire.metadata.generate_name.take();
    }
    // What somebody saved of another object says nothing of this one.
    wire.metadata.uid = None;
    wire.metadata.resource_version = None;
    wire.metadata.deletion_timestamp = None;
    wire.status = Value::Null;
    Ok(wire)
}

/// What the operator knows of an object of which it has looked at nothing yet.
pub(super) fn world(wire: WirePipeline, defaults: &Arc<Defaults>, now: Timestamp) -> World {
    let stored = StoredPipeline::of(wire);
    World {
        recorded: stored.status,
        defaults: Arc::clone(defaults),
        accounts: std::collections::BTreeMap::new(),
        ..World::of(stored.subject, stored.work, stored.run_key, now)
    }
}
