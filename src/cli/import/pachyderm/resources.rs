//! Parallelism, resources, placement.

use serde_json::{Map, Value, json};

use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// Parallelism, resources, placement.
pub(super) fn map(source: &mut Source, draft: &mut Draft) {
    // 0 is what protobuf writes for nothing, and Pachyderm starts one worker.
    draft.set("/spec/parallelism", source.integer("/parallelism_spec/constant").filter(|number| *number != 0));
    source.lost(
        "/parallelism_spec/coefficient",
        "depends on the number of nodes: write the number of Pods as parallelism",
    );
    source.take_empty("/parallelism_spec");
    for list in ["resource_requests", "resource_limits"] {
        resources(source, draft, list);
    }
    // What cannot be overcommitted stands in both.
    let gpus = extended(&draft.object, "/spec/resource_requests");
    for (name, amount) in gpus {
        let limit = child("/spec/resource_limits", &name);
        if draft.object.pointer(&limit).is_none() {
            draft.set(&limit, amount);
            draft.comment(&limit, "Stood in resource_requests alone; Kubernetes wants it in both.");
        }
    }
    draft.set("/spec/scheduling_spec/node_selector", json!(source.text_map("/scheduling_spec/node_selector")));
    let class = source.text("/scheduling_spec/priority_class_name").filter(|class| !class.is_empty());
    draft.set("/spec/scheduling_spec/priority_class_name", class);
    source.take_empty("/scheduling_spec");
    tolerations(source, draft);
}

fn resources(source: &mut Source, draft: &mut Draft, list: &str) {
    let at = |name: &str| format!("/{list}/{name}");
    let to = |name: &str| child(&format!("/spec/{list}"), name);
    if let Some(cpu) = source.take(&at("cpu")) {
        match quantity_of_cpu(&cpu) {
            Some(Value::Null) => {}
            Some(amount) => draft.set(&to("cpu"), amount),
            None => source.error(&at("cpu"), "must be a number of cores, as in 0.5"),
        }
    }
    draft.set(&to("memory"), source.text(&at("memory")).filter(|text| !text.is_empty()));
    draft.set(&to("ephemeral-storage"), source.text(&at("disk")).filter(|text| !text.is_empty()));
    if let Some(number) = source.integer(&at("gpu/number")).filter(|number| *number != 0) {
        let type_ = source.text(&at("gpu/type")).filter(|text| !text.is_empty());
        if type_.is_none() {
            source.note(&at("gpu/type"), "is missing: nvidia.com/gpu is written");
        }
        draft.set(&to(&type_.unwrap_or_else(|| "nvidia.com/gpu".to_owned())), number);
    }
    source.take_empty(&at("gpu"));
    source.take_empty(&format!("/{list}"));
}

/// `0.5` cores are `500m`; 0 is nothing, as protobuf has it. `None`: no number.
fn quantity_of_cpu(cpu: &Value) -> Option<Value> {
    if let Some(whole) = cpu.as_i64() {
        return Some(if whole == 0 { Value::Null } else { whole.into() });
    }
    let cores =
        cpu.as_f64().or_else(|| cpu.as_str()?.parse().ok()).filter(|cores| cores.is_finite() && *cores >= 0.0)?;
    // Down to a thousandth, Kubernetes' smallest part of a core; a float such as 0.1 is a little more than it says.
    let milli = (cores * 1000.0 - 1e-6).ceil();
    Some(if milli <= 0.0 { Value::Null } else { format!("{milli:.0}m").into() })
}

/// Resources with a domain in their name.
fn extended(object: &Value, pointer: &str) -> Map<String, Value> {
    let all = object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
    all.into_iter().filter(|(name, _)| name.contains('/')).collect()
}

fn tolerations(source: &mut Source, draft: &mut Draft) {
    for entry in source.elements("/tolerations") {
        let mut fields = Map::new();
        for (from, to) in [("key", "key"), ("operator", "operator"), ("value", "value"), ("effect", "effect")] {
            let Some(text) = source.text(&child(&entry, from)) else { continue };
            let text = match (from, text.as_str()) {
                ("operator", "EXISTS") => "Exists",
                ("operator", "EQUAL") => "Equal",
                ("effect", "NO_SCHEDULE") => "NoSchedule",
                ("effect", "PREFER_NO_SCHEDULE") => "PreferNoSchedule",
                ("effect", "NO_EXECUTE") => "NoExecute",
                ("operator", "EMPTY") | ("effect", "ALL_EFFECTS") | (_, "") => continue,
                (_, text) => text,
            };
            fields.insert(to.to_owned(), text.into());
        }
        if let Some(seconds) = source.integer(&child(&entry, "toleration_seconds")) {
            fields.insert("tolerationSeconds".to_owned(), seconds.into());
        }
        draft.push("/spec/tolerations", Value::Object(fields));
        source.take_empty(&entry);
    }
    source.take_empty("/tolerations");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_become_thousandths() {
        for (cores, amount) in [
            (json!(0.5), json!("500m")),
            (json!(2), json!(2)),
            (json!(1.5), json!("1500m")),
            (json!(0.1), json!("100m")),
            (json!(0.0001), json!("1m")),
            (json!("0.25"), json!("250m")),
            (json!(0), json!(null)),
        ] {
            assert_eq!(quantity_of_cpu(&cores), Some(amount));
        }
        for wrong in [json!("x"), json!(-1.5), json!([])] {
            assert_eq!(quantity_of_cpu(&wrong), None);
        }
    }
}
