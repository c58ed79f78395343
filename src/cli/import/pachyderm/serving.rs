//! `spout` and `service`: Pods that are kept running.

use serde_json::{Value, json};

use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// Sets the mode and the ports; what stands in front of the ports.
pub(super) fn map(source: &mut Source, draft: &mut Draft) -> Vec<Draft> {
    let mut fronts = Vec::new();
    if source.peek("/spout").is_some() {
        draft.set("/spec/mode", "Service");
        draft.comment("/spec/mode", "Was a spout.");
        source.note(
            "/spout",
            "becomes mode: Service: the Pod is kept running; what it wrote to /pfs/out it has to put away itself",
        );
        fronts.extend(service(source, draft, "/spout/service"));
        for field in ["overwrite", "marker"] {
            source.lost(&child("/spout", field), "is about commits, and there are none here");
        }
        source.take_empty("/spout");
    }
    if source.peek("/service").is_some() {
        draft.set("/spec/mode", "Service");
        draft.comment("/spec/mode", "Was a service.");
        fronts.extend(service(source, draft, "/service"));
        source.take_empty("/service");
    }
    fronts
}

fn service(source: &mut Source, draft: &mut Draft, at: &str) -> Option<Draft> {
    let internal = source.integer(&child(at, "internal_port")).filter(|port| *port != 0);
    let external = source.integer(&child(at, "external_port")).filter(|port| *port != 0);
    let type_ = source.text(&child(at, "type")).filter(|type_| !type_.is_empty());
    source.lost(&child(at, "ip"), "is given by Kubernetes: ask for it in the Service, as spec.clusterIP");
    source.take_empty(at);
    let internal = internal?;
    draft.push("/spec/ports", json!({"name": "main", "containerPort": internal}));
    let type_ = type_.unwrap_or_else(|| "NodePort".to_owned());
    source
        .note(at, format!("becomes ports, and a Kubernetes Service {} of type {type_} in front of them", draft.name()));
    let mut port = json!({"name": "main", "port": external.unwrap_or(internal), "targetPort": "main"});
    if let ("NodePort", Some(node)) = (type_.as_str(), external) {
        port = json!({"name": "main", "port": internal, "targetPort": "main", "nodePort": node});
    }
    let mut front = Draft::foreign(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": draft.name()},
        "spec": {
            "type": type_,
            "selector": {"lockgate.dev/pipeline": draft.name()},
            "ports": [port],
        },
    }));
    front.comment("", "Stands in front of the Pipeline's ports.");
    if front
        .object
        .pointer("/spec/ports/0/nodePort")
        .and_then(Value::as_i64)
        .is_some_and(|port| !(30_000..=32_767).contains(&port))
    {
        source.note(
            &child(at, "external_port"),
            "is outside of 30000-32767, which Kubernetes gives to NodePorts: it was left out, and one is given",
        );
        if let Some(port) = front.object.pointer_mut("/spec/ports/0").and_then(Value::as_object_mut) {
            port.remove("nodePort");
        }
    }
    Some(front)
}
