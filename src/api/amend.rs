//! What the schema says besides what the types make of themselves: the lower bounds of a step's lists, and what a Pod's
//! ports and probes must be, which Kubernetes' own schema leaves to the creation of the Pod.

use serde_json::{Map, Value, json};

use super::cel::{service as cel, steps};
use super::rules;

/// Entries of a step's `secrets`. With 64, as a transform has, their rules would be above the budget (see `cel`).
pub const MAX_STEP_ENTRIES: usize = 32;

/// `items` of an entry of a step's `secrets`, for the same reason.
pub const MAX_STEP_ITEMS: usize = 16;

/// Merges the keywords into the schema of the spec.
pub(super) fn amend(spec: &mut Value) {
    for (pointer, keywords) in amendments() {
        if let Some(schema) = spec.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            schema.extend(keywords);
        }
    }
    let rules = spec.pointer_mut("/properties/steps/x-kubernetes-validations").and_then(Value::as_array_mut);
    let needs = rules.into_iter().flatten().filter(|rule| rule["message"] == rules::NEEDS_KNOWN);
    needs.filter_map(Value::as_object_mut).for_each(|rule| {
        let expression = format!("'{} (' + {} + ')'", rules::NEEDS_KNOWN, steps::UNKNOWN_NEED);
        rule.insert("messageExpression".into(), expression.into());
    });
}

/// Where keywords are added, and which.
fn amendments() -> Vec<(String, Map<String, Value>)> {
    let secrets = "/properties/steps/items/properties/secrets";
    let mut all = vec![
        at(secrets, "", json!({"maxItems": MAX_STEP_ENTRIES})),
        at(secrets, "/items/properties/items", json!({"maxItems": MAX_STEP_ITEMS})),
    ];
    let ports = "/properties/ports/items/properties/";
    all.extend([
        at(ports, "containerPort", json!({"minimum": 1, "maximum": 65535})),
        at(ports, "hostPort", rule(cel::NO_HOST_PORT, rules::NO_HOST_PORT)),
        at(ports, "hostIP", json!({"maxLength": 64})),
        at(ports, "hostIP", rule(cel::NO_HOST_IP, rules::NO_HOST_IP)),
        at(ports, "name", json!({"maxLength": 15})),
        at(ports, "name", rule(cel::PORT_NAME, rules::PORT_NAME)),
        at(ports, "protocol", json!({"enum": ["TCP", "UDP", "SCTP"]})),
    ]);
    for probe in ["/properties/readiness_probe", "/properties/liveness_probe"] {
        all.extend([
            at(probe, "", rule(cel::ONE_HANDLER, rules::ONE_HANDLER)),
            at(probe, "/properties/exec", rule_at(".command", cel::EXEC_NEEDS_COMMAND, rules::EXEC_NEEDS_COMMAND)),
            at(probe, "/properties/exec/properties/command", json!({"maxItems": 1024})),
            at(probe, "/properties/httpGet/properties/scheme", json!({"enum": ["HTTP", "HTTPS"]})),
            at(probe, "/properties/grpc/properties/port", json!({"minimum": 1, "maximum": 65535})),
        ]);
        for action in ["httpGet", "tcpSocket"] {
            let port = format!("/properties/{action}/properties/port");
            all.push(at(probe, &port, json!({"maxLength": 15})));
            all.push(at(probe, &port, rule(cel::PROBE_PORT, rules::PROBE_PORT)));
        }
        for number in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            all.push(at(probe, &format!("/properties/{number}"), json!({"minimum": 0})));
        }
    }
    let grace = "/properties/terminationGracePeriodSeconds";
    all.extend([
        at("/properties/readiness_probe", grace, rule("false", rules::NO_READINESS_GRACE)),
        at("/properties/liveness_probe", grace, json!({"minimum": 1})),
        at("/properties/liveness_probe", "/properties/successThreshold", json!({"maximum": 1})),
    ]);
    all
}

fn at(base: &str, rest: &str, keywords: Value) -> (String, Map<String, Value>) {
    let keywords = if let Value::Object(keywords) = keywords { keywords } else { Map::new() };
    (format!("{base}{rest}"), keywords)
}

fn rule(rule: &str, message: &str) -> Value {
    json!({"x-kubernetes-validations": [{"rule": rule, "message": message}]})
}

fn rule_at(field: &str, rule: &str, message: &str) -> Value {
    json!({"x-kubernetes-validations": [{"rule": rule, "message": message, "fieldPath": field}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_amendment_has_its_place() {
        let crd = serde_json::to_value(crate::api::crd::pipeline().unwrap()).unwrap();
        let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
        for (pointer, keywords) in amendments() {
            let schema = spec.pointer(&pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
            for keyword in keywords.keys() {
                assert!(schema.get(keyword).is_some(), "no {keyword} at {pointer}");
            }
        }
    }

    /// Every keyword of the one but its bounds and descriptions stands in the other.
    fn assert_has_all(of: &Value, has: &Value, at: &str) {
        match of {
            Value::Object(map) => {
                for (keyword, value) in map {
                    let other = has.get(keyword).unwrap_or_else(|| panic!("no {keyword} at {at}"));
                    if !matches!(keyword.as_str(), "maxItems" | "description") {
                        assert_has_all(value, other, &format!("{at}/{keyword}"));
                    }
                }
            }
            other => assert!(other == has || at.ends_with("/required"), "{at}"),
        }
    }

    #[test]
    fn a_step_has_every_field_and_every_rule_of_a_transform() {
        let crd = serde_json::to_value(crate::api::crd::pipeline().unwrap()).unwrap();
        let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties").unwrap();
        assert_has_all(&spec["transform"], &spec["steps"]["items"], "");
    }

    #[test]
    fn the_message_about_a_need_names_it() {
        let crd = serde_json::to_value(crate::api::crd::pipeline().unwrap()).unwrap();
        let steps = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/steps/x-kubernetes-validations";
        let rules = crd.pointer(steps).and_then(Value::as_array).unwrap();
        assert_eq!(rules.iter().filter(|rule| rule["messageExpression"].is_string()).count(), 1);
    }

    #[test]
    fn a_transform_keeps_its_own_bounds() {
        let crd = serde_json::to_value(crate::api::crd::pipeline().unwrap()).unwrap();
        let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties").unwrap();
        for list in [&spec["secrets"], &spec["transform"]["properties"]["secrets"]] {
            assert_eq!(list["maxItems"], 64);
            assert_eq!(list["items"]["properties"]["items"]["maxItems"], 64);
        }
    }
}
