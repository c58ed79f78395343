use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use proptest::prelude::*;
use serde::Serialize;

use super::*;

/// Says whether a type has a trait: a constant of its own, which it has under that bound only, wins over the one of [`HasNot`].
struct Has<T>(PhantomData<T>);

trait HasNot {
    const DEBUG: bool = false;
    const DISPLAY: bool = false;
    const SERIALIZE: bool = false;
}

impl<T> HasNot for Has<T> {}

impl<T: Debug> Has<T> {
    const DEBUG: bool = true;
}

impl<T: Display> Has<T> {
    const DISPLAY: bool = true;
}

impl<T: Serialize> Has<T> {
    const SERIALIZE: bool = true;
}

#[test]
fn what_holds_a_value_can_be_neither_printed_nor_serialized() {
    assert_eq!(
        [Has::<String>::DEBUG, Has::<String>::DISPLAY, Has::<String>::SERIALIZE],
        [true; 3],
        "it is asked wrongly"
    );
    let debug = [Has::<SecretValue>::DEBUG, Has::<Tree>::DEBUG, Has::<Draft>::DEBUG, Has::<Secret>::DEBUG];
    let display = [Has::<SecretValue>::DISPLAY, Has::<Tree>::DISPLAY, Has::<Draft>::DISPLAY, Has::<Secret>::DISPLAY];
    let written =
        [Has::<SecretValue>::SERIALIZE, Has::<Tree>::SERIALIZE, Has::<Draft>::SERIALIZE, Has::<Secret>::SERIALIZE];
    assert_eq!([debug, display, written].concat(), [false; 12]);
}

fn tree(text: &str) -> Tree {
    serde_json::from_str(text).unwrap()
}

fn text(value: &SecretValue) -> &str {
    value.expose_text().unwrap()
}

#[test]
fn json_is_gos() {
    // As `json.Marshal` of Go 1.26 writes it.
    let given =
        r#"{"a": "<&>", "b": "\u2028\u2029ö€", "c": "\b\f\n\r\t\u0001\u007f\"\\/", "d": [1, 1.5, true, null, {}]}"#;
    let written = "{\"a\":\"\\u003c\\u0026\\u003e\",\"b\":\"\\u2028\\u2029ö€\",\
                   \"c\":\"\\b\\f\\n\\r\\t\\u0001\u{7f}\\\"\\\\/\",\"d\":[1,1.5,true,null,{}]}";
    assert_eq!(text(&compact(&tree(given)).unwrap()), written);
}

#[test]
fn a_key_that_stands_twice_is_refused_and_nothing_shown() {
    let error = serde_json::from_str::<Tree>(r#"{"a": "canary-7c1f", "a": "canary-7c1f"}"#).err().unwrap().to_string();
    assert_eq!(error, "a key stands twice at line 1 column 24");
}

#[test]
fn base64_is_what_go_takes() {
    let decoded = |text: &str| SecretValue::new(text.into()).decoded().map(|value| value.expose().to_vec());
    assert_eq!(decoded("YWI="), Some(b"ab".to_vec()));
    assert_eq!(decoded("YW\r\nI=\n"), Some(b"ab".to_vec()));
    // Bits that stand for nothing.
    assert_eq!(decoded("YWJ="), Some(b"ab".to_vec()));
    assert_eq!(decoded(""), Some(Vec::new()));
    for text in ["YWI", "YWI==", "YW I=", "YW-_", "canary-7c1f", "="] {
        assert_eq!(decoded(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_value_is_itself_again(bytes: Vec<u8>) {
        let value = SecretValue::new(bytes.clone());
        prop_assert_eq!(value.to_base64().decoded().map(|value| value.expose().to_vec()), Some(bytes));
    }

    #[test]
    fn what_is_written_is_read_again(text in "\\PC*") {
        let object = Tree::Map(vec![("key".into(), Tree::text(&*text))]);
        let read: serde_json::Value = serde_json::from_slice(compact(&object).unwrap().expose()).unwrap();
        prop_assert_eq!(&read["key"], &text);
        let mut yaml_text = Vec::new();
        yaml(&mut yaml_text, object).unwrap();
        let read = crate::cli::manifest::read(std::str::from_utf8(&yaml_text).unwrap()).unwrap();
        prop_assert_eq!(&read[0]["key"], &text);
    }
}

#[test]
fn yaml_is_read_back_as_kubectl_reads_it() {
    for (text, written) in [
        ("2026-11-22", "\"2026-11-22\""),
        ("2026-11-22T13:00:00Z", "\"2026-11-22T13:00:00Z\""),
        ("1:20", "\"1:20\""),
        ("-_0", "\"-_0\""),
        ("2026", "\"2026\""),
        ("yes", "\"yes\""),
        ("Y2FuYXJ5LTdjMWY=", "Y2FuYXJ5LTdjMWY="),
        ("4pyTIA==", "4pyTIA=="),
        ("12ab-34", "12ab-34"),
    ] {
        let mut out = Vec::new();
        yaml(&mut out, Tree::Map(vec![("a".into(), Tree::text(text))])).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, format!("a: {written}\n"));
        let read = crate::cli::manifest::read(&out).unwrap().remove(0);
        assert_eq!(read, serde_json::json!({"a": text}), "{out}");
    }
}
