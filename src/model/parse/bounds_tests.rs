//! Bounds that the schema says as well: the operator holds them too, for it may see what another version's CRD let in.

use serde_json::{Value, json};

use super::*;

/// The fields that are refused.
fn refused(spec: Value) -> Vec<String> {
    let spec = serde_json::from_value(spec).unwrap();
    parse(&spec).err().unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}

/// So many elements, made from their numbers.
fn many(count: usize, element: impl Fn(usize) -> Value) -> Value {
    (0..count).map(element).collect()
}

/// One step with more fields.
fn step(more: &Value) -> Value {
    let mut step = json!({"name": "a", "image": "a"});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"steps": [step]})
}

#[test]
fn a_step_has_its_own_bounds_and_a_transform_keeps_others() {
    let entries = |count| many(count, |n| json!({"name": "s", "env_var": format!("A{n}"), "key": "k"}));
    let items = |count| {
        let items = many(count, |n| json!({"key": "k", "path": n.to_string()}));
        json!([{"name": "s", "mount_path": "/a", "items": items}])
    };
    assert_eq!(refused(step(&json!({"secrets": entries(32)}))), [""; 0]);
    assert_eq!(refused(step(&json!({"secrets": entries(33)}))), ["spec.steps[0].secrets"]);
    assert_eq!(refused(step(&json!({"secrets": items(16)}))), [""; 0]);
    assert_eq!(refused(step(&json!({"secrets": items(17)}))), ["spec.steps[0].secrets[0].items"]);

    let transform = |secrets| json!({"transform": {"image": "a", "secrets": secrets}});
    assert_eq!(refused(transform(entries(64))), [""; 0]);
    assert_eq!(refused(transform(entries(65))), ["spec.transform.secrets"]);
    assert_eq!(refused(transform(items(64))), [""; 0]);
    assert_eq!(refused(transform(items(65))), ["spec.transform.secrets[0].items"]);

    let of_spec = |secrets| json!({"steps": [{"name": "a", "image": "a"}], "secrets": secrets});
    assert_eq!(refused(of_spec(entries(64))), [""; 0]);
    assert_eq!(refused(of_spec(entries(65))), ["spec.secrets"]);
    assert_eq!(refused(of_spec(items(65))), ["spec.secrets[0].items"]);
}

#[test]
fn the_graph_has_bounds() {
    let steps = |count| json!({"steps": many(count, |n| json!({"name": format!("s{n}"), "image": "a"}))});
    assert_eq!(refused(steps(32)), [""; 0]);
    assert_eq!(refused(steps(33)), ["spec.steps"]);

    let needing = |count: usize| {
        let step = |n: usize| match n {
            9 => json!({"name": "last", "image": "a", "needs": many(count, |need| json!(format!("s{need}")))}),
            n => json!({"name": format!("s{n}"), "image": "a"}),
        };
        json!({"steps": many(10, step)})
    };
    assert_eq!(refused(needing(8)), [""; 0]);
    assert_eq!(refused(needing(9)), ["spec.steps[9].needs"]);

    assert_eq!(refused(step(&json!({"name": "a".repeat(40)}))), [""; 0]);
    assert_eq!(refused(step(&json!({"name": "a".repeat(41)}))), ["spec.steps[0].name"]);
    for (more, field) in [
        (json!({"parallelism": 1001}), "spec.steps[0].parallelism"),
        (json!({"parallelism": -1}), "spec.steps[0].parallelism"),
        (json!({"retries": 1001}), "spec.steps[0].retries"),
        (json!({"retries": -1}), "spec.steps[0].retries"),
    ] {
        assert_eq!(refused(step(&more)), [field]);
    }
}

#[test]
fn ports_and_probes_have_bounds() {
    let service = |field: &str, value: Value| {
        let mut spec = json!({"transform": {"image": "a"}, "mode": "Service"});
        spec.as_object_mut().unwrap().insert(field.to_owned(), value);
        refused(spec)
    };
    assert_eq!(service("ports", many(32, |n| json!({"containerPort": n + 1}))), [""; 0]);
    assert_eq!(service("ports", many(33, |n| json!({"containerPort": n + 1}))), ["spec.ports"]);
    for (field, port) in [
        ("containerPort", json!({"containerPort": 0})),
        ("containerPort", json!({"containerPort": 65536})),
        ("name", json!({"containerPort": 1, "name": "a234567890123456"})),
        ("protocol", json!({"containerPort": 1, "protocol": "tcp"})),
    ] {
        assert_eq!(service("ports", json!([port])), [format!("spec.ports[0].{field}")]);
    }
    for (field, probe) in [
        ("httpGet.scheme", json!({"httpGet": {"port": 1, "scheme": "FTP"}})),
        ("grpc.port", json!({"grpc": {"port": 65536}})),
        ("initialDelaySeconds", json!({"grpc": {"port": 1}, "initialDelaySeconds": -1})),
        ("timeoutSeconds", json!({"grpc": {"port": 1}, "timeoutSeconds": -1})),
        ("periodSeconds", json!({"grpc": {"port": 1}, "periodSeconds": -1})),
        ("successThreshold", json!({"grpc": {"port": 1}, "successThreshold": -1})),
        ("failureThreshold", json!({"grpc": {"port": 1}, "failureThreshold": -1})),
        ("exec.command", json!({"exec": {"command": many(1025, |_| json!("a"))}})),
    ] {
        assert_eq!(service("readiness_probe", probe.clone()), [format!("spec.readiness_probe.{field}")]);
        assert_eq!(service("liveness_probe", probe), [format!("spec.liveness_probe.{field}")]);
    }
    for (field, value) in [("successThreshold", 2), ("terminationGracePeriodSeconds", 0)] {
        let probe = json!({"grpc": {"port": 1}, field: value});
        assert_eq!(service("liveness_probe", probe), [format!("spec.liveness_probe.{field}")]);
    }
    assert_eq!(service("max_surge", json!(1001)), ["spec.max_surge"]);
    assert_eq!(service("max_unavailable", json!(-1)), ["spec.max_unavailable"]);
}

