//! What is written where: inputs as files and as variables, folders of properties and of files as they are.

use serde_json::{Value, json};

use super::pod::{CANARY, Pod};

#[test]
fn an_input_is_a_file_of_json_that_everybody_in_the_pod_can_read() {
    let pod = Pod::new();
    let template = json!({
        "headers": {"Authorization": "bearer jq(.secrets.token)"},
        "who": "jq(.secrets.db.user)/jq(.pipeline)/jq(.index)",
        "all": "jq([.namespace, .step, .run])",
        "url": "https://example.com/jq(\"jq(\")",
    });
    let ended = pod.run(&Pod::request(&template, &json!({"file": {"path": "a/input.json"}})));
    assert_eq!(ended.code, 0, "{}", ended.message);
    let expected = format!(
        r#"{{"all":["team-a","load",7],"headers":{{"Authorization":"bearer {CANARY}"}},"url":"https://example.com/jq(","who":"app/edges/2"}}"#
    );
    assert_eq!(pod.written("a/input.json"), expected);
    assert_eq!(pod.all(), [("a/input.json".to_owned(), 0o444)]);
}

#[test]
fn an_input_as_a_variable_is_a_line_that_the_kubelet_reads() {
    let mut pod = Pod::new();
    pod.secret("1", &[("quote", "it's \"so\"\\\n")]);
    pod.env =
        vec![("LOCKGATE_ENV_GREETING".to_owned(), "hello $(USER)".to_owned()), ("OTHER".to_owned(), CANARY.to_owned())];
    let mut request = Pod::request(
        &json!(["jq(.secrets.quote)", "jq(.env)", "jq(.env.OTHER)"]),
        &json!({"env": {"path": "input.env", "name": "INPUT"}}),
    );
    request["input"]["secrets"] = json!([{"as": "quote", "dir": "1", "key": "quote"}]);
    let ended = pod.run(&request);
    assert_eq!(ended.code, 0, "{}", ended.message);
    let line = pod.written("input.env");
    assert_eq!(line, "INPUT='[\"it\\u0027s \\\"so\\\"\\\\\\n\",{\"GREETING\":\"hello $(USER)\"},null]'\n");
    let value: Value =
        serde_json::from_str(line.trim_end().trim_start_matches("INPUT='").trim_end_matches('\'')).unwrap();
    assert_eq!(value[0], "it's \"so\"\\\n");

    // A string is JSON, too.
    let ended = pod.run(&Pod::request(&json!("jq(.secrets.token)"), &json!({"env": {"path": "e", "name": "INPUT"}})));
    assert_eq!((ended.code, pod.written("e")), (0, format!("INPUT='\"{CANARY}\"'\n")));

    // The longest line, and one byte more.
    let long = |bytes: usize| json!(format!("jq(\"x\" * {bytes})"));
    let rest = "INPUT='\"\"'\n".len();
    let into = json!({"env": {"path": "long", "name": "INPUT"}});
    assert_eq!(pod.run(&Pod::request(&long(65536 - rest), &into)).code, 0);
    assert_eq!(pod.written("long").len(), 65536);
    let ended = pod.run(&Pod::request(&long(65537 - rest), &into));
    assert_eq!(ended.code, 65);
    assert_eq!(
        ended.message,
        "what is rendered is longer than the 65536 bytes that a variable can have: use mount_path instead of env_var"
    );
}

fn folders(sources: &Value) -> Value {
    json!({
        "pipeline": "edges", "namespace": "team-a", "step": "load", "index": 0, "run": 1,
        "folders": [{"path": "etc", "sources": sources}],
    })
}

