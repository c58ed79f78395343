//! Where in a spec something stands that the meaning of the spec speaks of.

use serde_json::Value;

use crate::api::reason::{ObjectKind, ReferenceUse};
use crate::api::status::ReferenceStatus;
use crate::model::work::MAIN_STEP;

/// The container of a step, as in `spec.steps[1]`.
pub(super) fn step(pipeline: &Value, step: &str) -> String {
    let steps = pipeline.pointer("/spec/steps").and_then(Value::as_array);
    let is_it = |value: &Value| value.get("name").and_then(Value::as_str) == Some(step);
    match steps.and_then(|steps| steps.iter().position(is_it)) {
        Some(index) => format!("spec.steps[{index}]"),
        None if step == MAIN_STEP => "spec.transform".to_owned(),
        None => "spec".to_owned(),
    }
}

/// What is rendered for a container: its input, else its `format: properties`.
pub(super) fn rendered(pipeline: &Value, base: &str) -> String {
    let has = |field: &str| at(pipeline, base).is_some_and(|container| container.get(field).is_some());
    ["input", "secrets"]
        .into_iter()
        .find(|field| has(field))
        .map_or_else(|| base.to_owned(), |field| format!("{base}.{field}"))
}

/// The entry that a row speaks of; the step's container where no entry does.
pub(super) fn reference(pipeline: &Value, row: &ReferenceStatus) -> String {
    let own = step(pipeline, &row.step);
    let bases = [own.as_str(), "spec"];
    bases.iter().find_map(|base| entry(pipeline, base, row)).unwrap_or(own)
}

fn entry(pipeline: &Value, base: &str, row: &ReferenceStatus) -> Option<String> {
    let container = at(pipeline, base)?;
    let is = |value: &Value, field: &str, wanted: &str| value.get(field).and_then(Value::as_str) == Some(wanted);
    let name = row.name.as_str();
    let find = |list: &str, is_it: &dyn Fn(&Value) -> bool| {
        let items = list.split('.').try_fold(container, |value, field| value.get(field))?.as_array()?;
        Some(format!("{base}.{list}[{}]", items.iter().position(is_it)?))
    };
    match row.usage {
        ReferenceUse::ImagePull => find("image_pull_secrets", &|item| item.as_str() == Some(name)),
        ReferenceUse::Volume => {
            let field = if row.kind == Some(ObjectKind::ConfigMap) { "config_map" } else { "claim" };
            find("volumes", &|item| is(item, field, name))
        }
        ReferenceUse::Env | ReferenceUse::EnvPrefix | ReferenceUse::Mount => {
            let has_key = |item: &Value| row.key.as_deref().is_none_or(|key| is(item, "key", key));
            let with_key = |item: &Value| is(item, "name", name) && has_key(item);
            find("secrets", &with_key)
        }
        ReferenceUse::Input => find("input.secrets", &|item| {
            is(item, "name", name) && row.key.as_deref() == item.get("key").and_then(Value::as_str)
        }),
    }
}

/// The value at a field such as `spec.steps[1]`.
fn at<'a>(pipeline: &'a Value, field: &str) -> Option<&'a Value> {
    let parts: Vec<&str> = field.split(['.', '[', ']']).filter(|part| !part.is_empty()).collect();
    pipeline.pointer(&format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::reason::ReferenceState;
    use serde_json::json;

    fn row(step: &str, usage: ReferenceUse, name: &str, key: Option<&str>) -> ReferenceStatus {
        serde_json::from_value(json!({
            "step": step, "use": usage, "name": name, "key": key, "state": ReferenceState::NotFound,
        }))
        .unwrap()
    }

    #[test]
    fn a_reference_is_found_in_its_step_or_in_the_spec() {
        let pipeline = json!({"spec": {
            "steps": [
                {"name": "a", "secrets": [{"name": "db", "env_var": "X", "key": "x"}, {"name": "db", "env_var": "Y", "key": "y"}]},
                {"name": "b", "image_pull_secrets": ["one", "two"], "volumes": [{"claim": "data"}, {"config_map": "data"}]},
            ],
            "secrets": [{"name": "tls", "mount_path": "/tls"}],
            "image_pull_secrets": ["three"],
        }});
        for (row, field) in [
            (row("a", ReferenceUse::Env, "db", Some("y")), "spec.steps[0].secrets[1]"),
            (row("a", ReferenceUse::Mount, "tls", None), "spec.secrets[0]"),
            (row("b", ReferenceUse::ImagePull, "two", None), "spec.steps[1].image_pull_secrets[1]"),
            (row("b", ReferenceUse::ImagePull, "three", None), "spec.image_pull_secrets[0]"),
            (row("b", ReferenceUse::ImagePull, "of-the-account", None), "spec.steps[1]"),
            (row("b", ReferenceUse::Volume, "data", None), "spec.steps[1].volumes[0]"),
        ] {
            assert_eq!(reference(&pipeline, &row), field);
        }
        let transform = json!({"spec": {"transform": {"input": {"secrets": [{"name": "api", "key": "token"}]}}}});
        let row = row(MAIN_STEP, ReferenceUse::Input, "api", Some("token"));
        assert_eq!(reference(&transform, &row), "spec.transform.input.secrets[0]");
    }
}