/// All that is said of an input with this template, and with this `stdin`.
fn of_template(template: &Value, stdin: &str) -> Vec<String> {
    let mut transform = json!({"image": "a", "cmd": ["sh"], "input": {"template": template, "env_var": "INPUT"}});
    if !stdin.is_empty() {
        transform["stdin"] = json!([stdin]);
    }
    let spec = serde_json::from_value(json!({"transform": transform})).unwrap();
    let found = parse(&spec).err().unwrap_or_default();
    found.into_iter().map(|violation| format!("{}: {}", violation.field, violation.message)).collect()
}

#[test]
fn a_template_is_held_to_its_bounds_with_the_place_of_each_fault() {
    let at = "spec.transform.input.template";
    assert_eq!(of_template(&json!({"a": ["x", {"b": "jq(.run) and jq(.index)"}], "n": null}), ""), [""; 0]);
    assert_eq!(
        of_template(&json!({"a/b": ["x", "jq(.secrets"], "c": "jq()"}), ""),
        [
            format!(
                r#"{at}: template at /a~1b/1, character 4: no ) closes this jq( (for the text "jq(" itself write jq("jq("))"#
            ),
            format!("{at}: template at /c, character 4: there is no expression in this jq()"),
        ]
    );
    let sized = |bytes: usize| json!("x".repeat(bytes - 2));
    assert_eq!(of_template(&sized(32 * 1024), ""), [""; 0]);
    assert_eq!(
        of_template(&sized(32 * 1024 + 1), ""),
        [format!("{at}: the template has 32769 bytes as compact JSON, and at most 32768 are rendered")]
    );
    assert_eq!(of_template(&json!(format!("jq({})", "1".repeat(1024))), ""), [""; 0]);
    assert_eq!(
        of_template(&json!(format!("jq({})", "1".repeat(1025))), ""),
        [format!("{at}: template, character 4: the expression is longer than 1024 bytes")]
    );
    // A hundred thousand brackets are refused by their number, without being walked into.
    assert_eq!(of_template(&json!(format!("jq({})", "[".repeat(100_000))), "").len(), 1);
    let deep = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(of_template(&deep(64), ""), [""; 0]);
    assert_eq!(
        of_template(&deep(65), ""),
        [format!("{at}: more than 64 arrays and objects of the template stand in each other")]
    );
}

#[test]
fn a_template_and_stdin_share_the_room_that_annotations_have() {
    let both = |stdin: usize| of_template(&json!("x".repeat(1000 - 2)), &"y".repeat(stdin - 1));
    assert_eq!(both(204_800 - 1000), [""; 0]);
    assert_eq!(both(204_800 - 999), [format!("spec.transform.input.template: {}", rules::INPUT_AND_STDIN)]);
}

#[test]
fn an_input_has_bounds() {
    let input = |more: Value| {
        let mut input = json!({"template": 1});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(json!({"transform": {"image": "a", "input": input}}))
    };
    let secrets = |count| many(count, |n| json!({"name": format!("s{n}")}));
    assert_eq!(input(json!({"env_var": "I", "secrets": secrets(16)})), [""; 0]);
    assert_eq!(input(json!({"env_var": "I", "secrets": secrets(17)})), ["spec.transform.input.secrets"]);
    assert_eq!(input(json!({"env_var": "I".repeat(254)})), ["spec.transform.input.env_var"]);
    assert_eq!(input(json!({"mount_path": format!("/{}", "p".repeat(256))})), ["spec.transform.input.mount_path"]);
    let called = |text: &str| input(json!({"env_var": "I", "secrets": [{"name": "s", "as": text}]}));
    assert_eq!(called(&"a".repeat(253)), [""; 0]);
    for text in ["a b", "a\nb", "ä", "a/b"] {
        assert_eq!(called(text), ["spec.transform.input.secrets[0].as"], "{text}");
    }
    assert_eq!(called(""), ["spec.transform.input.secrets[0].as"]);
}
