//! What is not a row of `tests/corpus/yaml`: errors that show nothing, bounds, places.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_mode_means_the_same_in_yaml_1_1_and_in_json() {
    let read = |text| read(text).unwrap();
    assert_eq!(read("mode: 0440"), vec![json!({"mode": 288})]);
    assert_eq!(read("mode: 0o440"), vec![json!({"mode": 288})]);
    assert_eq!(read("mode: 288"), vec![json!({"mode": 288})]);
    assert_eq!(read(r#"{"mode": 288}"#), vec![json!({"mode": 288})]);
    assert_eq!(read("mode: 0"), vec![json!({"mode": 0})]);
    assert_eq!(read("user: \"0440\""), vec![json!({"user": "0440"})]);
}

#[test]
fn whole_floats_are_integers() {
    assert_eq!(read("[1.0, 1e3, 0.5, 08]").unwrap(), vec![json!([1, 1000, 0.5, 8])]);
    assert_eq!(read(r#"{"a": [1.0, 1e3, 0.5]}"#).unwrap(), vec![json!({"a": [1, 1000, 0.5]})]);
}

#[test]
fn an_error_shows_nothing_of_the_file() {
    for text in [
        "a: canary-7c1f: b",
        "a: [canary-7c1f",
        "a: &canary-7c1f b\nc: *canary-7c1f-2",
        "a: !!int canary-7c1f",
        "a: !canary-7c1f!b c",
        "canary-7c1f: 1\ncanary-7c1f: 2",
        "a: \"canary-7c1f\\q\"",
        "a: @canary-7c1f",
        "--- canary-7c1f",
        "a: &canary-7c1f.b c",
        "{\"a\": \"canary-7c1f\"}{}{canary-7c1f",
    ] {
        let error = read(text).unwrap_err();
        assert!(!error.to_string().contains("canary-7c1f"), "{error}");
        assert!(!format!("{error:?}").contains("canary-7c1f"), "{error:?}");
    }
    assert!(read("a: [canary-7c1f").unwrap_err().to_string().starts_with("line 1, column "));
}

#[test]
fn an_error_has_the_place_in_the_whole_file() {
    for (text, line, column) in [
        ("a: 1\n---\nb: 1\n\tc: 2\n", 4, 1),
        ("a: 1\nb: 2\na: 3\n", 3, 1),
        ("# x\n---\na: 1\n--- b\n", 4, 4),
        ("a: .inf\n", 1, 4),
        ("{\"a\": 1} {\"b\": 1, \"b\": 2}", 1, 19),
        ("{\"ä\": 1}{}\n {} {\"b\": 1,\n \"b\": 2}", 3, 2),
        ("a: \u{2028}b\n", 1, 4),
        ("a: 1\n...\nb: 2\n", 3, 1),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!((error.place.line, error.place.column), (line, column), "{text}: {error}");
    }
}

#[test]
fn a_tab_is_told_with_its_line_and_its_mend() {
    for text in ["a:\n  b: 1\n\tc: 2\n", "a:\n\tb: 1\n", "a:\n  - 1\n\t- 2\n"] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("tab"), "{text}: {error}");
        assert!(error.starts_with("line "), "{error}");
    }
}

#[test]
fn bombs_are_refused() {
    let mut text = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n".to_owned();
    for i in 1..12 {
        let alias = format!("*a{}, ", i - 1).repeat(9);
        text += &["a", &i.to_string(), ": &a", &i.to_string(), " [", &alias, "]\n"].concat();
    }
    assert!(read(&text).unwrap_err().to_string().contains("too large"));
    let long = format!("a: &x \"{}\"\nb: [{}]\n", "y".repeat(100_000), "*x, ".repeat(1000));
    assert!(read(&long).unwrap_err().to_string().contains("too large"));
    assert!(read("a: &a [*a]").unwrap_err().to_string().contains("within"));
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&"a:\n".repeat(3)).is_err());
    assert!(read(&"{\"a\":".repeat(100_000)).is_err());
    assert!(read(&"- ".repeat(100_000)).is_err());
    assert!(read(&format!("{}1{}", "[".repeat(120), "]".repeat(120))).is_ok());
    assert!(read(&format!("{{\"a\":{}1{}}}", "[".repeat(120), "]".repeat(120))).is_ok());
}

#[test]
fn a_field_is_found_by_its_path() {
    let text = "\
kind: Pipeline
spec:
  transform:
    secrets:
    - name: db
      key: password
  metadata:
    labels:
      app.kubernetes.io/name: x
      \"odd[0].key\": y
";
    let documents = documents(text).unwrap();
    let place = |path: &str| {
        let found = documents[0].root.find(path);
        let key = found.field.map(|field| (field.place.line, field.place.column));
        (key, (found.node.place.line, found.node.place.column), found.whole)
    };
    assert_eq!(place("kind"), (Some((1, 1)), (1, 7), true));
    assert_eq!(place("spec.transform.secrets[0].key"), (Some((6, 7)), (6, 12), true));
    assert_eq!(place("spec.transform.secrets[0]"), (None, (5, 7), true));
    assert_eq!(place("spec.metadata.labels.app.kubernetes.io/name"), (Some((9, 7)), (9, 31), true));
    assert_eq!(place("spec.metadata.labels.odd[0].key"), (Some((10, 7)), (10, 21), true));
    assert_eq!(place("spec.transform.image"), (Some((3, 3)), (4, 5), false));
    let beyond = place("spec.transform.secrets[7].key");
    assert_eq!((beyond.0, beyond.2), (Some((4, 5)), false));
    assert_eq!(place("").1, (1, 1));
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn nor_one_of_yamls_own_characters(text in r"[-?:,\[\]{}#&*!|>'%@` \t\r\na1~<.\x22\\]{0,60}") {
        let _ = documents(&text);
    }

    #[test]
    fn json_means_what_it_means(text in r#"(\{("[ab\\n]{1,2}": ?(1|-2\.50|"x[\\t]{0,2}"|null|\[true, \{\}\]),?){0,3}\}[ \n]?){1,3}"#) {
        let ours = read(&text);
        let whole: Result<Vec<serde_json::Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        if let (Ok(ours), Ok(theirs)) = (ours, whole) {
            prop_assert_eq!(ours, theirs);
        }
    }
}