#[test]
fn a_folder_has_properties_and_files_as_they_are() {
    let pod = Pod::new();
    pod.secret("1", &[("b.key", "two words"), ("a", " lead=ing:\t#\\\r\nü😀")]);
    pod.secret("2", &[("cert/ca.pem", "PEM"), ("plain", CANARY)]);
    pod.secret::<&str>("3", &[]);
    pod.mode("2", "plain", 0o400);
    pod.mode("2", "cert/ca.pem", 0o644);
    let request = folders(&json!([
        {"secret": "app", "dir": "1", "properties": true},
        {"secret": "tls", "dir": "2", "properties": false},
        {"secret": "none", "dir": "3", "properties": false},
        {"secret": "empty", "dir": "3", "properties": true},
    ]));
    for _ in 0..2 {
        let ended = pod.run(&request);
        assert_eq!(ended.code, 0, "{}", ended.message);
        let expected = [
            ("etc/app.properties", 0o444),
            ("etc/cert/ca.pem", 0o644),
            ("etc/empty.properties", 0o444),
            ("etc/plain", 0o400),
        ];
        assert_eq!(pod.all(), expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
    assert_eq!(
        pod.written("etc/app.properties"),
        "a=\\ lead=ing:\\t#\\\\\\r\\n\\u00FC\\uD83D\\uDE00\nb.key=two words\n"
    );
    assert_eq!(pod.written("etc/empty.properties"), "");
    assert_eq!(pod.written("etc/cert/ca.pem"), "PEM");
    // What a Secret has no more is not there any more.
    let ended = pod.run(&folders(&json!([{"secret": "tls", "dir": "2", "properties": false}])));
    assert_eq!(ended.code, 0);
    assert_eq!(pod.all().len(), 2);
}

#[test]
fn what_cannot_be_written_so_is_told_by_its_key() {
    let pod = Pod::new();
    pod.secret("1", &[("bin", &b"canary-7c1f\xff"[..])]);
    pod.secret("2", &[("user", "x")]);
    let ended = pod.run(&folders(&json!([{"secret": "app", "dir": "1", "properties": true}])));
    assert_eq!(ended.code, 65);
    assert_eq!(ended.message, "the value of the key \"bin\" of the Secret app is no UTF-8, and so no text");
    let both =
        json!([{"secret": "a", "dir": "0", "properties": false}, {"secret": "b", "dir": "2", "properties": false}]);
    let ended = pod.run(&folders(&both));
    assert_eq!(ended.code, 65);
    assert!(ended.message.contains("have a file \"user\"; the second is b"), "{}", ended.message);

    let mut request = Pod::request(&json!("jq(.secrets.db)"), &json!({"file": {"path": "i"}}));
    request["input"]["secrets"] = json!([{"as": "db", "dir": "1"}]);
    let ended = pod.run(&request);
    assert_eq!(
        (ended.code, &*ended.message),
        (65, "the value of the key \"bin\" of .secrets.db is no UTF-8, and so no text")
    );
    request["input"]["secrets"] = json!([{"as": "db", "dir": "1", "key": "gone"}]);
    let ended = pod.run(&request);
    assert_eq!((ended.code, &*ended.message), (65, "the Secret that is called .secrets.db has no key \"gone\""));
}

#[test]
fn what_is_no_fault_of_the_input_has_another_code() {
    let pod = Pod::new();
    for path in ["../escaped", "/etc/x", "a/../../b", ""] {
        let ended = pod.run(&Pod::request(&json!(1), &json!({"file": {"path": path}})));
        assert_eq!(ended.code, 70, "{path}: {}", ended.message);
        assert!(ended.message.contains("no path below the folder"), "{}", ended.message);
    }
    let ended = pod.run(&json!({"pipeline": "edges"}));
    assert_eq!(ended.code, 70);
    assert!(ended.message.contains("request.json is no request: missing field"), "{}", ended.message);
    let mut request = Pod::request(&json!(1), &json!({"file": {"path": "i"}}));
    request["input"]["secrets"] = json!([{"as": "db", "dir": "9"}]);
    let ended = pod.run(&request);
    assert_eq!(ended.code, 70);
    assert!(ended.message.contains("secrets/9 cannot be read: No such file"), "{}", ended.message);
    // A message has its bounds, and keeps to one line.
    let ended = pod.render(&json!({ "long\n".repeat(1000): "jq(" }));
    assert_eq!(ended.code, 65);
    assert!(ended.message.contains("no ) closes this jq(") && !ended.message.contains('\n'), "{}", ended.message);
    assert_eq!(pod.all(), []);
}
