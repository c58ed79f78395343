//! What is written reads as people write it, and back as it was.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cli::manifest;

fn written(object: Value) -> String {
    write(&Draft::foreign(object))
}

#[test]
fn it_reads_as_people_write_it() {
    let mut draft = Draft::foreign(json!({
        "kind": "Pipeline", "apiVersion": "lockgate.dev/v1alpha1", "metadata": {"name": "edges"},
        "spec": {
            "retries": 2,
            "transform": {
                "cmd": ["python3", "/edges.py", "a: b"], "image": "registry.example.com:5000/edges:1.4",
                "env": {"ON": "yes", "MODE": "0440", "N": "1e3", "E": ""},
                "secrets": [{"key": "password", "name": "db", "env_var": "DB"}, {"name": "tls", "mount_path": "/etc/tls"}],
                "stdin": ["for f in /in/*; do\n\techo $f\ndone", "x"],
            }
        }
    }));
    draft.comment("", "From edges.json.");
    draft.comment("/spec/retries", "datum_tries: 3");
    draft.comment("/spec/transform/secrets/0", "The first.");
    draft.comment("/spec/transform/secrets/1/name", "The second.");
    let text = "\
# From edges.json.
apiVersion: lockgate.dev/v1alpha1
kind: Pipeline
metadata:
  name: edges
spec:
  transform:
    image: registry.example.com:5000/edges:1.4
    cmd: [python3, /edges.py, \"a: b\"]
    stdin:
    - |-
      for f in /in/*; do
      \techo $f
      done
    - x
    env:
      E: \"\"
      MODE: \"0440\"
      \"N\": \"1e3\"
      \"ON\": \"yes\"
    secrets:
    # The first.
    - name: db
      env_var: DB
      key: password
      # The second.
    - name: tls
      mount_path: /etc/tls
  # datum_tries: 3
  retries: 2
";
    assert_eq!(write(&draft), text);
    assert_eq!(manifest::read(text).unwrap(), [draft.object]);
}

#[test]
fn what_yaml_1_1_reads_as_something_else_is_quoted() {
    for text in [
        "yes",
        "Y",
        "off",
        "~",
        "null",
        "0440",
        "1e3",
        "1:30",
        "1_000",
        ".inf",
        "2026-01-01",
        "-",
        "-_0",
        "--_0",
        "=",
        "<<",
        "a: b",
        "a #b",
        "",
        " a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "0x1f",
        "1.5",
        "+1",
    ] {
        let line = written(json!({"a": text}));
        assert!(line.starts_with("a: \""), "{line}");
        assert_eq!(manifest::read(&line).unwrap(), [json!({"a": text})]);
    }
    for text in ["edges", "/edges.py", "a b", "registry:5000/a:1", "a,b", "500m", "64Mi", "1h30m", "-c", "--port=1"] {
        assert_eq!(flow(&json!(text)), text);
        assert_eq!(manifest::read(&format!("a: {text}")).unwrap(), [json!({"a": text})]);
    }
}

#[test]
fn a_comment_is_one_and_cannot_end_itself() {
    let mut draft = Draft::foreign(json!({"a": 1}));
    draft.comment("/a", "one\nb: 2\u{1b}[2J");
    assert_eq!(write(&draft), "# one\\nb: 2\\u{1b}[2J\na: 1\n");
    draft.comment("/a", "word ".repeat(40));
    assert!(write(&draft).lines().all(|line| line.chars().count() <= WIDTH + 2));
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[ a:#\n\t'\"-]{0,8}", "(yes|no|[0-9._:eE+-]{1,6}|[a-z /:,=$()]{0,9})"];
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in any_value(), comment in any::<String>()) {
        let mut draft = Draft::foreign(json!({"a": value}));
        draft.comment("/a", comment.as_str());
        draft.comment("/a/0", comment);
        let text = write(&draft);
        prop_assert_eq!(manifest::read(&text).map_err(|error| error.to_string()), Ok(vec![draft.object]), "{}", text);
    }
}
